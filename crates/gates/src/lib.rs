//! Gates: what a release must prove before anybody calls it done (design §8).
//!
//! Responsible for: the file that declares gates, one module a kind over the `probes` crate, and judging all of them at
//! once with retries, backoff and dependencies. Not responsible for wire protocols (`probes`), for the lease, or for what
//! people are shown.

mod fields;
pub mod file;
mod gate;
pub mod judgement;
pub mod kinds;
pub mod schema;
mod shape;
mod surroundings;
pub mod tables;

pub use fields::{Fields, Problem, Problems, Setting};
pub use gate::{Gate, Patience};
pub use shape::{Key, Shape};
pub use surroundings::Surroundings;
