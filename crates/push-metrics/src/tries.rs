//! What is told of something that is tried again and again: the first failure, each that says something else, and in the
//! end how often and for how long it was tried.
//!
//! Not responsible for when it is tried again.

use std::time::Duration;

/// The tries of one thing.
pub(crate) struct Tries {
    /// Fits "failed to …".
    what: &'static str,
    began: Duration,
    failed: u32,
    why: String,
    /// The line that was said last.
    said: Option<String>,
}

impl Tries {
    /// None yet, at `now`.
    pub(crate) fn new(what: &'static str, now: Duration) -> Tries {
        Tries {
            what,
            began: now,
            failed: 0,
            why: String::new(),
            said: None,
        }
    }

    /// One has failed.
    pub(crate) fn failed(&mut self, why: &str) {
        self.failed += 1;
        why.clone_into(&mut self.why);
    }

    /// What the log is told before the next try; nothing where it would be told the same again. A number alone, such as
    /// the milliseconds of a wait, is no news.
    pub(crate) fn line(&mut self) -> Option<String> {
        let gist: String = self.why.split(|c: char| c.is_ascii_digit()).collect();
        if self.said.as_ref() == Some(&gist) {
            return None;
        }
        self.said = Some(gist);
        Some(format!(
            "failed to {}: {}; trying again",
            self.what, self.why
        ))
    }

    /// The last words, when it is given up at `now`.
    pub(crate) fn told(&self, now: Duration) -> String {
        if self.failed < 2 {
            return self.why.clone();
        }
        let seconds = now.saturating_sub(self.began).as_secs();
        format!(
            "{} (tried {} times within {seconds} s)",
            self.why, self.failed
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_told_each_reason_once_and_the_end_how_long_it_was_tried() {
        let mut tries = Tries::new("push the metrics", Duration::from_secs(100));
        let mut lines = Vec::new();
        for why in [
            "connection refused",
            "connection refused",
            "nothing came within 4000 ms",
            "nothing came within 17 ms",
            "connection refused",
        ] {
            tries.failed(why);
            lines.extend(tries.line());
        }
        assert_eq!(
            lines,
            [
                "failed to push the metrics: connection refused; trying again",
                "failed to push the metrics: nothing came within 4000 ms; trying again",
                "failed to push the metrics: connection refused; trying again",
            ]
        );
        assert_eq!(
            tries.told(Duration::from_secs(130)),
            "connection refused (tried 5 times within 30 s)"
        );
    }

    #[test]
    fn what_was_tried_once_is_told_as_it_is() {
        let mut tries = Tries::new("push the metrics", Duration::ZERO);
        tries.failed("refused, 400");
        assert_eq!(tries.told(Duration::from_secs(9)), "refused, 400");
    }
}
