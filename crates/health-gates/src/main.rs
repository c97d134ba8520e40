//! `health-gates`: nobody calls it done until it is healthy.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::FAILURE
}
