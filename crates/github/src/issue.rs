//! Issues and their comments.
//!
//! Responsible for: reading and writing them, each write once. Not responsible for what an issue says, nor for finding
//! out what became of a write without an answer: the lists here tell.

use http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::{
    Client, GitHubError,
    resource::{Resource, value},
    transport::Method,
};

const READ: &str = "issues: read";
const WRITE: &str = "issues: write";

/// An issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Issue {
    /// Its number within the repository.
    pub number: u64,
    /// Its page.
    #[serde(default)]
    pub html_url: String,
    /// Its text; empty where it has none.
    #[serde(default, deserialize_with = "text")]
    pub body: String,
    /// Whether it is open.
    #[serde(rename = "state", default, deserialize_with = "is_open")]
    pub open: bool,
    /// Who is assigned to it, by login.
    #[serde(default, deserialize_with = "logins")]
    pub assignees: Vec<String>,
    /// Its labels, by name.
    #[serde(default, deserialize_with = "label_names")]
    pub labels: Vec<String>,
    /// Whether it is a pull request: GitHub lists those among the issues.
    #[serde(rename = "pull_request", default, deserialize_with = "is_there")]
    pub is_pull_request: bool,
}

/// A comment on an issue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct IssueComment {
    /// Its id.
    pub id: u64,
    /// Its page.
    #[serde(default)]
    pub html_url: String,
    /// Its text.
    #[serde(default, deserialize_with = "text")]
    pub body: String,
}

/// An issue that is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewIssue {
    /// One line, at most 256 characters.
    pub title: String,
    /// Markdown, at most 65,536 characters.
    pub body: String,
    /// By name; one that the repository does not have is made.
    pub labels: Vec<String>,
    /// Users, by login.
    pub assignees: Vec<String>,
}

/// What became of an issue that was to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssueCreation {
    /// It is there. GitHub drops labels and assignees without a word where the token may not set them.
    Created(Issue),
    /// Something in it is not valid, so that it is not there (422).
    Invalid {
        /// The members that GitHub names: `assignees` where a user cannot be assigned.
        fields: Vec<String>,
        /// GitHub's own words.
        message: String,
    },
}

impl Client {
    /// The open issues and pull requests with the label `label`, oldest first.
    ///
    /// `GET /repos/{owner}/{repo}/issues`
    /// (<https://docs.github.com/rest/issues/issues#list-repository-issues>); `issues: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn open_issues(
        &self,
        owner: &str,
        repo: &str,
        label: &str,
    ) -> Result<Vec<Issue>, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/issues", READ)?;
        let query = format!(
            "state=open&labels={}&sort=created&direction=asc",
            value(label)
        );
        self.array(&what, &query).await
    }

    /// Makes an issue. Sent once: where there is no answer, [`Client::open_issues`] says what came of it.
    ///
    /// `POST /repos/{owner}/{repo}/issues`
    /// (<https://docs.github.com/rest/issues/issues#create-an-issue>); `issues: write`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; [`GitHubError::Gone`] where the repository has issues switched off.
    pub async fn create_issue(
        &self,
        owner: &str,
        repo: &str,
        issue: &NewIssue,
    ) -> Result<IssueCreation, GitHubError> {
        let what = Resource::of_repository(owner, repo, "/issues", WRITE)?;
        let mut body = json!({"title": issue.title, "body": issue.body, "labels": issue.labels});
        if !issue.assignees.is_empty() {
            body["assignees"] = json!(issue.assignees);
        }
        let answer = self.write(Method::Post, &what, Some(&body)).await?;
        match answer.status {
            StatusCode::UNPROCESSABLE_ENTITY => Ok(IssueCreation::Invalid {
                fields: fields(&answer.json().unwrap_or_default()),
                message: self.message(&answer),
            }),
            _ => Ok(IssueCreation::Created(self.written(&what, &answer)?)),
        }
    }

    /// The comments on an issue, oldest first.
    ///
    /// `GET /repos/{owner}/{repo}/issues/{issue_number}/comments`
    /// (<https://docs.github.com/rest/issues/comments#list-issue-comments>); `issues: read`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn issue_comments(
        &self,
        owner: &str,
        repo: &str,
        number: u64,
    ) -> Result<Vec<IssueComment>, GitHubError> {
        let path = format!("/issues/{number}/comments");
        let what = Resource::of_repository(owner, repo, &path, READ)?;
        self.array(&what, "").await
    }

    /// Comments on an issue. Sent once: where there is no answer, [`Client::issue_comments`] says what came of it.
    ///
    /// `POST /repos/{owner}/{repo}/issues/{issue_number}/comments`
    /// (<https://docs.github.com/rest/issues/comments#create-an-issue-comment>); `issues: write`.
    ///
    /// # Errors
    /// All of [`GitHubError`]; [`GitHubError::Invalid`] where GitHub does not take the text.
    pub async fn comment_on_issue(
        &self,
        owner: &str,
        repo: &str,
        number: u64,
        body: &str,
    ) -> Result<IssueComment, GitHubError> {
        let path = format!("/issues/{number}/comments");
        let what = Resource::of_repository(owner, repo, &path, WRITE)?;
        let answer = self
            .write(Method::Post, &what, Some(&json!({"body": body})))
            .await?;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            return Err(GitHubError::Invalid {
                path: what.path().to_owned(),
                fields: fields(&answer.json().unwrap_or_default()),
                message: self.message(&answer),
            });
        }
        self.written(&what, &answer)
    }

    /// Closes an issue as completed. Sent once: where there is no answer, [`Client::open_issues`] says what came of it.
    ///
    /// `PATCH /repos/{owner}/{repo}/issues/{issue_number}`
    /// (<https://docs.github.com/rest/issues/issues#update-an-issue>); `issues: write`.
    ///
    /// # Errors
    /// All of [`GitHubError`].
    pub async fn close_issue(
        &self,
        owner: &str,
        repo: &str,
        number: u64,
    ) -> Result<Issue, GitHubError> {
        let path = format!("/issues/{number}");
        let what = Resource::of_repository(owner, repo, &path, WRITE)?;
        let body = json!({"state": "closed", "state_reason": "completed"});
        let answer = self.write(Method::Patch, &what, Some(&body)).await?;
        self.written(&what, &answer)
    }
}

/// The members that an answer of 422 names
/// (<https://docs.github.com/rest/using-the-rest-api/troubleshooting-the-rest-api#validation-failed>).
fn fields(answer: &Value) -> Vec<String> {
    let errors = answer.get("errors").and_then(Value::as_array);
    let named = errors.into_iter().flatten();
    named
        .filter_map(|error| Some(error.get("field")?.as_str()?.to_owned()))
        .collect()
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

fn is_open<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(deserializer)? == "open")
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(!Value::deserialize(deserializer)?.is_null())
}

fn logins<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let users = Option::<Vec<Value>>::deserialize(deserializer)?;
    Ok(names(users.unwrap_or_default(), "login"))
}

/// GitHub's description lets a label be a text or an object.
fn label_names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let labels = Option::<Vec<Value>>::deserialize(deserializer)?;
    Ok(names(labels.unwrap_or_default(), "name"))
}

fn names(elements: Vec<Value>, member: &str) -> Vec<String> {
    let named = elements.iter().filter_map(|element| {
        let name = element.as_str().or_else(|| element.get(member)?.as_str())?;
        Some(name.to_owned())
    });
    named.collect()
}
