//! Telling people, against a real Alertmanager, a webhook and what stands in for GitHub.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod alertmanager;
mod github;
mod issue;
mod secrets;
mod settings;
mod webhook;
mod world;
