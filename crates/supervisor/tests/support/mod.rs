//! Starts a supervisor as a process of its own, gives it orders, and judges the tree from outside.
//!
//! Whether a tree is dead is judged from a file that it keeps appending to and from `/proc`, never from what the supervisor says.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long anything may take that should happen at once, on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Kill time and grace of every run, unless a test says otherwise.
pub(crate) const KILL_TIME: u64 = 800;
pub(crate) const GRACE: u64 = 300;

pub(crate) const CONTAINMENTS: [&str; 2] = ["cgroup", "subreaper"];

/// A supervisor under test. Dropping it kills it, its watchdog, and whatever its commands left.
pub(crate) struct Run {
    pub(crate) child: Child,
    pub(crate) watchdog: u32,
    folder: TempDir,
}

impl Run {
    /// A supervisor whose command is `script`; `$F` in it is the file to append to.
    pub(crate) fn new(containment: &str, script: &str) -> Self {
        Self::with(containment, script, |_| {})
    }

    pub(crate) fn with(containment: &str, script: &str, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("baton-supervised-")
            .tempdir()
            .unwrap();
        fs::write(folder.path().join("command"), script).unwrap();
        // Its arguments carry the folder's name, by which it is found in /proc even after `env -i`.
        let writer =
            "while :; do echo $EPOCHREALTIME >> \"$1/grows\"; read -rt 0.005 <> <(:) || :; done";
        fs::write(folder.path().join("writer"), writer).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_supervise"));
        command
            .arg(folder.path())
            .args([containment, &KILL_TIME.to_string(), &GRACE.to_string()])
            .env("D", folder.path())
            .env("W", folder.path().join("writer"))
            .env("INPUT_TOKEN", "secret");
        let mut command = detached(command);
        change(&mut command);
        let mut run = Self {
            child: command.spawn().unwrap(),
            watchdog: 0,
            folder,
        };
        run.watchdog = run
            .note("ready ")
            .split_once(' ')
            .unwrap()
            .1
            .parse()
            .unwrap();
        run
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().unwrap()
    }

    pub(crate) fn supervisor(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{order}").unwrap();
    }

    /// Feeds all the time, starts the command, and waits until it writes. Its top process.
    pub(crate) fn started(&mut self) -> u32 {
        self.started_with("keep 5000")
    }

    /// The same, feeding as `feed` says. To stop a supervisor at a known time before its deadline, feed little from the start:
    /// the last of many feeds need not have reached the watchdog when the supervisor is stopped.
    pub(crate) fn started_with(&mut self, feed: &str) -> u32 {
        self.order(feed);
        self.order("start -");
        let top = self.top();
        self.grows();
        top
    }

    /// The top process of the command started last.
    pub(crate) fn top(&self) -> u32 {
        let started = self.note("Started");
        let digits: String = started
            .chars()
            .skip_while(|c| !c.is_ascii_digit())
            .take_while(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap()
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        // A note is written whole, ended by its newline.
        let text = fs::read_to_string(self.path("notes")).unwrap_or_default();
        text.split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
            .map(|line| line.trim_end().to_owned())
            .collect()
    }

    /// Waits for a note that starts with `start`; the last such.
    pub(crate) fn note(&self, start: &str) -> String {
        self.nth_note(1, start)
    }

    /// Waits until there are `count` notes that start with `start`; the last of them.
    pub(crate) fn nth_note(&self, count: usize, start: &str) -> String {
        let mut found = None;
        wait_for(
            || {
                let notes = self.notes();
                let matching: Vec<_> = notes
                    .iter()
                    .filter(|note| note.starts_with(start))
                    .collect();
                found = matching
                    .last()
                    .filter(|_| matching.len() >= count)
                    .map(|note| (*note).clone());
                found.is_some()
            },
            || format!("{count} notes {start:?}, only {:#?}", self.notes()),
        );
        found.unwrap()
    }

    /// Whether such a note was made.
    pub(crate) fn has(&self, start: &str) -> bool {
        self.notes().iter().any(|note| note.starts_with(start))
    }

    pub(crate) fn size(&self) -> u64 {
        fs::metadata(self.path("grows")).map_or(0, |file| file.len())
    }

    /// Waits until the tree appends to its file.
    pub(crate) fn grows(&self) {
        let before = self.size();
        wait_for(
            || self.size() > before,
            || format!("the file to grow; {:#?}", self.notes()),
        );
    }

    /// Processes of the command: found by the folder's name in their arguments.
    pub(crate) fn tree(&self) -> Vec<u32> {
        let folder = self.folder().to_str().unwrap();
        processes_with(folder)
            .into_iter()
            .filter(|&pid| pid != self.supervisor())
            .collect()
    }

    /// Stops every process of the tree.
    pub(crate) fn stop_tree(&self) {
        let running = || {
            self.tree()
                .into_iter()
                .filter(|&pid| state(pid).is_some_and(|state| state != 'T'))
        };
        // The writers fork all the time, so some are gone when their turn comes, and new ones come up.
        wait_for(
            || {
                let running: Vec<u32> = running().collect();
                for &pid in &running {
                    let _gone = kill(pid_of(pid), Signal::SIGSTOP);
                }
                running.is_empty()
            },
            || "the tree to stop".to_owned(),
        );
    }

    /// Waits until no process of the tree is left, then sees to it that the file has stopped growing.
    pub(crate) fn dies(&self) {
        wait_for(
            || self.tree().is_empty(),
            || format!("the tree {:?} to die; {:#?}", self.tree(), self.notes()),
        );
        self.is_dead();
    }

    /// The tree is dead now.
    pub(crate) fn is_dead(&self) {
        assert_eq!(
            self.tree(),
            [0_u32; 0],
            "processes of the tree are left: {:#?}",
            self.notes()
        );
        let before = self.size();
        // Nothing can be awaited that should not happen; the writers append every 5 ms.
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(self.size(), before, "something still writes");
    }

    /// The last time that a writer noted, in seconds since 1970.
    pub(crate) fn last_append(&self) -> f64 {
        let text = fs::read_to_string(self.path("grows")).unwrap();
        text.lines()
            .rev()
            .find_map(|line| line.parse().ok())
            .unwrap()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let _gone = kill(pid_of(self.supervisor()), Signal::SIGKILL);
        let _collected = self.child.wait();
        // The watchdog then tidies up; what it may not kill is killed here.
        let until = Instant::now() + SOON;
        while self.watchdog != 0 && (lives(self.watchdog) || !self.tree().is_empty()) {
            let _continued = kill(pid_of(self.watchdog), Signal::SIGCONT);
            for pid in self.tree() {
                let _gone = kill(pid_of(pid), Signal::SIGKILL);
            }
            if Instant::now() > until {
                let _gone = kill(pid_of(self.watchdog), Signal::SIGKILL);
                eprintln!("a watchdog did not end by itself");
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// With orders from us, without output, and in a group of its own, as a runner gives a step.
pub(crate) fn detached(mut command: Command) -> Command {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0);
    command
}

pub(crate) fn pid_of(pid: u32) -> Pid {
    Pid::from_raw(i32::try_from(pid).unwrap())
}

pub(crate) fn signal(pid: u32, signal: Signal) {
    kill(pid_of(pid), signal).unwrap();
}

/// Live processes (no zombies) that have `text` in their arguments.
pub(crate) fn processes_with(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        // The arguments of a zombie are empty.
        let arguments = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&arguments).contains(text) {
            found.push(pid);
        }
    }
    found
}

/// Whether the process exists and is no zombie.
pub(crate) fn lives(pid: u32) -> bool {
    state(pid).is_some_and(|state| state != 'Z' && state != 'X')
}

pub(crate) fn state(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Polls `condition` until it holds; fails with what was awaited after [`SOON`].
pub(crate) fn wait_for(mut condition: impl FnMut() -> bool, awaited: impl FnOnce() -> String) {
    let until = Instant::now() + SOON;
    while !condition() {
        assert!(Instant::now() < until, "waited in vain for {}", awaited());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Seconds since 1970, as the writers note them.
pub(crate) fn epoch_now() -> f64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
}

/// Where cgroup v2 is mounted. A host that has none cannot show half of what these tests are about.
pub(crate) fn cgroup_mount() -> PathBuf {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "));
    let mount = mount
        .expect("no cgroup v2 hierarchy is mounted on this host; mount one to run these tests");
    PathBuf::from(mount.split(' ').nth(4).unwrap())
}
