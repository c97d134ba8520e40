//! The kind `host`: what this machine has left.

use std::{path::PathBuf, sync::Arc};

use probes::{
    Probe,
    host::{Host, HostProbe, Paths},
};

use super::Kind;
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "host",
    help: "this machine has disk and memory left",
    keys: &[
        Key::new(
            "disk",
            Shape::Percent,
            "Less than this share of each file system's bytes and files is used",
        )
        .with_default("90%"),
        Key::new(
            "paths",
            Shape::List(&Shape::Text),
            "Whose file systems; a relative path begins at the workspace. Unset: `/` and the workspace's, except for one \
             that cannot be written to",
        ),
        Key::new(
            "memory",
            Shape::Percent,
            "Less than this share of the memory is used",
        )
        .with_default("95%"),
        Key::new(
            "cpu",
            Shape::Percent,
            "Less than this share of the CPUs is used, over 200 ms; not asked where unset",
        ),
    ],
    short: None,
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let mut share = |key| {
        let share = fields.number(key)?;
        if share <= 0.0 {
            fields.wrong(
                key,
                "0 %",
                "more than 0 %",
                "less than nothing is never used: write a larger share",
                problems,
            );
        }
        Some(share)
    };
    let (disk_below, memory_below, cpu_below) = (share("disk"), share("memory"), share("cpu"));
    let named: Vec<PathBuf> = fields
        .texts("paths")
        .into_iter()
        .map(|path| around.workspace.join(path))
        .collect();
    fields.refuse_nul("paths", problems);
    let paths = if named.is_empty() {
        Paths::Usual(vec![PathBuf::from("/"), around.workspace.clone()])
    } else {
        Paths::Named(named)
    };
    Some(Arc::new(HostProbe {
        host: Host::new(),
        paths,
        disk_below: disk_below?,
        memory_below: memory_below?,
        cpu_below,
    }))
}
