//! The kind `dns`.

use std::sync::Arc;

use probes::Probe;

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "dns",
    help: "a name has addresses",
    keys: &[],
    short: Some("name"),
    build,
};

fn build(
    _fields: &Fields,
    _around: &Surroundings,
    _problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    None
}
