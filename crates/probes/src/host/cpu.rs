//! How busy the CPUs are, over a window.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    Host, HostError, Source,
    cgroup::{self, Group},
    keyed, mounts,
};

/// How much of the CPU time that this process may have was used, over a window.
///
/// In a control group with a quota below the machine's CPUs this is the group's own use of its quota; of several such
/// groups above one another, that of the one with the least left. Else the machine's. What the machine's other tenants
/// use says nothing about a container that has its share granted.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuUse {
    /// 0 to 100. Time that the hypervisor gave to another machine counts as used: we had not got it.
    pub percent: f64,
    /// What 100 % are, in CPUs: the number of the machine's, or the quota.
    pub cpus: f64,
    /// Over how long.
    pub window: Duration,
    /// Whose use this is.
    pub source: Source,
}

/// The CPU counters at one moment.
#[derive(Clone, Debug)]
pub struct CpuSample {
    at: Instant,
    /// In ticks.
    busy: u64,
    /// In ticks.
    total: u64,
    cpus: u64,
    limited: Vec<Limited>,
}

/// A control group with a quota.
#[derive(Clone, Debug)]
struct Limited {
    name: String,
    cpus: f64,
    used: Duration,
}

impl Host {
    /// How busy the CPUs are during `window`, which is waited for; 200 ms are enough to tell idle from busy.
    ///
    /// # Errors
    ///
    /// `/proc` or the control groups cannot be read, or stand still.
    pub async fn cpu(&self, window: Duration) -> Result<CpuUse, HostError> {
        let before = self.cpu_sample()?;
        tokio::time::sleep(window).await;
        self.cpu_between(&before, &self.cpu_sample()?)
    }

    /// The counters now; for callers that have a rhythm of their own, and [`Host::cpu_between`].
    ///
    /// # Errors
    ///
    /// `/proc` or the control groups cannot be read.
    pub fn cpu_sample(&self) -> Result<CpuSample, HostError> {
        const STAT: &str = "/proc/stat";
        let text = self.read(STAT)?;
        let wrong = |wanted| HostError::Format {
            path: self.place(STAT),
            wanted,
        };
        let mut cpus = text.lines().filter(|line| line.starts_with("cpu"));
        // cpu  user nice system idle iowait irq softirq steal guest guest_nice, where user holds guest already.
        let times: Vec<u64> = cpus
            .next()
            .ok_or_else(|| wrong("line `cpu`"))?
            .split_whitespace()
            .skip(1)
            .take(8)
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_not_a_number| wrong("numbers in the line `cpu`"))?;
        if times.len() < 4 {
            return Err(wrong("idle time in the line `cpu`"));
        }
        let total: u64 = times.iter().sum();
        let idle = times[3] + times.get(4).copied().unwrap_or_default();
        let cpus = cpus.count().max(1) as u64;
        Ok(CpuSample {
            at: Instant::now(),
            busy: total - idle,
            total,
            cpus,
            limited: self.with_quota(cpus as f64)?,
        })
    }

    /// The use between two samples.
    ///
    /// # Errors
    ///
    /// [`HostError::StandsStill`] where no time passed on the CPUs.
    pub fn cpu_between(&self, before: &CpuSample, after: &CpuSample) -> Result<CpuUse, HostError> {
        let window = after.at.saturating_duration_since(before.at);
        let stands_still = || HostError::StandsStill {
            path: self.place("/proc/stat"),
        };
        let tightest = after
            .limited
            .iter()
            .filter_map(|limited| {
                let earlier = before.limited.iter().find(|b| b.name == limited.name)?;
                let used = limited.used.saturating_sub(earlier.used).as_secs_f64();
                let granted = limited.cpus * window.as_secs_f64();
                (granted > 0.0).then(|| (used / granted, limited))
            })
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        let (share, cpus, source) = match tightest {
            Some((share, limited)) => {
                let source = Source::Cgroup(limited.name.clone());
                (share, limited.cpus, source)
            }
            None => {
                // The kernel admits that idle and iowait may step back.
                let total = after.total.saturating_sub(before.total);
                let busy = after.busy.saturating_sub(before.busy).min(total);
                if total == 0 {
                    return Err(stands_still());
                }
                (
                    busy as f64 / total as f64,
                    after.cpus as f64,
                    Source::Machine,
                )
            }
        };
        Ok(CpuUse {
            percent: (share * 100.0).min(100.0),
            cpus,
            window,
            source,
        })
    }

    fn with_quota(&self, machine: f64) -> Result<Vec<Limited>, HostError> {
        let mounts = mounts::mounts(self)?;
        let groups = cgroup::groups(self, &mounts, "cpu")?;
        let accounts = cgroup::groups(self, &mounts, "cpuacct")?;
        let mut limited = Vec::new();
        for group in groups {
            let Some(cpus) = self.quota(&group)?.filter(|cpus| *cpus < machine) else {
                continue;
            };
            // In version 1 the time is counted by another controller, mostly in the same hierarchy.
            let account = accounts
                .iter()
                .find(|account| account.name == group.name)
                .filter(|_| !group.unified)
                .unwrap_or(&group);
            limited.push(Limited {
                used: self.used(account)?,
                name: group.name,
                cpus,
            });
        }
        Ok(limited)
    }

    /// The quota in CPUs; `None` where there is none.
    fn quota(&self, group: &Group) -> Result<Option<f64>, HostError> {
        let (quota, period) = if group.unified {
            // "max 100000" or "150000 100000"; the root group has no such file.
            let Some(text) = self.read_if_there(group.folder.join("cpu.max"))? else {
                return Ok(None);
            };
            let mut words = text.split_whitespace().map(str::to_owned);
            (words.next(), words.next())
        } else {
            let read = |name: &str| self.read_if_there(group.folder.join(name));
            (read("cpu.cfs_quota_us")?, read("cpu.cfs_period_us")?)
        };
        let number = |text: Option<String>| text?.trim().parse::<u64>().ok();
        // Not a number: `max` in version 2, -1 in version 1.
        Ok(number(quota)
            .zip(number(period).filter(|period| *period > 0))
            .map(|(quota, period)| quota as f64 / period as f64))
    }

    fn used(&self, group: &Group) -> Result<Duration, HostError> {
        let (name, wanted) = if group.unified {
            ("cpu.stat", "usage_usec")
        } else {
            ("cpuacct.usage", "number")
        };
        let path = group.folder.join(name);
        let text = self.read(&path)?;
        let used = if group.unified {
            keyed(&text, wanted).map(Duration::from_micros)
        } else {
            text.trim().parse().ok().map(Duration::from_nanos)
        };
        used.ok_or_else(|| HostError::Format {
            path: self.place(path),
            wanted,
        })
    }
}
