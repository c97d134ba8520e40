//! The async shell over a simulated network (design §4's promises 1, 2, 4, 5 and 7): the shipped [`lease::shell::run`]
//! with the shipped actors on hosts of turmoil, a store behind turmoil's TCP, and faults that follow from a seed.
//!
//! What the core alone does under faults is the matter of `tests/simulation`; here it is what the shell adds: requests
//! beside each other, sleeping and waking, waiting for a store's notice, connections that break, hosts that restart.
//!
//! `BATON_SIM_SEEDS` says how many seeds are played, `BATON_SIM_FIRST` where they begin, `BATON_SIM_SEED` plays one and
//! prints what happened.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends with a panic"
)]

mod cast;
mod client;
mod clock;
#[path = "../simulation/dice.rs"]
mod dice;
mod disk;
mod drawn;
mod faithful;
mod hands;
mod judge;
mod legs;
mod play;
#[path = "../simulation/rate.rs"]
mod rate;
mod script;
mod seeded;
mod server;
mod target;
mod teeth;
mod wire;
