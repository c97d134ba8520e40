//! Waiting for what must come, with an end to patience.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see.
///
/// # Panics
/// Nothing was seen within that time; `awaited` says what was waited for.
pub fn until<T>(within: Duration, awaited: impl AsRef<str>, look: impl FnMut() -> Option<T>) -> T {
    match within_reach(within, look) {
        Some(seen) => seen,
        None => panic!("waited {within:?} in vain for {}", awaited.as_ref()),
    }
}

/// The same, where nothing coming is an answer too.
pub fn within_reach<T>(within: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + within;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}
