//! The program on bad days: what it prints, writes and ends with where something is away, hung, refused or lying.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

mod clock;
mod config;
mod disk;
mod docker;
mod github;
mod limits;
mod listing;
mod names;
mod program;
mod prometheus;
mod proxies;
mod secrets;
mod server;
mod thousand;
