//! What a reader can do about a gate that did not pass.
//!
//! It follows from what the last try saw. Only where that is known to be something that time can heal is more time
//! advised, and a log only where a service stands behind what was seen; what is not known here is not guessed at.
//! Texts of servers are no format: one that looks like another gets at worst the other's advice.

use std::time::Duration;

use actions_kit::Status;
use gates::judgement::{End, Judged};
use probes::Answer;

/// What went wrong, as far as it matters for what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// Nobody answered, or one who says that it is not ready: it may still come up.
    NotUp,
    /// The command was still running at the end of its try.
    Slow,
    /// Whoever asks is not let in.
    Denied,
    /// The name is wrong, or has no address.
    Name,
    /// The command is not there, or may not be run.
    NoCommand,
    /// Anything else.
    Other,
}

/// What is said where a service asks for another user, password or right: PostgreSQL's class 28 and 42501
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>), Redis' error codes.
const DENIED: &[&str] = &[
    "SQLSTATE 28",
    "SQLSTATE 42501",
    "it asks for a password",
    "WRONGPASS",
    "NOAUTH",
    "NOPERM",
];
/// What the resolver says of a name that will not come by waiting.
const NAME: &[&str] = &["not a host name", "no such name", "it has no "];
/// What is said where nobody answers, or not yet: PostgreSQL's classes 53 and 57, Redis' states that pass.
const NOT_UP: &[&str] = &[
    "refused",
    "nothing came within",
    "no answer",
    "did not answer",
    " in time",
    "came within",
    "closed the connection",
    "reset",
    "unreachable",
    "SQLSTATE 53",
    "SQLSTATE 57",
    "LOADING",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY ",
];

/// What to do now; empty where nothing is wrong.
pub(super) fn mend(gate: &Judged) -> String {
    match (gate.status, &gate.end) {
        (Status::Pass, _) | (_, End::Stopped) => return String::new(),
        (_, End::Blocked { by }) => return format!("mend {by} first"),
        _ => {}
    }
    if waited(gate).is_some() {
        return "others held the turns that it waited for: raise the input `max-parallel`, or the gate's `timeout`"
            .to_owned();
    }
    match gate.history.last().map(|turn| turn.answer) {
        None | Some(Answer::Unknown) => {
            "this runner could not ask it: mend the way there (name, network, permission) or the gate's own settings"
                .to_owned()
        }
        Some(Answer::Pass) => with_limit(
            gate,
            "it answers as wanted, only not often enough in a row: look at what it answered between",
        ),
        Some(Answer::Fail) => match class(gate.kind, &gate.seen) {
            Class::NotUp => with_limit(gate, "see whether it runs, and what its own log says"),
            Class::Slow => {
                "see what the command waits for; where it only needs longer, raise the gate's `try-timeout`".to_owned()
            }
            Class::Denied => {
                "correct the user, the password or the rights that the gate asks with; more time does not help".to_owned()
            }
            Class::Name => "correct the name in the gate or in DNS".to_owned(),
            Class::NoCommand => {
                "correct the command: it, or one that it runs, is not found on this runner or may not be run".to_owned()
            }
            Class::Other => "correct that at the target, or in the gate what is wanted of it".to_owned(),
        },
    }
}

/// How much of its time the gate waited for turns, where that is a good part of it and its time was not enough.
pub(super) fn waited(gate: &Judged) -> Option<Duration> {
    match gate.end {
        End::TimedOut { after } if gate.queued >= after / 10 && !gate.queued.is_zero() => {
            Some(gate.queued)
        }
        _ => None,
    }
}

/// With the limit to raise where the service only needs longer.
fn with_limit(gate: &Judged, text: &str) -> String {
    let limit = match gate.end {
        End::TimedOut { .. } => "timeout",
        End::TriesUsed { .. } => "max-tries",
        End::FailureLimit { .. } => "failure-limit",
        _ => return text.to_owned(),
    };
    format!("{text}; where it only needs longer, raise the gate's `{limit}`")
}

fn class(kind: &str, seen: &str) -> Class {
    let has = |needles: &[&str]| needles.iter().any(|needle| seen.contains(needle));
    // A step of a flow is named before what it saw: ``step 1 `login` (POST /login): 503 …``.
    let told = match kind {
        "flow" => seen.split_once("): ").map_or(seen, |(_, told)| told),
        _ => seen,
    };
    // What a target answered in its own words may hold any of the needles.
    let asking = told.starts_with("failed to ");
    match kind {
        "http" | "flow" if !asking => match told.as_bytes() {
            [b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..] => Class::NotUp,
            [b'4', b'0', b'1' | b'3' | b'7', b' ', ..] => Class::Denied,
            _ if told.starts_with("gave no answer within ") => Class::NotUp,
            _ => Class::Other,
        },
        "command" if asking && told.contains("it was killed") => Class::Slow,
        "command" if !asking => match told.strip_prefix("exit code 12") {
            Some(rest) if rest.starts_with(['6', '7']) => Class::NoCommand,
            _ => Class::Other,
        },
        _ if !asking && !told.starts_with("gave no answer within ") => Class::Other,
        _ if has(DENIED) => Class::Denied,
        _ if has(NAME) => Class::Name,
        _ if has(NOT_UP) => Class::NotUp,
        _ => Class::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_do_follows_from_what_was_seen() {
        for (kind, seen, wanted) in [
            ("http", "503 Service Unavailable, wanted 200", Class::NotUp),
            ("http", "404 Not Found, wanted 200", Class::Other),
            ("http", "401 Unauthorized, wanted 200", Class::Denied),
            (
                "http",
                "200 OK, body \"refused\", wanted a match of ok",
                Class::Other,
            ),
            (
                "http",
                "failed to get an answer from 127.0.0.1:80: nothing came within 2000 ms",
                Class::NotUp,
            ),
            (
                "flow",
                "step 1 `login` (POST /login): 503 Service Unavailable, wanted 200",
                Class::NotUp,
            ),
            (
                "flow",
                "step 1 (GET /): failed to connect to 127.0.0.1:9: refused (the host is up, the port is closed)",
                Class::NotUp,
            ),
            (
                "flow",
                "step 2 (GET /a): failed to capture `token`: no such field",
                Class::Other,
            ),
            (
                "postgres",
                "failed to be served by db:5432: password authentication failed for user \"app\" (SQLSTATE 28P01)",
                Class::Denied,
            ),
            (
                "postgres",
                "failed to be let in by db:5432: the database system is starting up (SQLSTATE 57P03)",
                Class::NotUp,
            ),
            (
                "postgres",
                "failed to speak TLS with db:5432: the server offers none, and sslmode wants it",
                Class::Other,
            ),
            (
                "redis",
                "failed to be served by redis:6379: WRONGPASS invalid username-password pair",
                Class::Denied,
            ),
            (
                "redis",
                "failed to be served by redis:6379: LOADING Redis is loading the dataset in memory",
                Class::NotUp,
            ),
            (
                "tcp",
                "failed to resolve \"a b\": not a host name",
                Class::Name,
            ),
            (
                "tcp",
                "failed to resolve gone.internal: no such name, says name server 192.0.2.1:53",
                Class::Name,
            ),
            ("tcp", "gave no answer within 10s", Class::NotUp),
            (
                "host",
                "failed to look at /gone: there is no such path",
                Class::Other,
            ),
            (
                "host",
                "/ is 95 % full, wanted less than 90 %",
                Class::Other,
            ),
            (
                "command",
                "exit code 127: bash: nosuch: command not found",
                Class::NoCommand,
            ),
            ("command", "exit code 1: refused", Class::Other),
            (
                "command",
                "failed to see the end of the command within 5.0 s: it was killed",
                Class::Slow,
            ),
        ] {
            assert_eq!(class(kind, seen), wanted, "{kind}: {seen}");
        }
    }
}
