//! The lease: the exclusive right to deploy, with a heartbeat and a fencing token that only grows (design §4), and the
//! stores that it lives in (design §5).
//!
//! Responsible for: the record, the protocol as a pure function ([`protocol`]), the timing table and its validity rule,
//! the store contract ([`store`]) and the stores.
//!
//! Not responsible for: what is deployed and how it is killed (`supervisor`), what the history means (`ledger`), and
//! anything of GitHub's environment (the binaries).

#[cfg(feature = "testing")]
pub mod conformance;
mod lock;
pub mod protocol;
mod record;
pub mod shell;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timing;

pub use lock::{LockName, LockNameError};
pub use record::{Attempt, FailedCandidate, OnPrimaryLost, Phase, Policy, Record, SCHEMA};
pub use timing::{Timing, TimingError};
