//! What the supervisor reports: events of one command's life, and how it ended.

use std::fmt;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

/// One thing that happened, in order.
///
/// Every accepted start is followed by exactly one [`Event::NotStarted`], or by one [`Event::Exited`] and then
/// [`Event::TreeDead`]. [`Event::TreeAlive`] may come in between; then `TreeDead` follows when, and only when, the tree
/// is proven dead after all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The command runs.
    Started {
        /// Process id of the top process (`bash`).
        pid: u32,
        /// How its tree is held together.
        contained: Contained,
    },
    /// Nothing ran.
    NotStarted(StartFailure),
    /// The top process ended; what it left behind is being ended now.
    Exited(Exit),
    /// No process of the tree is left, zombies included. The next attempt may start.
    TreeDead {
        /// How many processes outlived the top process and had to be ended.
        killed_leftovers: usize,
    },
    /// The tree could not be proven dead within the kill time. Killing goes on.
    TreeAlive {
        /// Processes that are still there.
        survivors: Vec<Survivor>,
    },
    /// The watchdog died or fell silent. A running tree is being killed; no further command starts on this supervisor.
    WatchdogLost(WatchdogLoss),
}

/// How a tree is held together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contained {
    /// In a cgroup of its own, with the subreaper behind it.
    Cgroup,
    /// By the subreaper alone. A process of another user (`sudo`) cannot be killed then.
    Subreaper,
}

/// Why a command did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum StartFailure {
    /// The deadline passed before the watchdog could start it.
    #[error("start the command before its deadline passed")]
    DeadlinePassed,
    /// The watchdog was gone, or still had a tree to end.
    #[error("start the command under a live watchdog")]
    NoWatchdog,
    /// The kernel refused: no `bash`, no such working directory, no permission for the cgroup.
    #[error("run bash: {0}")]
    Spawn(String),
}

/// A process that could not be killed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survivor {
    /// Its process id.
    pub pid: u32,
    /// Its name as `/proc/<pid>/stat` has it, at most 15 bytes.
    pub name: String,
    /// Whether the kernel refused the signal (another user's process), rather than the process not dying of it.
    pub denied: bool,
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.pid)?;
        if self.denied {
            f.write_str(", not permitted to signal it")?;
        }
        Ok(())
    }
}

/// How the watchdog was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchdogLoss {
    /// Its process ended.
    Died,
    /// It did not answer in time (stopped, or starved).
    Silent,
}

impl fmt::Display for WatchdogLoss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Died => "the watchdog died",
            Self::Silent => "the watchdog fell silent",
        })
    }
}

/// How the top process ended. `code` and `signal` are both `None` when nobody saw it: the watchdog died with the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, where it ended by itself.
    pub code: Option<i32>,
    /// Name of the signal that ended it, such as `SIGKILL`.
    pub signal: Option<String>,
    /// Its timeout ended it.
    pub timed_out: bool,
    /// [`crate::Supervisor::stop`] ended it.
    pub stopped: bool,
    /// It was killed because the deadline passed.
    pub fenced: bool,
    /// From start to end, on `CLOCK_BOOTTIME`.
    pub ran: Duration,
}

impl Exit {
    /// Whether the command did what it was started for: exit code 0, and nothing ended it early.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0) && !self.timed_out && !self.stopped && !self.fenced
    }

    /// The signal that a code above 128 stands for: `bash` reports a child killed by signal n as 128 + n.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let signal = self
            .code?
            .checked_sub(128)
            .filter(|n| (1..=64).contains(n))?;
        Some(signal_name(signal))
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, &self.signal) {
            (_, Some(signal)) => write!(f, "killed by {signal}")?,
            (Some(code), None) => {
                write!(f, "exit code {code}")?;
                if let Some(signal) = self.hint() {
                    write!(f, " (a child killed by {signal}?)")?;
                }
            }
            (None, None) => f.write_str("ended unseen")?,
        }
        if self.fenced {
            f.write_str(", the lease ran out")?;
        }
        if self.timed_out {
            f.write_str(", timed out")?;
        }
        if self.stopped {
            f.write_str(", stopped")?;
        }
        Ok(())
    }
}

/// `SIGKILL` for 9; real-time signals, which have no name of their own, as `signal 35`.
pub(crate) fn signal_name(number: i32) -> String {
    Signal::try_from(number).map_or_else(
        |_| format!("signal {number}"),
        |signal| signal.as_str().to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit(code: Option<i32>, signal: Option<&str>) -> Exit {
        Exit {
            code,
            signal: signal.map(str::to_owned),
            timed_out: false,
            stopped: false,
            fenced: false,
            ran: Duration::ZERO,
        }
    }

    #[test]
    fn only_a_clean_exit_that_nothing_cut_short_is_a_success() {
        assert!(exit(Some(0), None).success());
        assert!(!exit(Some(1), None).success());
        assert!(!exit(None, Some("SIGKILL")).success());
        assert!(!exit(None, None).success());
        for cut in [
            Exit {
                timed_out: true,
                ..exit(Some(0), None)
            },
            Exit {
                stopped: true,
                ..exit(Some(0), None)
            },
            Exit {
                fenced: true,
                ..exit(Some(0), None)
            },
        ] {
            assert!(!cut.success(), "{cut}");
        }
    }

    #[test]
    fn a_code_above_128_keeps_its_number_and_hints_at_the_signal() {
        assert_eq!(
            exit(Some(137), None).to_string(),
            "exit code 137 (a child killed by SIGKILL?)"
        );
        assert_eq!(exit(Some(128), None).hint(), None);
        assert_eq!(exit(Some(255), None).hint(), None);
    }

    #[test]
    fn death_by_signal_is_told_by_name() {
        assert_eq!(signal_name(9), "SIGKILL");
        assert_eq!(signal_name(35), "signal 35");
        assert_eq!(exit(None, Some("SIGSEGV")).to_string(), "killed by SIGSEGV");
    }
}
