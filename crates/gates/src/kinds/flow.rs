//! The kind `flow`.

use std::sync::Arc;

use probes::Probe;

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "flow",
    help: "answers several HTTP requests after each other, with values taken from one into the next",
    keys: &[],
    short: Some("steps"),
    build,
};

fn build(
    _fields: &Fields,
    _around: &Surroundings,
    _problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    None
}
