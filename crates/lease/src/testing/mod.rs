//! What tests of stores and of everything above them need: who takes part ([`cast`]), writes to send ([`writes`]) and a
//! git server that fails on request ([`http_git`]).
//!
//! Not responsible for what a store must do: [`conformance`](crate::conformance) is.

// This is test code that lives in the library so that other crates can use it: a failure of its own is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod cast;
pub mod http_git;
pub mod writes;
