//! What went wrong with a request, as the store's error.

use std::time::Duration;

use probes::redis::{RedisError, Refusal};

use super::meaning;
use crate::store::StoreError;

/// What the server's `INFO` says that makes it of no use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It follows another.
    Replica,
    /// It may delete keys that have no time to live, under this policy.
    Evicts(String),
}

/// What went wrong with a request.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection.
    Connecting(RedisError),
    /// No answer, or another than hoped for.
    Asking(RedisError),
    /// The server is no place for a lease.
    Unfit(Unfit),
}

impl Failure {
    /// The server's own complaint, where there is one.
    pub(super) fn refusal(&self) -> Option<&Refusal> {
        match self {
            Failure::Connecting(error) | Failure::Asking(error) => error.refusal(),
            Failure::Unfit(_) => None,
        }
    }

    /// The code of the server's complaint.
    pub(super) fn code(&self) -> Option<&str> {
        self.refusal().map(meaning::code)
    }

    /// Whether the next try should be made over a new connection, perhaps to another server.
    pub(super) fn is_elsewhere(&self) -> bool {
        match self {
            Failure::Connecting(_) | Failure::Unfit(Unfit::Replica) => true,
            Failure::Unfit(Unfit::Evicts(_)) => false,
            Failure::Asking(error) if error.refusal().is_none() => true,
            Failure::Asking(_) => {
                let code = self.code().unwrap_or_default();
                // After `NOAUTH` the users have changed, which a new connection is told of.
                ["READONLY", "MASTERDOWN", "LOADING", "CLUSTERDOWN", "NOAUTH"].contains(&code)
            }
        }
    }

    /// Whether the server took a connection of ours and then kept silent.
    pub(super) fn is_silence(&self) -> bool {
        matches!(self, Failure::Asking(RedisError::TimedOut { .. }))
    }

    /// As the store's error.
    pub(super) fn told(&self, place: String, after: Duration) -> StoreError {
        let error = match self {
            Failure::Unfit(Unfit::Replica) => {
                let detail =
                    "it is a replica: name the primary, or its sentinels (redis-sentinel://…)";
                return StoreError::Unreachable {
                    place,
                    detail: detail.to_owned(),
                };
            }
            Failure::Unfit(Unfit::Evicts(policy)) => {
                return StoreError::Local {
                    place,
                    detail: format!(
                        "its maxmemory-policy is {policy}, under which it may delete the lease, and the fencing token \
                         would start again: set noeviction, or a volatile- policy"
                    ),
                };
            }
            Failure::Asking(RedisError::TimedOut { .. }) => {
                return StoreError::TimedOut { place, after };
            }
            Failure::Connecting(error) | Failure::Asking(error) => error,
        };
        let (means, mend) = match error.refusal() {
            Some(refusal) => meaning::of_refusal(refusal),
            None => {
                let (means, mend) = meaning::of_error(error);
                (means, mend.map(str::to_owned))
            }
        };
        let detail = match mend {
            Some(mend) => format!("{}; {mend}", error.seen()),
            None => error.seen(),
        };
        means.error(place, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::meaning::{KNOWN, Means},
        *,
    };

    fn refused(code: &str, message: &str) -> Failure {
        Failure::Asking(RedisError::Refused {
            server: "h:1".to_owned(),
            refusal: Refusal {
                code: code.to_owned(),
                message: message.to_owned(),
                command: "EVALSHA".to_owned(),
                user: "default".to_owned(),
            },
        })
    }

    #[test]
    fn every_complaint_keeps_the_servers_words_and_names_its_mend() {
        for (code, means, mend) in KNOWN {
            let told = refused(code, "the server's words").told("p".to_owned(), Duration::ZERO);
            assert!(told.to_string().contains("the server's words"), "{told}");
            assert!(told.to_string().ends_with(mend), "{told}");
            assert_eq!(told.is_passing(), means == Means::Unreachable, "{told}");
        }
    }

    #[test]
    fn a_complaint_inside_a_scripts_error_is_known_by_its_own_code() {
        for message in [
            "Error running script (call to f_d68): @user_script:37: @user_script: 37: -OOM command not allowed when used memory > 'maxmemory'.",
            "Error running script (call to f_d68): @user_script:37: -READONLY You can't write against a read only replica.",
        ] {
            let failure = refused("ERR", message);
            assert!(
                matches!(failure.code(), Some("OOM" | "READONLY")),
                "{failure:?}"
            );
            let told = failure.told("p".to_owned(), Duration::ZERO);
            assert!(matches!(told, StoreError::Unreachable { .. }), "{told}");
        }
        assert_eq!(refused("ERR", "something else").code(), Some("ERR"));
    }

    #[test]
    fn an_unknown_complaint_is_for_somebody_to_mend() {
        let told = refused("ERR", "unknown command").told("p".to_owned(), Duration::ZERO);
        assert!(matches!(told, StoreError::Local { .. }), "{told}");
        let told = refused("ERR", "max number of clients reached");
        let told = told.told("p".to_owned(), Duration::ZERO);
        assert!(matches!(told, StoreError::Unreachable { .. }), "{told}");
    }
}
