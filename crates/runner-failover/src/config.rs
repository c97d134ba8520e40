//! From environment and arguments to one configuration. Nothing reads an environment variable after this.

mod expire;
mod select;

use std::{ffi::OsString, path::PathBuf, time::Duration};

use actions_kit::{
    CandidateFile, Environment, GitHubContext, Parsed, Redactor, Secret, WrongInputs, duration,
};
use github::Token;
use lease::{
    LockName, OnPrimaryLost, Policy, Timing,
    protocol::{CandidateConfig, Request, Rerun, Task, WatcherConfig},
};
use ledger::Deployment;
use leg::Place;
use runner_failover::TABLE;

pub(crate) use expire::ExpireMode;
pub(crate) use select::SelectMode;

/// What every mode knows.
pub(crate) struct Config {
    pub(crate) environment: Environment,
    pub(crate) redactor: Redactor,
    pub(crate) context: GitHubContext,
    pub(crate) token: Option<Secret>,
    /// `production`
    pub(crate) target: String,
    /// The page that says what to do when a deployment did not end well.
    pub(crate) runbook: Option<String>,
    pub(crate) mode: Mode,
}

/// The lock that a deployment is under, for the modes that touch it.
pub(crate) struct Lock {
    pub(crate) name: LockName,
    pub(crate) place: Place,
    pub(crate) timing: Timing,
}

/// What was asked for.
pub(crate) enum Mode {
    Deploy(Lock, Box<DeployMode>),
    Verdict(Lock, Box<VerdictMode>),
    Status(Lock, StatusMode),
    Person(Lock, PersonMode),
    Select(Box<SelectMode>),
    ExpireApprovals(ExpireMode),
}

/// Mode `deploy`.
pub(crate) struct DeployMode {
    pub(crate) candidate: CandidateConfig,
    pub(crate) run: String,
    pub(crate) on_failure: Option<String>,
    pub(crate) working_directory: PathBuf,
    pub(crate) grace: Duration,
    /// For the command's file and its outputs; emptied by the runner.
    pub(crate) temp: PathBuf,
    /// The environment that the command inherits.
    pub(crate) inherited: Vec<(OsString, OsString)>,
    /// Knows what must not stand in the file for later steps.
    pub(crate) for_file: Redactor,
    /// The input `store` as it was given, for the candidate file.
    pub(crate) store: String,
    pub(crate) lock_name: Option<String>,
    /// The locks for which a step of this job has deployed already, or tried to; with this one's.
    pub(crate) deployed_locks: Vec<String>,
}

/// Mode `verdict`.
pub(crate) struct VerdictMode {
    pub(crate) watcher: WatcherConfig,
    /// Whom to wake, and how.
    pub(crate) alerts: notify::Settings,
    /// The concurrency group in which runs wait before they have legs.
    pub(crate) concurrency_group: Option<String>,
}

/// Mode `status`.
pub(crate) struct StatusMode {
    pub(crate) json: bool,
    pub(crate) watch: bool,
    /// Everything that happened within this time, instead of how things stand.
    pub(crate) history: Option<Duration>,
}

/// Modes `transfer` and `unlock`.
pub(crate) struct PersonMode {
    pub(crate) request: Request,
    pub(crate) reason: String,
    pub(crate) actor: String,
    pub(crate) deployment: Option<String>,
}

impl leg::Configuration for Config {
    fn environment(&self) -> &Environment {
        &self.environment
    }
    fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

impl Config {
    /// Reads everything; what is wrong is told at once.
    pub(crate) fn read(
        mut environment: Environment,
        args: &[OsString],
    ) -> Result<Config, WrongInputs> {
        let left = leg::adopt_earlier_step(&mut environment);
        let (inputs, mut wrong) = TABLE.read(&environment, args);
        let context = GitHubContext::read(&environment, &mut wrong);
        let redactor = inputs.redactor().clone();
        let token = inputs.secret("github-token").cloned();
        redactor.add_credentials_in(inputs.text("store"));
        let target = inputs
            .opt_text("environment")
            .unwrap_or_default()
            .to_owned();
        let mode = match inputs.mode() {
            Some("select") => select::read(&inputs, &context, &mut wrong),
            Some("expire-approvals") => expire::read(&inputs, &context, token.as_ref(), &mut wrong),
            _ => of_lock(
                &inputs,
                &environment,
                &context,
                token.as_ref(),
                left.as_ref(),
                &mut wrong,
            ),
        };
        // Whatever is missing here has been told in `wrong`.
        let Some(mode) = mode else {
            return Err(wrong);
        };
        wrong.into_result(Config {
            environment,
            redactor,
            context,
            token,
            target,
            runbook: inputs.opt_text("runbook-url").map(str::to_owned),
            mode,
        })
    }

    /// Where the run can be looked at.
    pub(crate) fn run_url(&self) -> Option<String> {
        self.context.run_url()
    }
}

/// The modes that touch a lock.
fn of_lock(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    token: Option<&Secret>,
    left: Option<&CandidateFile>,
    wrong: &mut WrongInputs,
) -> Option<Mode> {
    let place = Place::read(inputs.text("store"), token, environment, context, wrong);
    let name = leg::lock(inputs, context, wrong);
    let row = place.as_ref().map_or(Timing::GIT, Place::timing);
    let timing = timing(inputs, row, wrong);
    let lock = || {
        Some(Lock {
            name: name.clone()?,
            place: place.clone()?,
            timing,
        })
    };
    match inputs.mode() {
        Some("verdict") => {
            let alerts = notify::Settings::read(inputs, token, context, wrong);
            let watcher = verdict(inputs, environment, context, name.clone(), timing, wrong)?;
            let mode = VerdictMode {
                watcher,
                alerts,
                concurrency_group: inputs.opt_text("concurrency-group").map(str::to_owned),
            };
            Some(Mode::Verdict(lock()?, Box::new(mode)))
        }
        Some("status") => {
            let mode = StatusMode {
                json: inputs.has_flag("json"),
                watch: inputs.has_flag("watch"),
                history: inputs.opt_duration("history"),
            };
            if mode.watch && mode.history.is_some() {
                wrong.push(
                    "history",
                    "set beside `--watch`",
                    "what happened, or what happens from now on",
                    "leave one of the two out",
                );
            }
            Some(Mode::Status(lock()?, mode))
        }
        Some("transfer") => {
            let mode = person(inputs, context, Request::Transfer, environment);
            Some(Mode::Person(lock()?, mode))
        }
        Some("unlock") => {
            let mode = person(inputs, context, Request::Unlock, environment);
            Some(Mode::Person(lock()?, mode))
        }
        _ => {
            let mode = deploy(
                inputs,
                environment,
                context,
                name.clone(),
                timing,
                left,
                wrong,
            )?;
            Some(Mode::Deploy(lock()?, Box::new(mode)))
        }
    }
}

/// The token of an input, fit to be sent.
fn token(
    input: &str,
    given: Option<&Secret>,
    wanted: &str,
    mend: &str,
    wrong: &mut WrongInputs,
) -> Option<Token> {
    let Some(secret) = given else {
        wrong.push(input, "nothing", wanted, mend);
        return None;
    };
    match Token::new(secret.expose()) {
        Ok(token) => Some(token),
        Err(error) => {
            wrong.push(input, &format!("failed to {error}"), wanted, mend);
            None
        }
    }
}

/// Where GitHub's API is.
fn api_url(context: &GitHubContext, wrong: &mut WrongInputs) -> Option<String> {
    if context.api_url.is_none() {
        wrong.push(
            "GITHUB_API_URL",
            "nothing",
            "the address of GitHub's API",
            "run this in a workflow, or set the variable: https://api.github.com",
        );
    }
    context.api_url.clone()
}

fn timing(inputs: &Parsed, row: Timing, wrong: &mut WrongInputs) -> Timing {
    let mut timing = row;
    if let Some(lease) = inputs.opt_duration("lease-time") {
        timing = timing.with_lease(lease);
    }
    if let Some(heartbeat) = inputs.opt_duration("heartbeat") {
        timing = timing.with_heartbeat(heartbeat);
    }
    if let Err(error) = timing.check() {
        let seen = format!(
            "{}, with a lease time of {}",
            duration::format(timing.heartbeat),
            duration::format(timing.lease)
        );
        let name = if inputs.opt_duration("heartbeat").is_some() {
            "heartbeat"
        } else {
            "lease-time"
        };
        let mend = format!(
            "leave both at their defaults ({} and {}), or make `lease-time` at least 2.2 times `heartbeat`",
            duration::format(row.heartbeat),
            duration::format(row.lease)
        );
        wrong.push(
            name,
            &seen,
            &format!("timings that are safe: {error}"),
            &mend,
        );
        return row;
    }
    timing
}

fn person(
    inputs: &Parsed,
    context: &GitHubContext,
    request: Request,
    environment: &Environment,
) -> PersonMode {
    PersonMode {
        request,
        reason: inputs.opt_text("reason").unwrap_or_default().to_owned(),
        actor: context
            .actor
            .clone()
            .or_else(|| environment.get("USER").map(str::to_owned))
            .unwrap_or_else(|| "somebody".to_owned()),
        deployment: inputs.opt_text("deployment-id").map(str::to_owned),
    }
}

fn verdict(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    lock: Option<LockName>,
    timing: Timing,
    wrong: &mut WrongInputs,
) -> Option<WatcherConfig> {
    let deployment = leg::deployment(inputs, context, environment, wrong)?;
    Some(WatcherConfig {
        lock: lock?,
        rerun: rerun_before_asking(&deployment),
        deployment,
        pickup_timeout: inputs.duration("pickup-timeout"),
        queue_timeout: inputs.duration("queue-timeout"),
        poll: timing.poll,
        resend_after: timing.resend_after,
    })
}

fn rerun_before_asking(deployment: &Deployment) -> Rerun {
    if deployment.run_attempt > 1 {
        Rerun::Unknown
    } else {
        Rerun::First
    }
}

fn deploy(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    lock: Option<LockName>,
    timing: Timing,
    left: Option<&CandidateFile>,
    wrong: &mut WrongInputs,
) -> Option<DeployMode> {
    let deployment = leg::deployment(inputs, context, environment, wrong);
    let (_, candidates) = leg::number(inputs, wrong);
    let me = leg::party(inputs, environment, context, wrong);
    let workspace = context
        .workspace
        .clone()
        .or_else(|| std::env::current_dir().ok())
        .unwrap_or_default();
    let working_directory = match inputs.path("working-directory") {
        Some(path) => workspace.join(path),
        None => workspace,
    };
    if !working_directory.is_dir() {
        wrong.push(
            "working-directory",
            &format!(
                "`{}`, which is no folder on this runner",
                working_directory.display()
            ),
            "a folder that is there",
            "check the repository out first, or correct the path",
        );
    }
    let temp = leg::temp(context);
    let instance = leg::instance(left);
    let on_primary_lost = match inputs.choice("on-primary-lost") {
        "hold" => OnPrimaryLost::Hold,
        _ => OnPrimaryLost::Takeover,
    };
    let on_failure = inputs.opt_text("on-failure").map(script);
    // What the file for later steps may hold is judged by our own inputs alone: a variable of the command's that happens to
    // hold the environment's name must not keep the steps of a leg from knowing each other.
    let for_file = inputs.redactor().apart();
    let inherited = leg::inherited();
    inputs.redactor().add_environment(
        inherited
            .iter()
            .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?))),
    );
    let (deployment, lock) = (deployment?, lock?);
    let deployed_locks = deployed_locks(left, &lock, wrong);
    let candidate = CandidateConfig {
        lock,
        rerun: rerun_before_asking(&deployment),
        deployment,
        me: me?,
        instance,
        candidates,
        attempts: inputs.count("attempts"),
        attempt_timeout: inputs.duration("attempt-timeout"),
        retry_wait: inputs.duration("retry-wait"),
        timeout: inputs.duration("timeout"),
        primary_grace: inputs.duration("primary-grace"),
        queue_timeout: inputs.duration("queue-timeout"),
        policy: Policy {
            on_primary_lost,
            gates_deadline: inputs.duration("gates-deadline"),
            pickup_timeout: inputs.duration("pickup-timeout"),
            timing,
        },
        await_gates: inputs.flag("await-gates"),
        on_failure: on_failure.is_some(),
        allow_older: inputs.flag("allow-older"),
        task: Task::Deploy,
    };
    Some(DeployMode {
        candidate,
        run: script(inputs.opt_text("run").unwrap_or_default()),
        on_failure,
        working_directory,
        grace: inputs.duration("grace"),
        temp,
        inherited,
        for_file,
        store: inputs.text("store").to_owned(),
        lock_name: inputs.opt_text("lock-name").map(str::to_owned),
        deployed_locks,
    })
}

/// One deployment has one lock and one command: a second deploy step of a job would find it finished, run nothing, and
/// say that all is well.
fn deployed_locks(
    left: Option<&CandidateFile>,
    lock: &LockName,
    wrong: &mut WrongInputs,
) -> Vec<String> {
    let before = left.and_then(|file| file.other.get("deployed_locks")?.as_array());
    let mut locks: Vec<String> = before
        .into_iter()
        .flatten()
        .filter_map(|lock| lock.as_str().map(str::to_owned))
        .collect();
    if locks.iter().any(|known| known == lock.as_str()) {
        wrong.push(
            "run",
            &format!("a second deploy step of this job for the lock {lock}"),
            "one deploy step for each lock and job",
            "put all of it into one `run`, or give this step a lock of its own (`lock-name`)",
        );
    } else {
        locks.push(lock.as_str().to_owned());
    }
    locks
}

/// With the line ends of Linux, as GitHub's runner writes a `run:` step.
fn script(text: &str) -> String {
    text.replace("\r\n", "\n")
}

#[cfg(test)]
mod tests;
