//! What a server's complaints mean for whoever wants to use the store, and what to do about them.

use std::time::Duration;

use probes::redis::{RedisError, Refusal};

use crate::store::StoreError;

/// Which kind of error a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// Trying again may help.
    Unreachable,
    /// Somebody must let us.
    Denied,
    /// Somebody must set something up.
    Local,
}

/// By the code of a complaint, what it means and the mend (<https://redis.io/docs/latest/develop/reference/errors/>).
const KNOWN: [(&str, Means, &str); 19] = [
    (
        "READONLY",
        Means::Unreachable,
        "this is a replica: name the primary, or its sentinels (redis-sentinel://…)",
    ),
    (
        "LOADING",
        Means::Unreachable,
        "the server has just started and reads its data",
    ),
    (
        "MASTERDOWN",
        Means::Unreachable,
        "this is a replica that has lost its primary: name the primary, or its sentinels (redis-sentinel://…)",
    ),
    (
        "OOM",
        Means::Unreachable,
        "the server's memory is full: raise maxmemory or remove other keys",
    ),
    (
        "MISCONF",
        Means::Unreachable,
        "the server cannot save its data: free its disk, see its log",
    ),
    (
        "NOREPLICAS",
        Means::Unreachable,
        "min-replicas-to-write is not met: mend the replicas",
    ),
    (
        "BUSY",
        Means::Unreachable,
        "somebody's script holds the server up: end it by `SCRIPT KILL`",
    ),
    (
        "UNKILLABLE",
        Means::Unreachable,
        "somebody's script holds the server up and cannot be killed: restart the server",
    ),
    (
        "CLUSTERDOWN",
        Means::Unreachable,
        "the cluster is not whole: see `CLUSTER INFO`",
    ),
    (
        "TRYAGAIN",
        Means::Unreachable,
        "the cluster is moving the slot",
    ),
    ("ASK", Means::Unreachable, "the cluster is moving the slot"),
    (
        "MOVED",
        Means::Unreachable,
        "the cluster's nodes do not agree who has the slot: see `CLUSTER NODES`",
    ),
    (
        "CROSSSLOT",
        Means::Local,
        "what stands before the server spreads the keys of one hash tag over several servers",
    ),
    (
        "NOAUTH",
        Means::Denied,
        "give a user and a password in the address",
    ),
    (
        "WRONGPASS",
        Means::Denied,
        "mend user and password in the address; a password is percent-encoded",
    ),
    (
        "NOPERM",
        Means::Denied,
        "give the user what the store needs: `~baton:* resetchannels &baton:* +hmget +hset +hlen +xadd +xrange +xrevrange +publish +subscribe +ping +eval +evalsha +select +info`",
    ),
    (
        "DENIED",
        Means::Denied,
        "the server takes nobody from outside without a password: set one",
    ),
    ("EXECABORT", Means::Unreachable, "try again"),
    (
        "NOPROTO",
        Means::Local,
        "the server is too old: Redis 6 is the oldest",
    ),
];

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

    /// The code of the server's complaint. Where a script of ours is stopped before it says so itself, Redis 6 wraps the
    /// complaint of the command in one of the script.
    pub(super) fn code(&self) -> Option<&str> {
        let refusal = self.refusal()?;
        // The word of Redis 6 and 7.0 for it, of a command inside a script.
        if refusal.message.contains("The user executing the script") {
            return Some("NOPERM");
        }
        if refusal.code != "ERR" && !refusal.code.starts_with('@') {
            return Some(&refusal.code);
        }
        let words = refusal.message.split_whitespace();
        let known = |word: &str| KNOWN.iter().any(|(code, ..)| *code == word);
        let inner = words
            .map(|word| word.trim_matches(['-', ':']))
            .find(|word| known(word));
        Some(inner.unwrap_or(&refusal.code))
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
        let code = self.code();
        let known = KNOWN.iter().find(|(known, ..)| Some(*known) == code);
        match (known, error) {
            (Some((_, means, mend)), error) => {
                let detail = format!("{}; {mend}", error.seen());
                means.error(place, detail)
            }
            // Files and settings of this host.
            (
                None,
                RedisError::Trust(_) | RedisError::File { .. } | RedisError::TlsSettings { .. },
            ) => Means::Local.error(place, error.seen()),
            (None, RedisError::Refused { refusal, .. }) => {
                let means = match () {
                    // Full, and hangs up: there may be room soon.
                    () if refusal.message.contains("max number of clients") => Means::Unreachable,
                    // Before Redis 6.
                    () if refusal.is_wrong_password() => Means::Denied,
                    () => Means::Local,
                };
                means.error(place, error.seen())
            }
            (None, error) => Means::Unreachable.error(place, error.seen()),
        }
    }
}

impl Means {
    fn error(self, place: String, detail: String) -> StoreError {
        match self {
            Means::Unreachable => StoreError::Unreachable { place, detail },
            Means::Denied => StoreError::Denied { place, detail },
            Means::Local => StoreError::Local { place, detail },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
