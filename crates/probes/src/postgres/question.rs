//! One question of the caller's own, in a transaction that changes nothing.

use std::{future::poll_fn, pin::pin};

use futures_core::Stream;
use tokio::time::{Duration, Instant, timeout_at};
use tokio_postgres::{Error, SimpleQueryMessage};

use super::{error::PostgresError, login::Session};

/// How long before the caller's deadline the server is told to give up, so that its own word of it still arrives.
const AHEAD: Duration = Duration::from_millis(250);

/// One statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// SQL; one statement.
    pub text: String,
    /// Whether its transaction refuses to write, and is rolled back. Otherwise it is committed.
    pub read_only: bool,
    /// How many rows are counted; a server that sends more is not listened to any longer.
    pub most: u64,
}

/// What it brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The first column of the first row.
    pub first: First,
    /// How many rows came.
    pub rows: u64,
    /// Whether there were more than [`Question::most`].
    pub more: bool,
}

/// The first column of the first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// There is no row, or it has no column.
    Missing,
    /// NULL.
    Null,
    /// As text, in PostgreSQL's own form: a truth value is `t` or `f`.
    Text(String),
}

impl Session {
    /// Asks `question` in a transaction of its own. The server ends the statement itself shortly before `deadline`
    /// (`statement_timeout`), so that nothing goes on there when nobody waits for it here. Both are set for the
    /// transaction alone: a connection pooler between us hands nothing on to others.
    ///
    /// # Errors
    ///
    /// The server says no, or does not answer by `deadline`.
    pub async fn ask(
        &self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Reply, PostgresError> {
        let left = deadline.saturating_duration_since(Instant::now());
        let limit = left.saturating_sub(AHEAD.min(left / 10));
        let access = match question.read_only {
            true => "READ ONLY",
            false => "READ WRITE",
        };
        let begin = format!(
            "BEGIN TRANSACTION {access}; SET LOCAL statement_timeout = {}",
            limit.as_millis().clamp(1, i32::MAX as u128)
        );
        let work = async {
            // Acknowledged before the question is sent: where there is no transaction, nothing is asked.
            self.client.simple_query(&begin).await?;
            let reply = self.answer(question).await?;
            if !reply.more {
                let end = match question.read_only {
                    true => "ROLLBACK",
                    false => "COMMIT",
                };
                self.client.simple_query(end).await?;
            }
            Ok::<_, Error>(reply)
        };
        match timeout_at(deadline, work).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.failed(&error)),
            Err(_) => Err(PostgresError::TimedOut {
                server: self.server().to_owned(),
                waiting_for: "to the query",
            }),
        }
    }

    async fn answer(&self, question: &Question) -> Result<Reply, Error> {
        let mut messages = pin!(self.client.simple_query_raw(&question.text).await?);
        let mut reply = Reply {
            first: First::Missing,
            rows: 0,
            more: false,
        };
        while let Some(message) = poll_fn(|context| messages.as_mut().poll_next(context)).await {
            let SimpleQueryMessage::Row(row) = message? else {
                continue;
            };
            if reply.rows == question.most {
                reply.more = true;
                break;
            }
            if reply.rows == 0 && !row.is_empty() {
                reply.first = match row.try_get(0)? {
                    Some(text) => First::Text(text.to_owned()),
                    None => First::Null,
                };
            }
            reply.rows += 1;
        }
        Ok(reply)
    }
}
