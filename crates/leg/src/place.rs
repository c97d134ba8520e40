//! From the input `store` to a store.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actions_kit::{Environment, GitHubContext, Secret, WrongInputs};
use lease::{
    LockName, Timing,
    store::{
        Store, StoreError,
        git::{Credentials, GitOptions, GitRemote, GitStore},
        postgres::{self, PostgresOptions, PostgresStore},
        redis::{RedisOptions, RedisServer, RedisStore},
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::earlier::STORE_LEFT_OUT;

const WANTED: &str = "`git` (this repository), `git+<URL>` (git+https://…, git+ssh://…, git+file:///…/x.git), \
                      `postgres://…`, `redis://…`, `rediss://…` or `redis-sentinel://…`";

/// The address as it may be shown. What stands before an `@` may be a password, also where the rest is no URL.
fn shown(text: &str) -> String {
    let clean = actions_kit::without_credentials(text);
    match clean.rsplit_once('@') {
        Some((_, rest)) => format!("***@{rest}"),
        None => clean,
    }
}

/// What is seen of a text that names no store, and the mend. Anything of it may be a password, so no more than its scheme is
/// shown, and nothing where it has none.
fn not_a_store(text: &str) -> (String, &'static str) {
    let repository = "begin the address of a repository with `git+`, or leave the input out";
    let Some((scheme, _)) = text.split_once("://") else {
        return (
            "an address without a scheme, which is not shown: a password may be in it".to_owned(),
            "write it as a URL, `postgres://user:password@host/database` for one of PostgreSQL; or leave the input out",
        );
    };
    let known = |scheme: &str| {
        matches!(scheme, "postgres" | "postgresql") || RedisServer::has_scheme(scheme)
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    if !scheme.chars().all(plain) {
        return (
            "an address of no known form, which is not shown".to_owned(),
            repository,
        );
    }
    let mend = match known(&scheme.to_ascii_lowercase()) {
        true => "write what stands before `://` in small letters",
        false => repository,
    };
    (format!("an address that begins with `{scheme}://`"), mend)
}

/// Where lease and ledger live, checked but not yet asked.
#[derive(Clone, Debug)]
pub struct Place(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Git {
        remote: GitRemote,
        credentials: Option<Credentials>,
        scratch: PathBuf,
    },
    Postgres(Box<probes::postgres::Settings>),
    Redis(Box<RedisServer>),
}

impl Place {
    /// Reads the input. Under act `git` is a bare repository in the runner's tool cache, so that a local trial never
    /// writes to the real one (design §5).
    ///
    /// What an earlier step of the job could not leave is told here too: see [`crate::adopt_earlier_step`].
    /// What an address of PostgreSQL leaves out is taken from libpq's variables (`PGPASSWORD`, …) in `environment`.
    pub fn read(
        text: &str,
        token: Option<&Secret>,
        environment: &Environment,
        context: &GitHubContext,
        wrong: &mut WrongInputs,
    ) -> Option<Place> {
        if text == STORE_LEFT_OUT {
            wrong.push(
                "store",
                "nothing, after an earlier baton step of this job with a store whose address holds credentials and is \
                 therefore not kept for later steps",
                "the same store as in that step",
                "set `store` in this step as it is set there, for instance `store: ${{ secrets.BATON_STORE }}`",
            );
            return None;
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme);
        if let Some("postgres" | "postgresql") = scheme {
            let variable = |name: &str| environment.get(name).map(str::to_owned);
            let settings = probes::postgres::Settings::read(text, &[], variable);
            let settings = settings.map(|settings| Kind::Postgres(Box::new(settings)));
            return of_server(settings, "a PostgreSQL connection string", wrong);
        }
        if scheme.is_some_and(RedisServer::has_scheme) {
            let server = RedisServer::parse(text).map(|server| Kind::Redis(Box::new(server)));
            return of_server(server, "a Redis URL", wrong);
        }
        let scratch = context
            .runner_temp
            .clone()
            .unwrap_or_else(std::env::temp_dir);
        let shown = shown(text);
        let remote = if text == "git" && context.is_act {
            let repository = context
                .repository
                .as_ref()
                .map_or_else(|| "local".to_owned(), ToString::to_string);
            let name = format!("{}.git", utf8_percent_encode(&repository, NON_ALPHANUMERIC));
            let cache = context
                .tool_cache
                .clone()
                .unwrap_or_else(std::env::temp_dir);
            GitRemote::local(cache.join("baton").join(name))
        } else if text == "git" {
            let (Some(server), Some(repository)) = (&context.server_url, &context.repository)
            else {
                wrong.push(
                    "store",
                    "`git` outside a run: GITHUB_SERVER_URL or GITHUB_REPOSITORY is unset",
                    WANTED,
                    "at a terminal name the repository, such as `--store git+https://github.com/<owner>/<repo>.git`",
                );
                return None;
            };
            if token.is_none() {
                wrong.push(
                    "github-token",
                    "nothing",
                    "a token that may write the repository's contents",
                    "leave the input at its default and give the job `permissions: contents: write`",
                );
            }
            GitRemote::github(server, &repository.to_string())
        } else if text.starts_with("git+") {
            GitRemote::parse(text)
        } else {
            let (seen, mend) = not_a_store(text);
            wrong.push("store", &seen, WANTED, mend);
            return None;
        };
        match remote {
            Ok(remote) => {
                let credentials = token.map(|t| Credentials::token(t.expose()));
                Some(Place(Kind::Git {
                    remote,
                    credentials,
                    scratch,
                }))
            }
            Err(error) => {
                wrong.push(
                    "store",
                    &format!("`{shown}`, which fails to {error}"),
                    WANTED,
                    "mend the address",
                );
                None
            }
        }
    }

    /// The row of design §4's timing table that such a store has.
    pub fn timing(&self) -> Timing {
        match &self.0 {
            Kind::Git { .. } => Timing::GIT,
            Kind::Postgres(_) | Kind::Redis(_) => Timing::NOTIFIED,
        }
    }

    /// Makes the store ready; talks to a remote one only when it is asked something.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(
        &self,
        lock: &LockName,
        request_timeout: Duration,
        poll: Duration,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let lock = lock.clone();
        Ok(match &self.0 {
            Kind::Git {
                remote,
                credentials,
                scratch,
            } => {
                let options = GitOptions {
                    remote: remote.clone(),
                    lock,
                    credentials: credentials.clone(),
                    request_timeout,
                    poll,
                    scratch_parent: scratch.clone(),
                };
                Arc::new(GitStore::open(options).await?)
            }
            Kind::Postgres(settings) => Arc::new(PostgresStore::new(PostgresOptions {
                settings: (**settings).clone(),
                lock,
                request_timeout,
            })),
            Kind::Redis(server) => Arc::new(RedisStore::new(RedisOptions {
                server: (**server).clone(),
                lock,
                request_timeout,
            })),
        })
    }

    /// [`Place::open`] for one who reads: a repository on disk that is not there is not made, since whoever looks for a
    /// ledger in it was told a wrong address.
    ///
    /// # Errors
    /// [`StoreError::Local`] also where it is not there.
    pub async fn open_to_read(
        &self,
        lock: &LockName,
        request_timeout: Duration,
        poll: Duration,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let on_disk = match &self.0 {
            Kind::Git { remote, .. } => remote.local_path(),
            Kind::Postgres(_) | Kind::Redis(_) => None,
        };
        match on_disk {
            Some(path) if is_free(path) => Err(StoreError::Local {
                place: self.text(),
                detail: "no repository is there, and who only reads makes none: is `store` another than the deploy \
                         step's?"
                    .to_owned(),
            }),
            _ => self.open(lock, request_timeout, poll).await,
        }
    }

    /// For people, without credentials.
    pub fn text(&self) -> String {
        match &self.0 {
            Kind::Git { remote, .. } => remote.place(),
            Kind::Postgres(settings) => postgres::place(settings),
            Kind::Redis(server) => server.place(),
        }
    }
}

/// The server of an address, or what is wrong with it; an error never quotes the address.
fn of_server<E: std::fmt::Display>(
    server: Result<Kind, E>,
    what: &str,
    wrong: &mut WrongInputs,
) -> Option<Place> {
    match server {
        Ok(kind) => Some(Place(kind)),
        Err(error) => {
            wrong.push(
                "store",
                &format!("{what} that cannot be used: failed to {error}"),
                WANTED,
                "mend the address; a password in it is percent-encoded",
            );
            None
        }
    }
}

/// Whether nothing, or an empty folder, is at `path`.
fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
