//! Prometheus: what an instant query says now.
//!
//! Responsible for: `GET /api/v1/query`, its errors, and reading the result so that nothing, not-a-number and several
//! series are never taken for a value. Not responsible for which query is asked or what value is wanted.

mod client;
mod error;
mod probe;
mod reading;

pub use client::{Prometheus, PrometheusOptions};
pub use error::PrometheusError;
pub use probe::PrometheusProbe;
pub use reading::{Answered, Reading, Sample};
