//! Durations as JSON: a number of seconds, exact to the millisecond, so that people and `jq` read the same thing.
//!
//! Use with `#[serde(with = "ledger::seconds")]`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// The number of seconds in `duration`, rounded down to whole milliseconds.
pub fn from_duration(duration: Duration) -> f64 {
    duration.as_millis() as f64 / 1000.0
}

/// Writes a duration as a number of seconds.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let seconds = from_duration(*duration);
    if seconds.fract() == 0.0 {
        serializer.serialize_u64(seconds as u64)
    } else {
        serializer.serialize_f64(seconds)
    }
}

/// Reads a duration from a number of seconds.
///
/// # Errors
/// A negative, infinite or absurdly large number, or something that is not a number.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds)
        .map(|d| Duration::from_millis((d.as_secs_f64() * 1000.0).round() as u64))
        .map_err(serde::de::Error::custom)
}

/// The same for a duration that may be missing. Use with `#[serde(with = "ledger::seconds::optional", default)]`.
pub mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes a duration as a number of seconds, or `null`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a duration from a number of seconds, or nothing from `null`.
    ///
    /// # Errors
    /// As for [`super::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        #[derive(Deserialize)]
        struct Present(#[serde(with = "super")] Duration);
        Ok(Option::<Present>::deserialize(deserializer)?.map(|Present(duration)| duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, Deserialize, PartialEq, Debug)]
    struct Holds(#[serde(with = "super")] Duration);

    #[test]
    fn a_duration_survives_the_round_trip_to_the_millisecond() {
        for millis in [
            0, 1, 999, 1000, 1001, 22_000, 62_345, 86_400_000, 86_400_001,
        ] {
            let held = Holds(Duration::from_millis(millis));
            let text = serde_json::to_string(&held).unwrap();
            assert_eq!(
                serde_json::from_str::<Holds>(&text).unwrap(),
                held,
                "{text}"
            );
        }
    }

    #[test]
    fn a_negative_duration_is_refused() {
        assert!(serde_json::from_str::<Holds>("-1").is_err());
    }
}
