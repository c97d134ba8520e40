//! `CLOCK_BOOTTIME`: time since boot that goes on while the host is suspended (design §4 rule 4).
//!
//! A host that wakes up finds itself past its deadline, which `CLOCK_MONOTONIC` (and so `std::time::Instant` and tokio's
//! timers) would not show.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Time since boot, suspension included.
///
/// # Panics
/// Never on Linux 2.6.39 or later, where `CLOCK_BOOTTIME` exists.
#[must_use]
pub fn now() -> Duration {
    match nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME) {
        Ok(time) => time.into(),
        // Going on without a clock would mean running a command without a deadline.
        Err(errno) => panic!("failed to read CLOCK_BOOTTIME: {errno}"),
    }
}

/// Completes when [`now`] reaches `deadline`; at once when it has. Cancel-safe. Needs a tokio runtime with I/O.
///
/// # Errors
/// When the kernel grants no timer (too many open files).
pub async fn sleep_until(deadline: Duration) -> io::Result<()> {
    let timer = timer()?;
    arm(&timer, Some(deadline))?;
    let timer = watch(OwnedFd::from(timer))?;
    // Armed once and dropped after it fired, so the expiration count need not be read.
    let _expired = timer.readable().await?;
    Ok(())
}

#[allow(unsafe_code)]
fn watch(timer: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an OwnedFd names the same open descriptor until it is dropped, and the AsyncFd owns it until then.
    Ok(unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?)
}

/// The kernel's id of this boot: a UUID that changes with every boot, the same in all containers of a host.
///
/// # Errors
/// When `/proc/sys/kernel/random/boot_id` cannot be read.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// A disarmed timer that does not block and does not outlive an `exec`.
pub(crate) fn timer() -> io::Result<TimerFd> {
    Ok(TimerFd::new(
        ClockId::CLOCK_BOOTTIME,
        TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
    )?)
}

/// Sets `timer` to an absolute time since boot, or disarms it.
pub(crate) fn arm(timer: &TimerFd, at: Option<Duration>) -> io::Result<()> {
    match at {
        // A value of zero would disarm the timer instead of firing at once.
        Some(at) => timer.set(
            Expiration::OneShot(TimeSpec::from_duration(at.max(Duration::from_nanos(1)))),
            TimerSetTimeFlags::TFD_TIMER_ABSTIME,
        )?,
        None => timer.unset()?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    #[test]
    fn sleeping_ends_at_the_deadline_and_not_before() {
        runtime().block_on(async {
            let deadline = now() + Duration::from_millis(30);
            sleep_until(deadline).await.unwrap();
            assert!(now() >= deadline);
        });
    }

    #[test]
    fn a_deadline_that_has_passed_ends_the_sleep_at_once() {
        runtime().block_on(async {
            let before = now();
            sleep_until(Duration::ZERO).await.unwrap();
            assert!(now() - before < Duration::from_secs(1));
        });
    }

    #[test]
    fn time_since_boot_is_at_least_the_monotonic_time() {
        let monotonic: Duration = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)
            .unwrap()
            .into();
        assert!(now() >= monotonic);
    }

    #[test]
    fn the_boot_id_is_a_uuid() {
        let id = boot_id().unwrap();
        assert_eq!(id.len(), 36);
        assert_eq!(id.matches('-').count(), 4);
        assert_eq!(id, boot_id().unwrap());
    }
}
