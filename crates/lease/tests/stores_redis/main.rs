//! The Redis store against real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod conformance;
mod foreign;
mod places;
