//! Sends a write's commits, and reads what came of it.

use std::path::Path;

use super::{
    GitRemote,
    command::{Answer, Git, GivenUp},
    failure::Judge,
    objects::Commits,
    remote::Kind,
};
use crate::store::{StoreError, Swap, Version, Write};

/// The refs of one lock.
#[derive(Clone, Debug)]
pub(super) struct Refs {
    pub(super) lease: String,
    pub(super) ledger: String,
}

impl Refs {
    /// Where both are: `refs/baton/<lock>`.
    pub(super) fn folder(&self) -> &str {
        self.lease.trim_end_matches("/lease")
    }
}

/// What the server said of a push.
#[derive(Debug)]
pub(super) enum Verdict {
    /// The refs are where the write put them.
    Taken,
    /// Something else is there.
    Stale,
    /// Another git, living or dead, holds a lock file of a repository on disk.
    Locked(StoreError),
    /// None of these.
    Failed(StoreError),
}

impl Verdict {
    /// As the store's answer to `write`.
    pub(super) fn swap(self, write: &Write, commits: Commits) -> Swap {
        match self {
            Verdict::Taken => Swap::Won(Version {
                lease: commits.lease.or_else(|| write.expected.lease.clone()),
                ledger: commits.ledger.or_else(|| write.expected.ledger.clone()),
            }),
            Verdict::Stale => Swap::Lost,
            Verdict::Locked(error) | Verdict::Failed(error) => Swap::Unknown(error),
        }
    }
}

/// One ref to move.
#[derive(Clone, Debug)]
pub(super) struct Move<'a> {
    pub(super) name: &'a str,
    /// The commit it is to be at.
    pub(super) new: &'a str,
    /// The commit it must be at before; nothing where it must not be there.
    pub(super) old: Option<&'a str>,
}

/// The moves of `write`, whose commits are `commits`.
pub(super) fn moves<'a>(refs: &'a Refs, write: &'a Write, commits: &'a Commits) -> Vec<Move<'a>> {
    let parts = [
        (&refs.lease, &commits.lease, &write.expected.lease),
        (&refs.ledger, &commits.ledger, &write.expected.ledger),
    ];
    let written = parts
        .into_iter()
        .filter_map(|(name, new, old)| new.as_ref().map(|new| (name, new, old)));
    written
        .map(|(name, new, old)| Move {
            name,
            new,
            old: old.as_deref(),
        })
        .collect()
}

/// Moves refs, whose commits are in `repository`, where they are what they must be before: all of them or none.
pub(super) async fn send(
    repository: &Path,
    remote: &GitRemote,
    moves: &[Move<'_>],
    git: &Git,
    judge: &Judge,
) -> Verdict {
    let mut arguments: Vec<String> = [
        "--git-dir=.",
        "push",
        "--porcelain",
        "--atomic",
        "--no-verify",
        "--no-signed",
        "--no-follow-tags",
        "--no-recurse-submodules",
    ]
    .map(str::to_owned)
    .into();
    for Move { name, old, .. } in moves {
        let old = old.unwrap_or_default();
        arguments.push(format!("--force-with-lease={name}:{old}"));
    }
    arguments.extend(["--".to_owned(), remote.url()]);
    arguments.extend(moves.iter().map(|m| format!("{}:{}", m.new, m.name)));
    let given_up = match remote.kind {
        Kind::Local(_) => GivenUp::ReceiverFinishes,
        Kind::Http(_) | Kind::Ssh(_) => GivenUp::Killed,
    };
    match git.run_until(repository, arguments, &[], given_up).await {
        Ok(answer) => judge_push(&answer, moves.len(), judge),
        Err(error) => Verdict::Failed(judge.not_run(&error)),
    }
}

/// Reads `git push --porcelain` (git-push(1), "OUTPUT"): a line a ref, `<flag> TAB <from>:<to> TAB <summary> (<reason>)`.
fn judge_push(answer: &Answer, wanted: usize, judge: &Judge) -> Verdict {
    let said = String::from_utf8_lossy(&answer.stdout);
    let lines: Vec<(&str, &str)> = said
        .lines()
        .filter_map(|line| {
            let mut parts = line.splitn(3, '\t');
            let (flag, _, summary) = (parts.next()?, parts.next()?, parts.next()?);
            Some((flag, summary))
        })
        .collect();
    let taken = lines
        .iter()
        .filter(|(flag, _)| matches!(*flag, "=" | "*" | "+" | " "))
        .count();
    // A success without a line for every ref is not understood, and so not a success.
    if answer.status.success() && taken == wanted && lines.len() == wanted {
        return Verdict::Taken;
    }
    let complaint = answer.stderr.to_lowercase();
    // The text of git's lock file API. Whoever holds it may yet move the ref, or died holding it: no verdict.
    if complaint.contains(".lock': file exists") {
        return Verdict::Locked(judge.unreachable(judge.tell(&answer.stderr)));
    }
    let refused: Vec<&str> = lines
        .iter()
        .filter(|(flag, _)| *flag == "!")
        .map(|(_, summary)| *summary)
        .collect();
    if refused.iter().any(|summary| is_stale(summary)) {
        return Verdict::Stale;
    }
    // The server took the push and broke off, or could not store it.
    let broke_off = |s: &&&str| s.contains("[remote failure]") || s.contains("unpacker error");
    match refused
        .iter()
        .find(|s| s.starts_with("[remote rejected]") && !broke_off(s))
    {
        Some(summary) => Verdict::Failed(judge.denied(rejection(summary, answer, judge))),
        None => Verdict::Failed(judge.failed(answer)),
    }
}

/// Whether a refusal says that the ref was not what the write expected: by our git, before sending anything; or by the
/// server, which compares once more under its own lock.
fn is_stale(summary: &str) -> bool {
    let ours = ["[rejected] (stale info)", "[rejected] (atomic push failed)"];
    let theirs = [
        "cannot lock ref",
        "failed to update ref",
        "failed to lock",
        "atomic transaction failed",
        "atomic push failure",
        "incorrect old value provided",
        "reference already exists",
        "fetch first",
    ];
    ours.contains(&summary)
        || (summary.starts_with("[remote rejected]")
            && theirs.iter().any(|sign| summary.contains(sign)))
}

/// A server's refusal with its mend, where it is one that a setting causes.
fn rejection(summary: &str, answer: &Answer, judge: &Judge) -> String {
    let remote: Vec<&str> = answer
        .stderr
        .lines()
        .filter_map(|l| l.strip_prefix("remote: "))
        .map(str::trim)
        .collect();
    let told = judge.tell(&format!("{summary} {}", remote.join(" ")));
    let mend = if summary.contains("non-fast-forward") {
        "; set receive.denyNonFastForwards to false in that repository"
    } else {
        ""
    };
    format!("{told}{mend}")
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn judged(code: i32, stdout: &str, stderr: &str, wanted: usize) -> Verdict {
        let judge = Judge::new(&GitRemote::parse("git+https://h/o/r").unwrap(), None);
        let status = std::process::ExitStatus::from_raw(code << 8);
        judge_push(
            &Answer {
                status,
                stdout: stdout.into(),
                stderr: stderr.to_owned(),
            },
            wanted,
            &judge,
        )
    }

    #[test]
    fn new_forced_forwarded_and_unmoved_refs_are_taken() {
        for flag in ["*", "+", " ", "="] {
            let stdout = format!("To h\n{flag}\ta:refs/x\t[whatever]\nDone\n");
            assert!(
                matches!(judged(0, &stdout, "", 1), Verdict::Taken),
                "{flag}"
            );
        }
    }

    #[test]
    fn a_success_that_does_not_speak_of_every_ref_is_not_taken() {
        assert!(matches!(
            judged(0, "To h\n=\ta:b\t[up to date]\nDone\n", "", 2),
            Verdict::Failed(_)
        ));
        assert!(matches!(judged(0, "", "", 1), Verdict::Failed(_)));
    }

    #[test]
    fn a_ref_that_was_not_what_was_expected_is_stale() {
        for summary in [
            "[rejected] (stale info)",
            "[remote rejected] (atomic transaction failed)",
            "[remote rejected] (cannot lock ref 'refs/x': is at a but expected b)",
            "[remote rejected] (failed to update ref)",
        ] {
            let stdout = format!("To h\n!\ta:refs/x\t{summary}\n");
            assert!(
                matches!(
                    judged(1, &stdout, "error: failed to push", 1),
                    Verdict::Stale
                ),
                "{summary}"
            );
        }
    }

    #[test]
    fn a_held_lock_file_is_no_verdict() {
        let stdout = "To h\n!\ta:refs/x\t[remote rejected] (atomic transaction failed)\n";
        let stderr = "remote: error: cannot lock ref 'refs/x': Unable to create '/r/refs/x.lock': File exists.";
        assert!(matches!(
            judged(1, stdout, stderr, 1),
            Verdict::Locked(StoreError::Unreachable { .. })
        ));
    }

    #[test]
    fn a_rule_of_the_server_is_a_refusal_of_access() {
        let stdout = "To h\n!\ta:refs/x\t[remote rejected] (push declined due to repository rule violations)\n";
        assert!(matches!(
            judged(1, stdout, "", 1),
            Verdict::Failed(StoreError::Denied { .. })
        ));
    }

    #[test]
    fn a_server_that_broke_off_gave_no_answer() {
        let stdout = "To h\n!\ta:refs/x\t[remote failure] (remote failed to report status)\n";
        let verdict = judged(1, stdout, "fatal: the remote end hung up unexpectedly", 1);
        assert!(matches!(
            verdict,
            Verdict::Failed(StoreError::Unreachable { .. })
        ));
    }
}
