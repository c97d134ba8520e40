//! The metrics of a ledger: their names, their text for Prometheus, and their way to a Pushgateway or a file (design §7).
//!
//! Responsible for: the one list of names, types and labels; turning a ledger's tip into samples; the Pushgateway's
//! protocol. Not responsible for when something is pushed, nor for how old the tip may be: `push-metrics` is.
