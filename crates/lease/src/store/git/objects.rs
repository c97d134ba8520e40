//! Makes a write's commits, in one process. The same write always makes the same commits: author, committer and date
//! come from the write alone, so a second send finds the ref up to date instead of moving it again.

use std::{io::Write as _, path::Path};

use super::{
    command::Git,
    failure::Judge,
    layout::{self, Replaced},
    scratch,
};
use crate::store::{StoreError, Write};

/// Whose name the commits carry. The address is one that nobody can receive mail at (RFC 2606).
const AUTHOR: &str = "baton <noreply@baton.invalid>";

/// Where fast-import, which insists on refs, puts the newest commits. Nothing reads them.
const REFS: &str = "refs/out";

/// The commits of one write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Commits {
    pub(super) lease: Option<String>,
    pub(super) ledger: Option<String>,
}

/// Makes the commits of `write` in `repository`, which must hold the ledger's commit that it expects. One at a time.
pub(super) async fn make(
    repository: &Path,
    write: &Write,
    git: &Git,
    judge: &Judge,
) -> Result<Commits, StoreError> {
    let stream = stream(write).map_err(|e| judge.local(format!("write it as JSON: {e}")))?;
    let mut oids = import(repository, &stream, git, judge).await?.into_iter();
    let lease = write.record.as_ref().and_then(|_| oids.next());
    let ledger = if write.entries.is_empty() {
        None
    } else {
        oids.next()
    };
    if lease.is_none() != write.record.is_none() || ledger.is_none() != write.entries.is_empty() {
        return Err(judge.local("git fast-import did not name what it made".to_owned()));
    }
    Ok(Commits { lease, ledger })
}

/// The lease's half of a swap of both, of which only the ledger's half is there.
#[derive(Debug)]
pub(super) struct LeaseHalf {
    /// The commit's message.
    pub(super) message: String,
    /// The record's file.
    pub(super) record: Vec<u8>,
    /// The ledger's half: the newest of the swap's commits.
    pub(super) ledger: String,
    /// The second, since 1970, that both halves carry.
    pub(super) at: u64,
}

/// Makes the lease's commit as [`make`] would have made it.
pub(super) async fn make_lease(
    repository: &Path,
    half: &LeaseHalf,
    git: &Git,
    judge: &Judge,
) -> Result<String, StoreError> {
    let mut stream = Stream {
        bytes: Vec::new(),
        at: half.at,
    };
    stream.lease(&half.message, &half.record, Some(&half.ledger));
    stream.line("get-mark :1");
    stream.line("done");
    let made = import(repository, &stream.bytes, git, judge).await?;
    made.into_iter()
        .next()
        .ok_or_else(|| judge.local("git fast-import did not name what it made".to_owned()))
}

/// Runs git fast-import; what it answers, line by line.
async fn import(
    repository: &Path,
    stream: &[u8],
    git: &Git,
    judge: &Judge,
) -> Result<Vec<String>, StoreError> {
    // Left by one of ours that was killed; nobody else works below this folder.
    scratch::remove_locks(&repository.join(REFS));
    let arguments = [
        "--git-dir=.",
        "fast-import",
        "--quiet",
        "--done",
        "--force",
        "--date-format=raw",
    ];
    let answer = git
        .run(repository, arguments, stream)
        .await
        .map_err(|e| judge.not_run(&e))?;
    if !answer.status.success() {
        return Err(judge.local(judge.tell(&answer.stderr)));
    }
    let said = String::from_utf8_lossy(&answer.stdout);
    Ok(said.lines().map(str::to_owned).collect())
}

/// The write in git fast-import's language; it answers with the lease's commit, then the ledger's.
fn stream(write: &Write) -> Result<Vec<u8>, serde_json::Error> {
    let mut stream = Stream {
        bytes: Vec::new(),
        at: write.at.0 / 1000,
    };
    let record = write.record.as_ref().map(layout::record_file).transpose()?;
    let mut newest = None;
    if !write.entries.is_empty() {
        let replaced = record.as_ref().map(|_| Replaced {
            lease: write.expected.lease.clone(),
            ledger: write.expected.ledger.clone(),
        });
        let files = layout::tip_files(&write.tip, replaced.as_ref())?;
        stream.line(&format!("reset {REFS}/ledger"));
        let mut mark = 1;
        for entry in &write.entries {
            mark += 1;
            stream.commit("ledger", mark, &layout::entry_message(entry)?);
            if let Some(parent) = &newest {
                stream.line(&format!("from {parent}"));
            } else {
                if let Some(parent) = &write.expected.ledger {
                    stream.line(&format!("from {parent}"));
                    stream.line("deleteall");
                }
                for (name, file) in layout::TIP.iter().zip(&files) {
                    stream.file(name, file);
                }
                if let Some(record) = &record {
                    stream.file(layout::RECORD, record);
                }
            }
            newest = Some(format!(":{mark}"));
        }
    }
    if let (Some(record), Some(file)) = (&write.record, &record) {
        let replaced = newest.as_ref().map(|_| write.expected.ledger.as_deref());
        let message = layout::record_message(record, replaced);
        stream.lease(&message, file, newest.as_deref());
        stream.line("get-mark :1");
    }
    if let Some(newest) = &newest {
        stream.line(&format!("get-mark {newest}"));
    }
    stream.line("done");
    Ok(stream.bytes)
}

struct Stream {
    bytes: Vec<u8>,
    /// Whole seconds since 1970.
    at: u64,
}

impl Stream {
    fn line(&mut self, line: &str) {
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
    }

    fn data(&mut self, data: &[u8]) {
        // Writing to memory cannot fail.
        let _ = writeln!(self.bytes, "data {}", data.len());
        self.bytes.extend_from_slice(data);
        self.bytes.push(b'\n');
    }

    /// The lease's commit, as mark 1; `ledger` is the newest ledger commit of the same swap.
    fn lease(&mut self, message: &str, record: &[u8], ledger: Option<&str>) {
        // What an earlier stream has left on the branch would become the parent.
        self.line(&format!("reset {REFS}/lease"));
        self.commit("lease", 1, message);
        if let Some(ledger) = ledger {
            self.line(&format!("from {ledger}"));
            self.line("deleteall");
        }
        self.file(layout::RECORD, record);
    }

    /// Begins a commit.
    fn commit(&mut self, name: &str, mark: u64, message: &str) {
        self.line(&format!("commit {REFS}/{name}"));
        self.line(&format!("mark :{mark}"));
        let at = self.at;
        self.line(&format!("author {AUTHOR} {at} +0000"));
        self.line(&format!("committer {AUTHOR} {at} +0000"));
        self.data(message.as_bytes());
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        self.line(&format!("M 100644 inline {name}"));
        self.data(content);
    }
}
