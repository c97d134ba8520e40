//! What can be wrong with an inventory as a whole. What is wrong with one host only is its
//! [`Address`](crate::Address).

use std::{fmt, io, path::PathBuf, time::Duration};

/// Why an inventory could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// Neither a file, nor a folder, nor a list of hosts.
    #[error(
        "find the inventory {}: name a file, a folder, or hosts with a comma (`web1,web2,`)",
        path.display()
    )]
    Missing {
        /// What was named.
        path: PathBuf,
    },
    /// A file or folder is there and cannot be read.
    #[error("read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The text is not an inventory; every wrong line of a file at once.
    #[error("understand the inventory: {}", join(.0))]
    Wrong(Vec<Problem>),
    /// Neither reader was done in time.
    #[error("read the inventory within {limit:?}")]
    TimedOut {
        /// How long it had.
        limit: Duration,
    },
    /// The reading itself broke off, a defect of the reader.
    #[error("finish reading the inventory")]
    BrokeOff,
    /// `ansible-inventory` was wanted and is not on PATH.
    #[error(
        "find ansible-inventory on PATH: install Ansible, or leave the choice of the reader open"
    )]
    NotInstalled,
    /// `ansible-inventory` was wanted and gave no usable answer.
    #[error("read the inventory with ansible-inventory: {words}")]
    Ansible {
        /// Its own words, without what may be a secret.
        words: String,
    },
}

/// One thing that is wrong in one place. Never quotes the value of a variable, which may be a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: PathBuf,
    /// The line, from 1; `None` where the whole file is meant.
    pub line: Option<usize>,
    /// What stands there.
    pub seen: String,
    /// What would be right.
    pub wanted: String,
    /// How to mend it.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(out, ":{line}")?;
        }
        write!(
            out,
            ": {}, wanted {}: {}",
            self.seen, self.wanted, self.mend
        )
    }
}

/// How many problems one message spells out: a file of another format is wrong in every line.
const SHOWN: usize = 20;

fn join(problems: &[Problem]) -> String {
    let mut lines: Vec<String> = problems
        .iter()
        .take(SHOWN)
        .map(Problem::to_string)
        .collect();
    if problems.len() > SHOWN {
        lines.push(format!("and {} more", problems.len() - SHOWN));
    }
    lines.join("\n")
}
