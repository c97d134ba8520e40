//! What a judgement is shown as: the table of the summary with its timeline, annotations, the text of the alert, the JSON
//! and the JUnit report.
//!
//! Not responsible for writing any of it anywhere.

/// What is known beside the gates.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// `production`; empty where the action is used alone.
    pub environment: String,
    /// The deployment's id; nothing where the action is used alone.
    pub deployment: Option<String>,
    /// What is deployed: a version; empty where unknown.
    pub version: String,
    /// The last version before this one that was proven healthy, where the ledger knows it.
    pub last_good_version: Option<String>,
    /// This leg's number, where it judges for a lease.
    pub candidate: Option<u32>,
    /// The runner's name; empty on a terminal.
    pub runner: String,
    /// When it began, RFC 3339, by this host's clock.
    pub started_at: String,
    /// Each gate was asked once, and the result binds nobody.
    pub dry_run: bool,
}
