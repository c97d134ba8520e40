//! The state file of a target (design §9): what it is at, which token it has admitted, what was done and what runs.
//!
//! Responsible for its form, and for how it changes. Not responsible for the disk: see `file`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, error::Category};

use crate::{
    attempt::{Attempt, Outcome},
    form,
    request::Request,
};

/// The form that this program writes.
pub(crate) const SCHEMA: u64 = 1;
/// How many done steps of one deployment are remembered; the file stays below 1 MiB.
pub(crate) const MOST_STEPS: usize = 1000;

/// The whole file. Fields that this program does not know are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The form of this file.
    pub(crate) schema: u64,
    /// The newest token that was admitted. It never shrinks.
    pub(crate) fencing_token: u64,
    /// What the last successful command brought the target to.
    #[serde(default)]
    pub(crate) current_version: Option<String>,
    /// What it was at before that.
    #[serde(default)]
    pub(crate) previous_version: Option<String>,
    /// When a command last succeeded: UTC, RFC 3339, by this host's clock.
    #[serde(default)]
    pub(crate) last_deploy_timestamp: Option<String>,
    /// When the newest deployment was first admitted.
    #[serde(default)]
    pub(crate) deploy_start: Option<String>,
    /// The runner that the newest token was given to.
    #[serde(default)]
    pub(crate) deploy_runner: Option<String>,
    /// On whose behalf.
    #[serde(default)]
    pub(crate) deployed_by: Option<String>,
    /// The newest deployment.
    #[serde(default)]
    pub(crate) deployment: Option<Deployment>,
    /// The command that runs, or ran when its guard was killed.
    #[serde(default)]
    pub(crate) running: Option<Running>,
    /// The last command that has ended, well or not.
    #[serde(default)]
    pub(crate) last_attempt: Option<Attempt>,
    /// Whether the state says what ran before. One that a person wrote anew has no `running`, not even a null.
    #[serde(skip)]
    pub(crate) knows_what_ran: bool,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

/// The newest deployment. An earlier one's steps are forgotten: it can never be admitted again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) id: String,
    /// The done steps, by name.
    #[serde(default)]
    pub(crate) steps: BTreeMap<String, Step>,
    #[serde(flatten)]
    unknown: BTreeMap<String, Value>,
}

/// One done step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The version it was done for: a roll-back by the same command is another step.
    pub(crate) version: String,
    pub(crate) token: u64,
    pub(crate) at: String,
}

/// The guarded command that runs, by the process that keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) token: u64,
    pub(crate) step: String,
    /// What the command brings the target to.
    #[serde(default)]
    pub(crate) version: Option<String>,
    pub(crate) since: String,
    /// The keeper: parent of the command, subreaper of all below it, leader of the command's session.
    pub(crate) keeper: i32,
    /// Ticks since boot when the keeper started: with the pid, its identity.
    pub(crate) started: u64,
    /// Its guard, whose orphans they become where the keeper is killed.
    pub(crate) guard: i32,
    /// Ticks since boot when the guard started.
    pub(crate) guard_started: u64,
    /// In the environment of everything that the command starts.
    pub(crate) mark: String,
    #[serde(flatten)]
    pub(crate) place: Place,
}

/// Where numbers of processes mean what they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) boot: String,
    pub(crate) pid_namespace: String,
}

/// Why bytes are no state, in words for whoever mends them.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is empty")]
    Empty,
    #[error("it is cut short: its last line has no end")]
    CutShort,
    #[error("it ends too early: a closing brace or quote is missing")]
    EndsEarly,
    #[error("it is not JSON at line {line}, column {column}")]
    NotJson { line: usize, column: usize },
    #[error("it is {seen}, not an object in braces")]
    NoObject { seen: &'static str },
    #[error("it has no schema: another program wrote it")]
    Foreign,
    #[error("its field {field} is {seen}; wanted: {wanted}")]
    Field {
        field: String,
        seen: &'static str,
        wanted: &'static str,
    },
    #[error("it has no field {field}; wanted: {wanted}")]
    Missing { field: String, wanted: &'static str },
    #[error("its field {field} stands there twice")]
    Twice { field: String },
    #[error("what stands at line {line}, column {column} is no part of a state")]
    Strange { line: usize, column: usize },
    #[error("its token is 0, which no deployment has")]
    NoToken,
    #[error("schema {0}")]
    NewerSchema(u64),
}

impl State {
    /// Of a target that nothing was deployed to yet.
    pub(crate) fn new() -> State {
        State {
            schema: SCHEMA,
            fencing_token: 0,
            current_version: None,
            previous_version: None,
            last_deploy_timestamp: None,
            deploy_start: None,
            deploy_runner: None,
            deployed_by: None,
            deployment: None,
            running: None,
            last_attempt: None,
            knows_what_ran: false,
            unknown: BTreeMap::new(),
        }
    }

    /// Reads what [`State::text`] wrote, or a person by its example.
    pub(crate) fn parse(bytes: &[u8]) -> Result<State, Unreadable> {
        if bytes.is_empty() {
            return Err(Unreadable::Empty);
        }
        // A file that lost its end may still be JSON; only the last byte that was written tells.
        if bytes.last() != Some(&b'\n') {
            return Err(Unreadable::CutShort);
        }
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| match error.classify() {
                Category::Eof => Unreadable::EndsEarly,
                _ => Unreadable::NotJson {
                    line: error.line(),
                    column: error.column(),
                },
            })?;
        let Value::Object(fields) = &value else {
            return Err(Unreadable::NoObject {
                seen: form::kind_of(&value),
            });
        };
        match fields.get("schema") {
            None => return Err(Unreadable::Foreign),
            Some(schema) => match schema.as_u64() {
                Some(schema) if schema > SCHEMA => return Err(Unreadable::NewerSchema(schema)),
                _ => {}
            },
        }
        // From the bytes once more: a field that stands there twice is one in `value`.
        let mut state: State =
            serde_json::from_slice(bytes).map_err(|error| form::fault(&value, &error))?;
        state.knows_what_ran = fields.contains_key("running");
        if state.fencing_token == 0 {
            return Err(Unreadable::NoToken);
        }
        Ok(state)
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that a state can cause: every key is text.
    pub(crate) fn text(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The id of the newest deployment.
    pub(crate) fn deployment_id(&self) -> &str {
        self.deployment.as_ref().map_or("unknown", |d| &d.id)
    }

    /// Whether this deployment has done this step for this version.
    pub(crate) fn done(&self, request: &Request) -> Option<&Step> {
        self.deployment
            .as_ref()
            .filter(|deployment| deployment.id == request.deployment)
            .and_then(|deployment| deployment.steps.get(&request.step))
            .filter(|step| step.version == request.version)
    }

    /// Lets the request's token in. The caller has seen that nothing older runs any more.
    pub(crate) fn admit(&mut self, request: &Request, now: &str) {
        self.fencing_token = request.token;
        self.knows_what_ran = true;
        if let Some(running) = self.running.take() {
            let outcome = if running.token < request.token {
                Outcome::Overtaken
            } else {
                Outcome::Killed
            };
            self.remember(&running, outcome, None, now);
        }
        if self
            .deployment
            .as_ref()
            .is_none_or(|d| d.id != request.deployment)
        {
            self.deployment = Some(Deployment {
                id: request.deployment.clone(),
                steps: BTreeMap::new(),
                unknown: BTreeMap::new(),
            });
            self.deploy_start = Some(now.to_owned());
        }
        self.deploy_runner = Some(request.runner.clone());
        self.deployed_by = Some(request.by.clone());
    }

    /// Records the end of the command that runs, with the exit code that it is told by. Only a success brings the target
    /// to a version; the version before is remembered only where it is another.
    pub(crate) fn finish(
        &mut self,
        version: &str,
        outcome: Outcome,
        exit_code: Option<u8>,
        now: &str,
    ) {
        let Some(running) = self.running.take() else {
            return;
        };
        self.remember(&running, outcome, exit_code, now);
        if outcome != Outcome::Succeeded {
            return;
        }
        if self.current_version.as_deref() != Some(version) {
            self.previous_version = self.current_version.replace(version.to_owned());
        }
        self.last_deploy_timestamp = Some(now.to_owned());
        if let Some(deployment) = &mut self.deployment {
            // What was done for another version, a roll-back has undone.
            deployment.steps.retain(|_, step| step.version == version);
            let step = Step {
                version: version.to_owned(),
                token: running.token,
                at: now.to_owned(),
            };
            deployment.steps.insert(running.step, step);
        }
    }

    fn remember(&mut self, running: &Running, outcome: Outcome, exit_code: Option<u8>, now: &str) {
        self.last_attempt = Some(Attempt {
            version: running.version.clone(),
            step: running.step.clone(),
            token: running.token,
            started: running.since.clone(),
            ended: now.to_owned(),
            outcome,
            exit_code,
        });
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
