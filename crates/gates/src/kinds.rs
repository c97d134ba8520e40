//! The kinds of gates: one file a kind, one line each in [`KINDS`].

mod authority;
mod command;
mod dns;
mod flow;
mod host;
mod http;
mod postgres;
mod redis;
mod tcp;
mod tls;

use std::sync::Arc;

use probes::Probe;

use crate::{Fields, Key, Problems, Surroundings};

/// One kind of gate.
pub struct Kind {
    /// The key that names it: `http`.
    pub name: &'static str,
    /// One line for people, Markdown, without its end.
    pub help: &'static str,
    /// The keys of its mapping.
    pub keys: &'static [Key],
    /// The key that a value without a mapping stands for: `http: https://example.com/health` sets `url`. It is that of a
    /// `flow`'s steps, too: `flow: [...]`.
    pub short: Option<&'static str>,
    /// The probe that its settings ask for. What is wrong in a way that only the kind can know goes to the problems.
    pub build: fn(&Fields, &Surroundings, &mut Problems) -> Option<Arc<dyn Probe>>,
}

/// Every kind, in the order of the documentation.
pub const KINDS: &[Kind] = &[
    http::KIND,
    flow::KIND,
    postgres::KIND,
    redis::KIND,
    tcp::KIND,
    tls::KIND,
    dns::KIND,
    host::KIND,
    command::KIND,
];
