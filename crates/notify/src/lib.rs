//! Waking a person: Alertmanager, a webhook, an issue (design §8).
//!
//! Responsible for: what an alert says, each way of saying it, saying it again where that may help, and naming what went
//! wrong where it does not. Not responsible for saying it once: the `alert` event in the ledger decides who speaks; nor
//! for what follows where nobody could be told: a deployment's result stands.

mod alertmanager;
mod channels;
mod escape;
mod incident;
pub mod inputs;
mod judged;
mod markdown;
mod news;
mod post;
mod retry;
mod settings;
mod text;
mod webhook;

pub use channels::Channels;
pub use news::{Link, Moment, Named, News, Resolved};
pub use settings::{Pace, Settings};
