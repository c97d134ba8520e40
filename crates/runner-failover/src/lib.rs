//! What `runner-failover` is told and tells: its one table of inputs, outputs, modes and exit codes.
//!
//! A library so that action.yml and README can be held against that very table. Not responsible for anything that
//! runs: that is the program's.

mod inputs;

pub use inputs::TABLE;
