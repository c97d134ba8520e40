//! Whom to wake and how, as the inputs say it.

use std::{path::PathBuf, time::Duration};

use actions_kit::{GitHubContext, Parsed, Redactor, Secret, WrongInputs};
use github::{Client, ClientOptions, Token};
use probes::http::{Credentials, Roots};

use crate::{
    Channels,
    alertmanager::Alertmanager,
    incident::{self, Incident},
    judged,
    news::{bounded, in_one_line},
    post::Endpoint,
    webhook::Webhook,
};

/// How long a part of a webhook's path must be to be taken for its secret, where it holds a digit; a word such as
/// `deployments` is none.
const SECRET_PART: usize = 8;

/// How long it must be without a digit.
const LONG_PART: usize = 16;

/// How long GitHub may take for one request: nobody waits for an alert but people, and a slow answer is one.
const GITHUB_ANSWERS: Duration = Duration::from_secs(15);

/// How long one question of GitHub may take, asked again where that may help.
const GITHUB_ASKED: Duration = Duration::from_secs(20);

/// How many characters of `mention` are taken.
const MENTION: usize = 500;

/// How fast what failed is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long to wait before the second try; twice as long before each further one, at most 10 s.
    pub first_wait: Duration,
    /// How long to wait before it is looked for what an unanswered write made.
    pub read_back: Duration,
    /// How long Alertmanager and the webhook may take to answer one try.
    pub one_try: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first_wait: Duration::from_millis(500),
            read_back: Duration::from_secs(3),
            // A room behind a slow receiver is told all the same: what was sent and not answered may be told twice.
            one_try: Duration::from_secs(20),
        }
    }
}

/// Whom to wake and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How fast what failed is tried again.
    pub pace: Pace,
    alertmanager: Option<String>,
    alertmanager_auth: Option<Secret>,
    webhook: Option<Secret>,
    incident: Option<Place>,
    assignees: Vec<String>,
    teams: Vec<String>,
    mention: String,
    close: bool,
    runbook: String,
    ca_file: Option<PathBuf>,
}

/// Where issues are.
#[derive(Clone, Debug)]
struct Place {
    api_url: Option<String>,
    repository: Option<actions_kit::context::Repository>,
    token: Option<Secret>,
}

impl Settings {
    /// Reads every input of [`inputs`](crate::inputs), all of which must be in the table; `token` is the job's. Teaches
    /// the inputs' redactor what of them is secret beyond their values: the parts of the webhook's path, a password.
    pub fn read(
        inputs: &Parsed,
        token: Option<&Secret>,
        context: &GitHubContext,
        wrong: &mut WrongInputs,
    ) -> Settings {
        Settings {
            close: inputs.flag("close-incident"),
            ..Settings::read_for_failures(inputs, token, context, wrong)
        }
    }

    /// As [`Settings::read`], for an action that never hears that something is over: without `close-incident`.
    pub fn read_for_failures(
        inputs: &Parsed,
        token: Option<&Secret>,
        context: &GitHubContext,
        wrong: &mut WrongInputs,
    ) -> Settings {
        let alertmanager = inputs.opt_text("alertmanager-url").map(str::to_owned);
        let alertmanager_auth = inputs.secret("alertmanager-auth").cloned();
        let webhook = inputs.secret("webhook-url").cloned();
        learn(
            inputs.redactor(),
            alertmanager_auth.as_ref(),
            webhook.as_ref(),
        );
        let (assignees, teams) = people(inputs.list("assignees"), wrong);
        let ca_file = inputs.path("alert-ca-file").map(|path| {
            let workspace = context.workspace.clone().unwrap_or_default();
            workspace.join(path)
        });
        judged::alertmanager(inputs, wrong);
        judged::webhook(inputs, wrong);
        judged::mention(inputs, wrong);
        judged::authority(ca_file.as_deref(), wrong);
        judged::ways(inputs, wrong);
        // A local trial never writes to the real repository.
        let wanted = inputs.flag("incident-issue") && !context.is_act;
        Settings {
            pace: Pace::default(),
            alertmanager,
            alertmanager_auth,
            webhook,
            incident: wanted.then(|| Place {
                api_url: context.api_url.clone(),
                repository: context.repository.clone(),
                token: token.cloned(),
            }),
            assignees,
            teams,
            mention: bounded(
                &in_one_line(inputs.opt_text("mention").unwrap_or_default()),
                MENTION,
            ),
            close: false,
            runbook: inputs
                .opt_text("runbook-url")
                .unwrap_or_default()
                .to_owned(),
            ca_file,
        }
    }

    /// Whether nobody is to be told by any way.
    pub fn is_empty(&self) -> bool {
        self.alertmanager.is_none() && self.webhook.is_none() && self.incident.is_none()
    }

    /// The ways that these settings name. `redactor` knows every secret that could stand in what is told; what it learns
    /// later counts.
    pub fn channels(&self, redactor: &Redactor) -> Channels {
        let own = self.ca_file.clone().map(Roots::File);
        let alertmanager = self.alertmanager.as_ref().map(|url| {
            Alertmanager::new(Endpoint {
                url: url.clone(),
                credentials: self
                    .alertmanager_auth
                    .as_ref()
                    .map(|auth| Credentials::of(auth.expose())),
                roots: vec![own.clone().unwrap_or_default()],
                one_try: self.pace.one_try,
                head_suffices: false,
            })
        });
        let webhook = self.webhook.as_ref().map(|url| {
            let endpoint = Endpoint {
                url: url.expose().to_owned(),
                credentials: None,
                roots: [Roots::Host].into_iter().chain(own).collect(),
                one_try: self.pace.one_try,
                head_suffices: true,
            };
            Webhook::new(endpoint, self.mention.clone())
        });
        Channels {
            alertmanager,
            webhook,
            incident: self.incident.as_ref().map(|place| self.incident(place)),
            runbook: self.runbook.clone(),
            pace: self.pace,
            redactor: redactor.clone(),
        }
    }

    fn incident(&self, place: &Place) -> Result<Incident, String> {
        const WITHOUT: &str = "or set `incident-issue: false`";
        let (Some(api_url), Some(repository)) = (&place.api_url, &place.repository) else {
            return Err(format!(
                "failed to find the repository: this is no run on GitHub; {WITHOUT}"
            ));
        };
        let Some(token) = &place.token else {
            return Err(format!(
                "failed to open an issue without a token: set `github-token`, {WITHOUT}"
            ));
        };
        let client = Token::new(token.expose())
            .map_err(github::GitHubError::from)
            .and_then(|token| {
                Client::new(ClientOptions {
                    request_timeout: GITHUB_ANSWERS,
                    deadline: GITHUB_ASKED,
                    ..ClientOptions::new(api_url, token)
                })
            })
            .map_err(|error| format!("failed to {error}"))?;
        Ok(Incident {
            client,
            owner: repository.owner.clone(),
            repo: repository.name.clone(),
            assignees: self.assignees.clone(),
            front: incident::front(&self.mention, &self.assignees, &self.teams),
            close: self.close,
            pace: self.pace,
        })
    }
}

fn learn(redactor: &Redactor, auth: Option<&Secret>, webhook: Option<&Secret>) {
    let add = |text: &str| {
        if let Ok(secret) = Secret::new(text) {
            redactor.add(&secret);
        }
    };
    if let Some((user, password)) = auth.and_then(|auth| auth.expose().split_once(':')) {
        add(password);
        redactor.add_basic(user, password);
    }
    let path = webhook
        .and_then(|url| url.expose().split_once("://"))
        .and_then(|(_, rest)| rest.split_once(['/', '?']));
    let Some((_, path)) = path else {
        return;
    };
    for part in path.split(['/', '?', '&', '=', '#']).chain([path]) {
        let has_digit = part.bytes().any(|b| b.is_ascii_digit());
        if part.len() >= LONG_PART || (has_digit && part.len() >= SECRET_PART) {
            add(part);
        }
    }
}

/// Users and teams.
fn people(names: &[String], wrong: &mut WrongInputs) -> (Vec<String>, Vec<String>) {
    let (mut users, mut teams) = (Vec::new(), Vec::new());
    for name in names {
        let plain = name.strip_prefix('@').unwrap_or(name);
        let word = |word: &str| {
            !word.is_empty()
                && word.len() <= 100
                && word
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        match plain.split_once('/') {
            None if word(plain) => users.push(plain.to_owned()),
            Some((org, team)) if word(org) && word(team) => teams.push(plain.to_owned()),
            _ => wrong.push(
                "assignees",
                &format!("{name:?}"),
                "logins of users, or `org/team`",
                "write names as they stand in their pages' addresses: `octocat`, `acme/on-call`",
            ),
        }
    }
    (users, teams)
}
