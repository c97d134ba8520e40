//! How full memory is.

use super::{
    Host, HostError, Source,
    cgroup::{self, Group},
    keyed, mounts,
};

/// How much of the memory that this process may have is used.
///
/// The machine's, or that of a control group with a limit below it: whichever has the larger share used, since running
/// out of either ends processes.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryUse {
    /// 0 to 100. Page cache that the kernel would give back counts as free.
    pub percent: f64,
    /// Bytes in use.
    pub used: u64,
    /// What 100 % are, in bytes.
    pub total: u64,
    /// Whose use this is.
    pub source: Source,
}

impl MemoryUse {
    fn of(used: u64, total: u64, source: Source) -> MemoryUse {
        MemoryUse {
            percent: (used as f64 / total as f64 * 100.0).min(100.0),
            used,
            total,
            source,
        }
    }
}

impl Host {
    /// How full memory is now.
    ///
    /// # Errors
    ///
    /// `/proc` or the control groups cannot be read.
    pub fn memory(&self) -> Result<MemoryUse, HostError> {
        const MEMINFO: &str = "/proc/meminfo";
        let text = self.read(MEMINFO)?;
        let kibibytes = |key, wanted| {
            keyed(&text, key)
                .map(|kibibytes| kibibytes * 1024)
                .ok_or_else(|| HostError::Format {
                    path: self.place(MEMINFO),
                    wanted,
                })
        };
        let total = kibibytes("MemTotal:", "line MemTotal")?;
        let available = kibibytes("MemAvailable:", "line MemAvailable")?;
        if total == 0 {
            return Err(HostError::Format {
                path: self.place(MEMINFO),
                wanted: "memory above nothing",
            });
        }
        let mut tightest = MemoryUse::of(total.saturating_sub(available), total, Source::Machine);

        let mounts = mounts::mounts(self)?;
        for group in cgroup::groups(self, &mounts, "memory")? {
            if let Some(within) = self.memory_of(group, total)?
                && within.percent > tightest.percent
            {
                tightest = within;
            }
        }
        Ok(tightest)
    }

    /// A group's use of its limit; `None` where it has none below the machine's memory (version 1 writes "none" as a
    /// number near 2⁶³).
    fn memory_of(&self, group: Group, machine: u64) -> Result<Option<MemoryUse>, HostError> {
        // Cache that nobody touched lately is given back before anything is killed. In version 1 only the `total_`
        // lines count the groups below, as the usage does.
        let (limit, usage, stat, inactive) = if group.unified {
            (
                "memory.max",
                "memory.current",
                "memory.stat",
                "inactive_file",
            )
        } else {
            (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.stat",
                "total_inactive_file",
            )
        };
        let file = |name: &str| group.folder.join(name);
        let Some(limit) = self
            .read_if_there(file(limit))?
            .and_then(|text| text.trim().parse::<u64>().ok()) // `max` is none
            .filter(|limit| *limit < machine)
        else {
            return Ok(None);
        };
        let used: u64 = self
            .read(file(usage))?
            .trim()
            .parse()
            .map_err(|_not_a_number| HostError::Format {
                path: self.place(file(usage)),
                wanted: "number",
            })?;
        let cache = keyed(&self.read(file(stat))?, inactive).unwrap_or_default();
        let used = used.saturating_sub(cache);
        // A limit of nothing is a group that may have no memory: full, and no division.
        let mut within = MemoryUse::of(used, limit.max(1), Source::Cgroup(group.name));
        if limit == 0 {
            within.percent = 100.0;
        }
        Ok(Some(within))
    }
}
