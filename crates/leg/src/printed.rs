//! The newest lines that the commands of a leg printed, over all attempts.

use std::collections::VecDeque;

use actions_kit::Redactor;
use lease::protocol::Command;

/// How many lines are kept.
const LINES: usize = 2000;
/// How many bytes of them.
const BYTES: usize = 1 << 20;

/// One line that the deploy command printed, redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputLine {
    /// In which attempt of this candidate, from 1.
    pub attempt: u32,
    /// Without its end.
    pub line: String,
}

/// The lines as they were printed, at most 2,000 and 1 MiB. Secrets are hidden when they are told, since a later line may
/// say what to mask.
#[derive(Default)]
pub struct Printed {
    lines: VecDeque<Line>,
    bytes: usize,
}

struct Line {
    command: Command,
    attempt: u32,
    text: String,
}

impl Printed {
    /// Adds what a command printed, and forgets the oldest where it is too much.
    pub(crate) fn add(&mut self, command: Command, attempt: u32, lines: Vec<String>) {
        for text in lines {
            self.bytes += text.len();
            self.lines.push_back(Line {
                command,
                attempt,
                text,
            });
        }
        while self.lines.len() > LINES || self.bytes > BYTES {
            let oldest = self.lines.pop_front().map_or(0, |line| line.text.len());
            self.bytes -= oldest;
        }
    }

    /// The newest lines of all commands, at most `most`, oldest first.
    pub(crate) fn newest(&self, most: usize, redactor: &Redactor) -> Vec<String> {
        let from = self.lines.len().saturating_sub(most);
        self.lines
            .range(from..)
            .map(|line| redactor.redact(&line.text).into_owned())
            .collect()
    }

    /// What is kept of the deploy command's lines, oldest first. With many secrets this takes a while.
    pub fn of_deploy(&self, redactor: &Redactor) -> Vec<OutputLine> {
        let deploy = self
            .lines
            .iter()
            .filter(|line| line.command == Command::Deploy);
        deploy
            .map(|line| OutputLine {
                attempt: line.attempt,
                line: redactor.redact(&line.text).into_owned(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(of: &str, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("{of} {n}")).collect()
    }

    #[test]
    fn the_newest_lines_of_all_commands_are_kept_and_the_deploy_commands_told_by_attempt() {
        let mut printed = Printed::default();
        printed.add(Command::Deploy, 1, lines("first", 1500));
        printed.add(Command::Deploy, 2, lines("second", 600));
        printed.add(Command::OnFailure, 2, lines("back", 3));
        let redactor = Redactor::new();
        assert_eq!(
            printed.newest(4, &redactor),
            ["second 599", "back 0", "back 1", "back 2"]
        );
        let told = printed.of_deploy(&redactor);
        assert_eq!(told.len(), 1997);
        assert_eq!((told[0].attempt, told[0].line.as_str()), (1, "first 103"));
        assert_eq!(told[1996].attempt, 2);
    }

    #[test]
    fn no_more_than_a_mebibyte_is_kept_and_a_mask_that_came_late_holds_for_earlier_lines() {
        let mut printed = Printed::default();
        printed.add(Command::Deploy, 1, vec!["x".repeat(BYTES / 2 + 1); 2]);
        printed.add(Command::Deploy, 1, vec!["key is canary-7f3a".to_owned()]);
        let redactor = Redactor::new();
        redactor.learn_from("::add-mask::canary-7f3a");
        let told = printed.of_deploy(&redactor);
        assert_eq!(told.len(), 2);
        assert_eq!(told[1].line, "key is ***");
    }
}
