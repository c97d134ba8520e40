//! News to tell, and channels made of inputs as an action makes them.

use std::time::Duration;

use actions_kit::{Environment, Exit, ExitCode, GitHubContext, Input, Kind, Table, WrongInputs};
use ledger::{AlertKind, AlertState, Channel, Timestamp};
use notify::{Channels, Link, Moment, Named, News, Pace, Resolved, Settings, inputs};
use tokio::time::Instant;

const TOKEN: Input = Input::new("github-token", Kind::Text, "The token").secret();

/// A table with nothing but the alert inputs and a token.
pub(crate) const TABLE: Table = Table {
    action: "alerts",
    about: "tells people",
    modes: &[],
    inputs: &[
        inputs::ALERTMANAGER_URL,
        inputs::ALERTMANAGER_AUTH,
        inputs::WEBHOOK_URL,
        inputs::incident_issue(true),
        inputs::ASSIGNEES,
        inputs::MENTION,
        inputs::CLOSE_INCIDENT,
        inputs::RUNBOOK_URL,
        inputs::ALERT_CA_FILE,
        TOKEN,
    ],
    flags: &[],
    outputs: &[],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "well",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "wrong input",
        },
    ],
};

/// Channels of `variables`; waits are short.
pub(crate) fn channels(variables: &[(&str, &str)]) -> Channels {
    let (channels, wrong) = read(variables);
    assert!(wrong.is_empty(), "{wrong:?}");
    channels
}

/// The same, with an answer that is waited for no longer than `one_try`.
pub(crate) fn impatient(variables: &[(&str, &str)], one_try: Duration) -> Channels {
    read_with(variables, one_try).0
}

/// The same as [`channels`], with what is wrong.
pub(crate) fn read(variables: &[(&str, &str)]) -> (Channels, WrongInputs) {
    read_with(variables, Pace::default().one_try)
}

fn read_with(variables: &[(&str, &str)], one_try: Duration) -> (Channels, WrongInputs) {
    let environment: Environment = variables.iter().copied().collect();
    let (parsed, mut wrong) = TABLE.read(&environment, &[]);
    let context = GitHubContext::read(&environment, &mut wrong);
    let token = parsed.secret("github-token");
    let mut settings = Settings::read(&parsed, token, &context, &mut wrong);
    settings.pace = Pace {
        first_wait: Duration::from_millis(10),
        read_back: Duration::from_millis(10),
        one_try,
    };
    (settings.channels(parsed.redactor()), wrong)
}

/// No issue is wanted.
pub(crate) const NO_ISSUE: (&str, &str) = ("INPUT_INCIDENT_ISSUE", "false");

/// Long enough for everything that is to happen, also on a slow machine.
pub(crate) fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Long enough for some tries and no longer.
pub(crate) fn at_once() -> Instant {
    Instant::now() + Duration::from_millis(300)
}

pub(crate) const LOCK: &str = "acme/shop/production";

/// A failed deployment of run `run`.
pub(crate) fn failed(run: u32) -> News {
    let id = format!("acme/shop/{run}/1");
    News {
        title: "production: the deployment of 1.2.3 failed".to_owned(),
        environment: "production".to_owned(),
        repository: "acme/shop".to_owned(),
        lock: LOCK.to_owned(),
        deployment: id.clone(),
        version: "1.2.3".to_owned(),
        branch: "main".to_owned(),
        workflow: "deploy".to_owned(),
        actor: "octocat".to_owned(),
        outcome: "failed".to_owned(),
        reason: "gates".to_owned(),
        detail: "api answered 503".to_owned(),
        what_now: "run `make back`".to_owned(),
        timeline: vec![Moment {
            at: Timestamp(1_800_000_000_000),
            text: "runner-a claimed it".to_owned(),
        }],
        last_lines: vec!["deploying".to_owned(), "done".to_owned()],
        runners: vec![named("runner-a", "primary, disk 91 %")],
        failed_checks: vec![named("runner.disk", "3 GB free")],
        failed_gates: vec![named("api", "503 Service Unavailable")],
        links: vec![Link {
            name: "the run".to_owned(),
            url: format!("https://github.example/acme/shop/actions/runs/{run}"),
        }],
        runbook: "https://wiki.example/runbook".to_owned(),
        started_at: Some(Timestamp(1_700_000_000_000)),
        ..News::new(AlertKind::DeploymentFailed, id)
    }
}

/// That the failure of run `run` is over because of run `by`.
pub(crate) fn over(run: u32, by: u32) -> Resolved {
    let news = failed(run);
    let alert = AlertState {
        key: news.key,
        kind: news.kind,
        deployment: news.deployment,
        at: Timestamp(1_700_000_000_000),
        instance: "i".to_owned(),
        claim: 1,
        sent: true,
        resolved: false,
    };
    let success = News {
        outcome: "succeeded".to_owned(),
        ..failed(by)
    };
    Resolved::new(&alert, LOCK, success)
}

fn named(name: &str, seen: &str) -> Named {
    Named {
        name: name.to_owned(),
        seen: seen.to_owned(),
    }
}

/// The only channel there is.
pub(crate) fn only(channels: Vec<Channel>) -> Channel {
    let [channel] = <[Channel; 1]>::try_from(channels).unwrap();
    channel
}
