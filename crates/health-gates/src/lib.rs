//! `health-gates` as a library: its inputs, and what people and machines are shown of a judgement.

mod inputs;
pub mod report;

pub use inputs::TABLE;
