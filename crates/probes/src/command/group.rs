//! A process group that ends with its value.

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

/// bash in a group of its own. A thread waits for it and is done at the latest when it is killed.
pub(super) struct Group {
    id: Pid,
    /// Until bash is waited for, its number names this group and no other: nobody kills after that.
    waited_for: Arc<Mutex<bool>>,
    ended: oneshot::Receiver<io::Result<Exit>>,
}

impl Group {
    pub(super) fn start(script: &Script, output: PipeWriter) -> io::Result<Group> {
        let mut command = Command::new("bash");
        command
            .args(["-eo", "pipefail", "-c", &script.text])
            .env_clear()
            .envs(script.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0);
        if let Some(folder) = &script.folder {
            command.current_dir(folder);
        }
        let mut child = command.spawn()?;
        // It holds the pipe's other end, too: the output would never end.
        drop(command);
        let id = Pid::from_raw(child.id().cast_signed());
        let waited_for = Arc::new(Mutex::new(false));
        let (tell, ended) = oneshot::channel();
        let gone = waited_for.clone();
        let waiter = std::thread::Builder::new()
            .name("command".to_owned())
            .spawn(move || {
                let _nobody_waits = tell.send(wait(id, &mut child, &gone));
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

fn wait(id: Pid, child: &mut Child, waited_for: &Mutex<bool>) -> io::Result<Exit> {
    // Looks without taking the number away, so that the group can still be killed by it.
    while let Err(Errno::EINTR) = waitid(Id::Pid(id), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) {
    }
    let mut waited_for = waited_for.lock().unwrap_or_else(PoisonError::into_inner);
    let _gone = killpg(id, Signal::SIGKILL);
    let status = child.wait();
    *waited_for = true;
    status.map(exit)
}

fn exit(status: ExitStatus) -> Exit {
    match status.signal().map(Signal::try_from) {
        Some(Ok(signal)) => Exit::Signal(signal),
        // A real-time signal has no name; bash itself would report it as 128 and its number.
        Some(Err(_)) => Exit::Code(128 + status.signal().unwrap_or_default()),
        None => Exit::Code(status.code().unwrap_or_default()),
    }
}
