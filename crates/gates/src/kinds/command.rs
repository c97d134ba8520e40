//! The kind `command`.

use std::sync::Arc;

use probes::Probe;

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "command",
    help: "a command ends with exit code 0",
    keys: &[],
    short: Some("run"),
    build,
};

fn build(
    _fields: &Fields,
    _around: &Surroundings,
    _problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    None
}
