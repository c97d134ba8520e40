//! What one check came to.

pub use actions_kit::Status;

/// What one check saw.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// How it ended.
    pub status: Status,
    /// What was measured, in one line: `91 % of 4 CPUs over 200 ms`. Never a secret.
    pub seen: String,
    /// What was wanted, in one line: `below 80 %`.
    pub wanted: String,
    /// How to mend it, in one sentence that can be followed; empty where there is nothing to mend.
    pub mend: String,
    /// One a host, image or secret, where the check asks several; those that are not `pass` first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One of several things that a check asked.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Part {
    /// Which: a host, an image reference, a secret's name.
    pub subject: String,
    /// How it ended.
    pub status: Status,
    /// What was measured, in one line.
    pub seen: String,
    /// How to mend it, where that differs from the finding's own.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub mend: String,
}

impl Part {
    /// `web1: not set`: the whole of a finding about this one thing.
    pub fn told(&self) -> String {
        format!("{}: {}", self.subject, self.seen)
    }
}

impl Finding {
    /// As wanted.
    pub fn pass(seen: impl Into<String>, wanted: impl Into<String>) -> Finding {
        Finding::of(Status::Pass, seen, wanted, "")
    }

    /// Not as wanted, and no reason to stop.
    pub fn warn(
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding::of(Status::Warn, seen, wanted, mend)
    }

    /// Not as wanted.
    pub fn fail(
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding::of(Status::Fail, seen, wanted, mend)
    }

    /// It could not be measured; `seen` says why.
    pub fn unknown(
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding::of(Status::Unknown, seen, wanted, mend)
    }

    fn of(
        status: Status,
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) -> Finding {
        Finding {
            status,
            seen: seen.into(),
            wanted: wanted.into(),
            mend: mend.into(),
            parts: Vec::new(),
        }
    }

    /// The finding of a check that counts its `parts`: where there is but one, its own words and its own mend say more
    /// than `1 of 1`.
    pub fn counted(mut self, parts: Vec<Part>) -> Finding {
        if let [only] = parts.as_slice() {
            self.seen = only.told();
            if !only.mend.is_empty() {
                self.mend.clone_from(&only.mend);
            }
        }
        self.with_parts(parts)
    }

    /// The finding with its parts, those that need a look first.
    pub fn with_parts(mut self, mut parts: Vec<Part>) -> Finding {
        parts.sort_by_key(|part| std::cmp::Reverse(part.status));
        self.parts = parts;
        self
    }
}
