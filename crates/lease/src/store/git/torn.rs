//! Completes a swap of both parts of which the store shows one half.
//!
//! Git moves two refs of one push one after the other (the ones that are there, by name, then new ones), and a git that
//! ends in between leaves the rest undone. What is there decides: a swap with one half there has been won (design §4 rule
//! 2: its nonce is found), so it is completed, by whoever sees it, with the very commit that its writer sent.
//!
//! Responsible for: telling half a swap from a whole one, and putting the other half beside it.
//!
//! Not responsible for: how often a read is repeated first, and lock files of dead gits ([`super::local`]).

use std::path::{Path, PathBuf};

use super::{
    GitRemote, batch,
    command::Git,
    failure::Judge,
    fetch::{self, Depth},
    layout::{self, Replaced},
    objects::{self, LeaseHalf},
    push::{self, Move, Refs, Verdict},
    scratch,
};
use crate::{
    LockName,
    store::{StoreError, Version, json},
};

/// Half a swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Torn {
    /// The lease has moved, the ledger has not.
    WithoutLedger {
        /// Where the ledger still is.
        from: Option<String>,
        /// Where it is to be: the parent of the lease's commit; nothing where that has none.
        to: Option<String>,
    },
    /// The ledger has moved, the lease has not.
    WithoutLease {
        /// Where the lease still is, and where the ledger was.
        replaced: Replaced,
        /// The ledger's half.
        ledger: String,
        /// The second that both halves carry.
        at: u64,
    },
}

/// What the parts of a pair say of the swap that wrote them.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The ledger's commit that the swap of the lease replaced, where it was a swap of both.
    pub(super) replaced_ledger: Option<Option<String>>,
    /// The parent of the lease's commit.
    pub(super) carried_ledger: Option<String>,
    /// What the newest swap of the ledger replaced, where it was a swap of both.
    pub(super) replaced: Option<Replaced>,
    /// The second of the ledger's newest commit.
    pub(super) at: Option<u64>,
}

/// Whether one part was written by a swap whose other part is not in sight: what that swap replaced still stands there.
/// Commits never come back, so this is exact.
pub(super) fn find(version: &Version, said: Said) -> Option<Torn> {
    if said.replaced_ledger.as_ref() == Some(&version.ledger) {
        return Some(Torn::WithoutLedger {
            from: version.ledger.clone(),
            to: said.carried_ledger,
        });
    }
    let (Some(replaced), Some(ledger), Some(at)) = (said.replaced, &version.ledger, said.at) else {
        return None;
    };
    (replaced.lease == version.lease).then(|| Torn::WithoutLease {
        replaced,
        ledger: ledger.clone(),
        at,
    })
}

/// What came of completing a swap.
#[derive(Debug)]
pub(super) enum Completion {
    /// The pair has moved, by us or by others: it is to be read again.
    Moved,
    /// A lock file of a repository on disk stands in the way.
    Locked(StoreError),
    /// It cannot be completed from here: the half carries no other, or we may not write.
    NotHere,
}

/// Completes what is torn at `remote`, in a repository of its own: fetching what a half carries moves the shallow
/// boundary, which the sends beside it must not see move. One at a time.
///
/// # Errors
/// As for a read.
pub(super) async fn complete(
    repository: &Path,
    remote: &GitRemote,
    lock: &LockName,
    refs: &Refs,
    git: &Git,
    judge: &Judge,
) -> Result<Completion, StoreError> {
    if !repository.exists() {
        scratch::init(repository, git, judge).await?;
    }
    fetch::sweep(repository);
    fetch::fetch(repository, &remote.url(), refs, Depth::Carried, git, judge).await?;
    let heads = [refs.lease.as_str(), &refs.ledger].map(Some);
    let (_, torn) = fetch::decode(repository, lock, refs, heads, git, judge).await?;
    let (name, old, new) = match &torn {
        None => return Ok(Completion::Moved),
        Some(Torn::WithoutLedger { from, to }) => (&refs.ledger, from, to.clone()),
        Some(Torn::WithoutLease {
            replaced,
            ledger,
            at,
        }) => {
            let half = lease_half(repository, lock, refs, replaced, ledger, *at, git, judge);
            let made = match half.await? {
                Some(half) => Some(objects::make_lease(repository, &half, git, judge).await?),
                None => None,
            };
            (&refs.lease, &replaced.lease, made)
        }
    };
    let Some(new) = new else {
        return Ok(Completion::NotHere);
    };
    let moves = [Move {
        name,
        new: &new,
        old: old.as_deref(),
    }];
    match push::send(repository, remote, &moves, git, judge).await {
        Verdict::Taken | Verdict::Stale => Ok(Completion::Moved),
        Verdict::Locked(error) => Ok(Completion::Locked(error)),
        // Who cannot write loses nothing by a read that is not whole.
        Verdict::Failed(StoreError::Denied { .. }) => Ok(Completion::NotHere),
        Verdict::Failed(error) => Err(error),
    }
}

/// What the lease's commit is made of again; nothing where the ledger's half does not carry the record.
#[expect(
    clippy::too_many_arguments,
    reason = "the pieces of one half, and where they are"
)]
async fn lease_half(
    repository: &Path,
    lock: &LockName,
    refs: &Refs,
    replaced: &Replaced,
    ledger: &str,
    at: u64,
    git: &Git,
    judge: &Judge,
) -> Result<Option<LeaseHalf>, StoreError> {
    let name = format!("{ledger}:{}", layout::RECORD);
    let found = batch::read(repository, &[name], git, judge).await?;
    let Some(file) = found.into_iter().flatten().find(|f| f.kind == "blob") else {
        return Ok(None);
    };
    let record = json::read_record(&file.content, lock)
        .map_err(|detail| fetch::foreign(&refs.ledger, &detail, judge))?;
    Ok(Some(LeaseHalf {
        message: layout::record_message(&record, Some(replaced.ledger.as_deref())),
        record: file.content,
        ledger: ledger.to_owned(),
        at,
    }))
}

/// Of the abandoned lock files of a repository on disk, the one that holds the missing half of a torn pair: moved over
/// its ref it does what the git that died was about to do, and at no moment can anybody write between.
pub(super) async fn prepared(
    path: &Path,
    locks: &[PathBuf],
    lock: &LockName,
    refs: &Refs,
    git: &Git,
    judge: &Judge,
) -> Option<PathBuf> {
    let heads = [refs.lease.as_str(), &refs.ledger].map(Some);
    let (_, torn) = fetch::decode(path, lock, refs, heads, git, judge)
        .await
        .ok()?;
    let torn = torn?;
    let name = match &torn {
        Torn::WithoutLedger { .. } => &refs.ledger,
        Torn::WithoutLease { .. } => &refs.lease,
    };
    let file = locks
        .iter()
        .find(|l| **l == path.join(format!("{name}.lock")))?;
    let held = std::fs::read_to_string(file).ok()?.trim().to_owned();
    let is_its = match torn {
        Torn::WithoutLedger { to, .. } => to.as_deref() == Some(&held),
        Torn::WithoutLease { ledger, .. } => {
            let found = batch::read(path, std::slice::from_ref(&held), git, judge).await;
            let commit = found.ok()?.into_iter().flatten().next()?;
            commit.oid == held && commit.kind == "commit" && commit.parent() == Some(ledger)
        }
    };
    is_its.then(|| file.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(p: &str) -> Option<String> {
        (!p.is_empty()).then(|| p.to_owned())
    }

    fn version(lease: &str, ledger: &str) -> Version {
        Version {
            lease: part(lease),
            ledger: part(ledger),
        }
    }

    /// Of a lease whose swap replaced this ledger.
    fn lease(replaced: &str) -> Said {
        Said {
            replaced_ledger: Some(part(replaced)),
            carried_ledger: part("carried"),
            ..Said::default()
        }
    }

    /// Of a ledger whose swap replaced this lease.
    fn ledger(replaced: &str) -> Said {
        Said {
            replaced: Some(Replaced {
                lease: part(replaced),
                ledger: part("before"),
            }),
            at: Some(7),
            ..Said::default()
        }
    }

    #[test]
    fn a_part_that_still_is_what_the_others_swap_replaced_makes_a_pair_torn() {
        for from in ["old", ""] {
            let torn = Torn::WithoutLedger {
                from: part(from),
                to: part("carried"),
            };
            assert_eq!(find(&version("new", from), lease(from)), Some(torn));
            let torn = Torn::WithoutLease {
                replaced: ledger(from).replaced.unwrap(),
                ledger: "new".to_owned(),
                at: 7,
            };
            assert_eq!(find(&version(from, "new"), ledger(from)), Some(torn));
        }
    }

    #[test]
    fn whole_swaps_heartbeats_and_appends_are_not_torn() {
        let whole = Said {
            replaced: ledger("old").replaced,
            at: Some(7),
            ..lease("old")
        };
        assert_eq!(find(&version("new", "new"), whole), None);
        assert_eq!(find(&version("beat", "new"), ledger("old")), None);
        assert_eq!(find(&version("new", "later"), lease("old")), None);
        assert_eq!(find(&version("a", "b"), Said::default()), None);
    }
}
