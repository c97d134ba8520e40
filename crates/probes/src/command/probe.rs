//! The probe: how a script must end, and what it must print.

use tokio::time::Instant;

use super::{Ended, Exit, Script, run, said};
use crate::{
    http::expectation::Pattern,
    probe::{Answer, Observation, Probe, ProbeFuture},
};

/// Passes where the script ends with the wanted exit code and prints what is wanted.
#[derive(Clone, Debug)]
pub struct CommandProbe {
    /// What is run.
    pub script: Script,
    /// The exit code that is well.
    pub exit_code: i32,
    /// What the end of its output ([`super::KEPT`] bytes of both outputs) must match somewhere. White space at the very
    /// end is no part of it, as in a shell's `$(…)`.
    pub output: Option<Pattern>,
}

impl CommandProbe {
    /// A script that must end with exit code 0.
    pub fn new(script: Script) -> CommandProbe {
        CommandProbe {
            script,
            exit_code: 0,
            output: None,
        }
    }

    async fn judge(&self, ended: &Ended, deadline: Instant) -> (Answer, String) {
        let said = said(&ended.output, ended.cut);
        if ended.exit != Exit::Code(self.exit_code) {
            let wanted = match self.exit_code {
                0 => String::new(),
                code => format!(", wanted {code}"),
            };
            return (Answer::Fail, format!("{}{wanted}{said}", ended.exit));
        }
        let Some(wanted) = &self.output else {
            return (Answer::Pass, format!("{}{said}", ended.exit));
        };
        match wanted.is_match_by(ended.output.trim_end(), deadline).await {
            Ok(true) => (Answer::Pass, format!("{}{said}", ended.exit)),
            Ok(false) => {
                let printed = match said.as_str() {
                    "" => "printed nothing".to_owned(),
                    said => format!("printed last{said}"),
                };
                let wanted = wanted.as_str();
                let seen = format!("{}, {printed}, wanted a match of {wanted}", ended.exit);
                (Answer::Fail, seen)
            }
            Err(error) => (
                Answer::Unknown,
                format!("{}; failed to {error}", ended.exit),
            ),
        }
    }
}

impl Probe for CommandProbe {
    fn identity(&self) -> String {
        format!("command {}", self.script.name)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = match run(&self.script, deadline).await {
                Ok(ended) => self.judge(&ended, deadline).await,
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
