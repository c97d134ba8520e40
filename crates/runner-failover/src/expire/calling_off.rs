//! Cancelling one run, once, and reading back what came of it (design §11: a write is never repeated blindly).

use std::time::Duration;

use github::{Cancel, Conclusion, GitHubError, Run, Status};
use tokio::time::{Instant, sleep};

use super::{Fate, Task};

/// From one look at a cancelled run to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Task<'_> {
    /// Cancels the run unless somebody has decided on it in the meantime.
    ///
    /// # Errors
    /// GitHub's, of the looks before the write. Once the write is sent every end is a [`Fate`].
    pub(super) async fn cancel(&self, id: u64, end_within: Duration) -> Result<Fate, GitHubError> {
        let (owner, repo) = (&self.mode.repository.owner, &self.mode.repository.name);
        // Between the first look and this one lie the looks at other runs, and their ends.
        let run = self.client.run(owner, repo, id).await?;
        let pending = self.client.pending_deployments(owner, repo, id).await?;
        if run.status != Status::Waiting || self.wait(&pending).is_none() {
            return Ok(Fate::Kept("somebody decided in the meantime".to_owned()));
        }
        let sent = self.client.cancel_run(owner, repo, id).await;
        let refused = match sent {
            Ok(Cancel::Accepted) => None,
            Ok(Cancel::Conflict { message }) => Some(Fate::Failed(message)),
            Err(error) if error.is_unknown() => Some(Fate::Unclear(format!("failed to {error}"))),
            // Nothing has happened, and GitHub's own words name the permission.
            Err(error) => return Ok(Fate::Failed(format!("failed to {error}"))),
        };
        let ended = self.end(id, end_within).await;
        Ok(match (ended, refused) {
            (Some(run), _) if run.conclusion == Some(Conclusion::Cancelled) => Fate::Cancelled,
            (Some(_), _) => Fate::Kept("it ended by itself in the meantime".to_owned()),
            // Taken on by GitHub, which takes its time.
            (None, None) => Fate::Cancelled,
            (None, Some(refused)) => refused,
        })
    }

    /// The run, where it ends in time. A look that gets no answer is no look.
    async fn end(&self, id: u64, within: Duration) -> Option<Run> {
        let (owner, repo) = (&self.mode.repository.owner, &self.mode.repository.name);
        let until = Instant::now() + within;
        loop {
            if let Ok(run) = self.client.run(owner, repo, id).await
                && run.status == Status::Completed
            {
                return Some(run);
            }
            if Instant::now() + LOOK_EVERY > until {
                return None;
            }
            sleep(LOOK_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use actions_kit::context::Repository;
    use github::{Client, ClientOptions, Token};
    use serde_json::json;
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path},
    };

    use super::*;
    use crate::config::ExpireMode;

    /// What comes of a run that goes on waiting after a cancel with this answer, where nobody waits for its end.
    async fn cancelled_in_vain(answer: ResponseTemplate) -> Fate {
        let server = MockServer::start().await;
        let pending = json!([{
            "environment": {"name": "production"},
            "reviewers": [{"type": "User", "reviewer": {"login": "mona"}}],
        }]);
        let run = json!({"id": 1, "run_number": 1, "status": "waiting"});
        for (at, body) in [("", run), ("/pending_deployments", pending)] {
            Mock::given(method("GET"))
                .and(path(format!("/repos/o/r/actions/runs/1{at}")))
                .respond_with(ResponseTemplate::new(200).set_body_json(body))
                .mount(&server)
                .await;
        }
        Mock::given(method("POST"))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
        let mode = ExpireMode {
            api_url: server.uri(),
            repository: Repository {
                owner: "o".to_owned(),
                name: "r".to_owned(),
            },
            token: Token::new("ghs_test").unwrap(),
            max_wait: Duration::from_secs(60),
            dry_run: false,
        };
        let options = ClientOptions::new(&mode.api_url, mode.token.clone());
        let task = Task {
            client: Client::new(options).unwrap(),
            mode: &mode,
            environment: "production",
            own_run: None,
        };
        task.cancel(1, Duration::ZERO).await.unwrap()
    }

    #[tokio::test]
    async fn a_cancel_that_github_has_taken_on_need_not_be_over() {
        let fate = cancelled_in_vain(ResponseTemplate::new(202)).await;
        assert_eq!(fate, Fate::Cancelled);
    }

    #[tokio::test]
    async fn a_cancel_without_answer_or_effect_is_unclear_and_a_refused_one_failed() {
        let fate = cancelled_in_vain(ResponseTemplate::new(502)).await;
        assert!(matches!(fate, Fate::Unclear(_)), "{fate:?}");
        let body = json!({"message": "Cannot cancel it now."});
        let fate = cancelled_in_vain(ResponseTemplate::new(409).set_body_json(body)).await;
        assert_eq!(fate, Fate::Failed("Cannot cancel it now.".to_owned()));
    }
}
