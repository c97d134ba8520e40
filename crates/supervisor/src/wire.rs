//! What supervisor and watchdog say to each other, and the socket that carries it.
//!
//! Each message is its length (4 bytes, little endian) and JSON. Neither side ever blocks on the other: what the socket
//! does not take waits in memory, and there is little of it (one unanswered ping at a time, a deadline a heartbeat).

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::{Contained, StartFailure, Survivor};

/// From the supervisor. Times are since boot.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToWatchdog {
    /// Start this command.
    Start(Box<Order>),
    /// From now on, the tree is dead by then.
    Deadline(Option<Duration>),
    /// SIGTERM, grace, SIGKILL; or SIGKILL at once.
    Stop { now: bool },
    /// Answer [`ToSupervisor::Alive`].
    Ping,
}

/// From the watchdog.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToSupervisor {
    /// In its own session, signals blocked, orphans adopted.
    Ready,
    Alive,
    Started {
        pid: i32,
        contained: Contained,
    },
    NotStarted(StartFailure),
    /// `status` as wait(2) gives it.
    Exited {
        status: i32,
        timed_out: bool,
        stopped: bool,
        fenced: bool,
        ran: Duration,
    },
    TreeDead {
        killed_leftovers: usize,
    },
    TreeAlive {
        survivors: Vec<Survivor>,
    },
}

/// All that the watchdog needs to run one command. The environment goes through the socket, so no secret of it is written
/// to a file or an argument list.
#[derive(Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) file: Text,
    /// The folder made for `file`, which the watchdog removes when the supervisor is dead.
    pub(crate) scratch: Text,
    pub(crate) cwd: Text,
    pub(crate) env: Vec<(Text, Text)>,
    pub(crate) cgroup: Option<Text>,
    /// A command that cannot enter the cgroup does not start.
    pub(crate) cgroup_required: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) kill_time: Duration,
}

/// A path or an environment string, which need not be UTF-8.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Text {
    Utf8(String),
    Raw(Vec<u8>),
}

impl From<&OsStr> for Text {
    fn from(text: &OsStr) -> Self {
        match text.to_str() {
            Some(text) => Self::Utf8(text.to_owned()),
            None => Self::Raw(text.as_bytes().to_vec()),
        }
    }
}

impl From<Text> for OsString {
    fn from(text: Text) -> Self {
        match text {
            Text::Utf8(text) => text.into(),
            Text::Raw(bytes) => Self::from_vec(bytes),
        }
    }
}

impl From<Text> for PathBuf {
    fn from(text: Text) -> Self {
        OsString::from(text).into()
    }
}

/// One end of the conversation: sends `O`, receives `I`.
pub(crate) struct Channel<O, I> {
    stream: UnixStream,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    closed: bool,
    messages: PhantomData<(O, I)>,
}

impl<O: Serialize, I: DeserializeOwned> Channel<O, I> {
    pub(crate) fn new(stream: UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            closed: false,
            messages: PhantomData,
        })
    }

    /// Queues a message and sends what the socket takes.
    pub(crate) fn send(&mut self, message: &O) -> io::Result<()> {
        let json = serde_json::to_vec(message)?;
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        self.outgoing.extend_from_slice(&length.to_le_bytes());
        self.outgoing.extend_from_slice(&json);
        self.flush();
        Ok(())
    }

    /// Sends what the socket takes of what is queued.
    pub(crate) fn flush(&mut self) {
        while !self.outgoing.is_empty() && !self.closed {
            match self.stream.write(&self.outgoing) {
                Ok(sent) => drop(self.outgoing.drain(..sent)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // What was received before is still to be read; reading then finds the end.
                Err(_) => self.outgoing.clear(),
            }
        }
        if self.outgoing.is_empty() {
            // A large environment is not to be paid for in memory ever after.
            self.outgoing.shrink_to(4096);
        }
    }

    /// All messages that have arrived. Check [`Self::is_closed`] afterwards.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<I>> {
        let mut chunk = [0; 4096];
        while !self.closed {
            match self.stream.read(&mut chunk) {
                Ok(0) => self.closed = true,
                Ok(read) => self.incoming.extend_from_slice(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => self.closed = true,
            }
        }
        let mut messages = Vec::new();
        while let Some((length, rest)) = self.incoming.split_first_chunk::<4>() {
            let Some(json) = usize::try_from(u32::from_le_bytes(*length))
                .ok()
                .and_then(|length| rest.get(..length))
            else {
                break;
            };
            messages.push(serde_json::from_slice(json)?);
            let used = 4 + json.len();
            self.incoming.drain(..used);
        }
        if self.incoming.is_empty() {
            self.incoming.shrink_to(4096);
        }
        Ok(messages)
    }

    /// Ends the conversation from this side; what is queued is lost.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        let _already_closed = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Whether the other end is gone.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether to poll for room to write.
    pub(crate) fn has_unsent(&self) -> bool {
        !self.outgoing.is_empty()
    }
}

impl<O, I> AsFd for Channel<O, I> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (
        Channel<ToWatchdog, ToSupervisor>,
        Channel<ToSupervisor, ToWatchdog>,
    ) {
        let (supervisor, watchdog) = UnixStream::pair().unwrap();
        (
            Channel::new(supervisor).unwrap(),
            Channel::new(watchdog).unwrap(),
        )
    }

    #[test]
    fn a_large_environment_that_is_not_utf8_arrives_whole_and_nobody_blocks() {
        let (mut supervisor, mut watchdog) = pair();
        let odd = OsStr::from_bytes(b"\xff\xfe=");
        let order = Order {
            file: Text::Utf8("/x".into()),
            scratch: Text::Utf8("/".into()),
            cwd: odd.into(),
            env: vec![
                (Text::Utf8("BIG".into()), Text::Utf8("v".repeat(1 << 20))),
                (odd.into(), odd.into()),
            ],
            cgroup: None,
            cgroup_required: false,
            timeout: None,
            grace: Duration::ZERO,
            kill_time: Duration::ZERO,
        };
        supervisor
            .send(&ToWatchdog::Start(Box::new(order)))
            .unwrap();
        assert!(supervisor.has_unsent(), "1 MiB fits no socket buffer");
        let mut received = Vec::new();
        while received.is_empty() {
            received = watchdog.receive().unwrap();
            supervisor.flush();
        }
        let [ToWatchdog::Start(order)] = received.as_slice() else {
            panic!("another message arrived")
        };
        assert_eq!(OsString::from(order.cwd.clone()), odd);
        assert_eq!(OsString::from(order.env[0].1.clone()).len(), 1 << 20);
        assert_eq!(OsString::from(order.env[1].0.clone()), odd);
    }

    #[test]
    fn what_was_sent_before_the_end_is_received_before_the_end_shows() {
        let (mut supervisor, mut watchdog) = pair();
        watchdog.send(&ToSupervisor::Alive).unwrap();
        watchdog
            .send(&ToSupervisor::TreeDead {
                killed_leftovers: 2,
            })
            .unwrap();
        drop(watchdog);
        let _lost = supervisor.send(&ToWatchdog::Ping);
        let received = supervisor.receive().unwrap();
        assert!(matches!(
            received.as_slice(),
            [
                ToSupervisor::Alive,
                ToSupervisor::TreeDead {
                    killed_leftovers: 2
                }
            ]
        ));
        assert!(supervisor.is_closed());
    }
}
