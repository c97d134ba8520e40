//! The signals that ask the supervisor to end, as a stream.
//!
//! A cancelled job gets SIGINT, SIGTERM 7.5 s later and SIGKILL 2.5 s after that; a runner that shuts down looks the same
//! (design §4). What they mean is the binary's business.

use std::fmt;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// SIGINT: a cancelled job, first word; Ctrl-C.
    Interrupt,
    /// SIGTERM: a cancelled job, second word; a service that stops.
    Terminate,
    /// SIGHUP: the terminal went away.
    Hangup,
}

impl Received {
    /// The exit code of a process that ended because of it: 128 + the signal's number (130, 143, 129).
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        })
    }
}

/// A stream of [`Received`]. From its creation on these signals no longer end the process.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Starts to listen. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal. Cancel-safe: a signal that arrived while nobody awaited is kept (several of one kind as one).
    pub async fn next(&mut self) -> Received {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Received::Interrupt,
            Some(()) = self.terminate.recv() => Received::Terminate,
            Some(()) = self.hangup.recv() => Received::Hangup,
            else => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::signal::{Signal as Number, raise};

    #[test]
    fn each_signal_is_received_by_name_and_does_not_end_the_process() {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async {
                let mut signals = Signals::listen().unwrap();
                for (number, expected, code) in [
                    (Number::SIGINT, Received::Interrupt, 130),
                    (Number::SIGTERM, Received::Terminate, 143),
                    (Number::SIGHUP, Received::Hangup, 129),
                ] {
                    raise(number).unwrap();
                    let received = signals.next().await;
                    assert_eq!(received, expected);
                    assert_eq!(received.to_string(), number.as_str());
                    assert_eq!(received.exit_code(), code);
                }
            });
    }
}
