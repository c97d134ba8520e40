//! The timing table of design §4, in one place, and the rule that a set of timings must keep.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How often, how long, how late: everything about time that the safety of the lease rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Timing {
    /// From the send of one write to the send of the next renewal.
    #[serde(with = "ledger::seconds")]
    pub heartbeat: Duration,
    /// How long one request to the store may take before it counts as unanswered.
    #[serde(with = "ledger::seconds")]
    pub request_timeout: Duration,
    /// An unanswered write is sent again this long after its last send, beside the earlier ones.
    #[serde(with = "ledger::seconds")]
    pub resend_after: Duration,
    /// D: the holder's tree is dead this long after the first send of the last acknowledged write, plus `kill`.
    #[serde(with = "ledger::seconds")]
    pub deadline: Duration,
    /// How long killing the tree may take.
    #[serde(with = "ledger::seconds")]
    pub kill: Duration,
    /// L: how long a standby waits on an unchanged record.
    #[serde(with = "ledger::seconds")]
    pub lease: Duration,
    /// From the send of one read to the send of the next, while waiting.
    #[serde(with = "ledger::seconds")]
    pub poll: Duration,
}

/// How many sends of one unanswered write may be under way at once (design §4).
pub(crate) const SENDS_AT_ONCE: usize = 4;

/// How much faster one host's clock may run than another's: the 1.1 of design §4 rule 4, in percent.
const CLOCK_RATE_PERCENT: u32 = 110;

/// A set of timings that could let two candidates deploy at once, or that could not keep a lease.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimingError {
    /// Design §4 rule 4 does not hold.
    #[error(
        "a standby could start before this holder is dead: (deadline {deadline:?} + kill {kill:?}) x 1.1 is more than \
         the lease time {lease:?}"
    )]
    Overlap {
        /// D.
        deadline: Duration,
        /// The kill time.
        kill: Duration,
        /// L.
        lease: Duration,
    },
    /// The holder's deadline would pass before a renewal can be answered.
    #[error(
        "a healthy holder would lose the lease: heartbeat {heartbeat:?} + one request of {request:?} is more than its \
         deadline {deadline:?}"
    )]
    Starves {
        /// The heartbeat.
        heartbeat: Duration,
        /// The request timeout.
        request: Duration,
        /// D.
        deadline: Duration,
    },
    /// A duration of zero.
    #[error("{0} is zero")]
    Zero(&'static str),
}

impl Timing {
    /// The git store's row. GitHub recommends at most 6 pushes a minute to a repository.
    pub const GIT: Timing = Timing {
        heartbeat: Duration::from_secs(10),
        request_timeout: Duration::from_secs(3),
        resend_after: Duration::from_secs(1),
        deadline: Duration::from_secs(18),
        kill: Duration::from_secs(2),
        lease: Duration::from_secs(22),
        poll: Duration::from_secs(2),
    };

    /// The row of stores that tell of a change: PostgreSQL and Redis.
    pub const NOTIFIED: Timing = Timing {
        heartbeat: Duration::from_secs(2),
        request_timeout: Duration::from_secs(1),
        resend_after: Duration::from_secs(1),
        deadline: Duration::from_secs(6),
        kill: Duration::from_secs(1),
        lease: Duration::from_secs(8),
        poll: Duration::from_secs(1),
    };

    /// This row with another lease time: everything else keeps its proportion to it, but the request timeout, the
    /// pause before a resend and the poll never grow past the row's.
    pub fn with_lease(self, lease: Duration) -> Timing {
        let scaled = |d: Duration| d.mul_f64(lease.as_secs_f64() / self.lease.as_secs_f64());
        Timing {
            heartbeat: scaled(self.heartbeat),
            request_timeout: scaled(self.request_timeout).min(self.request_timeout),
            resend_after: scaled(self.resend_after).min(self.resend_after),
            deadline: scaled(self.deadline),
            kill: scaled(self.kill),
            lease,
            poll: scaled(self.poll).min(self.poll),
        }
        .in_whole_millis()
    }

    /// This set with another heartbeat.
    pub fn with_heartbeat(self, heartbeat: Duration) -> Timing {
        Timing { heartbeat, ..self }
    }

    /// Whether this set keeps a healthy holder and never lets a standby start beside it.
    ///
    /// # Errors
    /// What is wrong with it; the first of several.
    pub fn check(&self) -> Result<(), TimingError> {
        for (name, value) in [
            ("heartbeat", self.heartbeat),
            ("request timeout", self.request_timeout),
            ("resend", self.resend_after),
            ("deadline", self.deadline),
            ("kill time", self.kill),
            ("lease time", self.lease),
            ("poll", self.poll),
        ] {
            if value.is_zero() {
                return Err(TimingError::Zero(name));
            }
        }
        // Rule 4: D + kill time <= L / 1.1, multiplied out so that nothing is rounded away.
        if (self.deadline + self.kill) * CLOCK_RATE_PERCENT > self.lease * 100 {
            let Timing {
                deadline,
                kill,
                lease,
                ..
            } = *self;
            return Err(TimingError::Overlap {
                deadline,
                kill,
                lease,
            });
        }
        if self.heartbeat + self.request_timeout > self.deadline {
            return Err(TimingError::Starves {
                heartbeat: self.heartbeat,
                request: self.request_timeout,
                deadline: self.deadline,
            });
        }
        Ok(())
    }

    /// Rounds every part down to whole milliseconds, as the record keeps them; the lease time is given, not rounded.
    fn in_whole_millis(self) -> Timing {
        let whole = |d: Duration| Duration::from_millis(d.as_millis() as u64);
        Timing {
            heartbeat: whole(self.heartbeat),
            request_timeout: whole(self.request_timeout),
            resend_after: whole(self.resend_after),
            deadline: whole(self.deadline),
            kill: whole(self.kill),
            lease: self.lease,
            poll: whole(self.poll),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_the_design_are_valid() {
        assert_eq!(Timing::GIT.check(), Ok(()));
        assert_eq!(Timing::NOTIFIED.check(), Ok(()));
    }

    #[test]
    fn every_other_lease_time_keeps_the_rule() {
        for millis in (50..120_000).step_by(37) {
            let lease = Duration::from_millis(millis);
            assert_eq!(Timing::GIT.with_lease(lease).check(), Ok(()), "{lease:?}");
            assert_eq!(
                Timing::NOTIFIED.with_lease(lease).check(),
                Ok(()),
                "{lease:?}"
            );
        }
    }

    #[test]
    fn a_deadline_that_reaches_into_the_next_holders_time_is_refused() {
        let late = Timing {
            deadline: Timing::GIT.deadline + Duration::from_millis(1),
            ..Timing::GIT
        };
        assert!(matches!(late.check(), Err(TimingError::Overlap { .. })));
    }

    #[test]
    fn a_heartbeat_that_comes_after_the_deadline_is_refused() {
        let slow = Timing::GIT.with_heartbeat(Duration::from_secs(16));
        assert!(matches!(slow.check(), Err(TimingError::Starves { .. })));
    }

    #[test]
    fn a_zero_is_named() {
        let timing = Timing {
            poll: Duration::ZERO,
            ..Timing::GIT
        };
        assert_eq!(timing.check(), Err(TimingError::Zero("poll")));
    }
}
