//! The target of a deployment: a file that every deploy command appends to, every few milliseconds. Lines are appended
//! with one write each, so the file's own order is the order in which things happened, whatever clocks say.

use std::{
    collections::HashSet,
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::time::{ClockId, clock_gettime};

use crate::patience;

/// The time of this host that lines are stamped with.
pub fn boottime() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME)
        .map(Duration::from)
        .unwrap_or_default()
}

/// What a writer said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It has begun.
    Start,
    /// It lives.
    Alive,
    /// It has come to its own end.
    End,
}

impl Said {
    fn parse(text: &str) -> Option<Said> {
        [Said::Start, Said::Alive, Said::End]
            .into_iter()
            .find(|s| s.to_string() == text)
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Said::Start => "start",
            Said::Alive => "alive",
            Said::End => "end",
        })
    }
}

/// One line of the target's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// CLOCK_BOOTTIME of this host.
    pub at: Duration,
    /// The fencing token that the writer was given.
    pub token: u64,
    /// The writer's process.
    pub pid: u32,
    /// `deploy`, `on-failure`, or what a test calls it.
    pub what: String,
    /// What it said.
    pub said: Said,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {}",
            self.at.as_micros(),
            self.token,
            self.pid,
            self.what,
            self.said
        )
    }
}

impl Line {
    /// Reads what [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Line> {
        let mut fields = text.split(' ');
        Some(Line {
            at: Duration::from_micros(fields.next()?.parse().ok()?),
            token: fields.next()?.parse().ok()?,
            pid: fields.next()?.parse().ok()?,
            what: fields.next()?.to_owned(),
            said: Said::parse(fields.next()?)?,
        })
    }
}

/// The log.
#[derive(Clone, Debug)]
pub struct Target {
    path: PathBuf,
}

impl Target {
    /// The log at this place; it need not be there yet.
    pub fn at(path: PathBuf) -> Target {
        Target { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every whole line so far, in the order of the file.
    ///
    /// # Panics
    /// A line that no writer writes.
    pub fn lines(&self) -> Vec<Line> {
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => panic!("the target's log cannot be read: {error}"),
        };
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|l| Line::parse(l).unwrap_or_else(|| panic!("{l:?} in the target's log")))
            .collect()
    }

    /// The `start` lines of writers called `what`.
    pub fn starts(&self, what: &str) -> Vec<Line> {
        self.lines()
            .into_iter()
            .filter(|l| l.said == Said::Start && l.what == what)
            .collect()
    }

    /// Waits for the `count`-th writer called `what`.
    ///
    /// # Panics
    /// It does not come.
    pub fn await_start(&self, count: usize, what: &str, within: Duration) -> Line {
        patience::until(within, format!("{what} to start for time {count}"), || {
            self.starts(what).into_iter().nth(count - 1)
        })
    }

    /// The last line under this token.
    pub fn last(&self, token: u64) -> Option<Line> {
        self.lines().into_iter().rfind(|l| l.token == token)
    }

    /// Where one token writes after a newer one has written: two at once, or a dead one that was not dead.
    pub fn overlaps(&self) -> Vec<String> {
        let mut newest: Option<Line> = None;
        let mut found = Vec::new();
        for line in self.lines() {
            match &newest {
                Some(before) if line.token < before.token => {
                    found.push(format!("`{line}` after `{before}`"))
                }
                _ => newest = Some(line),
            }
        }
        found
    }

    /// Where one command writes after the next command of its token has begun: an attempt that outlived its end.
    pub fn returns(&self) -> Vec<String> {
        let mut over: HashSet<(u64, String)> = HashSet::new();
        let mut newest: Option<(u64, String)> = None;
        let mut found = Vec::new();
        for line in self.lines() {
            let command = (line.token, line.what.clone());
            if over.contains(&command) {
                found.push(format!("`{line}` after the next command began"));
            } else if newest.as_ref() != Some(&command) {
                over.extend(newest.replace(command));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> (tempfile::TempDir, Target) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(
            &path,
            lines.iter().map(|l| format!("{l}\n")).collect::<String>(),
        )
        .unwrap();
        (folder, Target::at(path))
    }

    #[test]
    fn an_older_token_after_a_newer_one_is_an_overlap() {
        let (_folder, target) = log(&[
            "1 1 7 deploy start",
            "2 1 7 deploy alive",
            "3 2 8 deploy start",
            "4 1 7 deploy alive",
        ]);
        assert_eq!(
            target.overlaps(),
            ["`4 1 7 deploy alive` after `3 2 8 deploy start`"]
        );
    }

    #[test]
    fn one_after_the_other_is_none() {
        let (_folder, target) = log(&[
            "1 1 7 deploy start",
            "3 2 8 deploy start",
            "4 2 8 deploy end",
        ]);
        assert_eq!(target.overlaps(), [""; 0]);
    }

    #[test]
    fn a_command_that_writes_after_the_next_one_began_is_found() {
        let (_folder, target) = log(&[
            "1 1 7 deploy-1 start",
            "2 1 8 deploy-2 start",
            "3 1 7 deploy-1 alive",
        ]);
        assert_eq!(
            target.returns(),
            ["`3 1 7 deploy-1 alive` after the next command began"]
        );
    }

    #[test]
    fn a_line_cut_short_is_not_read() {
        let (_folder, target) = log(&["1 1 7 deploy start"]);
        let whole = fs::read_to_string(target.path()).unwrap();
        fs::write(target.path(), format!("{whole}2 1 7 dep")).unwrap();
        assert_eq!(target.lines().len(), 1);
    }
}
