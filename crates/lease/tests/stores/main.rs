//! Every store against the conformance suite, and the git store against everything that goes wrong.

// What a test's own steps cannot do is the test's failure.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod appending;
mod borrowed;
mod conformance;
mod disk;
mod foreign;
mod http_faults;
mod lost_answers;
mod memory_faults;
mod places;
mod processes;
mod surroundings;
mod torn;
