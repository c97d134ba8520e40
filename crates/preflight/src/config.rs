//! From environment and arguments to one configuration. Nothing reads an environment variable after this.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use actions_kit::{
    CandidateFile, Environment, GitHubContext, Parsed, Redactor, Secret, WrongInputs,
};
use glob::Pattern;
use lease::LockName;
use ledger::{Deployment, Party};
use leg::Place;
use preflight::{
    TABLE,
    catalogue::CHECKS,
    judgement::{Override, Policy},
    selection::{self, Selection},
    settings_file::{self, Origins},
};
use probes::{docker::Version, registry::Reference};

/// Everything that the program was told.
pub(crate) struct Config {
    pub(crate) environment: Environment,
    pub(crate) redactor: Redactor,
    /// Knows what must not stand in the file for later steps.
    pub(crate) for_file: Redactor,
    pub(crate) context: GitHubContext,
    pub(crate) token: Option<Secret>,
    pub(crate) admin_token: Option<Secret>,
    /// `production`
    pub(crate) target: String,
    /// The lock's place in the ledger; nothing with `store: none`.
    pub(crate) leg: Option<Leg>,
    /// What is asked.
    pub(crate) checks: Selection,
    /// What the answers mean.
    pub(crate) policy: Policy,
    pub(crate) settings: Settings,
    /// Where the report goes.
    pub(crate) report: PathBuf,
}

impl leg::Configuration for Config {
    fn environment(&self) -> &Environment {
        &self.environment
    }
    fn redactor(&self) -> &Redactor {
        &self.redactor
    }
}

/// This candidate, as lease and ledger know it.
pub(crate) struct Leg {
    pub(crate) place: Place,
    pub(crate) lock: LockName,
    pub(crate) deployment: Deployment,
    pub(crate) me: Party,
    pub(crate) candidates: u32,
    pub(crate) instance: String,
    /// What later steps need not be told again.
    pub(crate) file: CandidateFile,
}

impl Leg {
    /// What this leg tells the ledger, without the secrets that were learnt since it was read.
    fn without_secrets(mut self, redactor: &Redactor) -> Leg {
        let version = redactor.redact(&self.deployment.version).into_owned();
        self.file.version = Some(version.clone());
        self.deployment.version = version;
        self
    }
}

/// The thresholds and targets of the checks.
pub(crate) struct Settings {
    pub(crate) cpu_percent_max: f64,
    pub(crate) memory_percent_max: f64,
    pub(crate) disk_gb_min: f64,
    pub(crate) disk_paths: Vec<PathBuf>,
    pub(crate) prometheus_url: Option<String>,
    pub(crate) prometheus_auth: Option<Secret>,
    pub(crate) runner_labels: Vec<String>,
    pub(crate) docker_version_min: String,
    pub(crate) inventories: Vec<PathBuf>,
    pub(crate) targets: Vec<inventory::Target>,
    pub(crate) network_timeout: std::time::Duration,
    pub(crate) secrets: Vec<String>,
    pub(crate) secret_age_days_max: u32,
    pub(crate) active_fails: bool,
    pub(crate) concurrency_group: Option<String>,
    pub(crate) queue_depth_max: u32,
    pub(crate) branches: Vec<Pattern>,
    pub(crate) approvals_min: u32,
    pub(crate) approval_environment: Option<String>,
    pub(crate) images: Vec<Reference>,
    pub(crate) insecure_registries: Vec<String>,
}

impl Config {
    /// Reads everything; what is wrong is told at once.
    pub(crate) fn read(
        mut environment: Environment,
        args: &[OsString],
    ) -> Result<Config, WrongInputs> {
        let left = leg::adopt_earlier_step(&mut environment);
        let workspace = environment
            .get("GITHUB_WORKSPACE")
            .map(PathBuf::from)
            .or_else(|| std::env::current_dir().ok())
            .unwrap_or_default();
        let (file_wrong, origins) = settings(&mut environment, args, &workspace);
        let (inputs, mut wrong) = TABLE.read(&environment, args);
        for finding in file_wrong.findings() {
            wrong.add(finding.clone());
        }
        let context = GitHubContext::read(&environment, &mut wrong);
        let redactor = inputs.redactor().clone();
        let token = inputs.secret("github-token").cloned();
        let target = inputs
            .opt_text("environment")
            .unwrap_or_default()
            .to_owned();
        // What may stand in the file for later steps is judged by the tokens alone: a secret of the user's that happens
        // to be the environment's name must not keep the steps of a leg from knowing each other.
        let for_file = Redactor::new();
        for name in ["github-token", "admin-token", "prometheus-auth"] {
            if let Some(secret) = inputs.secret(name) {
                for_file.add(secret);
            }
        }
        let leg = read_leg(
            &inputs,
            &environment,
            &context,
            token.as_ref(),
            left,
            &mut wrong,
        );
        let checks = selection::read("checks", inputs.list("checks"), &mut wrong);
        if checks.is_empty() && wrong.is_empty() {
            wrong.push(
                "checks",
                &format!(
                    "`{}`, which leaves no check",
                    inputs.list("checks").join(", ")
                ),
                "at least one check",
                "name a check, a group or `all`",
            );
        }
        let mut policy = policy(&inputs, &context, &mut wrong);
        for id in policy.named.iter().filter(|id| !checks.contains(*id)) {
            wrong.push(
                "required",
                &format!("`{id}`, which `checks` leaves out"),
                "checks that are asked",
                "ask it in `checks`, or take it out of `required`",
            );
        }
        let settings = read_settings(&inputs, &environment, &context, &workspace, &mut wrong);
        let leg = leg.map(|leg| leg.without_secrets(&redactor));
        // The reason goes to the ledger, and every secret is known only now.
        if let Some(given) = &mut policy.ignored {
            given.reason = redactor.redact(&given.reason).into_owned();
        }
        let report = match inputs.path("report") {
            Some(path) => workspace.join(path),
            None => leg::own_folder(&leg::temp(&context)).join("preflight.json"),
        };
        wrong.rename(|name| origins.get(name).map(|origin| format!("config: {origin}")));
        let config = Config {
            admin_token: inputs.secret("admin-token").cloned(),
            environment,
            redactor,
            for_file,
            context,
            token,
            target,
            leg,
            checks,
            policy,
            settings,
            report,
        };
        wrong.into_result(config)
    }
}

/// What the file of settings says goes into `environment`, where the workflow is silent.
fn settings(
    environment: &mut Environment,
    args: &[OsString],
    workspace: &Path,
) -> (WrongInputs, Origins) {
    // What else is wrong is told by the reading that counts.
    let (first, _) = TABLE.read(environment, args);
    let mut wrong = WrongInputs::new(first.redactor().clone());
    let origins = match first.opt_text("config") {
        Some(config) => settings_file::apply(config, workspace, environment, &mut wrong),
        None => Origins::new(),
    };
    (wrong, origins)
}

fn read_leg(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    token: Option<&Secret>,
    left: Option<CandidateFile>,
    wrong: &mut WrongInputs,
) -> Option<Leg> {
    let store = inputs.text("store");
    if store == "none" {
        return None;
    }
    inputs.redactor().add_credentials_in(store);
    let place = Place::read(store, token, environment, context, wrong);
    let lock = leg::lock(inputs, context, wrong);
    let deployment = leg::deployment(inputs, context, environment, wrong);
    let (number, candidates) = leg::number(inputs, wrong);
    let me = leg::party(inputs, environment, context, wrong);
    let instance = leg::instance(left.as_ref());
    let (deployment, me) = (deployment?, me?);
    let mut file = left.unwrap_or_else(|| {
        CandidateFile::new(
            deployment.id.clone(),
            inputs.opt_text("environment").unwrap_or_default(),
            number,
            candidates,
            me.role.to_string(),
        )
    });
    file.lock_name = inputs.opt_text("lock-name").map(str::to_owned);
    // Said by the step that deploys: this one has no later step's inputs to speak of.
    let _kept = file.set_store(store);
    file.version = Some(deployment.version.clone());
    file.other
        .insert(leg::INSTANCE.to_owned(), instance.clone().into());
    Some(Leg {
        place: place?,
        lock: lock?,
        deployment,
        me,
        candidates,
        instance,
        file,
    })
}

fn policy(inputs: &Parsed, context: &GitHubContext, wrong: &mut WrongInputs) -> Policy {
    let required_words = inputs.list("required");
    let required = selection::read("required", required_words, wrong);
    let named = CHECKS
        .iter()
        .map(|check| check.id)
        .filter(|id| required_words.iter().any(|word| word == id))
        .collect();
    let words = inputs.list("ignore");
    if let Some(wide) = words
        .iter()
        .find(|word| *word == "all" || word.starts_with('!'))
    {
        wrong.push(
            "ignore",
            &format!("`{wide}`"),
            "the checks themselves, by id or group",
            "name each check whose failure you answer for",
        );
    }
    let checks = selection::read("ignore", words, wrong);
    let reason = inputs.opt_text("ignore-reason");
    if !words.is_empty() && reason.is_none() {
        wrong.push(
            "ignore-reason",
            "nothing",
            "why the failures may be ignored, for the audit trail",
            "set it, such as `ignore-reason: web3 is being replaced, OPS-1234`",
        );
    }
    let until = inputs.opt_text("ignore-until");
    if let Some(day) = until.filter(|day| !is_day(day)) {
        wrong.push(
            "ignore-until",
            &format!("`{day}`"),
            "a day of the calendar, such as `2026-12-31`",
            "write year, month and day with two digits each for the last two",
        );
    }
    let ignored = (!words.is_empty()).then(|| Override {
        checks,
        reason: reason.unwrap_or_default().to_owned(),
        until: until.map(str::to_owned),
        actor: context
            .actor
            .clone()
            .unwrap_or_else(|| "somebody".to_owned()),
        expired: until.is_some_and(|day| leg::wall().day().as_str() > day),
    });
    Policy {
        required,
        named,
        ignored,
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && humantime::parse_rfc3339(&format!("{text}T00:00:00Z")).is_ok()
}

fn read_settings(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    workspace: &Path,
    wrong: &mut WrongInputs,
) -> Settings {
    let secrets = secrets(inputs, environment, wrong);
    let mut branches = Vec::new();
    for pattern in inputs.list("branches") {
        match Pattern::new(pattern) {
            Ok(pattern) => branches.push(pattern),
            Err(error) => wrong.push(
                "branches",
                &format!("`{pattern}`: {error}"),
                "patterns with `*`, `?` and `[…]`",
                "correct the pattern",
            ),
        }
    }
    let mut inventories = Vec::new();
    for path in inputs.list("inventory") {
        let path = workspace.join(path);
        if !path.exists() {
            wrong.push(
                "inventory",
                &format!("`{}`, which is not there", path.display()),
                "an inventory of Ansible: a file or a folder",
                "check the repository out first, or correct the path",
            );
        }
        inventories.push(path);
    }
    let targets = inventory::parse_targets(&inputs.list("targets").join("\n"))
        .map_err(|error| {
            wrong.push(
                "targets",
                &error.to_string(),
                "`host`, `host:port` or `[2001:db8::1]:22`, separated by commas or lines",
                "correct what is named",
            );
        })
        .unwrap_or_default();
    let mut images = Vec::new();
    for text in inputs.list("images") {
        match text.parse::<Reference>() {
            Ok(image) => images.push(image),
            Err(error) => wrong.push(
                "images",
                &format!("`{text}`, which fails to {error}"),
                "references as `docker pull` takes them: `ghcr.io/octo/shop:1.2`",
                "correct the reference",
            ),
        }
    }
    let docker_version_min = inputs.text("docker-version-min").to_owned();
    if docker_version_min.parse::<Version>().is_err() {
        wrong.push(
            "docker-version-min",
            &format!("`{docker_version_min}`"),
            "a version, such as `20.10` or `27.0.3`",
            "write numbers with dots between them",
        );
    }
    let given = inputs.list("disk-paths");
    let disk_paths = if given.is_empty() {
        let mut usual = vec![workspace.to_owned()];
        usual.extend(context.runner_temp.clone());
        usual
    } else {
        given.iter().map(|path| workspace.join(path)).collect()
    };
    let owned = |name: &str| inputs.opt_text(name).map(str::to_owned);
    Settings {
        cpu_percent_max: f64::from(inputs.count("cpu-percent-max")),
        memory_percent_max: f64::from(inputs.count("memory-percent-max")),
        disk_gb_min: f64::from(inputs.count("disk-gb-min")),
        disk_paths,
        prometheus_url: owned("prometheus-url"),
        prometheus_auth: inputs.secret("prometheus-auth").cloned(),
        runner_labels: inputs.list("runner-labels").to_vec(),
        docker_version_min,
        inventories,
        targets,
        network_timeout: std::time::Duration::from_secs(
            inputs.count("network-timeout-seconds").into(),
        ),
        secrets,
        secret_age_days_max: inputs.count("secret-age-days-max"),
        active_fails: inputs.choice("on-active") == "fail",
        concurrency_group: owned("concurrency-group"),
        queue_depth_max: inputs.count("queue-depth-max"),
        branches,
        approvals_min: inputs.count("approvals-min"),
        approval_environment: owned("approval-environment"),
        images,
        insecure_registries: inputs.list("insecure-registries").to_vec(),
    }
}

/// The names, each fit to be a variable's. Their values are taught to the redactor and looked at no further.
fn secrets(inputs: &Parsed, environment: &Environment, wrong: &mut WrongInputs) -> Vec<String> {
    let names = inputs.list("secrets").to_vec();
    for name in &names {
        let fit = |at: usize, letter: char| {
            letter == '_' || letter.is_ascii_alphabetic() || (at > 0 && letter.is_ascii_digit())
        };
        if !name.chars().enumerate().all(|(at, letter)| fit(at, letter)) {
            wrong.push(
                "secrets",
                "what is not the name of a variable",
                "names such as `DB_PASSWORD`, never values",
                "list the names here, and hand the values over in `env`",
            );
        }
        if let Some(Ok(secret)) = environment.raw(name).map(Secret::new) {
            inputs.redactor().add(&secret);
        }
    }
    names
}

#[cfg(test)]
mod tests;
