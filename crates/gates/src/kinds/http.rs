//! The kind `http`: one request, and everything that its answer must be.
//!
//! The keys of the request, of the connection and of the expectation stand in modules of their own: the steps of a
//! `flow` have them too.

pub(super) mod connection;
pub(super) mod expectation;
mod json;
pub(super) mod request;

use std::sync::Arc;

use probes::{Probe, http::HttpProbe};

use super::Kind;
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "http",
    help: "answers one HTTP request as wanted",
    keys: &KEYS,
    short: Some("url"),
    build,
};

/// Where the request goes.
const ADDRESS: &[Key] = &[Key::new(
    "url",
    Shape::Address,
    "`http://…` or `https://…`; a user and password in it are sent as basic authorization",
)
.required()];

static KEYS: [Key; ADDRESS.len()
    + request::KEYS.len()
    + expectation::KEYS.len()
    + connection::KEYS.len()] =
    Key::joined(&[ADDRESS, request::KEYS, expectation::KEYS, connection::KEYS]);

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    request::learn(fields, around);
    // Each tells its own problems, so none may keep another from being asked.
    let parts = request::read(fields, problems);
    let expectation = expectation::read(fields, problems);
    let client = connection::read(fields, around, problems);
    if let (Some(parts), Some(expectation)) = (&parts, &expectation) {
        request::has_body(fields, parts, expectation, problems);
    }
    let url = fields.text("url");
    // Where the rest cannot be sent, the address is looked at all the same.
    let request = url.and_then(|url| parts.clone().unwrap_or_default().to(fields, url, problems));
    Some(Arc::new(HttpProbe {
        client: client?,
        request: parts.and(request)?,
        expectation: expectation?,
    }))
}

/// A text of the file, in one short line between backquotes.
fn shown(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown = String::from("`");
    for (index, c) in text.chars().enumerate() {
        match c {
            _ if index == LONGEST => {
                shown.push('…');
                break;
            }
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown.push('`');
    shown
}
