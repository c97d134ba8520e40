//! How one check or gate ends (design §2): the four words that people, reports and outputs share.

/// How a check or a gate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As wanted.
    Pass,
    /// Not as wanted, and no reason to stop.
    Warn,
    /// It could not be measured: never the target's own fault.
    Unknown,
    /// Not as wanted.
    Fail,
}

impl Status {
    /// The sign that stands before it in tables.
    pub fn sign(self) -> &'static str {
        match self {
            Status::Pass => "✅",
            Status::Warn | Status::Unknown => "⚠️",
            Status::Fail => "❌",
        }
    }

    /// The word, as reports and outputs write it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Pass => "pass",
            Status::Warn => "warn",
            Status::Unknown => "unknown",
            Status::Fail => "fail",
        }
    }
}
