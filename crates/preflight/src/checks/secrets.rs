//! `secrets.present` and `secrets.age`: that every secret is handed to the step, and was changed not too long ago.
//! Neither sees a value: the one is told whether there is one, the other asks GitHub for dates.

use chrono::{DateTime, Utc};
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
    /// It is set, and holds nothing but white space.
    Blank,
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
                SecretSeen::Blank => (
                    Status::Fail,
                    "set, but only white space",
                    format!("store the value of {name} in GitHub anew: what is there holds no visible character"),
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
            let (status, seen, mend) = match (found, &stopped) {
                (Some((secret, level)), _) => {
                    let at = place(*level, environment);
                    judged(secret, &at, now.map(|now| now.timestamp()), max_days)
                }
                (None, Some(error)) => (
                    Status::Unknown,
                    format!("failed to {error}"),
                    unanswered::mend(error),
                ),
                (None, None) => (
                    Status::Unknown,
                    "GitHub has no secret of this name for the repository: it has another name there, or comes from \
                     elsewhere"
                        .to_owned(),
                    format!("name it in GitHub as the step's variable is named, or take {name} out of `checks`' reach"),
                ),
            };
            Part {
                subject: name.clone(),
                status,
                seen,
                mend,
            }
        })
        .collect();
    summed(parts, wanted)
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

/// Whole days are compared, as they are told: one that is 90 days and an hour old is 90 days old.
fn judged(
    secret: &Secret,
    place: &str,
    now: Option<i64>,
    max_days: u32,
) -> (Status, String, String) {
    let name = &secret.name;
    // When it was first set says only that it is no older.
    let no_older = |created: &DateTime<Utc>| {
        now.is_some_and(|now| (now - created.timestamp()).div_euclid(DAY) <= i64::from(max_days))
    };
    let changed = secret.updated_at.or(secret.created_at.filter(no_older));
    let Some(changed) = changed else {
        return (
            Status::Unknown,
            format!("GitHub gives no date that can be read ({place})"),
            format!(
                "look at {name} in GitHub's settings, and store it anew where it has no date there"
            ),
        );
    };
    let Some(now) = now else {
        return (
            Status::Unknown,
            format!("GitHub does not say what time it is ({place})"),
            "look at the proxy between here and GitHub: its answers have no `Date`".to_owned(),
        );
    };
    let date = changed.date_naive();
    let days = (now - changed.timestamp()).div_euclid(DAY);
    // Up to a day is what two clocks may differ by.
    if days < -1 {
        return (
            Status::Unknown,
            format!("changed {date}, which is in the future ({place})"),
            format!(
                "look at the clock of the server, and store {name} anew where its date stays wrong"
            ),
        );
    }
    let days = days.max(0);
    let of = if days == 1 { "day" } else { "days" };
    let seen = format!("{days} {of} old, changed {date} ({place})");
    if days > i64::from(max_days) {
        let mend = format!("rotate {name}, and store the new value in GitHub");
        (Status::Fail, seen, mend)
    } else {
        (Status::Pass, seen, String::new())
    }
}

fn summed(parts: Vec<Part>, wanted: String) -> Finding {
    let count = |status: Status| parts.iter().filter(|p| p.status == status).count();
    let (old, unknown, all) = (count(Status::Fail), count(Status::Unknown), parts.len());
    let are = if old == 1 { "is" } else { "are" };
    let finding = match (old, unknown) {
        (0, 0) => Finding::pass(format!("all {all} are young enough"), wanted),
        (0, _) => Finding::unknown(
            format!("the age of {unknown} of {all} is not known"),
            wanted,
            parts
                .iter()
                .find(|part| part.status == Status::Unknown)
                .map(|part| part.mend.clone())
                .unwrap_or_default(),
        ),
        _ => Finding::fail(
            match unknown {
                0 => format!("{old} of {all} {are} too old"),
                _ => format!("{old} of {all} {are} too old, the age of {unknown} is not known"),
            },
            wanted,
            "rotate the secret, and store the new value in GitHub",
        ),
    };
    finding.counted(parts)
}
