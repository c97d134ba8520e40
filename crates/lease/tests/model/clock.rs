//! The clocks of the hosts, and how a hash forgets at what time it was.

use std::{hash::Hasher, time::Duration};

/// True time, in milliseconds.
pub(crate) type Millis = u64;

/// What every moment of a host's clock has below a microsecond, and no duration has: a hash can tell them apart.
const MARK: u32 = 777;

/// CLOCK_BOOTTIME of one host: so much when the world begins, and so fast, in thousandths of true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clock {
    pub(crate) rate: u64,
    pub(crate) offset: Duration,
}

impl Clock {
    pub(crate) fn local(self, at: Millis) -> Duration {
        self.offset + Duration::from_micros(at * self.rate) + Duration::from_nanos(MARK.into())
    }

    /// The first moment at which the clock shows `local` or later.
    pub(crate) fn truth(self, local: Duration) -> Millis {
        let passed = local.saturating_sub(self.offset).as_micros() as u64;
        passed.div_ceil(self.rate)
    }
}

/// Hashes moments of one host's clock as what they are from `now` on.
pub(crate) struct Relative<'a, H: Hasher> {
    inner: &'a mut H,
    now: Duration,
    seconds: Option<u64>,
}

impl<'a, H: Hasher> Relative<'a, H> {
    pub(crate) fn new(inner: &'a mut H, now: Duration) -> Self {
        Relative {
            inner,
            now,
            seconds: None,
        }
    }

    fn flush(&mut self) {
        if let Some(seconds) = self.seconds.take() {
            self.inner.write_u64(seconds);
        }
    }
}

impl<H: Hasher> Hasher for Relative<'_, H> {
    fn write(&mut self, bytes: &[u8]) {
        self.flush();
        self.inner.write(bytes);
    }

    fn write_u64(&mut self, number: u64) {
        self.flush();
        self.seconds = Some(number);
    }

    fn write_u32(&mut self, number: u32) {
        match self.seconds {
            // The two halves of a duration.
            Some(seconds) if number % 1000 == MARK => {
                self.seconds = None;
                let moment = Duration::new(seconds, number).as_nanos() as i64;
                self.inner.write_i64(moment - self.now.as_nanos() as i64);
            }
            _ => {
                self.flush();
                self.inner.write_u32(number);
            }
        }
    }

    fn finish(&self) -> u64 {
        self.inner.finish()
    }
}

impl<H: Hasher> Drop for Relative<'_, H> {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{DefaultHasher, Hash};

    use super::*;

    fn hashed(value: &impl Hash, now: Duration) -> u64 {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut Relative::new(&mut hasher, now));
        hasher.finish()
    }

    #[test]
    fn a_hash_forgets_when_it_was_and_nothing_else() {
        let clock = Clock {
            rate: 1100,
            offset: Duration::from_secs(500),
        };
        let at = |millis| clock.local(millis);
        let later = Duration::from_secs(3);
        assert_eq!(
            hashed(&(at(1000) + later, "x", 7_u64), at(1000)),
            hashed(&(at(9000) + later, "x", 7_u64), at(9000))
        );
        assert_ne!(hashed(&at(1000), at(1000)), hashed(&at(1000), at(1001)));
        assert_ne!(hashed(&later, at(1)), hashed(&(later * 2), at(1)));
        assert_ne!(hashed(&7_u64, at(1)), hashed(&8_u64, at(1)));
        assert_eq!(clock.truth(at(1234)), 1234);
        assert_eq!(clock.truth(at(1234) + Duration::from_micros(1)), 1235);
    }
}
