//! From environment and arguments to one configuration. Nothing reads an environment variable after this.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use actions_kit::{
    CandidateFile, Environment, GitHubContext, Parsed, Redactor, Secret, WrongInputs,
};
use audit::{Loki, Origin};
use lease::LockName;
use leg::Place;
use metrics::Gateway;
use push_metrics::TABLE;

use crate::services::Services;

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
    /// This leg held the lease: the ledger cannot be empty.
    pub(crate) carried: bool,
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
    /// It was asked for, and is not only left for whoever may want it.
    pub(crate) report_is_wanted: bool,
    has_ca_file: bool,
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

    /// Behind an error of TLS: which input to look at.
    pub(crate) fn mend_of_tls(&self) -> &'static str {
        if self.has_ca_file {
            "; `ca-file` must hold the authority that signed its certificate"
        } else {
            "; an authority that this host does not know is named in `ca-file`"
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
        let place = Place::read(
            inputs.text("store"),
            token.as_ref(),
            &environment,
            &context,
            &mut wrong,
        );
        let lock = leg::lock(&inputs, &context, &mut wrong);
        let textfile = textfile(&inputs, &workspace, &mut wrong);
        let window_days = window_days(&inputs, &mut wrong);
        let events_file = inputs.path("events-file").map(|path| workspace.join(path));
        if let Some(path) = &events_file {
            in_a_folder("events-file", path, &mut wrong);
        }
        let Services { pushgateway, loki } = Services::read(&inputs, &workspace, &mut wrong);
        on_one_line(&inputs, &mut wrong);
        let output = output(&inputs, left.as_ref(), &context);
        let report = match inputs.path("report") {
            Some(path) => workspace.join(path),
            None => leg::own_folder(&leg::temp(&context)).join("push-metrics.json"),
        };
        let report_is_wanted = inputs.path("report").is_some();
        if report_is_wanted && report.is_dir() {
            wrong.push(
                "report",
                &format!("`{}`, which is a folder", report.display()),
                "a file",
                "name a file in it",
            );
        }
        apart(
            [
                ("textfile", textfile.as_deref()),
                ("events-file", events_file.as_deref()),
                ("report", Some(&report)),
            ],
            &mut wrong,
        );
        let stood_by = left
            .as_ref()
            .and_then(|file| file.other.get(leg::STOOD_BY)?.as_bool());
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
            stood_by: stood_by == Some(true),
            carried: stood_by == Some(false),
            output,
            pushgateway,
            textfile,
            loki,
            events_file,
            window_days,
            concurrency_group: inputs.opt_text("concurrency-group").map(str::to_owned),
            required: inputs.flag("required"),
            report,
            report_is_wanted,
            has_ca_file: inputs.path("ca-file").is_some(),
            environment,
            redactor,
            context,
            token,
        })
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

/// What becomes a label, or part of an address, has no line breaks.
fn on_one_line(inputs: &Parsed, wrong: &mut WrongInputs) {
    for name in ["environment", "concurrency-group"] {
        let text = inputs.opt_text(name).unwrap_or_default();
        let told = wrong.findings().iter().any(|finding| finding.name == name);
        if text.contains(char::is_control) && !told {
            wrong.push(
                name,
                &format!("`{}`", text.escape_debug()),
                "a name on one line, without control characters",
                "correct the name",
            );
        }
    }
}

/// No file may be written over another one.
fn apart(files: [(&str, Option<&Path>); 3], wrong: &mut WrongInputs) {
    let mut seen: Vec<(&str, PathBuf)> = Vec::new();
    for (name, path) in files {
        let Some(path) = path else { continue };
        let real = real(path);
        if let Some((other, _)) = seen.iter().find(|(_, there)| *there == real) {
            wrong.push(
                name,
                &format!("`{}`, which is `{other}` too", path.display()),
                &format!("another file than `{other}`"),
                "name a file of its own for each",
            );
        }
        seen.push((name, real));
    }
}

/// The path without links and detours, as far as it is there.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
        match (folder, path.file_name()) {
            (Some(folder), Some(name)) => folder.join(name),
            _ => path.to_owned(),
        }
    })
}

fn window_days(inputs: &Parsed, wrong: &mut WrongInputs) -> u32 {
    const DAY: u64 = 24 * 3600;
    let window = inputs.duration("window").as_secs();
    if !window.is_multiple_of(DAY) {
        wrong.push(
            "window",
            &format!("`{}h{}s`", window / 3600, window % 3600).replace("h0s", "h"),
            "whole days from 1d to 31d, such as `30d`: the ledger keeps one sum a day",
            "round it",
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
