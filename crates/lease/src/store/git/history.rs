//! Reads the chain backwards, as far as asked, in a repository of its own: deepening moves the shallow boundary, which
//! the sends beside it must not see move.

use std::{path::Path, time::Duration};

use ledger::Entry;

use super::{
    command::Git,
    failure::Judge,
    fetch::{self, foreign},
    layout,
    push::Refs,
    scratch,
};
use crate::store::{History, StoreError};

/// How many entries the first fetch brings where it is not known how far to go; a quarter of a thousand small commits.
const FIRST_DEPTH: u64 = 256;

/// How many entries may have been written since the newest that is known of, without a second fetch.
const SINCE: u64 = 8;

/// How much deeper each further fetch goes where it is not known how far back a moment lies.
const GROWTH: u64 = 4;

/// Entries carry their writers' wall clocks, so the chain is not sorted by time: reading goes on until an entry is this
/// much older than asked.
const CLOCK_SKEW: Duration = Duration::from_secs(3600);

/// The entries of the chain, oldest first.
///
/// Depths, not dates: `--shallow-since` fails where nothing is newer (design §5). `newest` is the place of the newest
/// entry as far as the caller knows.
pub(super) async fn read(
    repository: &Path,
    url: &str,
    refs: &Refs,
    from: History,
    newest: Option<u64>,
    git: &Git,
    judge: &Judge,
) -> Result<Vec<Entry>, StoreError> {
    if !repository.exists() {
        scratch::init(repository, git, judge).await?;
    }
    // Left by one of ours that was killed; reads of the history are one at a time.
    scratch::remove_locks(&repository.join("refs"));
    let _ = std::fs::remove_file(repository.join("shallow.lock"));
    let mut depth = match (from, newest) {
        (History::FromSeq(seq), Some(newest)) => (newest + 1).saturating_sub(seq) + SINCE,
        _ => FIRST_DEPTH,
    };
    let mut first = true;
    loop {
        match deepen(repository, url, refs, depth, git, judge).await {
            Err(StoreError::Unreachable { .. }) if first => {
                // A fetch with a depth fails where there is nothing to fetch.
                if fetch::is_empty(repository, url, &[&refs.ledger], git, judge).await? {
                    return Ok(Vec::new());
                }
                deepen(repository, url, refs, depth, git, judge).await?;
            }
            fetched => fetched?,
        }
        first = false;
        let mut entries = chain(repository, refs, depth, git, judge).await?;
        let oldest = entries.first();
        let reached = oldest.is_none_or(|oldest| {
            oldest.seq <= 1
                || match from {
                    History::FromSeq(seq) => oldest.seq <= seq,
                    History::Since(at) => {
                        oldest.at.since(Default::default()) + CLOCK_SKEW
                            < at.since(Default::default())
                    }
                }
        });
        if reached || (entries.len() as u64) < depth {
            entries.retain(|entry| match from {
                History::FromSeq(seq) => entry.seq >= seq,
                History::Since(at) => entry.at >= at,
            });
            return Ok(entries);
        }
        depth = match (from, entries.last()) {
            (History::FromSeq(seq), Some(newest)) => {
                (newest.seq + 1).saturating_sub(seq).max(depth + 1)
            }
            _ => depth.saturating_mul(GROWTH),
        };
    }
}

async fn deepen(
    repository: &Path,
    url: &str,
    refs: &Refs,
    depth: u64,
    git: &Git,
    judge: &Judge,
) -> Result<(), StoreError> {
    // A pattern, as for reads: a chain that has not begun is no error.
    let folder = refs.ledger.trim_end_matches("/ledger");
    let spec = format!("+{folder}/ledge*:{folder}/ledge*");
    let depth = format!("--depth={}", depth.min(u64::from(u32::MAX >> 1)));
    let [option, keep_pack] = fetch::KEEP_PACK;
    let arguments = [
        "--git-dir=.",
        option,
        keep_pack,
        "fetch",
        "--quiet",
        "--prune",
        "--no-tags",
        "--no-write-fetch-head",
        "--no-auto-maintenance",
        "--no-recurse-submodules",
        &depth,
        "--",
        url,
        &spec,
    ];
    let answer = git
        .run(repository, arguments, &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    if answer.status.success() {
        Ok(())
    } else {
        Err(judge.failed(&answer))
    }
}

/// At most `depth` fetched entries, oldest first.
async fn chain(
    repository: &Path,
    refs: &Refs,
    depth: u64,
    git: &Git,
    judge: &Judge,
) -> Result<Vec<Entry>, StoreError> {
    let count = format!("--max-count={depth}");
    // A pattern, because a name that is there no more would be an error.
    let pattern = format!("--glob={}[r]", refs.ledger.trim_end_matches('r'));
    // Of all commands that list commits this one heeds no setting of the user's.
    let arguments = [
        "--git-dir=.",
        "rev-list",
        "--header",
        "--first-parent",
        &count,
        &pattern,
    ];
    let answer = git
        .run(repository, arguments, &[])
        .await
        .map_err(|e| judge.not_run(&e))?;
    if !answer.status.success() {
        return Err(judge.local(judge.tell(&answer.stderr)));
    }
    let said = String::from_utf8_lossy(&answer.stdout);
    let mut entries = said
        .split('\0')
        .filter(|commit| !commit.trim().is_empty())
        .map(|commit| {
            layout::read_entry(&message(commit))
                .map_err(|detail| foreign(&refs.ledger, &detail, judge))
        })
        .collect::<Result<Vec<_>, _>>()?;
    entries.reverse();
    Ok(entries)
}

/// The message of a commit as `rev-list --header` shows it: after the first empty line, indented by four spaces.
fn message(commit: &str) -> String {
    let (_, indented) = commit.split_once("\n\n").unwrap_or_default();
    indented
        .lines()
        .map(|l| l.strip_prefix("    ").unwrap_or(l))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commits_message_is_read_without_its_indentation() {
        let commit = "abc\ntree t\nauthor a\n\n    subject\n    \n    {\n      \"a\": 1\n    }\n";
        assert_eq!(message(commit), "subject\n\n{\n  \"a\": 1\n}");
    }
}
