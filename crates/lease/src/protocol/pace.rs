//! How a candidate that merely queues spares a store that has trouble answering.
//!
//! Hundreds may wait for one store: each that asks it again at once makes the answers of all later, those of the holders'
//! renewals too, until healthy holders lose their leases. So whoever waits behind others gives way, and only then:
//!
//! - A read without an answer, or with one that took longer than a poll, doubles the pause to the next, up to sixteen polls;
//!   each answer in time halves it again. While a read takes no longer than a poll (2 s for git), this changes nothing, so
//!   that the time to a takeover (design §4, promise 4) is what it is: a candidate whose deployment is claimed by its
//!   partner sees that within a poll. The price is paid behind a slow store alone: what becomes free is seen up to
//!   sixteen polls later.
//! - An entry that another's came before (an announcement, a place in the queue) is tried again after a pause drawn from
//!   twice, four times, … what the write took, as on a shared wire: of twenty who write at once, nineteen lose, and those
//!   who come back at once lose again. The price: an announcement among many comes later, at most by
//!   sixteen times what a write takes.
//!
//! Neither touches who holds a lease, who stands by a deployment that is under way, or who was told to stop.

use std::{
    hash::{Hash, Hasher},
    time::Duration,
};

/// Pauses grow to two to this power of what they were.
const MOST_DOUBLINGS: u32 = 4;

/// Nor do refused entries wait longer than two to this power of what they took, or so many polls.
const MOST_LOSSES: u32 = 4;
const LONGEST_PAUSE: u32 = 32;

/// How the store has fared of late, as one candidate saw it.
#[derive(Clone, Debug, PartialEq, Hash, Default)]
pub(super) struct Pace {
    /// How often the pause between reads is doubled.
    slow: u32,
    /// How often in a row an entry of ours was refused.
    losses: u32,
    /// Until when the refused entry rests.
    rests_until: Duration,
}

impl Pace {
    /// A read was answered after `took`, or not at all.
    pub(super) fn read(&mut self, took: Duration, answered: bool, poll: Duration) {
        self.slow = if answered && took <= poll {
            self.slow.saturating_sub(1)
        } else {
            (self.slow + 1).min(MOST_DOUBLINGS)
        };
    }

    /// An entry was refused `took` after it was first sent. Each candidate draws a pause of its own: `name` tells them
    /// apart.
    pub(super) fn refused(&mut self, now: Duration, took: Duration, poll: Duration, name: &str) {
        self.losses = (self.losses + 1).min(MOST_LOSSES);
        let longest = took * 2_u32.pow(self.losses);
        let pause = longest
            .min(poll * LONGEST_PAUSE)
            .mul_f64(draw(name, self.losses));
        self.rests_until = now + whole_millis(pause);
    }

    /// An entry took effect.
    pub(super) fn taken(&mut self) {
        (self.losses, self.rests_until) = (0, Duration::ZERO);
    }

    /// When a refused entry is to be looked at, and tried, again.
    pub(super) fn rests_until(&self) -> Duration {
        self.rests_until
    }

    /// From the send of one read to the send of the next. Those who wait for the same answers do not come back together.
    pub(super) fn between_reads(&self, poll: Duration, name: &str) -> Duration {
        if self.slow == 0 {
            return poll;
        }
        let most = poll * 2_u32.pow(self.slow);
        poll + whole_millis((most - poll).mul_f64(draw(name, self.slow)))
    }
}

/// Rounded up: a timer that is coarser than a pause would ring before its end, again and again.
fn whole_millis(pause: Duration) -> Duration {
    Duration::from_millis(pause.as_millis() as u64 + 1)
}

/// A number from 0 to 1 that `name` and `round` alone decide: the protocol draws no random numbers.
fn draw(name: &str, round: u32) -> f64 {
    let mut hasher = std::hash::DefaultHasher::new();
    (name, round).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(2);

    #[test]
    fn reads_that_are_answered_within_a_poll_change_nothing() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.read(POLL, true, POLL);
            assert_eq!(pace.between_reads(POLL, "a"), POLL);
        }
    }

    #[test]
    fn unanswered_and_slow_reads_lengthen_the_pause_up_to_sixteen_polls_and_quick_ones_shorten_it_again()
     {
        let mut pace = Pace::default();
        for (round, longest) in [2, 4, 8, 16, 16].into_iter().enumerate() {
            pace.read(POLL * 2, round % 2 == 0, POLL);
            let pause = pace.between_reads(POLL, "a");
            assert!(
                pause > POLL && pause <= POLL * longest + Duration::from_millis(1),
                "{round}: {pause:?}"
            );
        }
        for _ in 0..4 {
            pace.read(POLL, true, POLL);
        }
        assert_eq!(pace.between_reads(POLL, "a"), POLL);
    }

    #[test]
    fn those_who_lose_to_the_same_write_come_back_at_different_times() {
        let mut pauses: Vec<Duration> = (0..20)
            .map(|candidate| {
                let mut pace = Pace::default();
                pace.refused(
                    Duration::ZERO,
                    Duration::from_millis(100),
                    POLL,
                    &format!("{candidate}"),
                );
                pace.rests_until()
            })
            .collect();
        pauses.sort();
        pauses.dedup();
        assert_eq!(pauses.len(), 20);
        assert!(
            pauses.iter().all(|p| *p <= Duration::from_millis(200)),
            "{pauses:?}"
        );
    }

    #[test]
    fn an_entry_never_rests_longer_than_thirty_two_polls_and_a_win_begins_anew() {
        let mut pace = Pace::default();
        for _ in 0..100 {
            pace.refused(Duration::ZERO, Duration::from_secs(30), POLL, "a");
            assert!(pace.rests_until() <= POLL * 32 + Duration::from_millis(1));
        }
        pace.taken();
        pace.refused(Duration::ZERO, Duration::from_millis(1), POLL, "a");
        assert!(pace.rests_until() <= Duration::from_millis(2));
    }
}
