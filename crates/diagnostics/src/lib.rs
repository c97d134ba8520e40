//! What a person needs to see of a host whose deployment failed, gathered before it is gone (design §8, `diagnostics`).
//!
//! Responsible for: gathering each part within its own time, and writing all of it without a secret. A part that cannot
//! be had says why, and stops nothing.
