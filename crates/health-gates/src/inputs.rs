//! The one table that describes the action: inputs, outputs and exit codes (design §8).

use actions_kit::Table;

/// What `health-gates` is told and tells.
pub const TABLE: Table = Table {
    action: "health-gates",
    about: "waits until a release is proven healthy, and says exactly what is not",
    modes: &[],
    inputs: &[],
    flags: &[],
    outputs: &[],
    exit_codes: &[],
};
