//! One open issue for each lock: a failure opens it or comments on it, a success tells there that it is over.
//!
//! A write is sent once. Where nobody knows what became of it, the issue is read again, twice and some time apart, before
//! it is written again: a person who was not told is worse than one who was told twice (design §11).

use std::time::Duration;

use github::{Client, GitHubError, Issue, IssueCreation, NewIssue, Unknown};
use ledger::Timestamp;

use crate::{News, Pace, Resolved, markdown, retry::Try};

/// What marks an incident for people, and for whom looks for it.
const LABEL: &str = "production-incident";

/// What a job's own token needs.
const WRITE: &str = "issues: write";

/// How often it is looked for what was written, before it is written again.
const LOOKS: u32 = 2;

pub(crate) struct Incident {
    pub(crate) client: Client,
    pub(crate) owner: String,
    pub(crate) repo: String,
    /// Users, without `@`.
    pub(crate) assignees: Vec<String>,
    /// What wakes people, as it stands in front: the mention, every assignee and team.
    pub(crate) front: String,
    pub(crate) close: bool,
    pub(crate) pace: Pace,
}

/// What is known of a write that had no answer.
#[derive(Default)]
pub(crate) struct Unsure {
    looks_left: u32,
    trouble: String,
}

impl Incident {
    pub(crate) async fn tell(&self, news: &News, unsure: &mut Unsure) -> Try {
        let issue = match self.open(&markdown::marker_of(news)).await {
            Ok(issue) => issue,
            Err(error) => return self.failed(error),
        };
        let marker = markdown::alert_marker(&news.key);
        match &issue {
            Some(issue) if issue.body.contains(&marker) => {
                return Try::Told(issue.html_url.clone());
            }
            Some(issue) => match self.said(issue, &marker).await {
                Ok(Some(page)) => return Try::Told(page),
                Ok(None) => {}
                Err(error) => return self.failed(error),
            },
            None => {}
        }
        if let Some(not_yet) = self.look_again(unsure) {
            return not_yet;
        }
        let body = markdown::body(news, &self.front);
        match issue {
            Some(issue) => self.comment(&issue, &body, unsure).await,
            None => self.create(news, body, unsure).await,
        }
    }

    pub(crate) async fn resolve(&self, resolved: &Resolved, unsure: &mut Unsure) -> Try {
        let issue = match self.open(&markdown::incident_marker(&resolved.lock)).await {
            Ok(Some(issue)) => issue,
            Ok(None) => return Try::Told("no issue is open".to_owned()),
            Err(error) => return self.failed(error),
        };
        let marker = markdown::resolved_marker(&resolved.by.deployment);
        let page = match self.said(&issue, &marker).await {
            Ok(Some(page)) => page,
            Ok(None) => {
                if let Some(not_yet) = self.look_again(unsure) {
                    return not_yet;
                }
                let body = markdown::resolved(resolved, self.close);
                match self.comment(&issue, &body, unsure).await {
                    Try::Told(page) => page,
                    other => return other,
                }
            }
            Err(error) => return self.failed(error),
        };
        if !self.close {
            return Try::Told(page);
        }
        // Closing what is closed changes nothing: it needs no second look.
        match self
            .client
            .close_issue(&self.owner, &self.repo, issue.number)
            .await
        {
            Ok(_) => Try::Told(format!("{page}, closed")),
            Err(error) => self.failed(error),
        }
    }

    /// The open issue with `marker`, the oldest.
    async fn open(&self, marker: &str) -> Result<Option<Issue>, GitHubError> {
        let open = self
            .client
            .open_issues(&self.owner, &self.repo, LABEL)
            .await?;
        let mut ours = open
            .into_iter()
            .filter(|issue| !issue.is_pull_request && issue.open && issue.body.contains(marker));
        Ok(ours.next())
    }

    /// The page of the comment that has `marker`.
    async fn said(&self, issue: &Issue, marker: &str) -> Result<Option<String>, GitHubError> {
        let comments = self
            .client
            .issue_comments(&self.owner, &self.repo, issue.number)
            .await?;
        let mut told = comments.into_iter().filter(|one| one.body.contains(marker));
        Ok(told.next().map(|comment| comment.html_url))
    }

    async fn create(&self, news: &News, body: String, unsure: &mut Unsure) -> Try {
        let mut issue = NewIssue {
            title: markdown::title(news),
            body,
            labels: vec![LABEL.to_owned()],
            assignees: self.assignees.clone(),
        };
        let mut assigned = true;
        loop {
            let made = self
                .client
                .create_issue(&self.owner, &self.repo, &issue)
                .await;
            match made {
                Ok(IssueCreation::Created(made)) => {
                    let named = made.assignees.len() >= issue.assignees.len();
                    return Try::Told(seen(&made, assigned && named));
                }
                // It is not there, so this is no second sending of it. They are mentioned in the text.
                Ok(IssueCreation::Invalid { fields, .. })
                    if assigned && fields.iter().any(|field| field.starts_with("assignee")) =>
                {
                    issue.assignees.clear();
                    assigned = false;
                }
                Ok(IssueCreation::Invalid { fields, message }) => {
                    return Try::Never(format!(
                        "GitHub takes no such issue ({}): {message}",
                        fields.join(", ")
                    ));
                }
                Err(error) => return self.unsure(error, unsure),
            }
        }
    }

    async fn comment(&self, issue: &Issue, body: &str, unsure: &mut Unsure) -> Try {
        let made = self
            .client
            .comment_on_issue(&self.owner, &self.repo, issue.number, body)
            .await;
        match made {
            Ok(comment) => Try::Told(comment.html_url),
            Err(error) => self.unsure(error, unsure),
        }
    }

    /// What a failed write came to.
    fn unsure(&self, error: GitHubError, unsure: &mut Unsure) -> Try {
        let nobody_knows = match &error {
            // It was turned away before it was looked at.
            GitHubError::Unknown {
                cause: Unknown::RateLimited { .. },
                ..
            } => false,
            error => error.is_unknown(),
        };
        let told = self.failed(error);
        match told {
            Try::Later { trouble, wait } if nobody_knows => {
                unsure.looks_left = LOOKS;
                unsure.trouble.clone_from(&trouble);
                Try::Later {
                    trouble,
                    wait: wait.max(Some(self.pace.read_back)),
                }
            }
            told => told,
        }
    }

    /// What follows where a write had no answer and is not seen; nothing once it may be sent.
    fn look_again(&self, unsure: &mut Unsure) -> Option<Try> {
        unsure.looks_left = unsure.looks_left.saturating_sub(1);
        (unsure.looks_left > 0).then(|| Try::Later {
            trouble: unsure.trouble.clone(),
            wait: Some(self.pace.read_back),
        })
    }

    /// What time it is at GitHub, in milliseconds since 1970-01-01 UTC.
    fn now(&self) -> u64 {
        let here = chrono::DateTime::from(std::time::SystemTime::now());
        let now = self.client.server_time().unwrap_or(here);
        u64::try_from(now.timestamp_millis()).unwrap_or_default()
    }

    /// How long it is until `at`, in seconds since 1970-01-01 UTC.
    fn until(&self, at: u64) -> Duration {
        Duration::from_millis((at.saturating_mul(1000)).saturating_sub(self.now()))
    }

    fn failed(&self, error: GitHubError) -> Try {
        match &error {
            GitHubError::Unknown { cause, .. } => {
                let wait = match cause {
                    Unknown::RateLimited {
                        retry_after,
                        resets_at,
                        ..
                    } => retry_after.or_else(|| resets_at.map(|at| self.until(at))),
                    _ => None,
                };
                let mut trouble = format!("failed to {error}");
                if let Some(wait) = wait {
                    let ends = Timestamp(self.now() + wait.as_millis() as u64);
                    trouble.push_str(&format!(
                        "; GitHub wants to be left alone until {ends}: give the job a token of its own, or look for what \
                         uses this one up"
                    ));
                }
                Try::Later { trouble, wait }
            }
            GitHubError::Invalid { .. } => Try::Never(format!(
                "failed to {error}; correct the input that it comes from (`mention`, `runbook-url`), or close that issue: \
                 the next failure opens another"
            )),
            GitHubError::Gone { .. } => Try::Never(format!(
                "failed to {error}; switch issues on in the repository's settings, or set `incident-issue: false`"
            )),
            // Reading comes first, and what that needs is not all that is needed.
            GitHubError::Denied { mend, .. } if !mend.contains(WRITE) => Try::Never(format!(
                "failed to {error} (`{WRITE}`, since an issue is to be written), or set `incident-issue: false`"
            )),
            _ => Try::Never(format!("failed to {error}")),
        }
    }
}

fn seen(issue: &Issue, assigned: bool) -> String {
    let mut text = issue.html_url.clone();
    if !assigned {
        text.push_str("; GitHub did not assign all of `assignees`, who are mentioned in it: they need access to the repository");
    }
    if !issue.labels.iter().any(|label| label == LABEL) {
        text.push_str(&format!(
            "; GitHub did not set its label `{LABEL}`, so that the next failure opens another: make the label, and give the \
             token `issues: write`"
        ));
    }
    text
}

/// What stands in front of an issue.
pub(crate) fn front(mention: &str, assignees: &[String], teams: &[String]) -> String {
    let mut words: Vec<String> = Vec::new();
    if !mention.is_empty() {
        words.push(mention.to_owned());
    }
    for name in assignees.iter().chain(teams) {
        let name = format!("@{name}");
        if !words.iter().any(|word| word.split(' ').any(|w| w == name)) {
            words.push(name);
        }
    }
    words.join(" ")
}
