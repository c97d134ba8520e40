//! What the tries of a gate saw in turn: the first changes and the last ones.

use std::time::Duration;

use probes::Answer;

use super::Turn;

/// How many changes are kept from the beginning, and as many from the end: a gate that flaps for hours stays small.
const KEPT: usize = 10;

/// The changes of one gate, bounded.
#[derive(Debug, Default)]
pub(super) struct History {
    turns: Vec<Turn>,
}

impl History {
    /// Notes what a try saw at `at`; whether that is something else than before.
    pub(super) fn note(&mut self, at: Duration, answer: Answer, seen: &str) -> bool {
        if let Some(last) = self.turns.last_mut()
            && last.answer == answer
            && last.seen == seen
        {
            last.times = last.times.saturating_add(1);
            return false;
        }
        if self.turns.len() == 2 * KEPT {
            self.turns.remove(KEPT);
        }
        self.turns.push(Turn {
            at,
            answer,
            seen: seen.to_owned(),
            times: 1,
        });
        true
    }

    /// What the last try came to.
    pub(super) fn last(&self) -> Option<&Turn> {
        self.turns.last()
    }

    /// The changes, oldest first.
    pub(super) fn into_turns(self) -> Vec<Turn> {
        self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_sight_is_one_entry_that_counts() {
        let mut history = History::default();
        assert!(history.note(Duration::from_secs(1), Answer::Fail, "refused"));
        assert!(!history.note(Duration::from_secs(2), Answer::Fail, "refused"));
        assert!(history.note(Duration::from_secs(3), Answer::Unknown, "refused"));
        let turns = history.into_turns();
        assert_eq!(turns.len(), 2);
        assert_eq!((turns[0].at, turns[0].times), (Duration::from_secs(1), 2));
        assert_eq!((turns[1].at, turns[1].times), (Duration::from_secs(3), 1));
    }

    #[test]
    fn the_first_ten_changes_and_the_last_ten_are_kept() {
        let mut history = History::default();
        for number in 0..1000 {
            history.note(Duration::ZERO, Answer::Fail, &number.to_string());
        }
        let seen: Vec<String> = history.into_turns().into_iter().map(|t| t.seen).collect();
        let wanted: Vec<String> = (0..10).chain(990..1000).map(|n| n.to_string()).collect();
        assert_eq!(seen, wanted);
    }
}
