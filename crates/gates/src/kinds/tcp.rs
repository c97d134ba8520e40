//! The kind `tcp`.

use std::sync::Arc;

use probes::Probe;

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "tcp",
    help: "a TCP port takes connections",
    keys: &[],
    short: Some("address"),
    build,
};

fn build(
    _fields: &Fields,
    _around: &Surroundings,
    _problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    None
}
