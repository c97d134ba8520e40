//! The command's output: passed on as it comes, and its last lines kept.
//!
//! The command writes into pipes that this process reads directly; the watchdog only hands the other ends on. A thread of
//! its own copies them to our standard output and error, so a reader of ours that is slow or gone holds up the command's
//! output and nothing else: neither the lease nor the kill path ever waits for it.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::{pipe2, read, write};

use crate::tail::Tail;

/// Sees each line the command writes, without its end and cut at 64 KiB, before it is passed on: for instance to learn the
/// secrets of `::add-mask::`. Called on the output thread; while it blocks, output stands still.
pub type LineObserver = Box<dyn FnMut(&[u8]) + Send>;

/// The most that Linux grants an unprivileged user by default. A roomy pipe spares the command waits.
const PIPE_SIZE: i32 = 1 << 20;
/// Read at once. Small enough to stay in the processor's cache.
const CHUNK: usize = 64 << 10;
/// Output that follows earlier output this closely is gathered for as long, instead of waking this process for every line of
/// a command that writes without pause. Nobody sees the difference; the command gets the processor.
const GATHER: Duration = Duration::from_millis(1);
/// Read at most from one stream while draining: more than a pipe holds, so that a process that was not killed and goes on
/// writing cannot keep a drain going.
const DRAINED_AT_MOST: usize = 2 * PIPE_SIZE as usize;

/// The handle on the output thread.
#[derive(Clone)]
pub(crate) struct Output {
    shared: Arc<Shared>,
}

struct Shared {
    tail: Mutex<Tail>,
    /// Tells the thread to look at `drain`.
    wake: EventFd,
    drain: Mutex<Drain>,
    drained: Condvar,
}

#[derive(Default)]
struct Drain {
    asked: u64,
    done: u64,
    closing: bool,
}

/// The ends of the pipes that the command is to write to.
pub(crate) struct WriteEnds {
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
}

impl Output {
    /// Makes the pipes and starts the thread that copies them to `sinks` (standard output, standard error).
    pub(crate) fn start(
        sinks: [OwnedFd; 2],
        observer: Option<LineObserver>,
    ) -> io::Result<(Self, WriteEnds)> {
        let (stdout_read, stdout) = pipe()?;
        let (stderr_read, stderr) = pipe()?;
        let shared = Arc::new(Shared {
            tail: Mutex::default(),
            wake: EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?,
            drain: Mutex::default(),
            drained: Condvar::new(),
        });
        let pump = Pump {
            shared: Arc::clone(&shared),
            sources: [Some(stdout_read), Some(stderr_read)],
            sinks: sinks.map(Some),
            observer,
            buffer: vec![0; CHUNK],
        };
        thread::Builder::new()
            .name("output".to_owned())
            .stack_size(128 << 10)
            .spawn(move || pump.run())?;
        Ok((Self { shared }, WriteEnds { stdout, stderr }))
    }

    /// Waits until all that was written before this call is passed on, at most for `patience`. Whether it is.
    pub(crate) fn drain(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut drain = lock(&self.shared.drain);
        drain.asked += 1;
        let asked = drain.asked;
        let _woken = self.shared.wake.write(1);
        while drain.done < asked {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return false;
            };
            (drain, _) = self
                .shared
                .drained
                .wait_timeout(drain, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Ends the thread, as soon as its own writing lets it.
    pub(crate) fn close(&self) {
        lock(&self.shared.drain).closing = true;
        let _woken = self.shared.wake.write(1);
    }

    pub(crate) fn finish_lines(&self) -> bool {
        lock(&self.shared.tail).finish_lines()
    }

    pub(crate) fn tail(&self) -> Vec<String> {
        lock(&self.shared.tail).lines()
    }

    pub(crate) fn take_lines(&self) -> Vec<String> {
        lock(&self.shared.tail).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pipe whose reading end does not block.
fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = pipe2(OFlag::O_CLOEXEC)?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    // Refused where the user has too much in pipes already; the default size works as well, only slower.
    let _size = fcntl(&reader, FcntlArg::F_SETPIPE_SZ(PIPE_SIZE));
    Ok((reader, writer))
}

/// What the thread owns.
struct Pump {
    shared: Arc<Shared>,
    /// `None` after the end of the stream.
    sources: [Option<OwnedFd>; 2],
    /// `None` after our reader went away: the command's output is then read and dropped, since a deployment must not die
    /// of a closed log.
    sinks: [Option<OwnedFd>; 2],
    observer: Option<LineObserver>,
    buffer: Vec<u8>,
}

impl Pump {
    fn run(mut self) {
        let mut copied_at: Option<Instant> = None;
        while self.sources.iter().any(Option::is_some) {
            let Ok(()) = self.wait() else { break };
            if copied_at.is_some_and(|at| at.elapsed() < GATHER) {
                thread::sleep(GATHER);
            }
            let _count = self.shared.wake.read();
            let (asked, draining, closing) = {
                let drain = lock(&self.shared.drain);
                (drain.asked, drain.asked > drain.done, drain.closing)
            };
            for stream in 0..2 {
                let mut left = if draining { DRAINED_AT_MOST } else { 1 };
                while left > 0 {
                    let copied = self.copy(stream);
                    if copied > 0 {
                        copied_at = Some(Instant::now());
                    }
                    left = if copied == 0 {
                        0
                    } else {
                        left.saturating_sub(copied)
                    };
                }
            }
            if draining {
                lock(&self.shared.drain).done = asked;
                self.shared.drained.notify_all();
            }
            if closing {
                break;
            }
        }
        // Nobody is to wait for a thread that is gone.
        lock(&self.shared.drain).done = u64::MAX;
        self.shared.drained.notify_all();
    }

    /// Waits for output or a wake-up.
    fn wait(&self) -> Result<(), Errno> {
        let mut fds = Vec::with_capacity(3);
        fds.push(PollFd::new(self.shared.wake.as_fd(), PollFlags::POLLIN));
        fds.extend(
            self.sources
                .iter()
                .flatten()
                .map(|source| PollFd::new(source.as_fd(), PollFlags::POLLIN)),
        );
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    /// Copies one chunk, if there is one. How many bytes.
    fn copy(&mut self, stream: usize) -> usize {
        let Some(source) = &self.sources[stream] else {
            return 0;
        };
        let bytes = match read(source, &mut self.buffer) {
            Ok(0) => {
                self.sources[stream] = None;
                return 0;
            }
            Ok(count) => &self.buffer[..count],
            Err(Errno::EAGAIN | Errno::EINTR) => return 0,
            Err(_) => {
                self.sources[stream] = None;
                return 0;
            }
        };
        lock(&self.shared.tail).push(stream, bytes, |line| {
            if let Some(observe) = &mut self.observer {
                observe(line);
            }
        });
        if let Some(sink) = &self.sinks[stream]
            && !forward(sink, bytes)
        {
            self.sinks[stream] = None;
        }
        bytes.len()
    }
}

/// Writes all of `bytes`, however long that takes. Whether the other side still reads.
fn forward(sink: &OwnedFd, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match write(sink, bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::EINTR) => {}
            // Whoever shares our standard output may have made it non-blocking.
            Err(Errno::EAGAIN) => {
                let mut fds = [PollFd::new(sink.as_fd(), PollFlags::POLLOUT)];
                if matches!(poll(&mut fds, PollTimeout::NONE), Err(errno) if errno != Errno::EINTR)
                {
                    return false;
                }
            }
            Err(_) => return false,
        }
    }
    true
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Output({})", self.shared.wake.as_raw_fd())
    }
}
