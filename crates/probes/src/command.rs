//! A script, as a `run:` step runs it: `bash -eo pipefail -c`.
//!
//! Responsible for: ending it and its whole process group by the deadline, when nobody waits for it any more and when this
//! process dies, a bounded piece of its output, and its environment, which is exactly what is passed in. Not responsible for the deploy command
//! (design §6): a process that leaves the group with `setsid` survives here.

mod group;
mod probe;
mod tail;

use std::{borrow::Cow, ffi::OsString, fmt, io, path::PathBuf, time::Duration};

use nix::sys::signal::Signal;
use tokio::{net::unix::pipe, time::Instant};

use crate::{foreign, probe::Answer};
use group::Group;
pub use probe::CommandProbe;
use tail::Tail;

/// How much of the output's end is kept, in bytes.
pub const KEPT: usize = 2 << 10;

/// A script and what it runs in. Its text goes through the program's arguments, which every user of the machine may read:
/// secrets belong in the environment.
#[derive(Clone, Default)]
pub struct Script {
    /// What people call it.
    pub name: String,
    /// What bash runs.
    pub text: String,
    /// The whole environment: nothing is inherited. Without `PATH` bash takes its own.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it runs; this process's folder where none is named.
    pub folder: Option<PathBuf>,
    /// What must not be seen: each place where one of them stands in the output reads `***`.
    pub secrets: Vec<String>,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(Signal),
}

/// A script that ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// The end of what it printed on both outputs, at most [`KEPT`] bytes, without the secrets.
    pub output: String,
    /// Whether it printed more before that.
    pub cut: bool,
    /// From its start to its end.
    pub took: Duration,
}

/// Why a script did not end by itself; reads after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It could not be started: no bash, no folder, no process left.
    #[error("start bash for {name}: {source}")]
    Start {
        /// Which script.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Its folder is not there.
    #[error("start bash for {name}: there is no folder {}", folder.display())]
    NoFolder {
        /// Which script.
        name: String,
        /// Which folder.
        folder: PathBuf,
    },
    /// The deadline came; it and its process group are dead.
    #[error("see the end of {name} within {:.1} s: it was killed{}", after.as_secs_f64(), said(&unfinished(output), *cut))]
    TimedOut {
        /// Which script.
        name: String,
        /// For how long it ran.
        after: Duration,
        /// As [`Ended::output`].
        output: String,
        /// As [`Ended::cut`].
        cut: bool,
    },
}

impl CommandError {
    /// What is known of what the script looks at.
    pub fn answer(&self) -> Answer {
        match self {
            CommandError::Start { .. } | CommandError::NoFolder { .. } => Answer::Unknown,
            CommandError::TimedOut { .. } => Answer::Fail,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // As a shell reports a program that a signal ended.
            Exit::Code(code) => match Signal::try_from(code - 128) {
                Ok(signal) => write!(out, "exit code {code} ({signal})"),
                Err(_) => write!(out, "exit code {code}"),
            },
            Exit::Signal(signal) => write!(out, "killed by {signal}"),
        }
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Script")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Runs a script to its end, at most until `deadline`. Its input is empty. Whatever is left of its process group when
/// bash has ended is killed: a question leaves nothing running behind.
///
/// # Errors
///
/// See [`CommandError`]; an exit code is none of them.
pub async fn run(script: &Script, deadline: Instant) -> Result<Ended, CommandError> {
    let begun = Instant::now();
    let start = |source| match &script.folder {
        Some(folder) if !folder.is_dir() => CommandError::NoFolder {
            name: script.name.clone(),
            folder: folder.clone(),
        },
        _ => CommandError::Start {
            name: script.name.clone(),
            source,
        },
    };
    let (output, input) = io::pipe().map_err(start)?;
    let mut output = pipe::Receiver::from_owned_fd(output.into()).map_err(start)?;
    let mut group = Group::start(script, input).map_err(start)?;
    let mut tail = Tail::new(&script.secrets);

    let ended = {
        let read = tail.read(&mut output);
        let ended = tokio::time::timeout_at(deadline, group.ended());
        tokio::pin!(read, ended);
        // The output may end before the process does and, where somebody left the group with it, long after.
        tokio::select! {
            ended = &mut ended => ended.ok(),
            () = &mut read => ended.await.ok(),
        }
    };
    let took = begun.elapsed();
    group.kill();
    tail.rest(&output);
    let (output, cut) = tail.text();
    match ended {
        Some(Ok(exit)) => Ok(Ended {
            exit,
            output,
            cut,
            took,
        }),
        Some(Err(source)) => Err(start(source)),
        None => Err(CommandError::TimedOut {
            name: script.name.clone(),
            after: took,
            output,
            cut,
        }),
    }
}

/// `: its last line`, and nothing where there is none. A line whose front is lost says so: what stands there may be the
/// end of a secret, which who shows it must know.
fn said(output: &str, cut: bool) -> String {
    let mut lines = output.lines().rev().peekable();
    while let Some(line) = lines.next() {
        // A progress bar overwrites its line: its last state is what a person would have seen.
        let (state, is_front) = match line.trim_end().rsplit_once('\r') {
            Some((_, state)) => (state, false),
            None => (line, lines.peek().is_none()),
        };
        let state = foreign::line(state);
        if !state.is_empty() {
            let sign = if cut && is_front { "…" } else { "" };
            return format!(": {sign}{state}");
        }
    }
    String::new()
}

/// What a script printed until it was killed: an open line may have lost its end.
fn unfinished(output: &str) -> Cow<'_, str> {
    if output.is_empty() || output.ends_with(['\n', '\r']) {
        output.into()
    } else {
        format!("{output}…").into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_whose_front_or_end_is_lost_says_so() {
        assert_eq!(said("ARY is bad\n", true), ": …ARY is bad");
        assert_eq!(said("ARY is\nbad\n\n", true), ": bad");
        assert_eq!(said("ARY 1\r 2\n", true), ": 2");
        assert_eq!(said("bad\n", false), ": bad");
        assert_eq!(said("\n", true), "");
        assert_eq!(unfinished("bad\nCAN"), "bad\nCAN…");
        assert_eq!(unfinished("bad\n"), "bad\n");
        assert_eq!(unfinished(""), "");
    }
}
