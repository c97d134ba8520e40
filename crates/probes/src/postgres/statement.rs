//! Statements with parameters, and notifications, for whoever keeps a connection.

use tokio::sync::watch;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{error::PostgresError, login::Session};

/// A statement's parameter and its type.
pub type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

impl Session {
    /// Whether the connection stands, as far as is known here: a server that died without a word is not noticed.
    pub fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Runs one statement in one round trip, in a transaction of its own that is committed when this returns. The
    /// statement has no name, so that a pooler that changes servers between transactions may stand in between; its columns
    /// must be of PostgreSQL's own types. Takes as long as the server does: a caller that gives up drops the session too,
    /// since the next answer would come behind this one.
    ///
    /// # Errors
    ///
    /// The server says no, or the connection breaks; then it may have been carried out.
    pub async fn rows(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<Row>, PostgresError> {
        self.spent.renew();
        let answer = self.client.query_typed(statement, parameters).await;
        answer.map_err(|error| self.failed(&error))
    }

    /// Runs several statements, without parameters, as one transaction.
    ///
    /// # Errors
    ///
    /// As for [`Session::rows`].
    pub async fn script(&self, statements: &str) -> Result<(), PostgresError> {
        self.spent.renew();
        let answer = self.client.batch_execute(statements).await;
        answer.map_err(|error| self.failed(&error))
    }

    /// Listens on `channel`, and counts the notifications that arrive from now on. The receiver is
    /// [closed](watch::Receiver::changed) when the connection ends.
    ///
    /// # Errors
    ///
    /// As for [`Session::rows`].
    pub async fn listen(&self, channel: &str) -> Result<watch::Receiver<u64>, PostgresError> {
        let quoted = channel.replace('"', "\"\"");
        self.script(&format!("LISTEN \"{quoted}\"")).await?;
        Ok(self.notified.clone())
    }
}
