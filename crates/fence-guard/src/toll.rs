//! What became of an earlier command's processes, for the text of a guard that could not end them all.

use std::collections::HashSet;

use supervisor::process::Process;

use crate::{error::Survival, words::shown};

/// How many processes a text names.
const NAMED: usize = 10;

/// The processes that were to be killed.
#[derive(Debug, Default)]
pub(crate) struct Toll {
    known: HashSet<(i32, u64)>,
    processes: Vec<Process>,
}

/// What was ended and what was not, as text: `41 (rsync), 42 (sh)`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    pub(crate) ended: String,
    pub(crate) goes_on: String,
}

impl Toll {
    /// Whether it is new.
    pub(crate) fn note(&mut self, process: &Process) -> bool {
        let new = self.known.insert((process.pid, process.started));
        if new {
            self.processes.push(process.clone());
        }
        new
    }

    /// How it stands with them now.
    pub(crate) fn fate(&self, why: &Survival) -> Box<Fate> {
        let (ended, mut left): (Vec<_>, Vec<_>) =
            self.processes.iter().cloned().partition(Process::is_over);
        // Of one that refused to be stopped, the toll does not know.
        if let Some(pid) = why.pid()
            && !self.processes.iter().any(|process| process.pid == pid)
        {
            left.extend(Process::read(pid));
        }
        Box::new(Fate {
            ended: names(&ended),
            goes_on: names(&left),
        })
    }
}

/// Processes by number and name.
pub(crate) fn names(processes: &[Process]) -> String {
    let mut names: Vec<String> = processes
        .iter()
        .take(NAMED)
        .map(|process| format!("{} ({})", process.pid, shown(&process.name)))
        .collect();
    match processes.len() {
        0 => return "nothing".into(),
        count if count > NAMED => names.push(format!("and {} more", count - NAMED)),
        _ => {}
    }
    names.join(", ")
}
