//! The connections that requests go over.
//!
//! A request has a connection to itself: one that hangs delays no other, and one that is given up takes its connection
//! with it. Afterwards the connection is kept for the next request; who asks one thing at a time uses one. A login that
//! outlasts the request that it was for goes on for the next one: a far or busy server must not be left at the door again
//! and again.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use probes::{
    postgres::{Parameter, PostgresError, Session, Settings, TargetSession, login},
    resolver::Resolver,
};
use tokio::{
    sync::{Notify, oneshot},
    time::{Instant, sleep},
};
use tokio_postgres::Row;

/// How many connections are kept while nothing is asked: a read and a send often go side by side.
const KEPT: usize = 2;

/// How many logins are under way at most.
const LOGINS: usize = 4;

/// How long a login may take, as a multiple of the request timeout. Of two servers a dead one takes half of it.
const LONG_LOGIN: u32 = 2;

/// Before a transaction that PostgreSQL set back is tried again; the first time it is tried at once.
const PAUSE: Duration = Duration::from_millis(5);

/// How often a unique key's violation counts as a race that was lost: a serializable transaction may be told of it so.
const COLLISIONS: u32 = 1;

/// One thing to ask.
#[derive(Clone, Copy)]
pub(super) enum Request<'a> {
    /// One statement with parameters.
    Statement(&'a str, &'a [Parameter<'a>]),
    /// Several statements, as one transaction.
    Script(&'a str),
}

/// Connections to one database.
#[derive(Debug)]
pub(super) struct Sessions {
    settings: Settings,
    resolver: OnceLock<Resolver>,
    request_timeout: Duration,
    idle: Mutex<Vec<Session>>,
    /// Told where a login ends that nobody waits for any more.
    arrived: Notify,
    logins: AtomicUsize,
}

impl Sessions {
    /// None yet. Of several servers the one that takes writes is wanted, where the settings do not say otherwise.
    pub(super) fn new(mut settings: Settings, request_timeout: Duration) -> Sessions {
        if settings.target_session == TargetSession::Any {
            settings.target_session = TargetSession::ReadWrite;
        }
        Sessions {
            settings,
            resolver: OnceLock::new(),
            request_timeout,
            idle: Mutex::default(),
            arrived: Notify::new(),
            logins: AtomicUsize::new(0),
        }
    }

    /// A connection of the caller's own.
    pub(super) async fn open(&self) -> Result<Session, PostgresError> {
        let resolver = self.resolver.get_or_init(Resolver::system);
        let deadline = Instant::now() + self.request_timeout * LONG_LOGIN;
        login(resolver, &self.settings, deadline).await
    }

    /// Asks, over a kept connection where there is one. A request may be carried out twice: where a kept connection turns
    /// out to be broken, and where PostgreSQL set the transaction back. Has no end of its own while the latter goes on:
    /// the caller gives it one.
    pub(super) async fn ask(
        self: &Arc<Self>,
        request: Request<'_>,
    ) -> Result<Vec<Row>, PostgresError> {
        let (mut set_back, mut collisions) = (0, 0);
        loop {
            let (session, kept) = match self.take() {
                Some(session) => (session, true),
                None => self.enter().await?,
            };
            let answer = match request {
                Request::Statement(statement, parameters) => {
                    session.rows(statement, parameters).await
                }
                Request::Script(script) => session.script(script).await.map(|()| Vec::new()),
            };
            let error = match answer {
                Ok(rows) => {
                    self.keep(session);
                    return Ok(rows);
                }
                Err(error) => error,
            };
            match After::of(&error) {
                After::Broken if kept => {}
                After::Broken => return Err(error),
                After::SetBack => {
                    self.keep(session);
                    sleep(PAUSE * set_back).await;
                    set_back += 1;
                }
                After::Collided if collisions < COLLISIONS => {
                    self.keep(session);
                    collisions += 1;
                }
                After::Collided | After::Refused => {
                    self.keep(session);
                    return Err(error);
                }
            }
        }
    }

    /// Trusts no kept connection any more: a server that died without a word answers on none of them.
    pub(super) fn forget(&self) {
        self.idle().clear();
    }

    /// A connection by a login of this request's own, or by an earlier one's that ends sooner; which of both counts as kept.
    async fn enter(self: &Arc<Self>) -> Result<(Session, bool), PostgresError> {
        let (answer, mut own) = oneshot::channel();
        let mut waits = self.logins.fetch_add(1, Ordering::Relaxed) < LOGINS;
        let login = Login(Arc::clone(self));
        if waits {
            tokio::spawn(async move {
                let opened = login.0.open().await;
                if let Err(Ok(session)) = answer.send(opened) {
                    login.0.keep(session);
                    login.0.arrived.notify_one();
                }
            });
        }
        loop {
            tokio::select! {
                biased;
                answer = &mut own, if waits => match answer {
                    Ok(opened) => return opened.map(|session| (session, false)),
                    Err(_) => waits = false,
                },
                () = self.arrived.notified() => if let Some(session) = self.take() {
                    return Ok((session, true));
                },
            }
        }
    }

    fn take(&self) -> Option<Session> {
        let mut idle = self.idle();
        idle.retain(Session::is_open);
        idle.pop()
    }

    fn keep(&self, session: Session) {
        let mut idle = self.idle();
        if idle.len() < KEPT && session.is_open() {
            idle.push(session);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A login under way; counted as long as it lives.
struct Login(Arc<Sessions>);

impl Drop for Login {
    fn drop(&mut self) {
        self.0.logins.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What an error means for the connection and the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The connection is of no use any more; another may be.
    Broken,
    /// Not carried out, for what others did at the same moment.
    SetBack,
    /// The same, perhaps.
    Collided,
    /// Not carried out; the connection is as good as before.
    Refused,
}

impl After {
    fn of(error: &PostgresError) -> After {
        match error.sqlstate() {
            // Serialization failure, deadlock (PostgreSQL, appendix A and section 13.5).
            Some("40001" | "40P01") => After::SetBack,
            Some("23505") => After::Collided,
            // The server ends, fails, or takes no writes any more: it may have become a standby. Another leads on.
            Some(code)
                if ["57P", "08", "XX", "58", "25006"]
                    .iter()
                    .any(|class| code.starts_with(class)) =>
            {
                After::Broken
            }
            Some(_) => After::Refused,
            None => After::Broken,
        }
    }
}
