//! When a reading of the ledger may be pushed, and when it must be read again: a pure core.
//!
//! A Pushgateway has no compare-and-swap: who pushes an older reading over a newer one takes totals back, and Prometheus
//! reads that as a new beginning. So a reading older than [`Limits::fresh_for`] is never pushed, whatever held this process
//! up meanwhile ([`Pushing::fresh_until`] holds until the connection stands), and after a push the ledger is read once more: where it has moved on, the newer totals follow at once.
//! What is left is the time between the look at the clock and the gateway's own; design §7 says how the rules bear it.
//!
//! Responsible for this order alone. It has no clock and sends nothing.

use std::time::Duration;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How old a reading may be when a push of it begins.
    pub fresh_for: Duration,
    /// How long all of it may take. What is under way then is given up.
    pub within: Duration,
    /// How long to wait after the first failure that may pass; twice as long after each further one, at most
    /// [`Limits::longest_wait`].
    pub first_wait: Duration,
    /// See [`Limits::first_wait`].
    pub longest_wait: Duration,
}

impl Limits {
    /// What a step at the end of a job can afford.
    pub const STEP: Limits = Limits {
        fresh_for: Duration::from_secs(5),
        within: Duration::from_secs(30),
        first_wait: Duration::from_millis(250),
        longest_wait: Duration::from_secs(4),
    };
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Read the ledger.
    Read,
    /// Push group number `0..groups` of the newest reading.
    Push(usize),
    /// Wait until this moment, and say [`News::Tick`].
    WaitUntil(Duration),
    /// All groups of the newest reading stand at the gateway.
    Done,
    /// It is given up.
    GivenUp,
}

/// What has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing yet, or a wait is over.
    Tick,
    /// The ledger was read; at this moment the reading was asked for, and this is what would be pushed of it.
    Read {
        /// When the read was begun.
        asked_at: Duration,
        /// Differs from that of another reading exactly where what is to be pushed differs.
        content: u64,
    },
    /// The group was pushed.
    Pushed,
    /// The group was not sent: until the connection stood, the reading had grown too old.
    Outdated,
    /// A read or a push failed.
    Failed {
        /// Trying again may help.
        may_pass: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    asked_at: Duration,
    content: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Reading,
    Pushing(usize),
    Waiting,
}

/// One push of all groups.
#[derive(Clone, Debug)]
pub struct Pushing {
    limits: Limits,
    groups: usize,
    started: Duration,
    reading: Option<Reading>,
    /// By group, what of it stands at the gateway as far as this process knows.
    stands: Vec<Option<u64>>,
    stage: Stage,
    wait: Duration,
    waits_until: Duration,
}

impl Pushing {
    /// Begins at `now` on a clock that goes on while the host sleeps.
    pub fn new(limits: Limits, groups: usize, now: Duration) -> Pushing {
        Pushing {
            limits,
            groups,
            started: now,
            reading: None,
            stands: vec![None; groups],
            stage: Stage::Waiting,
            wait: limits.first_wait,
            waits_until: now,
        }
    }

    /// Until when everything must be done.
    pub fn ends_at(&self) -> Duration {
        self.started + self.limits.within
    }

    /// Until when the newest reading may be sent.
    pub fn fresh_until(&self) -> Duration {
        self.reading.map_or(Duration::ZERO, |reading| {
            reading.asked_at + self.limits.fresh_for
        })
    }

    /// Takes in `news` and says what is to be done. The clock is looked at once more right before each push: hand in the
    /// time of the call.
    pub fn step(&mut self, now: Duration, news: News) -> Order {
        match (news, self.stage) {
            (News::Read { asked_at, content }, Stage::Reading) => {
                self.reading = Some(Reading { asked_at, content });
            }
            (News::Pushed, Stage::Pushing(group)) => {
                self.stands[group] = self.reading.map(|reading| reading.content);
                self.wait = self.limits.first_wait;
                // Whether it still is the newest is asked once all of them stand.
                if self.next_group().is_none() {
                    return self.read();
                }
            }
            (News::Failed { may_pass }, _) => return self.failed(now, may_pass),
            (News::Tick, Stage::Waiting) if now < self.waits_until => {
                return Order::WaitUntil(self.waits_until);
            }
            _ => {}
        }
        self.next(now)
    }

    fn next(&mut self, now: Duration) -> Order {
        if self.reading.is_none() {
            return self.read();
        }
        let Some(group) = self.next_group() else {
            return Order::Done;
        };
        if now > self.ends_at() {
            return Order::GivenUp;
        }
        if now > self.fresh_until() {
            return self.read();
        }
        self.stage = Stage::Pushing(group);
        Order::Push(group)
    }

    /// The first group that does not show the newest reading.
    fn next_group(&self) -> Option<usize> {
        let wanted = self.reading.map(|reading| reading.content);
        (0..self.groups).find(|group| self.stands[*group] != wanted)
    }

    fn read(&mut self) -> Order {
        self.stage = Stage::Reading;
        Order::Read
    }

    fn failed(&mut self, now: Duration, may_pass: bool) -> Order {
        // What a push without an answer left behind is not known.
        if let Stage::Pushing(group) = self.stage {
            self.stands[group] = None;
        }
        let again = now + self.wait;
        if !may_pass || again >= self.ends_at() {
            return Order::GivenUp;
        }
        self.wait = (self.wait * 2).min(self.limits.longest_wait);
        self.stage = Stage::Waiting;
        self.waits_until = again;
        Order::WaitUntil(again)
    }
}
