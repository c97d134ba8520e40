//! A runner's processes: its listener, and the worker that carries a job out.
//!
//! Responsible for: finding them in the service's control group or, without a service, below the runner's folder; and
//! knowing them again. Not responsible for what the listener is connected to: see `sockets`, `session`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use supervisor::process::Process;

/// The name of the listener's program, all of the 15 bytes that the kernel keeps.
const LISTENER: &str = "Runner.Listener";
/// The name of the program of a job.
const WORKER: &str = "Runner.Worker";
/// So many processes are looked at one by one.
const FEW: usize = 16;

/// The processes of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// No process is in its control group, or the group is not there.
    Inactive,
    /// These.
    Active(Vec<i32>),
}

/// Which processes are in the control group of a service. systemd keeps one as long as the service is active, in the
/// version 2 hierarchy or in its own named one of version 1.
///
/// # Errors
/// The group is there and cannot be read.
pub(crate) fn of_service(cgroups: &Path, group: &Path) -> io::Result<Service> {
    for hierarchy in ["", "unified", "systemd"] {
        let path = cgroups.join(hierarchy).join(group).join("cgroup.procs");
        match fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                return Ok(Service::Active(
                    text.lines().filter_map(|pid| pid.parse().ok()).collect(),
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Service::Inactive)
}

/// A listener that was found, to be known again: a pid alone may be another's by now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listener(Option<(i32, u64)>);

impl Listener {
    /// The listener now; `candidates` is asked for where the known one is gone.
    pub(crate) fn look(&mut self, candidates: impl FnOnce() -> Vec<i32>) -> Option<Process> {
        let known = self
            .0
            .and_then(|(pid, started)| Process::read(pid).filter(|found| found.started == started));
        let found = known.filter(|process| !process.is_zombie()).or_else(|| {
            candidates()
                .into_iter()
                .filter_map(Process::read)
                .find(|process| process.name == LISTENER && !process.is_zombie())
        });
        self.0 = found.as_ref().map(|process| (process.pid, process.started));
        found
    }
}

/// Whether a worker of this listener lives. `group`: the processes of its service, where they are known.
pub(crate) fn is_busy(listener: i32, group: &[i32]) -> bool {
    // An idle runner is a handful of processes. Where a job has started hundreds, its children are fewer.
    if (1..=FEW).contains(&group.len()) {
        return group.iter().copied().any(is_worker);
    }
    children(listener).map_or_else(
        || group.iter().copied().any(is_worker),
        |children| children.into_iter().any(is_worker),
    )
}

fn is_worker(pid: i32) -> bool {
    Process::read(pid).is_some_and(|process| process.name == WORKER && !process.is_zombie())
}

/// The children of a process, each of which one of its threads has started. `None`: this kernel does not tell
/// (CONFIG_PROC_CHILDREN).
fn children(pid: i32) -> Option<Vec<i32>> {
    let mut found = None;
    let threads = fs::read_dir(format!("/proc/{pid}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        if let Ok(text) = fs::read_to_string(thread.path().join("children")) {
            let children = text.split_ascii_whitespace();
            found
                .get_or_insert_with(Vec::new)
                .extend(children.filter_map(|pid| pid.parse::<i32>().ok()));
        }
    }
    found
}

/// The listeners of this host with the path of their program, for runners that are no service.
pub(crate) fn listeners() -> Vec<(i32, PathBuf)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<i32>().ok())
        else {
            continue;
        };
        let name = fs::read(entry.path().join("comm")).unwrap_or_default();
        if name.strip_suffix(b"\n").unwrap_or(&name) == LISTENER.as_bytes() {
            let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let program = words.split(|byte| *byte == 0).next().unwrap_or_default();
            found.push((
                pid,
                PathBuf::from(String::from_utf8_lossy(program).into_owned()),
            ));
        }
    }
    found
}

/// Those of `listeners` whose program lies in the runner's folder.
pub(crate) fn below(folder: &Path, listeners: &[(i32, PathBuf)]) -> Vec<i32> {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let within = |program: &Path| {
        program.starts_with(folder)
            || program
                .canonicalize()
                .is_ok_and(|program| program.starts_with(&real))
    };
    listeners
        .iter()
        .filter(|(_, program)| within(program))
        .map(|(pid, _)| *pid)
        .collect()
}
