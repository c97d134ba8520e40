//! What every step of a leg knows: its deployment, its candidate, its lock and store.
