//! `secrets.present` and `secrets.age`: that every secret is handed to the step, and was changed not too long ago.
//! Neither sees a value: the one is told whether there is one, the other asks GitHub for dates.

use github::{Client, GitHubError, Secret};

use super::unanswered;
use crate::{Finding, Part, Status};

const DAY: i64 = 24 * 60 * 60;

/// Whether a variable of the step holds something. Never what, nor how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSeen {
    /// It does.
    Set,
    /// It is set, and empty: what GitHub makes of a secret that is not there for the job.
    Empty,
    /// There is no such variable.
    Missing,
}

/// `secrets.present`: whether each of `names` is set for this step.
pub fn present(names: &[String], lookup: impl Fn(&str) -> SecretSeen) -> Finding {
    let parts: Vec<Part> = names
        .iter()
        .map(|name| {
            let line = format!("`{name}: ${{{{ secrets.{name} }}}}`");
            let (status, seen, mend) = match lookup(name) {
                SecretSeen::Set => (Status::Pass, "set", String::new()),
                SecretSeen::Empty => (
                    Status::Fail,
                    "set, but empty: GitHub has no such secret for this job",
                    format!(
                        "create {name} in the environment that the job names, or in the repository, and look that \
                         the step's `env:` says {line}; an environment's secret needs `environment:` in the job"
                    ),
                ),
                SecretSeen::Missing => (
                    Status::Fail,
                    "not set",
                    format!("put the line {line} under the step's `env:`"),
                ),
            };
            Part {
                subject: name.clone(),
                status,
                seen: seen.to_owned(),
                mend,
            }
        })
        .collect();
    let missing = parts.iter().filter(|p| p.status != Status::Pass).count();
    let wanted = "every named secret is handed to this step and not empty";
    let finding = if missing == 0 {
        Finding::pass(format!("all {} are set", parts.len()), wanted)
    } else {
        Finding::fail(
            format!("{missing} of {} are not there", parts.len()),
            wanted,
            "hand each secret to this step under `env:`, and create it in the environment or the repository",
        )
    };
    finding.counted(parts)
}

/// Where a secret is kept: an environment's wins over the repository's, and that over the organisation's
/// (<https://docs.github.com/actions/concepts/security/secrets>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Environment,
    Repository,
    Organisation,
}

/// `secrets.age`: how long ago each of `names` was last changed, by GitHub's own clock, and whether that is more than
/// `max_days` days. At most 3 requests; the organisation is asked only while a name is missing.
///
/// `client` needs a token that may list secrets, which a job's own may not (design §11).
pub async fn age(
    client: &Client,
    owner: &str,
    repo: &str,
    environment: &str,
    names: &[String],
    max_days: u32,
) -> Finding {
    let wanted = format!("changed within {max_days} days");
    let mut found: Vec<Option<(Secret, Level)>> = vec![None; names.len()];
    let mut stopped: Option<GitHubError> = None;
    for level in [Level::Environment, Level::Repository, Level::Organisation] {
        if found.iter().all(Option::is_some) {
            break;
        }
        let listed = match level {
            Level::Environment => client.environment_secrets(owner, repo, environment).await,
            Level::Repository => client.repository_secrets(owner, repo).await,
            Level::Organisation => client.organisation_secrets(owner, repo).await,
        };
        match listed {
            Ok(secrets) => take(&mut found, names, &secrets, level),
            // The environment of a deployment need not be one of GitHub's.
            Err(GitHubError::NotFound { .. }) if level == Level::Environment => {}
            // What wins could not be asked for: what is kept below it decides nothing.
            Err(error) => {
                stopped = Some(error);
                break;
            }
        }
    }
    let now = client.server_time();
    let parts: Vec<Part> = names
        .iter()
        .zip(&found)
        .map(|(name, found)| {
            let (status, seen) = match (found, &stopped) {
                (Some((secret, level)), _) => {
                    let at = place(*level, environment);
                    judged(secret, &at, now.map(|now| now.timestamp()), max_days)
                }
                (None, Some(error)) => (Status::Unknown, format!("failed to {error}")),
                (None, None) => (
                    Status::Unknown,
                    "GitHub has no secret of this name for the repository: it has another name there, or comes from \
                     elsewhere"
                        .to_owned(),
                ),
            };
            let mend = match (status, &stopped) {
                (Status::Fail, _) => format!("rotate {name}, and store the new value in GitHub"),
                (Status::Unknown, Some(error)) => unanswered::mend(error),
                (Status::Unknown, None) => {
                    format!("name it in GitHub as the step's variable is named, or take {name} out of `checks`' reach")
                }
                _ => String::new(),
            };
            Part {
                subject: name.clone(),
                status,
                seen,
                mend,
            }
        })
        .collect();
    summed(parts, wanted, stopped.as_ref())
}

/// Fills in what is found at `level` and was not found above it. GitHub's names do not know case.
fn take(found: &mut [Option<(Secret, Level)>], names: &[String], secrets: &[Secret], level: Level) {
    for (name, slot) in names.iter().zip(found) {
        if slot.is_none() {
            let here = secrets.iter().find(|s| s.name.eq_ignore_ascii_case(name));
            *slot = here.map(|secret| (secret.clone(), level));
        }
    }
}

fn place(level: Level, environment: &str) -> String {
    match level {
        Level::Environment => format!("environment {environment}"),
        Level::Repository => "repository".to_owned(),
        Level::Organisation => "organisation".to_owned(),
    }
}

fn judged(secret: &Secret, place: &str, now: Option<i64>, max_days: u32) -> (Status, String) {
    let changed = secret.updated_at.or(secret.created_at);
    let (Some(changed), Some(now)) = (changed, now) else {
        return (
            Status::Unknown,
            format!("GitHub does not say when it was changed, or what time it is ({place})"),
        );
    };
    let age = now - changed.timestamp();
    let seen = format!(
        "{} days old, changed {} ({place})",
        age.div_euclid(DAY).max(0),
        changed.date_naive()
    );
    if age > i64::from(max_days) * DAY {
        (Status::Fail, seen)
    } else {
        (Status::Pass, seen)
    }
}

fn summed(parts: Vec<Part>, wanted: String, stopped: Option<&GitHubError>) -> Finding {
    let count = |status: Status| parts.iter().filter(|p| p.status == status).count();
    let (old, unknown, all) = (count(Status::Fail), count(Status::Unknown), parts.len());
    let finding = match (old, unknown) {
        (0, 0) => Finding::pass(format!("all {all} are young enough"), wanted),
        (0, _) => Finding::unknown(
            format!("the age of {unknown} of {all} is not known"),
            wanted,
            stopped.map_or_else(
                || "give the secrets in GitHub the names that the step's `env:` has".to_owned(),
                unanswered::mend,
            ),
        ),
        _ => Finding::fail(
            match unknown {
                0 => format!("{old} of {all} are too old"),
                _ => format!("{old} of {all} are too old, the age of {unknown} is not known"),
            },
            wanted,
            "rotate the secret, and store the new value in GitHub",
        ),
    };
    finding.counted(parts)
}
