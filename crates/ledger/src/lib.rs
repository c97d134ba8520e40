//! The ledger: the append-only history of what happened to every deployment of one lock, and the running totals that
//! every metric comes from (design §7).
//!
//! Responsible for: the events, the state that every ledger tip carries ([`Tip`]), and how an event changes that state.
//! Everything here is a pure function of its arguments; timestamps are handed in and serve people only.
//!
//! Not responsible for: where the ledger lives and how it is swapped (the `lease` crate's stores), and who may write
//! what (the `lease` crate's protocol).

mod days;
mod deployment;
mod entry;
pub mod seconds;
mod subject;
mod summary;
mod tip;
mod totals;

pub use days::{Day, DAYS_KEPT};
pub use deployment::{Deployment, Party, Role};
pub use entry::{
    AttemptOutcome, Entry, Event, FailureReason, Outcome, PreflightResult, TakeoverReason, Timestamp,
};
pub use summary::{CandidateState, DeploymentState};
pub use tip::{Draft, Tip, DEPLOYMENTS_KEPT, NONCES_KEPT, SCHEMA};
pub use totals::{Counter, Histogram, Labels, Totals, DURATION_BUCKETS};
