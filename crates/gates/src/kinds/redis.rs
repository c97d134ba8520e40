//! The kind `redis`.

use std::sync::Arc;

use probes::Probe;

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "redis",
    help: "Redis answers this user's `PING` and has the wanted role",
    keys: &[],
    short: Some("url"),
    build,
};

fn build(
    _fields: &Fields,
    _around: &Surroundings,
    _problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    None
}
