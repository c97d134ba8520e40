//! What a bundle is about, and what whoever gathers it knows already.

use std::path::{Path, PathBuf};

use actions_kit::Environment;
use ledger::{Entry, Timestamp};
use serde::Serialize;

use crate::{Part, Reach};

/// How much of a folder's name one piece takes, in characters.
const PIECE: usize = 80;

/// Which end of which leg a bundle tells of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct About {
    /// `<owner>/<repo>/<run_id>/<run_attempt>`
    pub deployment: String,
    /// `production`
    pub environment: String,
    /// What was deployed.
    pub version: String,
    /// This leg's number, from 1.
    pub candidate: u32,
    /// `primary` or `secondary`.
    pub role: String,
    /// The runner's name.
    pub runner: String,
    /// What tells this process from another with the same number.
    pub instance: String,
    /// How it ended, in one sentence.
    pub ended: String,
    /// When it was gathered, by this host's clock.
    pub at: Timestamp,
}

impl About {
    /// The folder's name: only letters, digits, `.`, `_` and `-`, whatever the words hold.
    pub(crate) fn folder_name(&self) -> String {
        let safe = |text: &str| -> String {
            text.chars()
                .take(PIECE)
                .map(|c| match c {
                    'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '.' => c,
                    _ => '-',
                })
                .collect()
        };
        format!(
            "diagnostics-{}-candidate-{}-{}",
            safe(&self.deployment),
            self.candidate,
            safe(&self.instance)
        )
    }
}

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Which end this is.
    pub about: About,
    /// The step's environment: it names the runner's folders and Docker, and what it holds under a name such as
    /// `DEPLOY_TOKEN` is taken for a secret. It is never shown.
    pub environment: Environment,
    /// Below which `proc` and `sys` lie: `/`, or a recording.
    pub root: PathBuf,
    /// The runner's temporary folder.
    pub temp: PathBuf,
    /// Hosts that the deployment cannot do without.
    pub reach: Vec<Reach>,
    /// The report of the job's preflight step, where it left one.
    pub preflight: PathBuf,
    /// The ledger's entries of this deployment, oldest first.
    pub history: Part<Vec<Entry>>,
    /// The last lines of the command, oldest first.
    pub last_lines: Vec<String>,
}

impl Subject {
    /// A path that the environment names.
    pub(crate) fn folder(&self, variable: &str) -> Option<PathBuf> {
        self.environment
            .get(variable)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    }

    /// The folder of the runner's own installation: the first one from its temporary folder or the workspace upwards that
    /// holds `_diag`, as `<root>/_work/_temp` lies below `<root>/_diag`
    /// (<https://docs.github.com/en/actions/how-tos/manage-runners/self-hosted-runners/monitor-and-troubleshoot>).
    pub(crate) fn runner_roots(&self) -> Vec<PathBuf> {
        let from = [
            Some(self.temp.clone()),
            self.folder("RUNNER_TEMP"),
            self.folder("RUNNER_WORKSPACE"),
            self.folder("GITHUB_WORKSPACE"),
        ];
        let mut roots: Vec<PathBuf> = Vec::new();
        for above in from
            .iter()
            .flatten()
            .flat_map(|path| path.ancestors().take(6))
        {
            if above != Path::new("/") && !roots.iter().any(|known| known == above) {
                roots.push(above.to_owned());
            }
        }
        roots
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_name_is_safe_whatever_the_deployment_and_the_instance_are_called() {
        let about = About {
            deployment: "octo/../sh\nop é/1".to_owned(),
            candidate: 2,
            instance: "/etc/passwd\0".to_owned(),
            ..About::default()
        };
        assert_eq!(
            about.folder_name(),
            "diagnostics-octo-..-sh-op---1-candidate-2--etc-passwd-"
        );
    }
}
