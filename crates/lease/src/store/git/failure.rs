//! What git's complaints mean. Git has no error codes: its English text (`LC_ALL=C`) is all there is.

use std::io;

use super::{Credentials, GitRemote, command::Answer};
use crate::store::StoreError;

/// How much of a complaint is passed on, in characters.
const LONGEST: usize = 240;

/// The server knows us not, or hides the repository from us: GitHub answers 404 to a token without access.
const DENIED: [&str; 14] = [
    "terminal prompts disabled",
    "could not read username",
    "could not read password",
    "authentication failed",
    "returned error: 401",
    "returned error: 403",
    "returned error: 404",
    "permission denied (",
    "permission to ",
    "write access to repository not granted",
    "access denied",
    "repository not found",
    "' not found",
    "host key verification failed",
];

/// Something of this host must be mended by a person.
const LOCAL: [(&str, &str); 10] = [
    (
        "dubious ownership",
        "add it to safe.directory in the global git configuration of the runner's user",
    ),
    (
        "does not appear to be a git repository",
        "name a bare repository, or a path that does not exist yet",
    ),
    (
        "not a git repository",
        "name a bare repository, or a path that does not exist yet",
    ),
    ("no space left on device", "free some space"),
    ("disk quota exceeded", "free some space"),
    (
        "read-only file system",
        "name a place that can be written to",
    ),
    (
        "insufficient permission for adding an object",
        "let the runner's user write there",
    ),
    (
        "unable to find remote helper",
        "install git with HTTP support",
    ),
    (
        "certificate",
        "make the server's certificate authority known by http.sslCAInfo or GIT_SSL_CAINFO",
    ),
    ("cannot run ssh", "install ssh"),
];

/// Turns failures of one remote's commands into the store's errors.
#[derive(Debug, Clone)]
pub(super) struct Judge {
    place: String,
    credentials: Option<Credentials>,
}

impl Judge {
    pub(super) fn new(remote: &GitRemote, credentials: Option<Credentials>) -> Self {
        Judge {
            place: remote.place(),
            credentials,
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What a command that ended badly means.
    pub(super) fn failed(&self, answer: &Answer) -> StoreError {
        let said = answer.stderr.to_lowercase();
        let detail = self.tell(&answer.stderr);
        if let Some((_, mend)) = LOCAL.iter().find(|(sign, _)| said.contains(sign)) {
            return self.local(format!("{detail}; {mend}"));
        }
        if DENIED.iter().any(|sign| said.contains(sign)) {
            return self.denied(detail);
        }
        let detail = if detail.is_empty() {
            format!("git ended with {}", answer.status)
        } else {
            detail
        };
        self.unreachable(detail)
    }

    /// Git could not be run.
    pub(super) fn not_run(&self, error: &io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound => {
                self.local("git is not to be found on PATH; install git".to_owned())
            }
            _ => self.local(format!("git cannot be run: {error}")),
        }
    }

    /// A file operation on this host failed.
    pub(super) fn disk(&self, what: &str, error: &io::Error) -> StoreError {
        self.local(format!("{what}: {error}"))
    }

    pub(super) fn local(&self, detail: String) -> StoreError {
        StoreError::Local {
            place: self.place.clone(),
            detail,
        }
    }

    pub(super) fn denied(&self, detail: String) -> StoreError {
        StoreError::Denied {
            place: self.place.clone(),
            detail,
        }
    }

    pub(super) fn unreachable(&self, detail: String) -> StoreError {
        StoreError::Unreachable {
            place: self.place.clone(),
            detail,
        }
    }

    /// The most telling line of what git said, fit for a log: one line, no control characters, no credential.
    pub(super) fn tell(&self, stderr: &str) -> String {
        let lines = || stderr.lines().map(str::trim).filter(|l| !l.is_empty());
        let telling = ["fatal:", "remote: error:", "error:", "remote: fatal:"];
        let line = telling
            .iter()
            .find_map(|start| lines().find(|l| l.starts_with(start)))
            .or_else(|| lines().next())
            .unwrap_or_default();
        let hidden = match &self.credentials {
            Some(credentials) => credentials.hide(line),
            None => line.to_owned(),
        };
        let shown = hidden.trim_start_matches("fatal:").trim();
        shown
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(LONGEST)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    fn judged(stderr: &str) -> StoreError {
        let remote = GitRemote::parse("git+https://h/o/r").unwrap();
        let status = std::process::ExitStatus::from_raw(128 << 8);
        let judge = Judge::new(&remote, Some(Credentials::token("canary")));
        judge.failed(&Answer {
            status,
            stdout: Vec::new(),
            stderr: stderr.to_owned(),
        })
    }

    #[test]
    fn refusals_of_the_server_are_told_from_its_absence() {
        for refusal in [
            "fatal: could not read Username for 'http://h': terminal prompts disabled",
            "fatal: unable to access 'https://h/o/r/': The requested URL returned error: 403",
            "remote: Repository not found.\nfatal: repository 'https://h/o/r/' not found",
            "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
        ] {
            assert!(
                matches!(judged(refusal), StoreError::Denied { .. }),
                "{refusal}"
            );
        }
        for absence in [
            "fatal: unable to access 'https://h/o/r/': Could not resolve host: h",
            "fatal: unable to access 'https://h/o/r/': The requested URL returned error: 502",
            "error: RPC failed; curl 56 Recv failure\nfatal: the remote end hung up unexpectedly",
            "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.",
            "",
        ] {
            assert!(judged(absence).is_passing(), "{absence}");
        }
    }

    #[test]
    fn a_failure_of_this_host_names_its_mend() {
        let text = judged("fatal: detected dubious ownership in repository at '/x'").to_string();
        assert!(text.contains("safe.directory"), "{text}");
    }

    #[test]
    fn a_complaint_is_one_short_line_without_the_token() {
        let text = judged(&format!(
            "warning: x\nfatal: no \u{1b}[31m canary {}",
            "y".repeat(999)
        ))
        .to_string();
        assert!(
            !text.contains("canary") && !text.contains('\u{1b}') && text.len() < 400,
            "{text}"
        );
    }
}
