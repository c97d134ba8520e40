//! A short-lived program with a deadline: `docker` itself, or a credential helper.

use std::{ffi::OsString, io, path::Path, process::Stdio};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::{Instant, timeout_at},
};

use super::Environment;

/// How much of each output is kept, in bytes.
const KEPT: u64 = 64 << 10;

/// How a program ended.
pub(crate) struct Ran {
    /// Its exit code; none where a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it printed.
    pub(crate) stdout: Vec<u8>,
    /// What it complained about.
    pub(crate) stderr: Vec<u8>,
}

/// Why a program did not end by itself.
pub(crate) enum NotRun {
    /// It could not be started, or its output not be read.
    System(io::ErrorKind),
    /// The deadline passed; it and what it started in its group are dead.
    Late,
}

/// A process group that dies with this value, also when the caller stops waiting.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _gone = killpg(group, Signal::SIGKILL);
        }
    }
}

/// Runs `program` with `input` on its standard input until it ends, at most until `deadline`. It sees this process'
/// environment with the folders of `environment` in it.
pub(crate) async fn run(
    environment: &Environment,
    program: &Path,
    arguments: &[&str],
    input: &[u8],
    deadline: Instant,
) -> Result<Ran, NotRun> {
    let system = |error: io::Error| NotRun::System(error.kind());
    let mut command = Command::new(program);
    let folders = [
        (
            "DOCKER_CONFIG",
            environment.config.as_ref().map(OsString::from),
        ),
        ("HOME", environment.home.as_ref().map(OsString::from)),
        ("PATH", environment.path.clone()),
    ];
    command.envs(
        folders
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    let mut child = command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(system)?;
    // Until the leader is waited for, its number names this group and no other.
    let mut group = Group(
        child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw),
    );
    let (mut stdin, stdout, stderr) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let talk = async {
        let write = async {
            if let Some(pipe) = &mut stdin {
                // A program that does not read its input is no failure.
                let _closed = pipe.write_all(input).await;
            }
            drop(stdin.take());
        };
        let ((), stdout, stderr) = tokio::join!(write, keep(stdout), keep(stderr));
        let status = child.wait().await?;
        io::Result::Ok((status, stdout?, stderr?))
    };
    let (status, stdout, stderr) = timeout_at(deadline, talk)
        .await
        .map_err(|_elapsed| NotRun::Late)?
        .map_err(system)?;
    group.0 = None;
    Ok(Ran {
        code: status.code(),
        stdout,
        stderr,
    })
}

/// Reads to the end, and keeps the beginning.
async fn keep(pipe: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    if let Some(mut pipe) = pipe {
        (&mut pipe).take(KEPT).read_to_end(&mut kept).await?;
        tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await?;
    }
    Ok(kept)
}
