//! Makes a write's commits, in one process. The same write always makes the same commits: author, committer and date
//! come from the write alone, so a second send finds the ref up to date instead of moving it again.

use std::{io::Write as _, path::Path};

use super::{command::Git, failure::Judge, layout, scratch};
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
        .run(repository, arguments, &stream)
        .await
        .map_err(|e| judge.not_run(&e))?;
    if !answer.status.success() {
        return Err(judge.local(judge.tell(&answer.stderr)));
    }
    let said = String::from_utf8_lossy(&answer.stdout);
    let mut oids = said.lines().map(str::to_owned);
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

/// The write in git fast-import's language; it answers with the lease's commit, then the ledger's.
fn stream(write: &Write) -> Result<Vec<u8>, serde_json::Error> {
    let both = write.record.is_some() && !write.entries.is_empty();
    let mut stream = Stream {
        bytes: Vec::new(),
        at: write.at.0 / 1000,
    };
    if let Some(record) = &write.record {
        let replaced = both.then_some(write.expected.ledger.as_deref());
        stream.commit("lease", 1, &layout::record_message(record, replaced), None);
        stream.file(layout::RECORD, &layout::record_file(record)?);
        stream.line("get-mark :1");
    }
    if !write.entries.is_empty() {
        let replaced = both.then_some(write.expected.lease.as_deref());
        let files = layout::tip_files(&write.tip, replaced)?;
        let mut parent = write.expected.ledger.clone();
        let mut mark = 1;
        for entry in &write.entries {
            mark += 1;
            stream.commit(
                "ledger",
                mark,
                &layout::entry_message(entry)?,
                Some(parent.as_deref()),
            );
            if mark == 2 {
                for (name, file) in layout::TIP.iter().zip(&files) {
                    stream.file(name, file);
                }
            }
            parent = Some(format!(":{mark}"));
        }
        stream.line(&format!("get-mark :{mark}"));
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

    /// Begins a commit with no parent, or the one of `follows`.
    fn commit(&mut self, name: &str, mark: u64, message: &str, follows: Option<Option<&str>>) {
        // A branch that this stream has made already would become the parent; every first commit starts anew.
        if mark <= 2 {
            self.line(&format!("reset {REFS}/{name}"));
        }
        self.line(&format!("commit {REFS}/{name}"));
        self.line(&format!("mark :{mark}"));
        let at = self.at;
        self.line(&format!("author {AUTHOR} {at} +0000"));
        self.line(&format!("committer {AUTHOR} {at} +0000"));
        self.data(message.as_bytes());
        if let Some(parent) = follows.flatten() {
            self.line(&format!("from {parent}"));
            if !parent.starts_with(':') {
                self.line("deleteall");
            }
        }
    }

    fn file(&mut self, name: &str, content: &[u8]) {
        self.line(&format!("M 100644 inline {name}"));
        self.data(content);
    }
}
