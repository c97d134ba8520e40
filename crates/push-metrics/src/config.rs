//! From environment and arguments to one configuration. Nothing reads an environment variable after this.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use actions_kit::{
    CandidateFile, Environment, GitHubContext, Parsed, Redactor, Secret, WrongInputs,
};
use audit::{Loki, LokiOptions, Origin};
use lease::LockName;
use leg::Place;
use metrics::{Gateway, GatewayError};
use probes::http::Credentials;
use push_metrics::TABLE;

/// Everything that the program was told.
pub(crate) struct Config {
    pub(crate) environment: Environment,
    pub(crate) redactor: Redactor,
    pub(crate) context: GitHubContext,
    pub(crate) token: Option<Secret>,
    /// `production`
    pub(crate) target: String,
    /// `<owner>/<repo>`; empty outside a run.
    pub(crate) repository: String,
    pub(crate) lock: LockName,
    pub(crate) place: Place,
    /// The id of the deployment that this step belongs to; nothing outside a run.
    pub(crate) deployment: Option<String>,
    /// This leg never held the lease: somebody else's step does all of it.
    pub(crate) stood_by: bool,
    /// What an earlier step left of the deploy command's last lines.
    pub(crate) output: Option<Output>,
    pub(crate) pushgateway: Option<Gateway>,
    pub(crate) textfile: Option<PathBuf>,
    pub(crate) loki: Option<Loki>,
    pub(crate) events_file: Option<PathBuf>,
    pub(crate) window_days: u32,
    pub(crate) concurrency_group: Option<String>,
    pub(crate) required: bool,
    pub(crate) report: PathBuf,
}

/// The last lines of the deploy command.
pub(crate) struct Output {
    pub(crate) path: PathBuf,
    pub(crate) candidate: u32,
    pub(crate) runner: String,
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
    /// Whose ledger it is.
    pub(crate) fn origin(&self) -> Origin {
        Origin {
            environment: self.target.clone(),
            repository: self.repository.clone(),
            lock: self.lock.as_str().to_owned(),
        }
    }

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
        for name in ["pushgateway-url", "loki-url"] {
            if let Some(url) = inputs.opt_text(name) {
                redactor.add_credentials_in(url);
            }
        }
        let workspace = context
            .workspace
            .clone()
            .or_else(|| std::env::current_dir().ok())
            .unwrap_or_default();
        let place = Place::read(inputs.text("store"), token.as_ref(), &context, &mut wrong);
        let lock = leg::lock(&inputs, &context, &mut wrong);
        let textfile = textfile(&inputs, &workspace, &mut wrong);
        let window_days = window_days(&inputs, &mut wrong);
        let events_file = inputs.path("events-file").map(|path| workspace.join(path));
        if let Some(path) = &events_file {
            in_a_folder("events-file", path, &mut wrong);
        }
        without_service(&inputs, &mut wrong);
        let ca_file = inputs.path("ca-file").map(|path| workspace.join(path));
        let pushgateway = gateway(&inputs, ca_file.as_deref(), &mut wrong);
        let loki = loki(&inputs, ca_file, &mut wrong);
        let output = output(&inputs, left.as_ref(), &context);
        let own = leg::own_folder(&leg::temp(&context));
        // At a terminal there is no run: then only what needs none of it is done.
        let deployment = inputs
            .opt_text("deployment-id")
            .map(str::to_owned)
            .or_else(|| context.deployment_id(&mut WrongInputs::default()));
        let (Some(place), Some(lock)) = (place, lock) else {
            return Err(wrong);
        };
        wrong.into_result(Config {
            target: inputs
                .opt_text("environment")
                .unwrap_or_default()
                .to_owned(),
            repository: context
                .repository
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            lock,
            place,
            deployment,
            stood_by: left
                .as_ref()
                .and_then(|file| file.other.get(leg::STOOD_BY)?.as_bool())
                .unwrap_or_default(),
            output,
            pushgateway,
            textfile,
            loki,
            events_file,
            window_days,
            concurrency_group: inputs.opt_text("concurrency-group").map(str::to_owned),
            required: inputs.flag("required"),
            report: match inputs.path("report") {
                Some(path) => workspace.join(path),
                None => own.join("push-metrics.json"),
            },
            environment,
            redactor,
            context,
            token,
        })
    }
}

fn gateway(inputs: &Parsed, ca_file: Option<&Path>, wrong: &mut WrongInputs) -> Option<Gateway> {
    let url = inputs.opt_text("pushgateway-url")?;
    match Gateway::new(url, credentials(inputs, "pushgateway-auth"), ca_file) {
        Ok(gateway) => Some(gateway),
        Err(error) => {
            let input = match &error {
                GatewayError::Address { .. } => "pushgateway-url",
                _ if ca_file.is_some() => "ca-file",
                _ => "pushgateway-auth",
            };
            wrong.push(
                input,
                &format!("a value that fails to {error}"),
                "a Pushgateway's base address, credentials that a header can carry, a readable PEM file",
                "correct the value",
            );
            None
        }
    }
}

fn loki(inputs: &Parsed, ca_file: Option<PathBuf>, wrong: &mut WrongInputs) -> Option<Loki> {
    let loki = Loki::new(LokiOptions {
        url: inputs.opt_text("loki-url")?.to_owned(),
        tenant: inputs.opt_text("loki-tenant").map(str::to_owned),
        credentials: credentials(inputs, "loki-auth"),
        ca_file,
    });
    match loki {
        Ok(loki) => Some(loki),
        Err(error) => {
            wrong.push(
                "loki-url",
                &format!("a value, or one of `loki-tenant`, `loki-auth` and `ca-file`, that fails to {error}"),
                "Loki's base address, a tenant and credentials that a header can carry, a readable PEM file",
                "correct the value",
            );
            None
        }
    }
}

fn credentials(inputs: &Parsed, name: &str) -> Option<Credentials> {
    let credentials = Credentials::of(inputs.secret(name)?.expose());
    if let Credentials::Basic { user, password } = &credentials {
        let redactor = inputs.redactor();
        redactor.add_basic(user, password);
        // Elsewhere the password may stand alone.
        if let Ok(password) = Secret::new(password) {
            redactor.add(&password);
        }
    }
    Some(credentials)
}

/// What says something of a service that nobody named would silently do nothing.
fn without_service(inputs: &Parsed, wrong: &mut WrongInputs) {
    // One that is named wrongly is told of already.
    let told: Vec<String> = wrong.findings().iter().map(|f| f.name.clone()).collect();
    let text = |name: &str| inputs.opt_text(name).is_some() || told.iter().any(|t| t == name);
    let secret = |name: &str| inputs.secret(name).is_some();
    let of = [
        (
            "pushgateway-auth",
            secret("pushgateway-auth"),
            "pushgateway-url",
        ),
        ("loki-auth", secret("loki-auth"), "loki-url"),
        ("loki-tenant", text("loki-tenant"), "loki-url"),
    ];
    for (name, is_set, service) in of {
        if is_set && !text(service) {
            wrong.push(
                name,
                &format!("a value, and `{service}` is unset"),
                &format!("`{service}` beside it"),
                &format!("set `{service}`, or leave `{name}` out"),
            );
        }
    }
    if inputs.flag("loki-output") && !text("loki-url") {
        wrong.push(
            "loki-output",
            "`true`, and `loki-url` is unset",
            "`loki-url` beside it",
            "set `loki-url`, or leave `loki-output` out",
        );
    }
}

fn textfile(inputs: &Parsed, workspace: &Path, wrong: &mut WrongInputs) -> Option<PathBuf> {
    let path = workspace.join(inputs.path("textfile")?);
    if path.extension().is_none_or(|ending| ending != "prom") {
        wrong.push(
            "textfile",
            &format!("`{}`", path.display()),
            "a name that ends in `.prom`: node_exporter reads no other",
            "call it `baton.prom`",
        );
        return None;
    }
    in_a_folder("textfile", &path, wrong);
    Some(path)
}

fn in_a_folder(input: &str, path: &Path, wrong: &mut WrongInputs) {
    let there = path.parent().is_some_and(Path::is_dir);
    if !there || path.is_dir() {
        wrong.push(
            input,
            &format!(
                "`{}`, {}",
                path.display(),
                if there {
                    "which is a folder"
                } else {
                    "whose folder is not there"
                }
            ),
            "a file in a folder that is there",
            "make the folder first, or correct the path",
        );
    }
}

fn window_days(inputs: &Parsed, wrong: &mut WrongInputs) -> u32 {
    const DAY: u64 = 24 * 3600;
    let window = inputs.duration("window").as_secs();
    if !window.is_multiple_of(DAY) {
        wrong.push(
            "window",
            &format!("`{}h{}s`", window / 3600, window % 3600).replace("h0s", "h"),
            "whole days: the ledger keeps one sum a day",
            "round it: `30d`",
        );
    }
    u32::try_from(window / DAY).unwrap_or(30)
}

fn output(
    inputs: &Parsed,
    left: Option<&CandidateFile>,
    context: &GitHubContext,
) -> Option<Output> {
    if !inputs.flag("loki-output") {
        return None;
    }
    let file = left?;
    let path = file.other.get(leg::COMMAND_OUTPUT)?.as_str()?;
    Some(Output {
        path: PathBuf::from(path),
        candidate: file.candidate,
        runner: context.runner_name.clone().unwrap_or_default(),
    })
}
