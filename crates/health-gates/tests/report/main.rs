//! What people and programs are shown of a judgement.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alert;
mod files;
mod page;
mod secrets;
mod world;
