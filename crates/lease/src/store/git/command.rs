//! Runs one git command: its environment, its process group, its end.
//!
//! Not responsible for what is asked of git or for what its answer means.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    process::{Child, Command},
    time::{sleep, timeout},
};

use super::{Credentials, remote::Kind};

/// Variables of git's own that carry what a user or an administrator set up for the way to the server. Every other
/// inherited `GIT_*` variable is removed: a `GIT_DIR` or `GIT_INDEX_FILE` of a surrounding hook would lead git astray.
const KEPT: [&str; 9] = [
    "GIT_SSL_",
    "GIT_PROXY_SSL_",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_EXEC_PATH",
];

/// How long the receiving side of a push that was given up may still take to end by itself.
const FINISH: Duration = Duration::from_secs(10);

/// What is said after git has ended, by a background process that holds its pipes (an ssh master), is not waited for.
const DRAIN: Duration = Duration::from_millis(200);

/// How git is run for one remote: the same environment every time.
#[derive(Clone)]
pub(super) struct Git {
    removed: Vec<OsString>,
    /// Holds the `Authorization` header: no `Debug`.
    set: Vec<(String, String)>,
}

/// What git said.
pub(super) struct Answer {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

/// What becomes of a git that is given up before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GivenUp {
    /// Its whole process group is killed at once.
    Killed,
    /// Git alone is killed. What receives its push in a repository on disk ends by itself: with no effect where it has
    /// not all of the push yet, and else by moving every ref. Killed between two refs it would leave half a swap. What
    /// hangs is killed after [`FINISH`].
    ReceiverFinishes,
}

impl Git {
    /// Settles the environment: inherited variables are looked at once, here.
    pub(super) fn new(kind: &Kind, credentials: Option<&Credentials>) -> Self {
        let inherited: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
        let removed = inherited
            .iter()
            .filter(|n| is_removed(n))
            .cloned()
            .collect();
        let mut config: Vec<(String, String)> = [
            ("credential.helper", ""),
            ("protocol.version", "2"),
            ("core.hooksPath", "/dev/null"),
            // The scratch repository is thrown away: nothing in it needs to survive a power cut.
            ("core.fsync", "none"),
            ("maintenance.auto", "false"),
            ("gc.auto", "0"),
            ("fetch.writeCommitGraph", "false"),
            ("push.pushOption", ""),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        if let (Kind::Http(url), Some(credentials)) = (kind, credentials) {
            // The whole URL, because git lets the most specific match win; and an empty value first, which forgets the
            // headers of other configuration files: two `Authorization` headers are refused by GitHub.
            let key = format!("http.{url}.extraheader");
            config.push((key.clone(), String::new()));
            config.push((key, credentials.header()));
        }
        let mut set: Vec<(String, String)> = [
            ("LC_ALL", "C"),
            ("GIT_TERMINAL_PROMPT", "0"),
            // Set but empty: neither core.askPass nor SSH_ASKPASS is asked.
            ("GIT_ASKPASS", ""),
            ("SSH_ASKPASS_REQUIRE", "never"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let has = |name: &str| inherited.iter().any(|n| n == name);
        if matches!(kind, Kind::Ssh(_)) && !has("GIT_SSH_COMMAND") && !has("GIT_SSH") {
            // Never ask for a passphrase or a host key at the runner's terminal.
            set.push((
                "GIT_SSH_COMMAND".to_owned(),
                "ssh -o BatchMode=yes".to_owned(),
            ));
        }
        set.push(("GIT_CONFIG_COUNT".to_owned(), config.len().to_string()));
        for (at, (key, value)) in config.into_iter().enumerate() {
            set.push((format!("GIT_CONFIG_KEY_{at}"), key));
            set.push((format!("GIT_CONFIG_VALUE_{at}"), value));
        }
        Git { removed, set }
    }

    /// Runs `git <arguments>` in `folder` to its end. When the future is dropped, the whole process group is killed.
    ///
    /// # Errors
    /// Git could not be started or waited for.
    pub(super) async fn run<I, S>(
        &self,
        folder: &Path,
        arguments: I,
        input: &[u8],
    ) -> io::Result<Answer>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.run_until(folder, arguments, input, GivenUp::Killed)
            .await
    }

    /// As [`Git::run`]; when the future is dropped, `given_up` says what is killed.
    ///
    /// # Errors
    /// As for [`Git::run`].
    pub(super) async fn run_until<I, S>(
        &self,
        folder: &Path,
        arguments: I,
        input: &[u8],
        given_up: GivenUp,
    ) -> io::Result<Answer>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for name in &self.removed {
            command.env_remove(name);
        }
        command.envs(self.set.iter().map(|(name, value)| (name, value)));
        let mut group = Group {
            leader: Some(command.spawn()?),
            given_up,
        };
        let Some(leader) = &mut group.leader else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let (stdin, stdout, stderr) = (
            leader.stdin.take(),
            leader.stdout.take(),
            leader.stderr.take(),
        );
        let (mut said, mut complained) = (Vec::new(), Vec::new());
        let status = {
            let conversation = async {
                let write = async {
                    if let Some(mut stdin) = stdin {
                        // A git that stopped listening says why at its end.
                        let _ = stdin.write_all(input).await;
                    }
                };
                let read_stdout = async {
                    if let Some(mut pipe) = stdout {
                        let _ = pipe.read_to_end(&mut said).await;
                    }
                };
                let read_stderr = async {
                    if let Some(mut pipe) = stderr {
                        let _ = pipe.read_to_end(&mut complained).await;
                    }
                };
                tokio::join!(write, read_stdout, read_stderr);
            };
            tokio::pin!(conversation);
            let mut over = false;
            let status = loop {
                tokio::select! {
                    () = &mut conversation, if !over => over = true,
                    status = leader.wait() => break status?,
                }
            };
            if !over {
                let _ = timeout(DRAIN, &mut conversation).await;
            }
            status
        };
        let stderr = String::from_utf8_lossy(&complained).into_owned();
        Ok(Answer {
            status,
            stdout: said,
            stderr,
        })
    }
}

/// Whether an inherited variable is git's and not one of [`KEPT`].
fn is_removed(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let kept = KEPT.iter().any(|k| {
        if k.ends_with('_') {
            name.starts_with(k)
        } else {
            name == *k
        }
    });
    name.starts_with("GIT_") && !kept
}

/// A running git with all that it started: git leaves its helpers behind when it alone is killed.
struct Group {
    leader: Option<Child>,
    given_up: GivenUp,
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(leader) = self.leader.take() else {
            return;
        };
        // Only a child that was not waited for has an id, so the number cannot belong to anybody else.
        let Some(group) = leader.id().and_then(|id| i32::try_from(id).ok()) else {
            return;
        };
        let group = Pid::from_raw(group);
        match self.given_up {
            GivenUp::Killed => {
                let _ = killpg(group, Signal::SIGKILL);
            }
            GivenUp::ReceiverFinishes => {
                let _ = kill(group, Signal::SIGKILL);
                // Where the runtime ends first, the receiver is left to itself.
                if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                    runtime.spawn(end_later(leader, group));
                }
            }
        }
    }
}

/// Kills what is left of `group` after [`FINISH`]. Until then its dead leader is not reaped, and so the group's number is
/// nobody else's.
async fn end_later(mut leader: Child, group: Pid) {
    sleep(FINISH).await;
    let _ = killpg(group, Signal::SIGKILL);
    let _ = leader.wait().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_lead_git_astray_are_removed_and_the_way_to_the_server_is_kept() {
        for name in [
            "GIT_DIR",
            "GIT_INDEX_FILE",
            "GIT_CONFIG_COUNT",
            "GIT_TRACE_CURL",
            "GIT_DEFAULT_HASH",
        ] {
            assert!(is_removed(OsStr::new(name)), "{name}");
        }
        for name in [
            "GIT_SSL_CAINFO",
            "GIT_SSH_COMMAND",
            "GIT_CONFIG_GLOBAL",
            "https_proxy",
            "GITHUB_SHA",
        ] {
            assert!(!is_removed(OsStr::new(name)), "{name}");
        }
    }
}
