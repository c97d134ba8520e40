//! Every complaint of a server that is known, as what it means for the store and how it is mended.

use probes::redis::{RedisError, Refusal};

use crate::store::StoreError;

/// Which kind of error a complaint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Means {
    /// Trying again may help.
    Unreachable,
    /// Somebody must let us.
    Denied,
    /// Somebody must set something up.
    Local,
}

/// What a user of the store is given, beside a password (docs/stores.md).
const RIGHTS: &str = "~baton:* resetchannels &baton:* +hmget +hset +hlen +xadd +xrange +xrevrange +publish +subscribe +ping \
                      +eval +evalsha +select +info";

/// By the code of a complaint, what it means and the mend (<https://redis.io/docs/latest/develop/reference/errors/>).
pub(super) const KNOWN: [(&str, Means, &str); 18] = [
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
    ("WRONGPASS", Means::Denied, WRONG_PASSWORD),
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

const WRONG_PASSWORD: &str = "mend user and password in the address; a password is percent-encoded";

/// By words of a complaint that has no code of its own (`ERR`), what it means and the mend.
pub(super) const SAID: [(&str, Means, &str); 6] = [
    (
        "max number of clients",
        Means::Unreachable,
        "the server has all the connections that it takes: raise maxclients, or close some",
    ),
    (
        "called without any password configured",
        Means::Denied,
        "the server wants no password from this user: take it out of the address, or set one at the server",
    ),
    // Before Redis 6.
    ("invalid password", Means::Denied, WRONG_PASSWORD),
    (
        "unknown command",
        Means::Local,
        "the store needs Redis 6 or newer, with streams and scripts, and no command of it renamed",
    ),
    (
        "DB index is out of range",
        Means::Local,
        "the server has no database of the number at the end of the address: name another, mostly 0",
    ),
    (
        "SELECT is not allowed in cluster mode",
        Means::Local,
        "a cluster has the database 0 alone: take the number from the end of the address",
    ),
];

/// The words of Redis 6 and 7.0, where a script runs a command that its user may not run.
const IN_A_SCRIPT: &str = "The user executing the script";

/// The code of a complaint. Where a script of ours is stopped before it says so itself, Redis 6 wraps the complaint of the
/// command in one of the script.
pub(super) fn code(refusal: &Refusal) -> &str {
    if refusal.message.contains(IN_A_SCRIPT) {
        return "NOPERM";
    }
    if refusal.code != "ERR" && !refusal.code.starts_with('@') {
        return &refusal.code;
    }
    let words = refusal.message.split_whitespace();
    let known = |word: &str| word == "NOPERM" || KNOWN.iter().any(|(code, ..)| *code == word);
    let inner = words
        .map(|word| word.trim_matches(['-', ':']))
        .find(|word| known(word));
    inner.unwrap_or(&refusal.code)
}

/// What a server's complaint means, and the mend where one is known.
pub(super) fn of_refusal(refusal: &Refusal) -> (Means, Option<String>) {
    let code = code(refusal);
    if code == "NOPERM" {
        return (Means::Denied, Some(lacking(refusal)));
    }
    let by_code = KNOWN.iter().find(|(known, ..)| *known == code);
    let by_words = || {
        SAID.iter()
            .find(|(said, ..)| refusal.message.contains(said))
    };
    match by_code.or_else(by_words) {
        Some((_, means, mend)) => (*means, Some((*mend).to_owned())),
        None => (Means::Local, None),
    }
}

/// Which right is missing, and how it is given.
fn lacking(refusal: &Refusal) -> String {
    let Refusal {
        message,
        command,
        user,
        ..
    } = refusal;
    // Our script puts the command before the server's words.
    let inner = message.split_once(": ").map(|(command, _)| command);
    let command = inner.filter(|inner| is_command(inner)).unwrap_or(command);
    let (right, missing) = if message.contains("channel") {
        (
            "&baton:*".to_owned(),
            format!("{command} on the channels baton:*"),
        )
    } else if message.contains(" key") {
        (
            "~baton:*".to_owned(),
            format!("{command} on the keys baton:*"),
        )
    } else {
        let named = message.split_once("to run the '");
        let named = named.and_then(|(_, rest)| rest.split('\'').next());
        let command = named.map_or_else(|| command.to_lowercase(), str::to_owned);
        (format!("+{command}"), command.to_uppercase())
    };
    format!(
        "the user {user} may not use {missing}: `ACL SETUSER {user} {right}`; all that the store needs is {RIGHTS}"
    )
}

fn is_command(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// What any other error means, and the mend where one is known.
pub(super) fn of_error(error: &RedisError) -> (Means, Option<&'static str>) {
    let (reason, is_handshake) = match error {
        // Files and settings of this host.
        RedisError::Trust(_) | RedisError::File { .. } | RedisError::TlsSettings { .. } => {
            return (Means::Local, None);
        }
        RedisError::NotRedis { .. } => {
            let mend = "look whether host and port of the address are the server's";
            return (Means::Unreachable, Some(mend));
        }
        RedisError::Tls { reason, .. } => (reason, true),
        // A client's certificate is judged after the handshake.
        RedisError::Closed { reason, .. } => (reason, false),
        _ => return (Means::Unreachable, None),
    };
    match reason.as_str() {
        said if said.contains("wants a client's certificate") => (
            Means::Local,
            Some("name this runner's certificate and key by cert-file and key-file"),
        ),
        said if said.contains("the client's certificate") => (
            Means::Local,
            Some("the server's tls-ca-cert-file must hold the authority that issued cert-file"),
        ),
        said if said.contains("certificate is not for") => (
            Means::Local,
            Some("name the server as its certificate does, or that name by server-name"),
        ),
        said if is_handshake && said.contains("no authority that is trusted") => (
            Means::Local,
            Some("name the certificate of the authority that issued it by ca-file"),
        ),
        said if is_handshake && said.contains("certificate") => {
            (Means::Local, Some("renew the server's certificate"))
        }
        said if said.contains("does not speak TLS") => (
            Means::Local,
            Some("begin the address with redis:// where the server speaks no TLS"),
        ),
        _ => (Means::Unreachable, None),
    }
}

impl Means {
    pub(super) fn error(self, place: String, detail: String) -> StoreError {
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

    fn refused(code: &str, message: &str) -> Refusal {
        Refusal {
            code: code.to_owned(),
            message: message.to_owned(),
            command: "EVALSHA".to_owned(),
            user: "baton".to_owned(),
        }
    }

    #[test]
    fn a_missing_right_is_named_with_the_command_and_what_it_is_for() {
        for (code, message, missing, right) in [
            (
                "NOPERM",
                "this user has no permissions to run the 'evalsha' command",
                "EVALSHA",
                "+evalsha",
            ),
            (
                "ERR",
                "HSET: The user executing the script can't run this command or subcommand",
                "HSET",
                "+hset",
            ),
            (
                "NOPERM",
                "XADD: ACL failure in script: User baton has no permissions to run the 'xadd' command",
                "XADD",
                "+xadd",
            ),
            (
                "ERR",
                "HMGET: The user executing the script can't access at least one of the keys mentioned in the command arguments",
                "HMGET on the keys",
                "~baton:*",
            ),
            (
                "NOPERM",
                "No permissions to access a key",
                "EVALSHA on the keys",
                "~baton:*",
            ),
            (
                "ERR",
                "PUBLISH: The user executing the script can't publish to the channel mentioned in the command",
                "PUBLISH on the channels",
                "&baton:*",
            ),
        ] {
            let (means, mend) = of_refusal(&refused(code, message));
            let mend = mend.unwrap_or_default();
            assert_eq!(means, Means::Denied, "{message}");
            let wanted = format!("may not use {missing}");
            assert!(mend.contains(&wanted), "{message}: {mend}");
            let wanted = format!("`ACL SETUSER baton {right}`");
            assert!(mend.contains(&wanted), "{message}: {mend}");
        }
    }

    #[test]
    fn what_has_no_code_is_known_by_its_words() {
        for (said, means, mend) in SAID {
            let words = format!("ERR {said}, and more");
            let (meant, told) = of_refusal(&refused("ERR", &words));
            assert_eq!((meant, told.as_deref()), (means, Some(mend)), "{said}");
        }
        assert_eq!(
            of_refusal(&refused("ERR", "nonsense")),
            (Means::Local, None)
        );
    }
}
