//! What Loki's answer to a push means for its entries.
//!
//! A 400 does not mean that nothing was taken: Loki keeps what is good in a request and tells of the rest.

use std::time::Duration;

use probes::{foreign, http::Response};

use super::{LokiError, secrets::Secrets};

/// Of what a server says, how many characters are shown.
const SHOWN: usize = 300;
/// How Loki says that an entry is too old: for its stream, and at all. The last one is that of a Loki that takes entries
/// in the order of their times only.
const LATE: [&str; 3] = ["too far behind", "timestamp too old", "out of order"];

/// What became of a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answered {
    /// All of it stands there.
    Taken,
    /// All but some that are too old.
    Late {
        /// How many; at least 1.
        late: usize,
        /// In Loki's words.
        because: String,
    },
    /// Nothing: this Loki takes no structured metadata.
    NoMetadata,
}

/// What `response` says of a request with `sent` entries, with structured metadata or without, to `place`.
pub(super) fn judge(
    response: &Response,
    sent: usize,
    metadata: bool,
    place: &str,
    secrets: &Secrets,
) -> Result<Answered, LokiError> {
    let text = response.text();
    let said = one_line(&secrets.hidden(&text));
    let status = response.summary();
    let place = place.to_owned();
    match response.status {
        204 => Ok(Answered::Taken),
        // What stands before Loki may say it so; a page to log in says more.
        200 if text.trim().is_empty() => Ok(Answered::Taken),
        400 => {
            let plain = unquoted(&text);
            if plain.contains("rate limit exceeded") {
                // Some were too much, others too late: the former must come again.
                return Err(LokiError::Busy {
                    place,
                    status,
                    retry_after: None,
                    said,
                });
            }
            if metadata && plain.contains("structured metadata") {
                return Ok(Answered::NoMetadata);
            }
            match late(&plain, sent) {
                Some(late) => Ok(Answered::Late {
                    late,
                    because: said,
                }),
                None => Err(LokiError::Refused {
                    place,
                    status,
                    said,
                }),
            }
        }
        401 | 403 => Err(LokiError::Forbidden {
            place,
            status,
            said,
        }),
        429 => Err(LokiError::Busy {
            place,
            status,
            retry_after: response
                .header("retry-after")
                .and_then(|seconds| seconds.trim().parse().ok())
                .map(Duration::from_secs),
            said,
        }),
        408 | 500..=599 => Err(LokiError::Server {
            place,
            status,
            said,
        }),
        413 | 422 => Err(LokiError::Refused {
            place,
            status,
            said,
        }),
        _ => Err(LokiError::NotLoki {
            place,
            status,
            said,
        }),
    }
}

/// How many of `sent` entries are too late, where that is all that Loki has against them.
fn late(text: &str, sent: usize) -> Option<usize> {
    if let Some((ignored, of)) = ignored(text) {
        // Those that are too old at all were left out before.
        let taken = of.saturating_sub(ignored);
        let late = text.contains(LATE[0]) || text.contains(LATE[2]);
        return late.then(|| sent.saturating_sub(taken).clamp(1, sent));
    }
    let mut late = 0_usize;
    for reason in text.split("; ") {
        if !LATE.iter().any(|words| reason.contains(words)) {
            return None;
        }
        let several = reason
            .split_once(" errors like: ")
            .and_then(|(number, _)| number.trim().parse::<usize>().ok());
        late = late.saturating_add(several.unwrap_or(1));
    }
    Some(late.clamp(1, sent))
}

/// The numbers of `total ignored: 2 out of 10`.
fn ignored(text: &str) -> Option<(usize, usize)> {
    let (_, counts) = text.split_once("total ignored: ")?;
    let (ignored, rest) = counts.split_once(" out of ")?;
    let of: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some((ignored.parse().ok()?, of.parse().ok()?))
}

/// `text` without what stands between quotation marks: there Loki repeats the labels, which may say anything.
fn unquoted(text: &str) -> String {
    let mut outside = true;
    let mut escaped = false;
    text.chars()
        .filter(|c| {
            let quote = *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            let keep = outside && !quote;
            outside ^= quote;
            keep
        })
        .collect()
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    foreign::bounded(&words.join(" "), SHOWN)
}
