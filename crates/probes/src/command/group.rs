//! A process group that ends with its value, and with this process.

use std::{
    io::{self, PipeWriter},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, killpg},
        wait::{Id, WaitPidFlag, waitid},
    },
    unistd::Pid,
};
use tokio::sync::oneshot;

use super::{Exit, Script};

/// What the guard runs: it waits for the end of its input, which is this process's end, and kills the group it leads.
/// PR_SET_PDEATHSIG would kill bash alone, not what bash started, and already when the thread that started it ends.
const GUARD: &str = "trap '' TERM INT HUP QUIT; read -r; kill -KILL 0";

/// bash in a group of its own, which a guard leads. A thread waits for it and is done at the latest when it is killed.
pub(super) struct Group {
    id: Pid,
    /// Until the guard is waited for, its number names this group and no other: nobody kills after that.
    waited_for: Arc<Mutex<bool>>,
    ended: oneshot::Receiver<io::Result<Exit>>,
}

/// The leader of the group: there before bash and after it.
struct Guard {
    child: Child,
    /// Closed by the kernel when this process ends, however it does.
    _lifeline: PipeWriter,
}

impl Guard {
    fn start() -> io::Result<Guard> {
        let (input, lifeline) = io::pipe()?;
        let child = Command::new("bash")
            .args(["-c", GUARD])
            .env_clear()
            .stdin(input)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Guard {
            child,
            _lifeline: lifeline,
        })
    }

    /// Kills the group, and takes the guard's number away.
    fn end(&mut self) {
        let _gone = killpg(group(&self.child), Signal::SIGKILL);
        let _status = self.child.wait();
    }
}

fn group(leader: &Child) -> Pid {
    Pid::from_raw(leader.id().cast_signed())
}

impl Group {
    pub(super) fn start(script: &Script, output: PipeWriter) -> io::Result<Group> {
        let mut guard = Guard::start()?;
        let mut child = match bash(script, output, &guard) {
            Ok(child) => child,
            Err(error) => {
                guard.end();
                return Err(error);
            }
        };
        let id = group(&guard.child);
        let waited_for = Arc::new(Mutex::new(false));
        let (tell, ended) = oneshot::channel();
        let gone = waited_for.clone();
        let waiter = std::thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || {
                let _nobody_waits = tell.send(wait(&mut child, &mut guard, &gone));
            });
        let group = Group {
            id,
            waited_for,
            ended,
        };
        // Without a thread: dropping the group kills it. Nobody waits for bash then, until this process ends.
        waiter.map(|_running| group)
    }

    /// Waits for bash, and kills what it left behind.
    pub(super) async fn ended(&mut self) -> io::Result<Exit> {
        match (&mut self.ended).await {
            Ok(ended) => ended,
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Kills the whole group; harmless when it is gone.
    pub(super) fn kill(&self) {
        let waited_for = self
            .waited_for
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if !*waited_for {
            let _gone = killpg(self.id, Signal::SIGKILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

// The command ends with this function: it holds the pipe's other end, too, and the output would never end.
fn bash(script: &Script, output: PipeWriter, guard: &Guard) -> io::Result<Child> {
    let mut command = Command::new("bash");
    command
        .args(["-eo", "pipefail", "-c", &script.text])
        .env_clear()
        .envs(script.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(group(&guard.child).as_raw());
    if let Some(folder) = &script.folder {
        command.current_dir(folder);
    }
    command.spawn()
}

fn wait(child: &mut Child, guard: &mut Guard, waited_for: &Mutex<bool>) -> io::Result<Exit> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    // Looks without taking the number away: the group dies before anybody hears that bash has ended.
    while let Err(Errno::EINTR) = waitid(Id::Pid(group(child)), flags) {}
    let mut waited_for = waited_for.lock().unwrap_or_else(PoisonError::into_inner);
    guard.end();
    *waited_for = true;
    child.wait().map(exit)
}

fn exit(status: ExitStatus) -> Exit {
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => Exit::Signal(signal),
        // A real-time signal has no name; bash itself would report it as 128 and its number.
        Some(Err(_)) => Exit::Code(128 + status.signal().unwrap_or_default()),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}
