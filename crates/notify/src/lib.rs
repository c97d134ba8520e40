//! Waking a person: Alertmanager, a webhook, an issue (design §8).
//!
//! Responsible for: what an alert says, and each way of saying it. Not responsible for saying it once: the `alert` event
//! in the ledger decides who speaks.
