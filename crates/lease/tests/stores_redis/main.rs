//! The Redis store against real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod changes;
mod conformance;
mod failover;
mod faults;
mod foreign;
mod places;
mod proxy;
mod tls;
