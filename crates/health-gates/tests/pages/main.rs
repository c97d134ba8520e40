//! The pages of the gates, executed: every file of gates that they show is judged by the program as it stands, in a
//! network where their hosts are real servers, and every row of what they say is seen is seen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod machine;
mod network;
mod page;
mod recipes;
mod requests;
mod stores;
mod web;
mod world;
