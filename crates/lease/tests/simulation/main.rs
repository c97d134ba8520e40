//! The shipped protocol core under seeded faults (design §4's promises 1, 2, 5 and 6, and that every deployment ends).
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends with a panic"
)]

mod alarms;
mod cast;
mod dice;
mod faults;
mod gates;
mod host;
mod judge;
mod rate;
mod scenario;
mod seeded;
mod store;
mod trees;
mod world;
