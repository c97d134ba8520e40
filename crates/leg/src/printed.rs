//! The newest lines that the commands of a leg printed, over all attempts.

use std::collections::VecDeque;

use actions_kit::{Redactor, markdown, redact};
use lease::protocol::Command;

/// How many lines are kept.
const LINES: usize = 2000;
/// How many bytes of them.
const BYTES: usize = 1 << 20;
/// How many characters of a line the ledger keeps.
const RECORDED: usize = 200;

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

    /// The newest lines of all commands, at most `most`, oldest first, for people: nothing in them turns the text around.
    pub(crate) fn newest(&self, most: usize, redactor: &Redactor) -> Vec<String> {
        let from = self.lines.len().saturating_sub(most);
        self.lines
            .range(from..)
            .map(|line| markdown::unturned(&clean(&line.text, redactor)).into_owned())
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
                line: clean(&line.text, redactor),
            })
            .collect()
    }
}

/// A line without what is known to be secret, and without what looks like it.
fn clean(line: &str, redactor: &Redactor) -> String {
    redact::hide_shapes(&redactor.redact(line))
}

/// What the ledger keeps of a line: at most 200 characters, the last a `…` where it was cut, which tells whoever hides secrets
/// that the beginning of one may stand before it.
pub(crate) fn recorded(line: &str) -> String {
    if line.chars().count() <= RECORDED {
        return line.to_owned();
    }
    let mut cut: String = line.chars().take(RECORDED - 1).collect();
    cut.push('…');
    cut
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

    #[test]
    fn what_looks_like_a_secret_is_hidden_from_ledger_and_shipping_and_what_turns_text_is_shown() {
        let mut printed = Printed::default();
        let lines = ["password=c4nary-1", "ghp_0123456789abcdef", "a\u{202e}b"];
        printed.add(Command::Deploy, 1, lines.map(str::to_owned).to_vec());
        let redactor = Redactor::new();
        assert_eq!(
            printed.newest(3, &redactor),
            ["password=***", "***", "a\\u{202e}b"]
        );
        let told = printed.of_deploy(&redactor);
        assert_eq!(told[0].line, "password=***");
        assert_eq!(told[1].line, "***");
    }

    #[test]
    fn a_line_too_long_for_the_ledger_says_that_it_was_cut() {
        assert_eq!(recorded(&"é".repeat(RECORDED)), "é".repeat(RECORDED));
        let cut = format!("{}…", "é".repeat(RECORDED - 1));
        assert_eq!(recorded(&"é".repeat(RECORDED + 1)), cut);
    }
}
