//! The metrics of a ledger: their names, their text for Prometheus, and their way to a Pushgateway or a file (design §7).
//!
//! Responsible for: the one list of names, types and labels; turning a ledger's tip into samples; the Pushgateway's
//! protocol. Not responsible for when something is pushed, nor for how old the tip may be, nor for trying again:
//! `push-metrics` is.

mod gateway;
mod group;
pub mod names;
mod samples;
mod text;
mod textfile;

pub use gateway::{Gateway, GatewayError};
pub use group::{Group, JOB, Subject, instance};
pub use names::{Kind, METRICS, Metric};
pub use samples::Moment;
pub use text::{CONTENT_TYPE, TextError, text, textfile};
pub use textfile::{TextfileError, write_textfile};
