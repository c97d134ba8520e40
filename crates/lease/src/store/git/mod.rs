//! The git store (design §5): lease and ledger as two refs of a repository, swapped by an atomic push that the server
//! itself compares with what is there.
//!
//! Responsible for: how records and entries become commits, how the system's `git` is run so that it never asks, never
//! outlives its time and never shows the token, and what its answers mean.
//!
//! Not responsible for: which writes are made (the protocol), and which token is used (the binaries).
//!
//! **What a repository on disk does not promise.** Git moves two refs of one push one after the other. A reader can see
//! the moment between: such a read is recognised by what each part says it replaced, and repeated. A receiving git that
//! is killed between the two leaves half a swap. Each half carries the other, and whoever reads it completes it (the
//! `torn` module); a push that we give up ourselves is never cut off there (the `command` module). What remains: an
//! append by somebody who read before such a kill, and whose push arrives before the next read, goes over the missing
//! half where the killed git left no lock file. The ledger then lacks the entries of that swap; no fencing token is
//! ever given twice by it.

mod batch;
mod command;
mod credentials;
mod failure;
mod fetch;
mod heads;
mod history;
mod layout;
mod local;
mod objects;
mod push;
mod remote;
mod scratch;
mod torn;

use std::{
    collections::VecDeque,
    path::PathBuf,
    sync::{Arc, Mutex as SyncMutex},
    time::Duration,
};

use ledger::Entry;
use tokio::{
    sync::{Mutex, OnceCell},
    time::{Instant, sleep_until, timeout},
};

use self::{
    command::Git,
    failure::Judge,
    fetch::{Reader, Seen},
    objects::Commits,
    push::{Refs, Verdict},
    remote::Kind,
    scratch::Scratch,
    torn::Completion,
};
use crate::{
    LockName,
    store::{History, Snapshot, Store, StoreError, StoreFuture, Swap, Version, Write},
};

pub use credentials::Credentials;
pub use remote::{GitRemote, GitRemoteError};

/// The oldest git that has all that is used here: `GIT_CONFIG_COUNT` and `fetch --atomic` came with 2.31.
const OLDEST: (u32, u32) = (2, 31);

/// How long opening and reading history may take, as a multiple of the request timeout: they take several requests, and
/// no renewal waits for them.
const LONG_REQUEST: u32 = 10;

/// How long cleaning up may take.
const TIDY: Duration = Duration::from_secs(60);

/// How often one read completes half a swap: the second time for what stood behind a dead git's lock file.
const COMPLETIONS: usize = 2;

/// How many writes' commits are remembered. A resend comes within seconds of the send.
const WRITES_KEPT: usize = 8;

/// Where and how a git store is opened.
#[derive(Clone, Debug)]
pub struct GitOptions {
    /// The repository.
    pub remote: GitRemote,
    /// What is locked.
    pub lock: LockName,
    /// For HTTP; those of the remote's URL come first.
    pub credentials: Option<Credentials>,
    /// How long a read or a send may take.
    pub request_timeout: Duration,
    /// From the send of one read to the send of the next, while waiting.
    pub poll: Duration,
    /// A folder of this host for the scratch repository; it may be shared with other processes.
    pub scratch_parent: PathBuf,
}

/// A [`Store`] in a git repository.
pub struct GitStore {
    remote: GitRemote,
    /// The remote as git's argument.
    url: String,
    lock: LockName,
    refs: Refs,
    git: Git,
    judge: Judge,
    request_timeout: Duration,
    poll: Duration,
    scratch: Scratch,
    /// The repository, where it is on this disk and the scratch repository borrows its objects.
    on_disk: Option<PathBuf>,
    reader: Mutex<Reader>,
    /// When the last read was sent.
    read_at: SyncMutex<Option<Instant>>,
    history: Mutex<()>,
    completing: Mutex<()>,
    making: Mutex<()>,
    made: SyncMutex<VecDeque<(Arc<Write>, MadeOnce)>>,
}

/// The commits of a write that may be sent several times at once, and must be made once.
type MadeOnce = Arc<OnceCell<Commits>>;

impl GitStore {
    /// Checks that git is there, makes a repository on disk when it is absent, and makes the scratch repository.
    ///
    /// The remote is not asked yet: a server that is away for a moment must not end a candidate at its start.
    ///
    /// # Errors
    /// [`StoreError::Local`] where git, the repository on disk or the scratch folder cannot be used.
    pub async fn open(options: GitOptions) -> Result<Self, StoreError> {
        let GitOptions {
            remote,
            lock,
            credentials,
            request_timeout,
            poll,
            scratch_parent,
        } = options;
        let credentials = remote.credentials.clone().or(credentials);
        let git = Git::new(&remote.kind, credentials.as_ref());
        let judge = Judge::new(&remote, credentials);
        let patience = request_timeout * LONG_REQUEST;
        let open = async {
            // Side by side: both are needed in the end, and an old git says so whatever came of the folder.
            let (version, scratch) = tokio::join!(
                check_version(&git, &judge),
                Scratch::new(&scratch_parent, &git, &judge)
            );
            version?;
            let scratch = scratch?;
            let mut on_disk = None;
            if let Kind::Local(path) = &remote.kind {
                local::make_when_absent(path, &git, &judge).await?;
                on_disk = scratch.borrow(path).then(|| path.clone());
            }
            Ok((scratch, on_disk))
        };
        let (scratch, on_disk) = timeout(patience, open).await.map_err(|_| {
            judge.local(format!(
                "git did not prepare its repositories within {patience:?}"
            ))
        })??;
        let folder = format!("refs/baton/{}", lock.encoded());
        Ok(GitStore {
            url: remote.url(),
            refs: Refs {
                lease: format!("{folder}/lease"),
                ledger: format!("{folder}/ledger"),
            },
            remote,
            lock,
            git,
            judge,
            request_timeout,
            poll,
            scratch,
            on_disk,
            reader: Mutex::default(),
            read_at: SyncMutex::default(),
            history: Mutex::default(),
            completing: Mutex::default(),
            making: Mutex::default(),
            made: SyncMutex::default(),
        })
    }

    async fn read_now(&self) -> Result<Seen, StoreError> {
        let mut reader = self.reader.lock().await;
        *lock(&self.read_at) = Some(Instant::now());
        let GitStore {
            url,
            on_disk,
            lock,
            refs,
            git,
            judge,
            ..
        } = self;
        let repository = self.scratch.repository();
        let on_disk = on_disk.as_deref();
        reader
            .read(&repository, url, on_disk, lock, refs, git, judge)
            .await
    }

    /// Reads, and completes half a swap where there is one. A pair that is not whole is handed out only where it can never
    /// be made whole from here: a write over it would lose the missing half.
    async fn read_whole(&self) -> Result<Snapshot, StoreError> {
        let mut in_the_way = None;
        for _ in 0..=COMPLETIONS {
            let torn = match self.in_time(self.read_now()).await? {
                Seen::Whole(snapshot) => return Ok(snapshot),
                Seen::Torn(torn) => torn,
            };
            // A time of its own: a slow server has used up the read's.
            match self.in_time(self.complete()).await? {
                Completion::Moved => {}
                Completion::Locked(error) => in_the_way = Some(error),
                Completion::NotHere => return Ok(torn),
            }
        }
        Err(in_the_way.unwrap_or_else(|| {
            let detail = "lease and ledger show the halves of two swaps".to_owned();
            self.judge.unreachable(detail)
        }))
    }

    async fn complete(&self) -> Result<Completion, StoreError> {
        let _one_at_a_time = self.completing.lock().await;
        let GitStore {
            remote,
            lock,
            refs,
            git,
            judge,
            scratch,
            ..
        } = self;
        let done = torn::complete(&scratch.halves(), remote, lock, refs, git, judge).await;
        if let Ok(Completion::Locked(_)) = &done {
            self.clear_abandoned_locks().await;
        }
        done
    }

    /// Lets no lock file of a dead git stand in the way, in a repository on disk.
    async fn clear_abandoned_locks(&self) {
        let Kind::Local(path) = &self.remote.kind else {
            return;
        };
        let GitStore {
            lock,
            refs,
            git,
            judge,
            ..
        } = self;
        let Some(abandoned) = local::Abandoned::find(path, refs.folder()) else {
            return;
        };
        let prepared = torn::prepared(path, abandoned.locks(), lock, refs, git, judge).await;
        abandoned.clear(prepared.as_deref());
    }

    async fn swap_now(&self, write: Arc<Write>) -> Swap {
        if write.record.is_none() && write.entries.is_empty() {
            return Swap::Won(write.expected.clone());
        }
        if !is_ours(&write.expected) {
            return Swap::Lost;
        }
        let commits = match self.commits(&write).await {
            Ok(Some(commits)) => commits,
            Ok(None) => return Swap::Lost,
            Err(error) => return Swap::Unknown(error),
        };
        let moves = push::moves(&self.refs, &write, &commits);
        let repository = self.scratch.repository();
        let verdict = push::send(&repository, &self.remote, &moves, &self.git, &self.judge).await;
        if let Verdict::Locked(_) = &verdict {
            self.clear_abandoned_locks().await;
        }
        verdict.swap(&write, commits)
    }

    /// The commits of `write`; nothing where it follows what is there no more.
    async fn commits(&self, write: &Arc<Write>) -> Result<Option<Commits>, StoreError> {
        let cell = {
            let mut made = lock(&self.made);
            let cell = match made
                .iter()
                .find(|(w, _)| Arc::ptr_eq(w, write) || w == write)
            {
                Some((_, cell)) => Arc::clone(cell),
                None => {
                    let cell = MadeOnce::default();
                    made.push_back((Arc::clone(write), Arc::clone(&cell)));
                    cell
                }
            };
            if made.len() > WRITES_KEPT {
                made.pop_front();
            }
            cell
        };
        if let Some(commits) = cell.get() {
            return Ok(Some(commits.clone()));
        }
        // Not made, so never sent: what has moved already cannot have been moved by it. Where many wait for one another,
        // most writes end here.
        if self.is_late(write) || !self.has_parent(write).await? {
            return Ok(None);
        }
        let made = cell.get_or_try_init(|| async {
            let _one_at_a_time = self.making.lock().await;
            objects::make(&self.scratch.repository(), write, &self.git, &self.judge).await
        });
        made.await.map(|commits| Some(commits.clone()))
    }

    /// Whether a repository on disk shows something else than what `write` follows.
    fn is_late(&self, write: &Write) -> bool {
        let on_disk = self.on_disk.as_deref();
        let Some(there) = on_disk.and_then(|path| heads::on_disk(path, &self.refs)) else {
            return false;
        };
        (write.record.is_some() && there.lease != write.expected.lease)
            || (!write.entries.is_empty() && there.ledger != write.expected.ledger)
    }

    /// Whether the scratch repository holds the ledger commit that `write` follows; it is fetched where it was seen by
    /// another store of this lock.
    async fn has_parent(&self, write: &Write) -> Result<bool, StoreError> {
        let Some(parent) = write
            .expected
            .ledger
            .as_deref()
            .filter(|_| !write.entries.is_empty())
        else {
            return Ok(true);
        };
        for last in [false, true] {
            // Asked of the repository, not of the last read: what was fetched or made earlier is there as well.
            let known = self
                .reader
                .try_lock()
                .is_ok_and(|reader| reader.knows(parent));
            let name = [parent.to_owned()];
            let repository = self.scratch.repository();
            if known || batch::read(&repository, &name, &self.git, &self.judge).await?[0].is_some()
            {
                return Ok(true);
            }
            if !last {
                self.read_now().await?;
            }
        }
        Ok(false)
    }

    async fn in_time<T>(
        &self,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let answer = timeout(self.request_timeout, request).await;
        answer.unwrap_or_else(|_| Err(self.timed_out(self.request_timeout)))
    }

    fn timed_out(&self, after: Duration) -> StoreError {
        StoreError::TimedOut {
            place: self.place(),
            after,
        }
    }
}

impl Store for GitStore {
    fn read(&self) -> StoreFuture<'_, Result<Snapshot, StoreError>> {
        Box::pin(self.read_whole())
    }

    fn swap(&self, write: Arc<Write>) -> StoreFuture<'_, Swap> {
        Box::pin(async {
            let answer = timeout(self.request_timeout, self.swap_now(write)).await;
            answer.unwrap_or_else(|_| Swap::Unknown(self.timed_out(self.request_timeout)))
        })
    }

    fn changed(&self, _seen: Version, longest: Duration) -> StoreFuture<'_, ()> {
        Box::pin(async move {
            let now = Instant::now();
            let next = lock(&self.read_at).map_or(now, |read_at| read_at + self.poll);
            sleep_until(next.min(now + longest)).await;
        })
    }

    fn history(&self, from: History) -> StoreFuture<'_, Result<Vec<Entry>, StoreError>> {
        Box::pin(async move {
            let patience = self.request_timeout * LONG_REQUEST;
            let newest = self.reader.try_lock().ok().and_then(|r| r.newest());
            let read = async {
                let _one_at_a_time = self.history.lock().await;
                history::read(
                    &self.scratch.history(),
                    &self.url,
                    &self.refs,
                    from,
                    newest,
                    &self.git,
                    &self.judge,
                )
                .await
            };
            timeout(patience, read)
                .await
                .unwrap_or_else(|_| Err(self.timed_out(patience)))
        })
    }

    fn tidy(&self) -> StoreFuture<'_, ()> {
        Box::pin(async {
            if let Kind::Local(path) = &self.remote.kind {
                let _ = timeout(TIDY, local::tidy(path, &self.git)).await;
            }
        })
    }

    fn place(&self) -> String {
        self.remote.place()
    }
}

impl std::fmt::Debug for GitStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GitStore")
            .field("remote", &self.remote)
            .field("lock", &self.lock)
            .finish_non_exhaustive()
    }
}

/// Whether a version could be one of this store's: object names, which also keeps anything else out of git's argv.
fn is_ours(version: &Version) -> bool {
    let is_oid = |oid: &String| oid.len() >= 40 && oid.bytes().all(|b| b.is_ascii_hexdigit());
    version.lease.iter().chain(&version.ledger).all(is_oid)
}

/// A lock that a panic elsewhere cannot make useless: what it guards is whole at every moment.
fn lock<T>(mutex: &SyncMutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

async fn check_version(git: &Git, judge: &Judge) -> Result<(), StoreError> {
    let answer = git
        .run(&std::env::temp_dir(), ["--version"], &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let (major, minor) = OLDEST;
    match version_in(&said) {
        Some(found) if found >= OLDEST => Ok(()),
        Some(_) => Err(judge.local(format!(
            "{} is too old; {major}.{minor} or newer is needed",
            said.trim()
        ))),
        None => Err(judge.local("git does not tell its version; install git".to_owned())),
    }
}

/// The numbers in `git version 2.39.5 (Apple Git-1)`.
fn version_in(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said
        .strip_prefix("git version ")?
        .split(['.', ' ', '\n'])
        .map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gits_version_is_read_in_all_its_forms() {
        assert_eq!(version_in("git version 2.39.5\n"), Some((2, 39)));
        assert_eq!(
            version_in("git version 2.50.1 (Apple Git-155)"),
            Some((2, 50))
        );
        assert_eq!(version_in("git version 3.0.rc1"), Some((3, 0)));
        assert_eq!(version_in("gitte"), None);
    }

    #[test]
    fn only_object_names_are_versions_of_a_git_store() {
        let version = |lease: &str| Version {
            lease: Some(lease.to_owned()),
            ledger: None,
        };
        assert!(is_ours(&version(&"a".repeat(40))));
        assert!(!is_ours(&version("--upload-pack=x")));
        assert!(is_ours(&Version::default()));
    }
}
