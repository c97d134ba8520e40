//! `environment.approval`: who let this run into the environment, when, and how long it waited.

use std::time::Duration;

use chrono::{DateTime, Utc};
use github::{Client, Deployment, Environment, GitHubError, ProtectionRule, ReviewState, Reviewer};

use super::unanswered::unanswered;
use crate::Finding;

/// One review of this run for the environment: what the audit trail keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Who, by login; empty for an account that is gone.
    pub user: String,
    /// What was said.
    pub state: ReviewState,
    /// The words that came with it; may be empty.
    pub comment: String,
    /// When, at the latest. GitHub keeps no time with a review; this is when the deployment that asked for it last
    /// changed its state.
    pub at: Option<DateTime<Utc>>,
    /// How long the run waited, at most: from when the deployment was asked for to [`Approval::at`].
    pub waited: Option<Duration>,
}

/// Which run, for which environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The repository's owner.
    pub owner: &'a str,
    /// The repository's name.
    pub repo: &'a str,
    /// `GITHUB_RUN_ID`.
    pub run_id: u64,
    /// The environment whose reviewers had to approve.
    pub environment: &'a str,
    /// `GITHUB_SHA`, to learn the time of an approval with one request more; nothing where that is not worth it.
    pub sha: Option<&'a str>,
}

/// `environment.approval`: whether this run was approved for the environment, and the reviews. At most 2 requests.
///
/// An environment that nobody has to approve is `warn`; a rejection and a missing approval are `fail`.
pub async fn approval(client: &Client, asked: Asked<'_>) -> (Finding, Vec<Approval>) {
    let environment = asked.environment;
    let wanted = format!("approved for {environment}");
    let reviews = match client.reviews(asked.owner, asked.repo, asked.run_id).await {
        Ok(reviews) => reviews,
        Err(error) => return (unanswered(&error, wanted), Vec::new()),
    };
    let mut facts: Vec<Approval> = reviews
        .into_iter()
        // GitHub's names of environments do not know case.
        .filter(|review| {
            review
                .environments
                .iter()
                .any(|name| name.eq_ignore_ascii_case(environment))
        })
        .map(|review| Approval {
            user: review.user,
            state: review.state,
            comment: review.comment,
            at: None,
            waited: None,
        })
        .collect();
    let (approved, rejected) = (
        by(&facts, ReviewState::Approved),
        by(&facts, ReviewState::Rejected),
    );
    if approved.is_empty() && !rejected.is_empty() {
        let finding = Finding::fail(
            format!("rejected by {}", rejected.join(", ")),
            wanted,
            "speak with who rejected it, and run the workflow again",
        );
        return (finding, facts);
    }
    if approved.is_empty() {
        let rules = client
            .environment(asked.owner, asked.repo, environment)
            .await;
        return (without_approval(rules, environment, wanted), facts);
    }
    let when = time(client, asked, &mut facts).await;
    let by_whom = format!("approved by {}{when}", approved.join(", "));
    let finding = if rejected.is_empty() {
        Finding::pass(by_whom, wanted)
    } else {
        // The reviews of all attempts of a run stand side by side, without a time.
        Finding::warn(
            format!(
                "{by_whom}, and rejected by {}: GitHub does not say which came last",
                rejected.join(", ")
            ),
            wanted,
            "look at the reviews of the run's attempts; a fresh run has reviews of its own",
        )
    };
    (finding, facts)
}

fn by(facts: &[Approval], state: ReviewState) -> Vec<String> {
    facts
        .iter()
        .filter(|fact| fact.state == state)
        .map(|fact| match fact.user.as_str() {
            "" => "an account that is gone".to_owned(),
            user => user.to_owned(),
        })
        .collect()
}

/// Fills in the times of the approvals; gives the words for the finding. A question that fails leaves them out.
async fn time(client: &Client, asked: Asked<'_>, facts: &mut [Approval]) -> String {
    let Some(sha) = asked.sha else {
        return String::new();
    };
    let deployments = client
        .deployments(asked.owner, asked.repo, asked.environment, sha)
        .await;
    let newest = match &deployments {
        Ok(deployments) => deployments.first(),
        Err(error) => return format!(" (when is not known: failed to {error})"),
    };
    let Some(Deployment {
        created_at: Some(created),
        updated_at: Some(updated),
        ..
    }) = newest
    else {
        return " (when is not known: GitHub has no deployment of this commit to it)".to_owned();
    };
    let waited = (*updated - *created).to_std().unwrap_or_default();
    for fact in facts
        .iter_mut()
        .filter(|f| f.state == ReviewState::Approved)
    {
        fact.at = Some(*updated);
        fact.waited = Some(waited);
    }
    format!(
        ", by {} at the latest, after at most {}",
        updated.format("%Y-%m-%d %H:%M:%S UTC"),
        humantime::format_duration(Duration::from_secs(waited.as_secs()))
    )
}

fn without_approval(
    environment: Result<Environment, GitHubError>,
    name: &str,
    wanted: String,
) -> Finding {
    let environment = match environment {
        Ok(environment) => environment,
        Err(error) => return unanswered(&error, wanted),
    };
    let reviewers: Vec<String> = environment
        .protection_rules
        .iter()
        .filter_map(|rule| match rule {
            ProtectionRule::RequiredReviewers { reviewers, .. } => Some(reviewers),
            _ => None,
        })
        .flatten()
        .map(|reviewer| match reviewer {
            Reviewer::User(login) => login.clone(),
            Reviewer::Team(slug) => format!("team {slug}"),
            Reviewer::Unknown => "somebody else".to_owned(),
        })
        .collect();
    if reviewers.is_empty() {
        return Finding::warn(
            format!("nobody has to approve {name}: it has no required reviewers"),
            wanted,
            "add required reviewers to the environment, or leave the check out",
        );
    }
    Finding::fail(
        format!("nobody has approved it yet; {} may", reviewers.join(", ")),
        wanted,
        "approve it on the run's page; a job that names the environment has to stand before this one",
    )
}
