//! The ledger: the append-only history of what happened to every deployment of one lock, and the running totals that
//! every metric comes from (design §7).
//!
//! Responsible for: the events, the state that every ledger tip carries ([`Tip`]), and how an event changes that state.
//! Everything here is a pure function of its arguments; timestamps are handed in and serve people only.
//!
//! Not responsible for: where the ledger lives and how it is swapped (the `lease` crate's stores), and who may write
//! what (the `lease` crate's protocol).

mod bookkeeping;
mod days;
mod deployment;
mod entry;
mod figures;
mod last;
pub mod seconds;
mod subject;
mod summary;
pub mod targets;
mod tip;
mod totals;

pub use bookkeeping::{ALERTS_KEPT, AlertState, SINKS_KEPT};
pub use days::{DAYS_KEPT, DURATIONS_KEPT, Day};
pub use deployment::{Deployment, Party, Role};
pub use entry::{
    AlertKind, AttemptOutcome, Channel, Entry, Event, FailureReason, Gate, GateStatus, Outcome,
    PreflightResult, TakeoverReason, Timestamp,
};
pub use figures::Figures;
pub use last::LastState;
pub use summary::{CandidateState, DeploymentState, Review};
pub use tip::{
    DEPLOYMENTS_KEPT, DETAIL_KEPT, Draft, GateState, Home, LINES_KEPT, NONCES_KEPT, SCHEMA, Tip,
};
pub use totals::{Counter, DURATION_BUCKETS, Histogram, Labels, Totals};
