//! Every row of design §4's table and every rule under it, each as one small story on a store that answers at once.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test ends with a panic"
)]

mod alarms;
mod appending;
mod closers;
mod free;
mod gates;
mod holding;
mod judging;
mod lane;
mod leaving;
mod play;
mod preflight;
mod queue;
mod set_back;
mod standby;
