//! Which checks can be asked here, and asking them: all at once, each with its own deadline.

use std::{
    ffi::OsString,
    future::Future,
    pin::Pin,
    time::{Duration, Instant},
};

use actions_kit::Secret;
use github::{Client, ClientOptions, GitHubError, Queue, ReviewState, Token};
use lease::store::Snapshot;
use ledger::Event;
use preflight::{
    Finding,
    catalogue::{self, Check},
    checks::{
        active::{self, Lease},
        approval::{self, Approval},
        artifacts, docker, guardrails, registration, runner, secrets, separate,
    },
    judgement::NotAsked,
};
use probes::{
    host::Host,
    registry::{Reference, Registry, RegistryOptions},
};
use tokio::task::JoinSet;

use crate::{config::Config, targets};

/// The longest that anything but a network target may take; GitHub's client has a deadline of its own.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much longer than its deadline a check may take before it is given up as hung.
const SLACK: Duration = Duration::from_secs(5);

/// How long the CPUs are watched.
const CPU_WINDOW: Duration = Duration::from_millis(200);

/// What came of announcing, for the checks that look at lease and ledger.
pub(crate) enum Ledger {
    /// There is no store.
    None,
    /// This was seen.
    Seen(Box<Snapshot>),
    /// The store could not be asked; why.
    Lost(String),
}

/// What one task found.
enum Answer {
    Findings(Vec<(&'static str, Finding)>),
    Group(Result<Queue, GitHubError>),
    Approval(Finding, Vec<Approval>),
}

/// The answers of all tasks, with the time each took.
pub(crate) struct Answers(Vec<(Answer, Duration)>);

type Seen = (&'static Check, Finding, Duration);

/// The checks of one configuration.
pub(crate) struct Asking<'a> {
    config: &'a Config,
    client: Result<Client, String>,
    admin: Result<Client, String>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(config: &'a Config) -> Self {
        Asking {
            config,
            client: client(config, config.token.as_ref(), "`github-token`"),
            admin: client(config, config.admin_token.as_ref(), "`admin-token`"),
        }
    }

    /// How many requests GitHub was sent.
    pub(crate) fn requests_sent(&self) -> u64 {
        [&self.client, &self.admin]
            .iter()
            .filter_map(|client| client.as_ref().ok())
            .map(Client::requests_sent)
            .sum()
    }

    /// Asks everything that does not wait for the ledger.
    pub(crate) async fn answers(&self) -> Answers {
        let mut tasks = Tasks::default();
        for check in catalogue::CHECKS {
            if self.wants(check.id) && self.lacks(check).is_none() {
                self.start(check.id, &mut tasks);
            }
        }
        let group_wanted = self.wants("concurrency.active") || self.wants("concurrency.queue");
        if let (true, Some(group), Ok((client, owner, repo, run))) = (
            group_wanted,
            self.config.settings.concurrency_group.clone(),
            self.on_github(&self.client),
        ) {
            tasks.start(PATIENCE * 2, &["concurrency.active"], async move {
                Answer::Group(client.queue(&owner, &repo, &group, run).await)
            });
        }
        if self.wants("network.dns") || self.wants("network.targets") {
            self.start_network(&mut tasks);
        }
        tasks.join().await
    }

    fn wants(&self, id: &str) -> bool {
        self.config.checks.contains(id)
    }

    /// What a check needs and does not have, for people.
    fn lacks(&self, check: &'static Check) -> Option<String> {
        let settings = &self.config.settings;
        let unless = |given: bool| (!given).then(|| check.needs.to_owned());
        let has_lease = self.config.leg.is_some();
        match check.id {
            "runner.prometheus" => unless(settings.prometheus_url.is_some()),
            "runner.registration" => self.on_github(&self.admin).err(),
            "runner.separate" => unless(
                self.config
                    .leg
                    .as_ref()
                    .is_some_and(|leg| leg.candidates > 1),
            ),
            "network.targets" => unless(self.has_targets()),
            "network.dns" => unless(self.has_targets() || self.config.context.server_url.is_some()),
            "secrets.present" => unless(!settings.secrets.is_empty()),
            "secrets.age" if settings.secrets.is_empty() => unless(false),
            "secrets.age" => self.on_github(&self.admin).err(),
            "concurrency.active" | "concurrency.queue" => match &settings.concurrency_group {
                None => unless(has_lease),
                // Where GitHub cannot be asked the lease still can.
                Some(_) if has_lease => None,
                Some(_) => self.on_github(&self.client).err(),
            },
            "ref.allowed" => self
                .config
                .context
                .git_ref
                .is_none()
                .then(|| "a run on GitHub".to_owned()),
            "branch.protected" if self.branch().is_none() => Some("a run of a branch".to_owned()),
            "branch.protected" => self.on_github(&self.client).err(),
            "environment.approval" if settings.approval_environment.is_none() => unless(false),
            "environment.approval" => self.on_github(&self.client).err(),
            "artifacts.images" => unless(!settings.images.is_empty()),
            _ => None,
        }
    }

    fn has_targets(&self) -> bool {
        let settings = &self.config.settings;
        !settings.inventories.is_empty() || !settings.targets.is_empty()
    }

    fn branch(&self) -> Option<String> {
        let branch = self
            .config
            .context
            .git_ref
            .as_deref()?
            .strip_prefix("refs/heads/")?;
        Some(branch.to_owned())
    }

    /// A client with the names that its requests need; else what is missing.
    fn on_github(
        &self,
        client: &Result<Client, String>,
    ) -> Result<(Client, String, String, u64), String> {
        let client = client.clone()?;
        let context = &self.config.context;
        let (Some(repository), Some(run)) = (&context.repository, context.run_id) else {
            return Err("a run on GitHub".to_owned());
        };
        Ok((
            client,
            repository.owner.clone(),
            repository.name.clone(),
            run,
        ))
    }

    fn start(&self, id: &'static str, tasks: &mut Tasks) {
        let settings = &self.config.settings;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let host = Host::new();
        let one = move |finding: Finding| Answer::Findings(vec![(id, finding)]);
        match id {
            "runner.cpu" => {
                let most = settings.cpu_percent_max;
                tasks.start(PATIENCE, &[id], async move {
                    one(runner::cpu(most, &host, CPU_WINDOW).await)
                });
            }
            "runner.memory" => {
                let most = settings.memory_percent_max;
                tasks.start(
                    PATIENCE,
                    &[id],
                    async move { one(runner::memory(most, &host)) },
                );
            }
            "runner.disk" => {
                let (least, paths) = (settings.disk_gb_min, settings.disk_paths.clone());
                tasks.start(PATIENCE, &[id], async move {
                    one(runner::disk(least, &paths, &host, deadline).await)
                });
            }
            "runner.prometheus" => {
                let Some(url) = settings.prometheus_url.clone() else {
                    return;
                };
                let auth = settings
                    .prometheus_auth
                    .as_ref()
                    .map(|auth| auth.expose().to_owned());
                let limits = (settings.cpu_percent_max, settings.memory_percent_max);
                let name = self.config.context.runner_name.clone().unwrap_or_default();
                tasks.start(PATIENCE, &[id], async move {
                    one(runner::prometheus(&url, auth.as_deref(), &name, limits, deadline).await)
                });
            }
            "runner.registration" => {
                let Ok((admin, owner, repo, _)) = self.on_github(&self.admin) else {
                    return;
                };
                let name = self.config.context.runner_name.clone().unwrap_or_default();
                let labels = settings.runner_labels.clone();
                tasks.start(PATIENCE * 2, &[id], async move {
                    one(registration::registered(&admin, &owner, &repo, &name, &labels).await)
                });
            }
            "docker.daemon" => {
                let (environment, least) = (self.docker(), settings.docker_version_min.clone());
                tasks.start(PATIENCE, &[id], async move {
                    one(docker::daemon(&least, &environment, deadline).await)
                });
            }
            "docker.compose" => {
                let environment = self.docker();
                tasks.start(PATIENCE, &[id], async move {
                    one(docker::compose(&environment, deadline).await)
                });
            }
            "secrets.present" => {
                let environment = &self.config.environment;
                let finding =
                    secrets::present(&settings.secrets, |name| match environment.raw(name) {
                        None if environment.is_not_unicode(name) => secrets::SecretSeen::Set,
                        None => secrets::SecretSeen::Missing,
                        Some("") => secrets::SecretSeen::Empty,
                        Some(value) if value.trim().is_empty() => secrets::SecretSeen::Blank,
                        Some(_) => secrets::SecretSeen::Set,
                    });
                tasks.start(PATIENCE, &[id], async move { one(finding) });
            }
            "secrets.age" => {
                let Ok((admin, owner, repo, _)) = self.on_github(&self.admin) else {
                    return;
                };
                let (environment, names) = (self.config.target.clone(), settings.secrets.clone());
                let most = settings.secret_age_days_max;
                tasks.start(PATIENCE * 2, &[id], async move {
                    one(secrets::age(&admin, &owner, &repo, &environment, &names, most).await)
                });
            }
            "ref.allowed" => {
                let git_ref = self.config.context.git_ref.clone().unwrap_or_default();
                let finding = guardrails::ref_allowed(&git_ref, &settings.branches);
                tasks.start(PATIENCE, &[id], async move { one(finding) });
            }
            "branch.protected" => {
                let (Ok((client, owner, repo, _)), Some(branch)) =
                    (self.on_github(&self.client), self.branch())
                else {
                    return;
                };
                let admin = self.admin.clone().ok();
                let wanted = guardrails::Wanted {
                    approvals: settings.approvals_min.into(),
                    status_checks: true,
                    no_force_push: true,
                };
                tasks.start(PATIENCE * 2, &[id], async move {
                    let admin = admin.as_ref();
                    one(guardrails::branch_protected(
                        &client, admin, &owner, &repo, &branch, wanted,
                    )
                    .await)
                });
            }
            "environment.approval" => {
                let (Ok((client, owner, repo, run_id)), Some(environment)) = (
                    self.on_github(&self.client),
                    settings.approval_environment.clone(),
                ) else {
                    return;
                };
                let sha = self.config.context.sha.clone();
                tasks.start(PATIENCE * 2, &[id], async move {
                    let asked = approval::Asked {
                        owner: &owner,
                        repo: &repo,
                        run_id,
                        environment: &environment,
                        sha: sha.as_deref(),
                    };
                    let (finding, approvals) = approval::approval(&client, asked).await;
                    Answer::Approval(finding, approvals)
                });
            }
            "artifacts.images" => {
                let images: Vec<Reference> = settings.images.clone();
                let options = RegistryOptions {
                    environment: self.docker(),
                    insecure: settings.insecure_registries.iter().cloned().collect(),
                    ..RegistryOptions::default()
                };
                tasks.start(PATIENCE, &[id], async move {
                    one(match Registry::new(options) {
                        Ok(registry) => artifacts::images(registry, &images, deadline).await,
                        Err(error) => Finding::unknown(
                            format!("failed to {error}"),
                            "a client that can ask a registry",
                            "look at the certificates of this host (`ca-certificates`)",
                        ),
                    })
                });
            }
            // Those that wait for the ledger, and the network's, which are asked together.
            _ => {}
        }
    }

    fn docker(&self) -> probes::docker::Environment {
        let get = |name: &str| self.config.environment.get(name).map(str::to_owned);
        probes::docker::Environment {
            host: get("DOCKER_HOST"),
            context: get("DOCKER_CONTEXT"),
            config: get("DOCKER_CONFIG").map(Into::into),
            cert_path: get("DOCKER_CERT_PATH").map(Into::into),
            tls_verify: get("DOCKER_TLS_VERIFY"),
            tls: get("DOCKER_TLS"),
            home: get("HOME").map(Into::into),
            path: get("PATH").map(OsString::from),
        }
    }

    fn start_network(&self, tasks: &mut Tasks) {
        let settings = &self.config.settings;
        let asked: Vec<&'static str> = ["network.dns", "network.targets"]
            .into_iter()
            .filter(|id| self.wants(id))
            .filter(|id| catalogue::check(id).is_some_and(|check| self.lacks(check).is_none()))
            .collect();
        if asked.is_empty() {
            return;
        }
        let to_reach = targets::ToReach {
            inventories: settings.inventories.clone(),
            targets: settings.targets.clone(),
            server: self.config.context.server_url.clone(),
            timeout: settings.network_timeout,
            proxied: targets::proxied(&self.config.environment),
            environment: targets::of_ansible(&self.config.environment),
        };
        let patience = targets::patience(settings.network_timeout);
        let ids = asked.clone();
        tasks.start(patience, &asked, async move {
            let (dns, targets) = targets::reach(to_reach).await;
            let both = [("network.dns", dns), ("network.targets", targets)];
            Answer::Findings(
                both.into_iter()
                    .filter(|(id, _)| ids.contains(id))
                    .collect(),
            )
        });
    }

    /// Adds what waits for the ledger. Third: approvals, for the ledger.
    pub(crate) fn complete(
        &self,
        answers: Answers,
        ledger: &Ledger,
    ) -> (Vec<Seen>, Vec<NotAsked>, Vec<Event>) {
        let (mut seen, mut group, mut approvals) = (Vec::new(), None, Vec::new());
        let mut add = |id: &str, finding: Finding, took: Duration| {
            if let Some(check) = catalogue::check(id) {
                seen.push((check, finding, took));
            }
        };
        for (answer, took) in answers.0 {
            match answer {
                Answer::Findings(findings) => {
                    for (id, finding) in findings {
                        add(id, finding, took);
                    }
                }
                Answer::Group(queue) => group = Some((queue, took)),
                Answer::Approval(finding, facts) => {
                    add("environment.approval", finding, took);
                    approvals = facts.iter().map(|fact| self.event(fact)).collect();
                }
            }
        }
        let lease = match ledger {
            Ledger::None => Lease::None,
            Ledger::Seen(snapshot) => Lease::Seen(snapshot),
            Ledger::Lost(why) => Lease::Lost(why),
        };
        let leg = self.config.leg.as_ref();
        let ours = leg.map(|leg| &leg.deployment);
        let took = group.as_ref().map_or(Duration::ZERO, |(_, took)| *took);
        let group = group.map(|(queue, _)| queue);
        let settings = &self.config.settings;
        let mut not_asked = Vec::new();
        for check in catalogue::CHECKS {
            if !self.wants(check.id) {
                continue;
            }
            if let Some(why) = self.lacks(check) {
                not_asked.push(NotAsked { check, why });
                continue;
            }
            match check.id {
                "runner.separate" => {
                    if let Some(leg) = leg {
                        let finding = match &lease {
                            Lease::Lost(why) => {
                                Finding::unknown(*why, "every candidate on a host of its own", "")
                            }
                            Lease::None => continue,
                            Lease::Seen(snapshot) => separate::separate(
                                &leg.me,
                                snapshot.tip.deployment(&leg.deployment.id),
                                self.config.context.is_act,
                            ),
                        };
                        add(check.id, finding, Duration::ZERO);
                    }
                }
                "concurrency.active" => add(
                    check.id,
                    active::active(&lease, ours, group.as_ref(), settings.active_fails),
                    took,
                ),
                "concurrency.queue" => add(
                    check.id,
                    active::queue(&lease, ours, group.as_ref(), settings.queue_depth_max),
                    took,
                ),
                _ => {}
            }
        }
        (seen, not_asked, approvals)
    }

    fn event(&self, fact: &Approval) -> Event {
        Event::Approval {
            environment: self
                .config
                .settings
                .approval_environment
                .clone()
                .unwrap_or_default(),
            user: fact.user.clone(),
            state: said(fact.state).to_owned(),
            comment: self.config.redactor.redact(&fact.comment).into_owned(),
            reviewed_at: fact.at.map(|at| {
                ledger::Timestamp(u64::try_from(at.timestamp_millis()).unwrap_or_default())
            }),
            waited: fact.waited,
        }
    }
}

/// GitHub's own word.
fn said(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Approved => "approved",
        ReviewState::Rejected => "rejected",
        ReviewState::Pending => "pending",
        ReviewState::Unknown => "unknown",
    }
}

fn client(config: &Config, token: Option<&Secret>, input: &str) -> Result<Client, String> {
    let Some(api) = config
        .context
        .api_url
        .as_ref()
        .filter(|_| !config.context.is_act)
    else {
        return Err("a run on GitHub".to_owned());
    };
    let token = token.ok_or_else(|| input.to_owned())?;
    let built = Token::new(token.expose())
        .map_err(|error| error.to_string())
        .and_then(|token| {
            Client::new(ClientOptions::new(api, token)).map_err(|error| error.to_string())
        });
    built.map_err(|error| format!("a usable {input}: {error}"))
}

/// Tasks beside each other. Each is given up when it hangs, and then its checks are unknown.
#[derive(Default)]
struct Tasks(JoinSet<(Answer, Duration)>);

impl Tasks {
    fn start(
        &mut self,
        patience: Duration,
        ids: &[&'static str],
        task: impl Future<Output = Answer> + Send + 'static,
    ) {
        let ids: Vec<&'static str> = ids.to_vec();
        let task: Pin<Box<dyn Future<Output = Answer> + Send>> = Box::pin(task);
        self.0.spawn(async move {
            let began = Instant::now();
            let limit = patience + SLACK;
            let answer = tokio::time::timeout(limit, task).await.unwrap_or_else(|_| {
                let hung = |id| {
                    let seen = format!("no answer within {} s", limit.as_secs());
                    let mend = "look whether what is asked answers at all, and run again";
                    (id, Finding::unknown(seen, "an answer", mend))
                };
                Answer::Findings(ids.into_iter().map(hung).collect())
            });
            (answer, began.elapsed())
        });
    }

    async fn join(self) -> Answers {
        Answers(self.0.join_all().await)
    }
}
