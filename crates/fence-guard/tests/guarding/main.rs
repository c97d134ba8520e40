//! The guard as its callers know it: a program, real commands, real signals, a state file on a disk.

#![allow(clippy::unwrap_used)]

mod admission;
mod ending;
mod killing;
mod lost;
mod racing;
mod refusing;
mod signals;
mod steps;
mod target;
