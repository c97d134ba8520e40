//! Moments in GitHub's answers.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer};

/// Reads a moment; one that cannot be read is one that is not known.
pub(crate) fn moment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text
        .and_then(|text| DateTime::parse_from_rfc3339(&text).ok())
        .map(|at| at.to_utc()))
}
