//! Processes as `/proc` shows them: whether a tree is dead is judged from here and from what it writes, never from
//! what its supervisor says.

use std::{collections::HashSet, fs, path::Path};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

/// Sends a signal; a process that is gone already is no failure.
pub fn send(pid: u32, signal: Signal) {
    let _gone = signal::kill(Pid::from_raw(pid.cast_signed()), signal);
}

/// Whether the process exists and is no zombie.
pub fn lives(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// State letter and parent.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}

fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .collect()
}

/// Every live process below `pid`, without itself.
pub fn descendants(pid: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = all()
        .into_iter()
        .filter_map(|p| Some((p, stat(p).filter(|(state, _)| *state != 'Z')?.1)))
        .collect();
    let mut known = HashSet::from([pid]);
    loop {
        let before = known.len();
        known.extend(
            parents
                .iter()
                .filter(|(_, parent)| known.contains(parent))
                .map(|(p, _)| *p)
                .collect::<Vec<_>>(),
        );
        if known.len() == before {
            known.remove(&pid);
            return known.into_iter().collect();
        }
    }
}

/// The process' arguments as one text, separated by spaces; empty where it is gone.
pub fn arguments(pid: u32) -> String {
    let raw = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&raw)
        .replace('\0', " ")
        .trim_end()
        .to_owned()
}

/// Live processes whose working directory is in this folder.
pub fn working_in(folder: &Path) -> Vec<u32> {
    all()
        .into_iter()
        .filter(|pid| {
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at.starts_with(folder))
        })
        .collect()
}

/// Live processes with `text` in their arguments: found even where they cleared their environment and left their
/// parents.
pub fn with_argument(text: &str) -> Vec<u32> {
    let own = std::process::id();
    all()
        .into_iter()
        .filter(|pid| *pid != own && arguments(*pid).contains(text) && lives(*pid))
        .collect()
}
