//! From the input `store` to a store.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actions_kit::{GitHubContext, Secret, WrongInputs};
use lease::{
    LockName,
    store::{
        Store, StoreError,
        git::{Credentials, GitOptions, GitRemote, GitStore},
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

const WANTED: &str =
    "`git` (this repository) or `git+<URL>`: git+https://…, git+ssh://…, git+file:///…/x.git";

/// The address as it may be shown. What stands before an `@` may be a password, also where the rest is no URL.
fn shown(text: &str) -> String {
    let clean = actions_kit::without_credentials(text);
    match clean.rsplit_once('@') {
        Some((_, rest)) => format!("***@{rest}"),
        None => clean,
    }
}

/// Where lease and ledger live, checked but not yet asked.
#[derive(Clone, Debug)]
pub struct Place {
    remote: GitRemote,
    credentials: Option<Credentials>,
    scratch: PathBuf,
}

impl Place {
    /// Reads the input. Under act `git` is a bare repository in the runner's tool cache, so that a local trial never
    /// writes to the real one (design §5).
    pub fn read(
        text: &str,
        token: Option<&Secret>,
        context: &GitHubContext,
        wrong: &mut WrongInputs,
    ) -> Option<Place> {
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
            let mend = "begin the address with `git+`, or leave the input out";
            wrong.push("store", &format!("`{shown}`"), WANTED, mend);
            return None;
        };
        match remote {
            Ok(remote) => {
                let credentials = token.map(|t| Credentials::token(t.expose()));
                Some(Place {
                    remote,
                    credentials,
                    scratch,
                })
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

    /// Makes the store ready; talks to a remote one only when it is asked something.
    pub async fn open(
        &self,
        lock: &LockName,
        request_timeout: Duration,
        poll: Duration,
    ) -> Result<Arc<dyn Store>, StoreError> {
        let store = GitStore::open(GitOptions {
            remote: self.remote.clone(),
            lock: lock.clone(),
            credentials: self.credentials.clone(),
            request_timeout,
            poll,
            scratch_parent: self.scratch.clone(),
        })
        .await?;
        Ok(Arc::new(store))
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
        match self.remote.local_path() {
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
        self.remote.place()
    }
}

/// Whether nothing, or an empty folder, is at `path`.
fn is_free(path: &Path) -> bool {
    match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}
