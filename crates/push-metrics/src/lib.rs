//! The parts of `push-metrics` that others check: its inputs, its figures for people, and when what is pushed.

pub mod figures;
mod inputs;
pub mod pushing;

pub use inputs::TABLE;
