//! How the last guarded command ended: what the state remembers of it, also where it brought the target to no version.

use serde::{Deserialize, Serialize};

use crate::words::shown;

/// One execution of a command that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    /// What it would have brought the target to; unknown of a command that an older version of this program started.
    #[serde(default)]
    pub(crate) version: Option<String>,
    pub(crate) step: String,
    pub(crate) token: u64,
    pub(crate) started: String,
    /// When its end was recorded, which for a killed one is when the next guard came.
    pub(crate) ended: String,
    pub(crate) outcome: Outcome,
    /// What the guard ended with; none where nobody was left to see the command's end.
    #[serde(default)]
    pub(crate) exit_code: Option<u8>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Succeeded,
    Failed,
    /// Its program could not be executed.
    NotStarted,
    /// The process that kept it was killed, or the host went down.
    Killed,
    /// It was ended for a newer token.
    Overtaken,
}

impl Attempt {
    /// For people, on one line.
    pub(crate) fn text(&self) -> String {
        let how = match (self.outcome, self.exit_code) {
            (Outcome::Succeeded, _) => "succeeded".into(),
            (Outcome::Failed, Some(code)) => format!("failed with exit code {code}"),
            (Outcome::Failed, None) => "failed".into(),
            (Outcome::NotStarted, _) => "could not be started".into(),
            (Outcome::Killed, _) => "was killed, found".into(),
            (Outcome::Overtaken, _) => "was ended for a newer token".into(),
        };
        format!(
            "{} {how} at {}, step {} of token {}, started {}",
            self.version
                .as_deref()
                .map_or("a version not recorded".into(), shown),
            shown(&self.ended),
            shown(&self.step),
            self.token,
            shown(&self.started),
        )
    }
}
