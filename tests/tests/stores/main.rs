//! What the other stores change for whoever deploys, with the programs themselves and real servers: a whole deployment
//! over PostgreSQL and over Redis, with a lost runner in it, what people see of it, and what an address may hold.
//!
//! The stores' own promises stand in `crates/lease/tests`, and every fault over each of them in `tests/chaos`.

#![allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]

mod addresses;
mod away;
mod connections;
mod left_out;
mod page;
mod people;
mod server;
mod set_back;
mod watching;
mod whole;

use std::time::Duration;

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = baton_tests::step::SOON;

/// How long a take-over may take on a busy machine, with the short timing of tests.
const TAKEOVER: Duration = Duration::from_secs(60);
