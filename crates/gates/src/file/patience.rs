//! The keys that every gate has beside its kind, and the patience that they make.

use std::time::Duration;

use super::{reader::Reader, scalar::LONGEST};
use crate::{Fields, Key, Patience, Setting, Shape};

/// The keys of a gate beside its kind.
pub(crate) const COMMON: &[Key] = &Key::joined::<11>(&[OWN, DEFAULTS]);

/// The keys that are each gate's own.
const OWN: &[Key] = &[
    Key::new(
        "name",
        Shape::Text,
        "What the gate is called in reports and metrics: unique, up to 63 letters, digits, `-`, `_` and `.`",
    )
    .required(),
    Key::new(
        "depends-on",
        Shape::List(&Shape::Text),
        "The names of gates that must have passed before this one is asked",
    ),
];

/// The keys of `defaults`: those of every gate that several gates can share.
pub(crate) const DEFAULTS: &[Key] = &[
    REQUIRED,
    TIMEOUT,
    TRY_TIMEOUT,
    INITIAL_DELAY,
    BACKOFF,
    MAX_BACKOFF,
    MAX_TRIES,
    SUCCESSES,
    FAILURE_LIMIT,
];

const REQUIRED: Key = Key::new(
    "required",
    Shape::Flag,
    "Whether its failure fails the whole; otherwise it is a warning",
)
.with_default("true");
const TIMEOUT: Key = Key::new(
    "timeout",
    Shape::Duration,
    "How long it may take to pass, from when its dependencies have passed",
)
.with_default("5m");
const TRY_TIMEOUT: Key = Key::new(
    "try-timeout",
    Shape::Duration,
    "How long one try may take; never longer than `timeout`",
)
.with_default("10s");
const INITIAL_DELAY: Key = Key::new(
    "initial-delay",
    Shape::Duration,
    "How long to wait before the first try",
)
.with_default("0s");
const BACKOFF: Key = Key::new(
    "backoff",
    Shape::Duration,
    "The wait after the first failed try; it doubles with each further one",
)
.with_default("1s");
const MAX_BACKOFF: Key = Key::new(
    "max-backoff",
    Shape::Duration,
    "The longest wait between two tries",
)
.with_default("30s");
const MAX_TRIES: Key = Key::new(
    "max-tries",
    Shape::Count { least: 1 },
    "How many tries there may be; unlimited where unset",
);
const SUCCESSES: Key = Key::new(
    "successes",
    Shape::Count { least: 1 },
    "How many successes in a row are wanted",
)
.with_default("1");
const FAILURE_LIMIT: Key = Key::new(
    "failure-limit",
    Shape::Count { least: 1 },
    "How many failures in a row end it early; unlimited where unset",
);

/// Shorter waits between tries would be a load of their own.
const SHORTEST_WAIT: Duration = Duration::from_millis(10);

/// The common keys of one gate, those of `defaults` behind them.
pub(super) struct Common<'a> {
    pub(super) own: &'a Fields,
    pub(super) defaults: &'a Fields,
    /// What holds for `timeout` where neither says so.
    pub(super) timeout: Option<Duration>,
}

impl Common<'_> {
    /// What was written, in the gate or in `defaults`.
    fn written(&self, key: &str) -> Option<&Setting> {
        self.own
            .settings
            .get(key)
            .or_else(|| self.defaults.settings.get(key))
    }

    fn duration(&self, key: &Key) -> (Duration, bool) {
        match self.written(key.name) {
            Some(Setting::Duration(written)) => (*written, true),
            _ => {
                let default = key
                    .default
                    .and_then(|text| actions_kit::duration::parse(text).ok());
                (default.unwrap_or_default(), false)
            }
        }
    }

    fn count(&self, key: &Key, reader: &mut Reader<'_>) -> Option<u32> {
        let Some(Setting::Count(count)) = self.written(key.name) else {
            return key.default.and_then(|text| text.parse().ok());
        };
        let count = u32::try_from(*count);
        if count.is_err() {
            self.wrong(
                key,
                "a number that large",
                "at most 4294967295",
                "write a smaller number, or leave the line out",
                reader,
            );
        }
        count.ok()
    }

    /// Whether the gate's failure fails the whole.
    pub(super) fn required(&self) -> bool {
        self.written(REQUIRED.name) != Some(&Setting::Flag(false))
    }

    fn wrong(&self, key: &Key, seen: &str, wanted: &str, mend: &str, reader: &mut Reader<'_>) {
        // What follows from a key of `defaults` that could not be read; the gate's own keys see to themselves.
        let follows = |other: &&Key| {
            self.defaults.is_unread(other.name)
                && !self.own.lines.contains_key(other.name)
                && [seen, wanted, mend]
                    .iter()
                    .any(|text| text.contains(&format!("`{}`", other.name)))
        };
        if DEFAULTS.iter().any(|other| follows(&other)) {
            return;
        }
        // Told once, where it stands, and not with every gate that it holds for.
        if self.own.lines.contains_key(key.name) {
            self.own
                .wrong(key.name, seen, wanted, mend, &mut reader.problems);
        } else {
            let mut told = Vec::new();
            self.defaults.wrong(key.name, seen, wanted, mend, &mut told);
            told.retain(|problem| !reader.problems.contains(problem));
            reader.problems.append(&mut told);
        }
    }

    /// The gate's patience; what contradicts itself is told.
    pub(super) fn patience(&self, reader: &mut Reader<'_>) -> Patience {
        let shown = actions_kit::duration::format;
        let (mut timeout, timeout_written) = self.duration(&TIMEOUT);
        if let Some(outer) = self.timeout.filter(|_| !timeout_written) {
            timeout = outer;
        }
        let (mut try_timeout, try_written) = self.duration(&TRY_TIMEOUT);
        let (initial_delay, _) = self.duration(&INITIAL_DELAY);
        let (mut first_wait, first_written) = self.duration(&BACKOFF);
        let (mut longest_wait, longest_written) = self.duration(&MAX_BACKOFF);
        for (key, found, least) in [
            (&TIMEOUT, timeout, Duration::from_millis(1)),
            (&TRY_TIMEOUT, try_timeout, Duration::from_millis(1)),
            (&BACKOFF, first_wait, SHORTEST_WAIT),
            (&MAX_BACKOFF, longest_wait, SHORTEST_WAIT),
        ] {
            if found < least {
                let wanted = format!("at least {}", shown(least));
                self.wrong(key, &shown(found), &wanted, "write a longer one", reader);
            }
        }
        if timeout > LONGEST {
            let wanted = format!("at most {}", shown(LONGEST));
            self.wrong(
                &TIMEOUT,
                &shown(timeout),
                &wanted,
                "write a shorter one",
                reader,
            );
        }
        if !try_written {
            try_timeout = try_timeout.min(timeout);
        } else if try_timeout > timeout {
            self.wrong(
                &TRY_TIMEOUT,
                &shown(try_timeout),
                &format!("at most `timeout`, which is {}", shown(timeout)),
                "shorten it, or lengthen `timeout`",
                reader,
            );
        }
        match (first_written, longest_written) {
            (false, _) => first_wait = first_wait.min(longest_wait),
            (true, false) => longest_wait = longest_wait.max(first_wait),
            (true, true) if first_wait > longest_wait => self.wrong(
                &BACKOFF,
                &shown(first_wait),
                &format!("at most `max-backoff`, which is {}", shown(longest_wait)),
                "shorten it, or lengthen `max-backoff`",
                reader,
            ),
            _ => {}
        }
        if !initial_delay.is_zero() && initial_delay >= timeout {
            self.wrong(
                &INITIAL_DELAY,
                &shown(initial_delay),
                &format!("less than `timeout`, which is {}", shown(timeout)),
                "shorten it, or lengthen `timeout`: they begin together",
                reader,
            );
        }
        let max_tries = self.count(&MAX_TRIES, reader);
        let successes = self.count(&SUCCESSES, reader).unwrap_or(1);
        if let Some(tries) = max_tries.filter(|tries| *tries < successes) {
            self.wrong(
                &SUCCESSES,
                &successes.to_string(),
                &format!("at most `max-tries`, which is {tries}"),
                "lower it, or raise `max-tries`",
                reader,
            );
        }
        Patience {
            timeout,
            try_timeout,
            initial_delay,
            first_wait,
            longest_wait,
            max_tries,
            successes,
            failure_limit: self.count(&FAILURE_LIMIT, reader),
        }
    }
}
