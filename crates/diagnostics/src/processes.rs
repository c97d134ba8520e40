//! The processes of this machine, without what may be secret of them.
//!
//! Arguments may hold passwords (`mysql -psecret`, `curl -H 'Authorization: …'`), and a program may write anything over its
//! own. So no argument is told, but for two: the program's path, and the first argument that is the absolute path of a
//! file that is there, which is the script of an interpreter. What no file is called is not told, whatever it looks like.
//! Environments are never read.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use nix::unistd::{SysconfVar, sysconf};
use probes::foreign;
use serde::Serialize;
use tokio::time::Instant;

use crate::{Part, part::apart};

/// How many are told.
const MOST: usize = 400;
/// How many arguments are looked at for a script.
const ARGUMENTS: usize = 32;
/// How long one may be, in bytes.
const LONGEST: usize = 300;

/// The processes that this one sees.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Processes {
    /// How many there are, the kernel's own left out.
    pub count: usize,
    /// At most 400, those with the most memory where there are more; parents before children.
    pub told: Vec<Process>,
}

/// One process.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent's.
    pub ppid: i32,
    /// How deep it lies below a process that is told, from 0.
    pub depth: usize,
    /// `S` sleeping, `R` running, `D` held by the kernel, `Z` dead and not waited for, …
    pub state: char,
    /// Since it started.
    pub age_seconds: u64,
    /// Memory that it really has.
    pub rss_kib: u64,
    /// Its name, as the kernel keeps it.
    pub name: String,
    /// The program's path, where it has one that is a file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<String>,
    /// The script that it runs, where that is an absolute path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
}

/// Looks at them.
pub(crate) async fn look(root: &Path, deadline: Instant) -> Part<Processes> {
    let root = root.to_owned();
    apart("the processes", deadline, move || all(&root)).await
}

fn all(root: &Path) -> Part<Processes> {
    let listed = match fs::read_dir(root.join("proc")) {
        Ok(listed) => listed,
        Err(error) => return Part::failed(format_args!("list the processes: {error}")),
    };
    let uptime = fs::read_to_string(root.join("proc/uptime"))
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or_default();
    let ticks = system(SysconfVar::CLK_TCK).unwrap_or(100);
    let page = system(SysconfVar::PAGE_SIZE).unwrap_or(4096);
    let mut found: Vec<(PathBuf, Process)> = listed
        .flatten()
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.parse::<i32>().is_ok())
        })
        .filter_map(|entry| {
            let folder = entry.path();
            // Gone meanwhile: nobody misses it.
            let stat = fs::read(folder.join("stat")).ok()?;
            let stat = String::from_utf8_lossy(&stat);
            Some((folder, parse(&stat, uptime, ticks, page)?))
        })
        // Children of kthreadd, and it: the kernel's own threads.
        .filter(|(_, process)| process.pid != 2 && process.ppid != 2)
        .collect();
    let count = found.len();
    if count > MOST {
        found.sort_by_key(|(_, process)| std::cmp::Reverse(process.rss_kib));
        found.truncate(MOST);
    }
    for (folder, process) in &mut found {
        (process.program, process.script) = named(root, folder);
    }
    Part::Had(Processes {
        count,
        told: as_tree(found.into_iter().map(|(_, process)| process).collect()),
    })
}

fn system(name: SysconfVar) -> Option<u64> {
    sysconf(name).ok().flatten()?.try_into().ok()
}

/// From `/proc/<pid>/stat` (proc_pid_stat(5)).
fn parse(stat: &str, uptime: f64, ticks: u64, page: u64) -> Option<Process> {
    // The name stands in parentheses and may itself hold spaces and parentheses.
    let (pid, rest) = stat.split_once(" (")?;
    let (name, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // The first of them is field 3: the state. The start is field 22, the resident pages 24.
    let started: u64 = fields.get(19)?.parse().ok()?;
    let pages: u64 = fields.get(21)?.parse().ok()?;
    Some(Process {
        pid: pid.parse().ok()?,
        ppid: fields.get(1)?.parse().ok()?,
        depth: 0,
        state: fields.first()?.chars().next()?,
        age_seconds: (uptime - started as f64 / ticks as f64).max(0.0) as u64,
        rss_kib: pages.saturating_mul(page) / 1024,
        name: foreign::bounded(name, 64),
        program: None,
        script: None,
    })
}

/// The paths among the arguments that may be told: the program's and the script's.
fn named(root: &Path, folder: &Path) -> (Option<String>, Option<String>) {
    let Ok(arguments) = fs::read(folder.join("cmdline")) else {
        return (None, None);
    };
    let mut arguments = arguments.split(|byte| *byte == 0).take(ARGUMENTS);
    let mut is_file = |argument: &[u8]| {
        let path = std::str::from_utf8(argument).ok()?;
        let there = path.len() <= LONGEST
            && path.starts_with('/')
            && fs::symlink_metadata(root.join(path.trim_start_matches('/')))
                .is_ok_and(|data| !data.is_dir());
        there.then(|| foreign::bounded(path, LONGEST))
    };
    let program = arguments.next().and_then(&mut is_file);
    (program, arguments.find_map(is_file))
}

/// Parents before their children, in the order of their ids.
fn as_tree(all: Vec<Process>) -> Vec<Process> {
    let pids: BTreeSet<i32> = all.iter().map(|process| process.pid).collect();
    let mut children: BTreeMap<Option<i32>, Vec<Process>> = BTreeMap::new();
    for process in all {
        // One without a parent here begins a tree of its own; so does one that is its own parent.
        let parent =
            (pids.contains(&process.ppid) && process.ppid != process.pid).then_some(process.ppid);
        children.entry(parent).or_default().push(process);
    }
    let mut ordered = Vec::new();
    let mut open = vec![];
    let roots = |children: &mut BTreeMap<Option<i32>, Vec<Process>>,
                 of,
                 depth,
                 open: &mut Vec<(usize, Process)>| {
        // Taken out, so that a parent seen twice (a look is not atomic) cannot make a loop.
        let mut below = children.remove(&of).unwrap_or_default();
        below.sort_by_key(|process| std::cmp::Reverse(process.pid));
        open.extend(below.into_iter().map(|process| (depth, process)));
    };
    roots(&mut children, None, 0, &mut open);
    while let Some((depth, mut process)) = open.pop() {
        process.depth = depth;
        roots(&mut children, Some(process.pid), depth + 1, &mut open);
        ordered.push(process);
    }
    // What a changing tree left in a circle is told all the same.
    ordered.extend(children.into_values().flatten());
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, ppid: i32) -> Process {
        Process {
            pid,
            ppid,
            depth: 0,
            state: 'S',
            age_seconds: 0,
            rss_kib: 0,
            name: String::new(),
            program: None,
            script: None,
        }
    }

    #[test]
    fn parents_come_before_their_children_and_nobody_is_lost_in_a_circle() {
        let tree = as_tree(vec![
            process(7, 3),
            process(1, 0),
            process(3, 1),
            process(8, 9),
            process(9, 8),
            process(4, 1),
        ]);
        let seen: Vec<(i32, usize)> = tree.iter().map(|one| (one.pid, one.depth)).collect();
        assert_eq!(seen, [(1, 0), (3, 1), (7, 2), (4, 1), (9, 0), (8, 0)]);
    }

    #[test]
    fn a_name_with_spaces_and_brackets_is_read_whole() {
        let fields: Vec<String> = (4..=30).map(|n: u64| (n * 100).to_string()).collect();
        let stat = format!("17 (a) b (c) Z {}", fields.join(" "));
        let one = parse(&stat, 1000.0, 100, 4096).unwrap();
        assert_eq!((one.pid, one.ppid, one.state), (17, 400, 'Z'));
        assert_eq!(one.name, "a) b (c");
        assert_eq!((one.age_seconds, one.rss_kib), (978, 9600));
    }
}
