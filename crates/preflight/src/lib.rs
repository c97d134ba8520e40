//! `preflight`: every reason not to deploy, at once, with its mend.

pub mod finding;

pub use finding::{Finding, Part, Status};
