//! The exporter as Prometheus meets it, on hosts whose runners are real processes with real connections.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod clients;
mod ending;
mod host;
mod many;
mod options;
mod page;
mod scraping;
mod status;
mod textfile;
mod unit;
