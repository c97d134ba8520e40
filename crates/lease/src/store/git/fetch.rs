//! Reads lease and ledger with one fetch, or, from a repository on this disk, without one.

use std::{path::Path, time::Duration};

use tokio::time::sleep;

use super::{
    batch::{self, Object},
    command::Git,
    failure::Judge,
    heads, layout,
    push::Refs,
    scratch,
    torn::{self, Said, Torn},
};
use crate::{
    LockName,
    store::{Snapshot, StoreError, Version, json},
};

/// How often a read that fell between the two parts of one swap is repeated, before the swap is taken for half done.
const TORN_READS: usize = 3;

/// Between such reads where nothing is fetched: a receiving git needs a moment for its second ref.
const TORN_PAUSE: Duration = Duration::from_millis(30);

/// Leaves what is fetched in the pack that it came in: taken apart, each version of the tip's files would be compressed
/// anew. Not for reads that follow each other, which would leave a pack each.
pub(super) const KEEP_PACK: [&str; 2] = ["-c", "fetch.unpackLimit=1"];

/// What earlier reads left for the next.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The newest snapshot, as long as it is whole.
    known: Option<Snapshot>,
    /// Whether the scratch repository's own refs are known to show just that.
    fetched: bool,
    /// The ledger's boundary is drawn: later fetches bring what follows it, and need no depth.
    has_ledger: bool,
    /// The torn pair that was seen last, and how often. Kept from read to read: a slow server leaves no time for all the
    /// repeats in one.
    torn: Option<(Version, usize)>,
}

/// What a read found.
#[derive(Debug)]
pub(super) enum Seen {
    /// A state that the lock was in.
    Whole(Snapshot),
    /// Half a swap, seen again and again.
    Torn(Snapshot),
}

impl Reader {
    /// Whether this ledger commit is to be had in the scratch repository.
    pub(super) fn knows(&self, ledger: &str) -> bool {
        self.known
            .as_ref()
            .is_some_and(|k| k.version.ledger.as_deref() == Some(ledger))
    }

    /// The place of the newest entry that was seen, where that is known.
    pub(super) fn newest(&self) -> Option<u64> {
        self.known.as_ref().map(|known| known.tip.seq)
    }

    /// Reads both refs. `on_disk` is the repository, where it is one whose objects the scratch repository borrows: then its
    /// files tell where the refs are, and a read costs no process where nothing is new, however many wait for one another,
    /// and one where something is.
    #[expect(clippy::too_many_arguments, reason = "from where, and through what")]
    pub(super) async fn read(
        &mut self,
        repository: &Path,
        url: &str,
        on_disk: Option<&Path>,
        lock: &LockName,
        refs: &Refs,
        git: &Git,
        judge: &Judge,
    ) -> Result<Seen, StoreError> {
        loop {
            let here = match on_disk.and_then(|path| heads::on_disk(path, refs)) {
                Some(version) => match &self.known {
                    Some(known) if known.version == version => {
                        return Ok(Seen::Whole(known.clone()));
                    }
                    _ => read_here(repository, lock, refs, &version, git, judge).await?,
                },
                None => None,
            };
            let (snapshot, torn) = match here {
                Some(read) => {
                    self.fetched = false;
                    read
                }
                None => match self
                    .fetched(repository, url, lock, refs, git, judge)
                    .await?
                {
                    Fetched::Known(known) => return Ok(Seen::Whole(known)),
                    Fetched::New(snapshot, torn) => (snapshot, torn),
                },
            };
            if torn.is_none() {
                self.torn = None;
                self.known = Some(snapshot.clone());
                return Ok(Seen::Whole(snapshot));
            }
            self.known = None;
            let times = match self.torn.take() {
                Some((version, times)) if version == snapshot.version => times + 1,
                _ => 1,
            };
            self.torn = Some((snapshot.version.clone(), times));
            if times > TORN_READS {
                return Ok(Seen::Torn(snapshot));
            }
            if on_disk.is_some() {
                sleep(TORN_PAUSE).await;
            }
        }
    }

    /// Fetches both refs and reads them.
    async fn fetched(
        &mut self,
        repository: &Path,
        url: &str,
        lock: &LockName,
        refs: &Refs,
        git: &Git,
        judge: &Judge,
    ) -> Result<Fetched, StoreError> {
        // Taken out until the fetch is over: one that is broken off leaves the repository in a state unknown.
        let known = self.known.take().filter(|_| self.fetched);
        self.fetched = false;
        if known.is_none() {
            sweep(repository);
        }
        let known_empty = known.as_ref() == Some(&Snapshot::default());
        let depth = if self.has_ledger {
            Depth::WhatFollows
        } else if known_empty
            && is_empty(repository, url, &[&refs.lease, &refs.ledger], git, judge).await?
        {
            // Found so again: a listing costs less than a fetch that fails.
            self.known = known;
            self.fetched = true;
            return Ok(Fetched::Known(Snapshot::default()));
        } else {
            Depth::Tip
        };
        let quiet = match fetch(repository, url, refs, depth, git, judge).await {
            Err(StoreError::Unreachable { .. }) if depth == Depth::Tip => {
                let names = [refs.lease.as_str(), &refs.ledger];
                let depth = if is_empty(repository, url, &names, git, judge).await? {
                    Depth::Nothing
                } else {
                    Depth::Tip
                };
                fetch(repository, url, refs, depth, git, judge).await?
            }
            fetched => fetched?,
        };
        self.fetched = true;
        if let Some(known) = known.filter(|_| quiet) {
            self.known = Some(known.clone());
            return Ok(Fetched::Known(known));
        }
        let heads = [refs.lease.as_str(), &refs.ledger].map(Some);
        let (snapshot, torn) = decode(repository, lock, refs, heads, git, judge).await?;
        self.has_ledger |= snapshot.version.ledger.is_some();
        Ok(Fetched::New(snapshot, torn))
    }
}

/// What a fetch brought.
enum Fetched {
    /// What was known already.
    Known(Snapshot),
    /// Something else, and whether it is half a swap.
    New(Snapshot, Option<Torn>),
}

/// What the commits of `version` hold, which is borrowed from where it is; nothing where not all of it can be had: git is to
/// say why.
async fn read_here(
    repository: &Path,
    lock: &LockName,
    refs: &Refs,
    version: &Version,
    git: &Git,
    judge: &Judge,
) -> Result<Option<(Snapshot, Option<Torn>)>, StoreError> {
    let heads = [version.lease.as_deref(), version.ledger.as_deref()];
    let read = decode(repository, lock, refs, heads, git, judge).await?;
    Ok(Some(read).filter(|(snapshot, _)| snapshot.version == *version))
}

/// How much of the chain a fetch asks for.
///
/// A fetch with a depth asks the server for objects even where nothing has moved, so only the first that finds a ledger
/// has one; after it, an unchanged pair of refs costs a listing alone. And a fetch with a depth fails where no ref
/// matches (git 2.39: `error: ` and nothing else): a listing then tells an empty store from a server out of reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// There is nothing on the server; refs that once were there are forgotten.
    Nothing,
    /// The newest commit.
    Tip,
    /// The newest commit, and the one before it: of a lease, the ledger's commit that it carries.
    Carried,
    /// What follows the commits that are here.
    WhatFollows,
}

/// Whether the server has none of these refs.
pub(super) async fn is_empty(
    repository: &Path,
    url: &str,
    names: &[&str],
    git: &Git,
    judge: &Judge,
) -> Result<bool, StoreError> {
    let mut arguments = vec!["--git-dir=.", "ls-remote", "--quiet", "--", url];
    arguments.extend(names);
    let answer = git
        .run(repository, arguments, &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    if answer.status.success() {
        Ok(answer.stdout.is_empty())
    } else {
        Err(judge.failed(&answer))
    }
}

/// Removes the locks of a fetch that was killed. Reads are one at a time, and sends take no lock here.
pub(super) fn sweep(repository: &Path) {
    for file in ["shallow.lock", "packed-refs.lock"] {
        let _ = std::fs::remove_file(repository.join(file));
    }
    scratch::remove_locks(&repository.join("refs/baton"));
}

/// Brings the scratch repository's refs in line with the server's. Says whether git had nothing to tell, as it does
/// where no ref has moved.
pub(super) async fn fetch(
    repository: &Path,
    url: &str,
    refs: &Refs,
    depth: Depth,
    git: &Git,
    judge: &Judge,
) -> Result<bool, StoreError> {
    let folder = refs.folder();
    let spec = format!("+{folder}/*:{folder}/*");
    let mut arguments = vec!["--git-dir=."];
    if depth == Depth::Tip {
        arguments.extend(KEEP_PACK);
    }
    arguments.extend([
        "fetch",
        // A pattern: a ref that is not there is no error, and --prune forgets one that is there no more.
        "--prune",
        "--no-tags",
        "--atomic",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
    ]);
    match depth {
        Depth::Tip => arguments.push("--depth=1"),
        Depth::Carried => arguments.push("--depth=2"),
        Depth::Nothing | Depth::WhatFollows => {}
    }
    arguments.extend(["--", url, &spec]);
    let answer = git
        .run(repository, arguments, &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    if answer.status.success() {
        Ok(answer.stderr.trim().is_empty())
    } else {
        Err(judge.failed(&answer))
    }
}

/// What the commits that `heads` (of lease, of ledger) name in `repository` hold, and whether one of them shows a swap that
/// the other does not show. A name that is nobody's is an absent part.
pub(super) async fn decode(
    repository: &Path,
    lock: &LockName,
    refs: &Refs,
    heads: [Option<&str>; 2],
    git: &Git,
    judge: &Judge,
) -> Result<(Snapshot, Option<Torn>), StoreError> {
    let files: [&[&str]; 2] = [&[layout::RECORD], &layout::TIP];
    let mut names = Vec::new();
    for (head, files) in heads.into_iter().zip(files) {
        if let Some(head) = head {
            names.push(head.to_owned());
            names.extend(files.iter().map(|file| format!("{head}:{file}")));
        }
    }
    let mut objects = match names.is_empty() {
        true => Vec::new(),
        false => batch::read(repository, &names, git, judge).await?,
    }
    .into_iter();
    let mut next = |head: usize| heads[head].and_then(|_| objects.next().flatten());
    let (lease, record_file, ledger) = (next(0), next(0), next(1));
    let files = [next(1), next(1), next(1), next(1)];

    let mut snapshot = Snapshot::default();
    let mut said = Said::default();
    if let Some(commit) = &lease {
        let foreign = |detail: String| foreign(&refs.lease, &detail, judge);
        let file = blob(commit, record_file.as_ref(), layout::RECORD).map_err(foreign)?;
        snapshot.record = Some(json::read_record(file, lock).map_err(foreign)?);
        snapshot.version.lease = Some(commit.oid.clone());
        let message = commit.message();
        said.replaced_ledger = layout::replaced_ledger(&message).map(|r| r.map(str::to_owned));
        said.carried_ledger = commit.parent();
    }
    if let Some(commit) = &ledger {
        let foreign = |detail: String| foreign(&refs.ledger, &detail, judge);
        let mut contents: [&[u8]; 4] = [&[]; 4];
        for ((content, file), name) in contents.iter_mut().zip(&files).zip(layout::TIP) {
            *content = blob(commit, file.as_ref(), name).map_err(foreign)?;
        }
        let read = layout::read_tip(contents).map_err(foreign)?;
        snapshot.tip = read.tip;
        said.replaced = read.replaced;
        said.at = commit.committed_at();
        snapshot.version.ledger = Some(commit.oid.clone());
    }
    let torn = torn::find(&snapshot.version, said);
    Ok((snapshot, torn))
}

fn blob<'a>(commit: &Object, file: Option<&'a Object>, name: &str) -> Result<&'a [u8], String> {
    if commit.kind != "commit" {
        return Err(format!("it is a {}, not a commit", commit.kind));
    }
    match file {
        Some(file) if file.kind == "blob" => Ok(&file.content),
        _ => Err(format!("its commit holds no {name}")),
    }
}

/// Something that is not ours on one of our refs.
pub(super) fn foreign(name: &str, detail: &str, judge: &Judge) -> StoreError {
    StoreError::Foreign {
        what: format!("{name} of {}", judge.place()),
        detail: format!(
            "{detail}; look at it with git fetch, and when it is not wanted delete it with git push <repository> :{name}"
        ),
    }
}
