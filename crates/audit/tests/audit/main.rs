//! What stands beyond the ledger: lines, the file of them, and Loki, one that is imitated and a real one.

#![allow(clippy::expect_used)]

mod entries;
mod file;
mod line;
mod loki;
mod real_loki;
mod refused;
mod streams;
