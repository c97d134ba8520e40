//! A clock that is a little fast or slow, as those of two hosts are to each other.

use std::time::Duration;

/// Local clock = offset + true time x rate / 1000.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) rate: u64,
    pub(crate) offset: Duration,
}

impl Clock {
    pub(crate) fn local(self, at: Duration) -> Duration {
        self.offset + Duration::from_micros(at.as_micros() as u64 * self.rate / 1000)
    }

    pub(crate) fn truth(self, local: Duration) -> Duration {
        let micros = local.saturating_sub(self.offset).as_micros() as u64;
        Duration::from_micros(micros.saturating_mul(1000) / self.rate + 1)
    }
}
