//! What the tests across crates share: the built programs as real processes, each candidate in a folder of its own as
//! a runner would give it, a real store, a target that logs who writes to it, and the judge of it all.
//!
//! Responsible for starting, watching and breaking; everything that is started here is ended here.
//! Not responsible for what baton must do: the tests in `tests/tests` say that.

// This is test code that lives in a library so that several test programs and the demo can use it: a failure of its
// own is a panic.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod audit;
pub mod binaries;
pub mod github;
pub mod judge;
pub mod live;
pub mod patience;
pub mod process;
pub mod scene;
pub mod step;
pub mod target;

pub use scene::{Run, Scene};
pub use step::{Ended, Process, Step};
