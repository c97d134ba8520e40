//! `runner.registration`: whether GitHub knows this runner, as online and with the wanted labels.

use github::{Client, GitHubError, Runner, RunnerStatus};

use super::unanswered::unanswered;
use crate::Finding;

/// `runner.registration`: whether the runner `name` is online in GitHub and has all of `labels`, compared without regard
/// to case. The repository's runners first, then the organisation's: at most 2 requests.
///
/// `admin` needs a token that may list runners, which a job's own may not (design §11). What GitHub says of a runner's
/// state lies both ways (design §1): this tells a mistaken registration, not a dead machine.
pub async fn registered(
    admin: &Client,
    owner: &str,
    repo: &str,
    name: &str,
    labels: &[String],
) -> Finding {
    let wanted = if labels.is_empty() {
        "registered and online".to_owned()
    } else {
        format!("registered and online, labelled {}", labels.join(", "))
    };
    let own = match admin.repository_runners(owner, repo, Some(name)).await {
        Ok(runners) => find(runners, name),
        Err(error) => return unanswered(&error, wanted),
    };
    let (runner, place) = match own {
        Some(runner) => (Some(runner), "the repository"),
        None => match admin.organisation_runners(owner, Some(name)).await {
            Ok(runners) => (find(runners, name), "the organisation"),
            // The owner is a person, or an organisation whose runners this token may not see.
            Err(error @ GitHubError::NotFound { .. }) => {
                let mut finding = unanswered(&error, wanted);
                finding.seen = format!("not among the repository's runners; {}", finding.seen);
                return finding;
            }
            Err(error) => return unanswered(&error, wanted),
        },
    };
    let Some(runner) = runner else {
        return Finding::fail(
            format!("{name} is a runner neither of the repository nor of its organisation"),
            wanted,
            "register the runner again (`config.sh`), under this name",
        );
    };
    judged(&runner, place, labels, wanted)
}

/// The one of this name; of several the one that is online.
fn find(runners: Vec<Runner>, name: &str) -> Option<Runner> {
    runners
        .into_iter()
        .filter(|runner| runner.name.eq_ignore_ascii_case(name))
        .max_by_key(|runner| runner.status == RunnerStatus::Online)
}

fn judged(runner: &Runner, place: &str, labels: &[String], wanted: String) -> Finding {
    let has = runner.labels.join(", ");
    let lacks = runner.lacks(labels);
    if runner.status == RunnerStatus::Offline {
        return Finding::fail(
            format!("a runner of {place}, offline in GitHub's view, labelled {has}"),
            wanted,
            "look at the runner's connection to GitHub, and at a second runner of the same name",
        );
    }
    if !lacks.is_empty() {
        return Finding::fail(
            format!(
                "a runner of {place}, without {}, labelled {has}",
                lacks.join(", ")
            ),
            wanted,
            format!(
                "add {} to the runner in the settings of {place}",
                lacks.join(", ")
            ),
        );
    }
    if runner.status == RunnerStatus::Unknown {
        return Finding::unknown(
            format!("a runner of {place}, in a state that is new to this version"),
            wanted,
            "look at the runner's page in GitHub",
        );
    }
    Finding::pass(
        format!("online, a runner of {place}, labelled {has}"),
        wanted,
    )
}
