//! From environment and arguments to one configuration. Nothing reads an environment variable after this.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use actions_kit::{
    CandidateFile, Environment, GitHubContext, Parsed, Redactor, WrongInput, WrongInputs,
};
use gates::{
    Gate, Problem, Surroundings,
    file::{self, Declared, Simple},
    judgement::Options,
};
use health_gates::TABLE;
use lease::LockName;
use ledger::{Party, Role};
use leg::{Carried, Place, UserCommands};
use notify::{Channels, Settings};
use probes::resolver::Resolver;

/// How long `on-failure` may take where the step before did not say so.
const ON_FAILURE_WITHIN: Duration = Duration::from_secs(600);

/// From SIGTERM to SIGKILL where the step before did not say so.
const GRACE: Duration = Duration::from_secs(3);

/// Everything that the program was told.
pub(crate) struct Config {
    pub(crate) environment: Environment,
    pub(crate) redactor: Redactor,
    pub(crate) context: GitHubContext,
    /// `production`; empty where the action is used alone.
    pub(crate) target: String,
    pub(crate) gates: Vec<Gate>,
    pub(crate) options: Options,
    pub(crate) part: Part,
    /// Who is told where the gates fail and no verdict tells them.
    pub(crate) alerts: Alerts,
    /// Where the report goes.
    pub(crate) report: PathBuf,
    /// Where a JUnit report goes.
    pub(crate) junit: Option<PathBuf>,
    /// What a person should know beforehand.
    pub(crate) warnings: Vec<String>,
}

impl leg::Configuration for Config {
    fn environment(&self) -> &Environment {
        &self.environment
    }
    fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

/// Who is told of what.
pub(crate) struct Alerts {
    pub(crate) channels: Channels,
    /// What is told of: the environment's lock, or the repository.
    pub(crate) lock: String,
    /// The run; empty where there is none.
    pub(crate) deployment: String,
    /// This leg's number, where a matrix has several.
    pub(crate) candidate: u32,
}

/// What this step is to the deployment.
pub(crate) enum Part {
    /// There is no deployment, or the result binds nobody: it only waits until all is healthy.
    Alone,
    /// Its leg does not carry the deployment: nothing is judged.
    None,
    /// It judges for the leg that deployed, under its lease.
    Release(Box<Step>),
}

/// The leg's deployment, as the step before this one left it.
pub(crate) struct Step {
    pub(crate) place: Place,
    pub(crate) lock: LockName,
    pub(crate) file: CandidateFile,
    pub(crate) me: Party,
    /// The token that the step before this one claimed.
    pub(crate) token: u64,
    pub(crate) commands: UserCommands,
    pub(crate) on_failure: Option<Duration>,
}

impl Config {
    /// Reads everything; what is wrong is told at once.
    pub(crate) fn read(
        mut environment: Environment,
        args: &[OsString],
    ) -> Result<Config, WrongInputs> {
        let environment_given = environment.get("INPUT_ENVIRONMENT").is_some();
        let left = leg::adopt_earlier_step(&mut environment);
        let (inputs, mut wrong) = TABLE.read(&environment, args);
        let context = GitHubContext::read(&environment, &mut wrong);
        let redactor = inputs.redactor().clone();
        let workspace = context
            .workspace
            .clone()
            .or_else(|| std::env::current_dir().ok())
            .unwrap_or_default();
        let mut warnings = Vec::new();
        let part = match left.clone() {
            _ if inputs.text("store") == "none" || inputs.flag("dry-run") => Part::Alone,
            Some(file) => part(file, &inputs, &environment, &context, &mut wrong),
            None => {
                warnings.extend(no_leg(&context, environment_given, &mut wrong));
                Part::Alone
            }
        };
        let settings = Settings::read_for_failures(
            &inputs,
            inputs.secret("github-token"),
            &context,
            &mut wrong,
        );
        if matches!(part, Part::Release(_)) && !settings.is_empty() {
            warnings.push(
                "these gates belong to a deployment, of which the job in the mode `verdict` of runner-failover tells \
                 people: the inputs for alerts say nothing here, set them there"
                    .to_owned(),
            );
        }
        let alerts = alerts(&settings, &inputs, &context);
        let gates = read_gates(&inputs, &environment, &workspace, &mut wrong);
        let own = leg::own_folder(&leg::temp(&context));
        let config = Config {
            target: inputs
                .opt_text("environment")
                .unwrap_or_default()
                .to_owned(),
            gates,
            options: Options {
                parallel: inputs.count("max-parallel") as usize,
                once: inputs.flag("dry-run"),
            },
            part,
            alerts,
            report: match inputs.path("report") {
                Some(path) => workspace.join(path),
                None => own.join("health-gates.json"),
            },
            junit: inputs.path("junit").map(|path| workspace.join(path)),
            environment,
            redactor,
            context,
            warnings,
        };
        wrong.into_result(config)
    }
}

/// Who is told. Nothing that this lacks keeps the gates from being judged.
fn alerts(settings: &Settings, inputs: &Parsed, context: &GitHubContext) -> Alerts {
    let mut unneeded = WrongInputs::default();
    let lock = match (inputs.opt_text("lock-name"), inputs.opt_text("environment")) {
        (Some(lock), _) => lock.to_owned(),
        (None, environment) => {
            let repository = context.repository.as_ref().map(ToString::to_string);
            let parts: Vec<String> = repository
                .into_iter()
                .chain(environment.map(str::to_owned))
                .collect();
            parts.join("/")
        }
    };
    Alerts {
        channels: settings.channels(inputs.redactor()),
        lock,
        deployment: inputs
            .opt_text("deployment-id")
            .map(str::to_owned)
            .or_else(|| context.deployment_id(&mut unneeded))
            .unwrap_or_default(),
        candidate: inputs.count("candidate"),
    }
}

fn part(
    file: CandidateFile,
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    wrong: &mut WrongInputs,
) -> Part {
    let Some(awaited) = file.await_gates else {
        // Only a preflight came before: nothing was deployed that could be judged.
        return Part::Alone;
    };
    let Some(token) = file.fencing_token else {
        return Part::None;
    };
    for (input, given, left) in [
        (
            "environment",
            inputs.opt_text("environment"),
            Some(file.environment.as_str()),
        ),
        (
            "lock-name",
            inputs.opt_text("lock-name"),
            file.lock_name.as_deref(),
        ),
    ] {
        if given != left {
            wrong.push(
                input,
                &format!("`{}`", given.unwrap_or_default()),
                &format!(
                    "that of the deployment that this leg carries: `{}`",
                    left.unwrap_or_default()
                ),
                "leave the input out; or, to judge without a word to the ledger, set `store: none`",
            );
        }
    }
    if !awaited {
        wrong.push(
            "await-gates",
            "`false` in the step of `runner-failover`, so that the deployment has succeeded already",
            "`true` there, where gates follow: then it is called done only when they have passed",
            "set `await-gates: true` in that step; or, to judge without a word to the ledger, `store: none` in this one",
        );
        return Part::Alone;
    }
    inputs.redactor().add_credentials_in(inputs.text("store"));
    let token_of_job = inputs.secret("github-token");
    let place = Place::read(
        inputs.text("store"),
        token_of_job,
        environment,
        context,
        wrong,
    );
    let lock = leg::lock(inputs, context, wrong);
    let (Some(place), Some(lock)) = (place, lock) else {
        return Part::Alone;
    };
    let temp = leg::temp(context);
    let hook = file.on_failure.clone();
    let on_failure = hook.as_ref().map(|hook| {
        hook.timeout_seconds
            .map_or(ON_FAILURE_WITHIN, Duration::from_secs)
    });
    let grace = hook.as_ref().and_then(|hook| hook.grace_millis);
    let variables = variables(&file, context);
    if hook.is_some() {
        // Its last lines go to the ledger.
        inputs.redactor().add_environment(
            variables
                .iter()
                .filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?))),
        );
    }
    let commands = UserCommands {
        deploy: None,
        on_failure: hook.as_ref().map(|hook| hook.run.clone()),
        working_directory: hook
            .and_then(|hook| hook.working_directory)
            .unwrap_or_else(|| PathBuf::from(".")),
        grace: grace.map_or(GRACE, Duration::from_millis),
        kill_time: place.timing().kill,
        output_file: leg::output_file(&temp, &leg::random_name()),
        temp,
        environment: variables,
    };
    let me = Party {
        candidate: file.candidate,
        role: if file.role == "secondary" {
            Role::Secondary
        } else {
            Role::Primary
        },
        runner: context.runner_name.clone().unwrap_or_default(),
        ..Party::default()
    };
    Part::Release(Box::new(Step {
        place,
        me,
        lock,
        token,
        commands,
        on_failure,
        file,
    }))
}

/// What the command of `on-failure` sees: the step's environment without our inputs, and what is deployed.
fn variables(file: &CandidateFile, context: &GitHubContext) -> Vec<(OsString, OsString)> {
    let carried = Carried {
        deployment: &file.deployment_id,
        environment: &file.environment,
        version: file.version.as_deref().unwrap_or_default(),
        role: &file.role,
        runner: context.runner_name.as_deref().unwrap_or_default(),
        actor: context.actor.as_deref().unwrap_or_default(),
    };
    let mut variables = leg::inherited();
    variables.extend(carried.variables());
    variables
}

/// Why there is no leg to judge for, where somebody may have meant one: nobody should find that out by waiting.
fn no_leg(
    context: &GitHubContext,
    environment_given: bool,
    wrong: &mut WrongInputs,
) -> Option<String> {
    let left = context.runner_temp.as_deref().map(CandidateFile::read);
    match left {
        Some(Err(error)) => {
            wrong.push(
                "RUNNER_TEMP",
                &format!("a file of an earlier baton step that is no use: failed to {error}"),
                "the file as that step left it, or none",
                "use one version of baton in all steps of a job, and leave its folder alone; or set `store: none`",
            );
            None
        }
        // Where legs share a folder, what lies there may be another one's.
        Some(Ok(Some(file))) => Some(format!(
            "an earlier baton step in RUNNER_TEMP was candidate {} of {}, which is not this leg: the gates are judged \
             without a lease. Set `candidate` to this leg's number where that is wrong",
            file.candidate, file.deployment_id
        )),
        Some(Ok(None)) | None if environment_given => Some(
            "`environment` is set, but no step of runner-failover deployed in this job: the gates are judged without a \
             lease, and no ledger is told"
                .to_owned(),
        ),
        Some(Ok(None)) | None => None,
    }
}

fn read_gates(
    inputs: &Parsed,
    environment: &Environment,
    workspace: &Path,
    wrong: &mut WrongInputs,
) -> Vec<Gate> {
    const SIMPLE: &[(&str, &str, &str)] = &[
        ("api-url", "api", "http"),
        ("database-url", "database", "postgres"),
        ("redis-url", "redis", "redis"),
    ];
    let simple: Vec<Simple> = SIMPLE
        .iter()
        .filter_map(|(input, name, kind)| {
            Some(Simple {
                name,
                kind,
                value: inputs.opt_text(input)?.to_owned(),
            })
        })
        .collect();
    let source = match inputs.opt_text("gates") {
        None => None,
        Some(text) => match file::source(text, workspace) {
            Ok(source) => Some(source),
            Err(error) => {
                wrong.push(
                    "gates",
                    &format!("a path that cannot be used: failed to {error}"),
                    "gates as YAML, or the path of such a file from the workspace",
                    error.mend(),
                );
                return Vec::new();
            }
        },
    };
    if source.is_none() && simple.is_empty() {
        if wrong.is_empty() {
            wrong.push(
                "gates",
                "nothing, and no `api-url`, `database-url` or `redis-url`",
                "at least one gate",
                "say what must be healthy: `api-url: https://api.example.com/health`",
            );
        }
        return Vec::new();
    }
    let around = Surroundings {
        workspace: workspace.to_owned(),
        environment: environment.clone(),
        redactor: inputs.redactor().clone(),
        resolver: Resolver::system(),
    };
    let declared = Declared {
        simple: &simple,
        text: source.as_ref().map(|source| source.text.as_str()),
        // Where it is wrong, that is told already.
        timeout: inputs.opt_duration("timeout"),
    };
    match file::gates(&declared, &around) {
        Ok(gates) => gates,
        Err(problems) => {
            let place = source
                .and_then(|source| source.path)
                .map_or_else(|| "`gates`".to_owned(), |path| format!("`{path}`"));
            for problem in problems {
                let input = problem.line.is_none().then(|| {
                    SIMPLE
                        .iter()
                        .find(|(_, name, _)| problem.place.starts_with(&format!("gate {name}")))
                });
                wrong.add(told(
                    problem,
                    &place,
                    input.flatten().map(|(input, ..)| *input),
                ));
            }
            Vec::new()
        }
    }
}

/// A problem of the file as the wrong input that it is.
fn told(problem: Problem, place: &str, input: Option<&str>) -> WrongInput {
    let name = match (input, problem.line) {
        (Some(input), _) => input.to_owned(),
        (None, Some(line)) => format!("{place} line {line}, {}", problem.place),
        (None, None) => format!("{place}, {}", problem.place),
    };
    WrongInput {
        name,
        seen: problem.seen,
        wanted: problem.wanted,
        mend: problem.mend,
    }
}
