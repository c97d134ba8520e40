//! The groups of a Pushgateway: which labels a push stands under, and how they become its path.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use ledger::Role;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::samples::readable;

/// The job of every group (design §7).
pub const JOB: &str = "github-actions-deployments";

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whose ledger it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The lock's whole name: `octo/shop/production`.
    pub lock: String,
    /// What is deployed to.
    pub environment: String,
    /// `owner/repo`.
    pub repository: String,
}

/// One group of a Pushgateway: what one role did under one lock. A push replaces its group whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Whose ledger it is.
    pub subject: Subject,
    /// Who did what the group's counters count.
    pub role: Role,
}

impl Group {
    /// The labels that the gateway puts on every series of the group, `job` apart.
    pub fn labels(&self) -> [(&'static str, String); 4] {
        [
            ("instance", instance(self.role)),
            ("lock", readable(&self.subject.lock)),
            ("environment", readable(&self.subject.environment)),
            ("repository", readable(&self.subject.repository)),
        ]
    }

    /// The path of the group, without a slash in front:
    /// `metrics/job/github-actions-deployments/instance/runner-primary/lock@base64/…`.
    /// Each value is one segment (<https://github.com/prometheus/pushgateway#url>).
    pub fn path(&self) -> String {
        let mut path = format!("metrics/job/{JOB}");
        for (name, value) in self.labels() {
            path.push('/');
            path.push_str(name);
            path.push_str(&segment(&value));
        }
        path
    }
}

/// The label `instance` of what a role did: `runner-primary`.
pub fn instance(role: Role) -> String {
    format!("runner-{role}")
}

/// What follows a label's name in a path. What a server or a proxy between might take for structure travels as base64:
/// slashes in both directions, control characters, `.` and `..`; and nothing, which is no segment.
fn segment(value: &str) -> String {
    let is_structure = value.chars().all(|c| c == '.')
        || value.contains(|c: char| c == '/' || c == '\\' || c.is_control());
    if !is_structure {
        return format!("/{}", utf8_percent_encode(value, RESERVED));
    }
    // Padded, as the gateway's own page has it: without, nothing would be an empty segment.
    let encoded = URL_SAFE.encode(value);
    let encoded = if encoded.is_empty() { "=" } else { &encoded };
    format!("@base64/{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_one_path_of_plain_segments() {
        let group = Group {
            subject: Subject {
                lock: "octo/shop/production".to_owned(),
                environment: "production".to_owned(),
                repository: "octo/shop".to_owned(),
            },
            role: Role::Secondary,
        };
        assert_eq!(
            group.path(),
            "metrics/job/github-actions-deployments/instance/runner-secondary/lock@base64/b2N0by9zaG9wL3Byb2R1Y3Rpb24=\
             /environment/production/repository@base64/b2N0by9zaG9w"
        );
    }

    #[test]
    fn a_value_that_could_be_taken_for_structure_travels_as_base64() {
        for (value, wanted) in [
            ("", "@base64/="),
            (".", "@base64/Lg=="),
            ("..", "@base64/Li4="),
            ("a\\b", "@base64/YVxi"),
            ("a\nb", "@base64/YQpi"),
            ("/", "@base64/Lw=="),
            ("??/>>", "@base64/Pz8vPj4="),
            ("~~/\u{fff}", "@base64/fn4v4L-_"),
            ("a.b", "/a.b"),
            ("a b%}", "/a%20b%25%7D"),
            ("é", "/%C3%A9"),
        ] {
            assert_eq!(segment(value), wanted, "{value:?}");
        }
    }
}
