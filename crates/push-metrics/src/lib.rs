//! The parts of `push-metrics` that others check: its inputs, and its figures for people.

pub mod figures;
