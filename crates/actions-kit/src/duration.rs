//! Durations as people write them: `30s`, `5m`, `1h30m`, `1500ms`, or plain seconds (design §8).
//!
//! Not responsible for bounds: an input's [`Kind`](crate::Kind) has them.

use std::time::Duration;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is nothing to read.
    #[error("read a duration from an empty text")]
    Empty,
    /// Time does not run backwards.
    #[error("take a negative duration")]
    Negative,
    /// A number without a unit after a part that has one, or a unit that is not one of ours. `M` (a month elsewhere)
    /// is refused on purpose: `10M` is nearly always meant as ten minutes.
    #[error("read a duration with the unit {unit:?} (units are ms, s, m, h, d)")]
    Unit {
        /// The unit as it was written.
        unit: String,
    },
    /// Anything else: no number, two points, more than can be counted.
    #[error("read a duration such as 30s, 5m, 1h30m or plain seconds")]
    Form,
}

/// The units that are read. Months and years are left out: they have no fixed length.
const UNITS: [&str; 20] = [
    "ms", "msec", "s", "sec", "secs", "second", "seconds", "m", "min", "mins", "minute", "minutes",
    "h", "hr", "hrs", "hour", "hours", "d", "day", "days",
];

/// Reads a duration: parts of number and unit (`1h30m`, `1500ms`, `30d`), or a plain number of seconds.
///
/// # Errors
/// [`DurationError`] for anything else; never a guess.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text.starts_with('-') {
        return Err(DurationError::Negative);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text
            .parse()
            .map(Duration::from_secs)
            .map_err(|_| DurationError::Form);
    }
    let units = text
        .split(|letter: char| letter.is_ascii_digit() || letter == '.' || letter.is_whitespace());
    if let Some(unit) = units
        .filter(|unit| !unit.is_empty())
        .find(|unit| !UNITS.contains(unit))
    {
        return Err(DurationError::Unit {
            unit: unit.chars().take(16).collect(),
        });
    }
    humantime::parse_duration(text).map_err(|_| DurationError::Form)
}

/// Writes a duration the way [`parse`] reads it, without loss down to the millisecond: `1h30m`, `22s`, `1s500ms`,
/// `0s`. What is below a millisecond is cut off.
pub fn format(duration: Duration) -> String {
    let (seconds, millis) = (duration.as_secs(), duration.subsec_millis());
    let parts = [
        (seconds / 3600, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(millis), "ms"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() {
        String::from("0s")
    } else {
        text
    }
}

/// Keeps a [`Duration`] as text in a record: `#[serde(with = "actions_kit::duration::as_text")]`.
pub mod as_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `1h30m`.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*duration))
    }

    /// Reads `1h30m`.
    ///
    /// # Errors
    /// Where the value is no text, or no duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).map_err(|error| D::Error::custom(format_args!("failed to {error}")))
    }
}

/// Keeps an `Option<Duration>` as text: `#[serde(default, with = "actions_kit::duration::as_optional_text")]`.
pub mod as_optional_text {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `1h30m`, or null.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => serializer.serialize_some(&super::format(*duration)),
            None => serializer.serialize_none(),
        }
    }

    /// Reads `1h30m`, or null.
    ///
    /// # Errors
    /// Where the value is neither null nor a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let parsed = text.map(|text| super::parse(&text)).transpose();
        parsed.map_err(|error| D::Error::custom(format_args!("failed to {error}")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, millis) in [
            ("30s", 30_000),
            ("5m", 300_000),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("1500ms", 1_500),
            ("90", 90_000),
            ("0", 0),
            (" 22s ", 22_000),
            ("30d", 2_592_000_000),
            ("2 minutes", 120_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_an_error() {
        for text in ["", "  "] {
            assert_eq!(parse(text), Err(DurationError::Empty));
        }
        assert_eq!(parse("-5m"), Err(DurationError::Negative));
        for text in ["10M", "5 parsecs", "1y", "soon", "5m!", "1h-30m", "５m"] {
            assert!(
                matches!(parse(text), Err(DurationError::Unit { .. })),
                "{text}"
            );
        }
        for text in [
            "99999999999999999999",
            "99999999999999999999h",
            "m",
            "5m30",
            "1..5h",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_short() {
        for (millis, text) in [
            (0, "0s"),
            (22_000, "22s"),
            (5_400_000, "1h30m"),
            (1_500, "1s500ms"),
            (90_000_000, "25h"),
        ] {
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_record_keeps_durations_as_text() {
        #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
        struct Record {
            #[serde(with = "as_text")]
            allowed: Duration,
            #[serde(default, with = "as_optional_text")]
            running: Option<Duration>,
        }
        let record = Record {
            allowed: Duration::from_secs(22),
            running: Some(Duration::from_secs(90)),
        };
        let text = serde_json::to_string(&record).expect("json");
        assert_eq!(text, r#"{"allowed":"22s","running":"1m30s"}"#);
        assert_eq!(
            serde_json::from_str::<Record>(&text).expect("record"),
            record
        );
        let absent: Record = serde_json::from_str(r#"{"allowed":"22s"}"#).expect("record");
        assert_eq!(absent.running, None);
        let error = serde_json::from_str::<Record>(r#"{"allowed":"10M"}"#).expect_err("refused");
        assert!(error.to_string().contains("unit \"M\""), "{error}");
    }

    proptest! {
        #[test]
        fn every_duration_is_read_back_as_it_was_written(millis in 0..u64::MAX / 1000) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            if let Ok(duration) = parse(&text) {
                prop_assert!(format(duration).len() < 64);
            }
        }
    }
}
