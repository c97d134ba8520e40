//! The PostgreSQL store against real servers, and against everything that goes wrong between.

// What a test's own steps cannot do is the test's failure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod conformance;
mod history;
mod lost_answers;
mod making;
mod places;
mod pooler;
mod proxy;
mod refusals;
mod restarts;
mod telling;
mod tls;
