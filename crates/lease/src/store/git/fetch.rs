//! Reads lease and ledger with one fetch.

use std::path::Path;

use super::{
    batch::{self, Object},
    command::Git,
    failure::Judge,
    layout,
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

/// Leaves what is fetched in the pack that it came in: taken apart, each version of the tip's files would be compressed
/// anew. Not for reads that follow each other, which would leave a pack each.
pub(super) const KEEP_PACK: [&str; 2] = ["-c", "fetch.unpackLimit=1"];

/// What earlier reads left for the next.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// The newest snapshot, as long as it is whole and the scratch repository is known to hold just that.
    known: Option<Snapshot>,
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
    /// Whether this ledger commit is in the scratch repository.
    pub(super) fn knows(&self, ledger: &str) -> bool {
        self.known
            .as_ref()
            .is_some_and(|k| k.version.ledger.as_deref() == Some(ledger))
    }

    /// The place of the newest entry that was seen, where that is known.
    pub(super) fn newest(&self) -> Option<u64> {
        self.known.as_ref().map(|known| known.tip.seq)
    }

    /// What is known, where the repository on this disk still holds just that, or nothing at all, where it holds nothing:
    /// then there is nothing to fetch. This look costs no process: a read that finds nothing new costs little, however many
    /// wait for one another.
    pub(super) fn unmoved(&self, path: &Path, refs: &Refs) -> Option<Snapshot> {
        let known = self.known.clone().unwrap_or_default();
        stand_still(path, refs, &known.version).then_some(known)
    }

    /// Fetches both refs and reads them.
    pub(super) async fn read(
        &mut self,
        repository: &Path,
        url: &str,
        lock: &LockName,
        refs: &Refs,
        git: &Git,
        judge: &Judge,
    ) -> Result<Seen, StoreError> {
        loop {
            // Taken out until the fetch is over: one that is broken off leaves the repository in a state unknown.
            let known = self.known.take();
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
                return Ok(Seen::Whole(Snapshot::default()));
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
            if let Some(known) = known.filter(|_| quiet) {
                self.known = Some(known.clone());
                return Ok(Seen::Whole(known));
            }
            let (snapshot, torn) = decode(repository, lock, refs, git, judge).await?;
            self.has_ledger |= snapshot.version.ledger.is_some();
            if torn.is_none() {
                self.torn = None;
                self.known = Some(snapshot.clone());
                return Ok(Seen::Whole(snapshot));
            }
            let times = match self.torn.take() {
                Some((version, times)) if version == snapshot.version => times + 1,
                _ => 1,
            };
            self.torn = Some((snapshot.version.clone(), times));
            if times > TORN_READS {
                return Ok(Seen::Torn(snapshot));
            }
        }
    }
}

/// Whether the repository at `path` shows, by its files alone, that both refs are at `version`. Where refs are packed, or
/// kept in a table, it does not: then git is asked.
///
/// The two files are looked at one after the other, and still show one moment: no ref ever comes back to an earlier commit,
/// so that the second was at its known commit when the first was looked at.
fn stand_still(path: &Path, refs: &Refs, version: &Version) -> bool {
    let at =
        |name: &str, oid: &Option<String>| match (std::fs::read_to_string(path.join(name)), oid) {
            (Ok(file), Some(oid)) => file.trim_end() == oid,
            (Err(error), None) => {
                let absent = |name: &str| matches!(path.join(name).try_exists(), Ok(false));
                error.kind() == std::io::ErrorKind::NotFound
                    && absent("packed-refs")
                    && absent("reftable")
                    && path.join("refs").is_dir()
            }
            _ => false,
        };
    at(&refs.lease, &version.lease) && at(&refs.ledger, &version.ledger)
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

/// What the fetched refs hold, and whether one of them shows a swap that the other does not show.
pub(super) async fn decode(
    repository: &Path,
    lock: &LockName,
    refs: &Refs,
    git: &Git,
    judge: &Judge,
) -> Result<(Snapshot, Option<Torn>), StoreError> {
    let mut names = vec![
        refs.lease.clone(),
        format!("{}:{}", refs.lease, layout::RECORD),
        refs.ledger.clone(),
    ];
    names.extend(
        layout::TIP
            .iter()
            .map(|file| format!("{}:{file}", refs.ledger)),
    );
    let mut objects = batch::read(repository, &names, git, judge)
        .await?
        .into_iter();
    let mut next = || objects.next().flatten();
    let (lease, record_file, ledger) = (next(), next(), next());
    let files = [next(), next(), next(), next()];

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
