//! How much of its CPU time, memory and disk a runner has used.
//!
//! Responsible for: the machine's numbers, and those of the control groups that a runner is in where they have limits
//! (cgroups(7)): a runner in a container or a slice with limits is measured against them. Each file is read once a
//! scrape, however many runners share it. Not responsible for `preflight`'s own measurement: that one looks from inside a
//! job, at the groups of itself.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::sys::statvfs::statvfs;

/// A sample is at least this old before the use since then is told: shorter spans say more of the scrape than of the
/// runner.
const WINDOW: Duration = Duration::from_secs(5);

/// The machine's CPU time, in ticks.
#[derive(Clone, Copy, Debug, Default)]
struct Ticks {
    busy: u64,
    total: u64,
}

/// CPU time used up to one moment.
#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    machine: Option<Ticks>,
    groups: HashMap<PathBuf, Duration>,
}

/// Measures, scrape after scrape.
#[derive(Debug)]
pub(crate) struct Usage {
    cgroups: PathBuf,
    earlier: Sample,
    latest: Sample,
}

/// One scrape's measurements.
#[derive(Debug)]
pub(crate) struct Look {
    cgroups: PathBuf,
    before: Sample,
    now: Sample,
    cpus: f64,
    memory: Option<Memory>,
    groups: HashMap<PathBuf, Group>,
}

#[derive(Clone, Copy, Debug)]
struct Memory {
    used: u64,
    total: u64,
}

impl Memory {
    fn percent(self) -> f64 {
        share(self.used, self.total)
    }
}

/// What one control group says of itself.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// The quota, in CPUs, and what was used.
    cpu: Option<(f64, Duration)>,
    memory: Option<Memory>,
}

/// The groups that a process is in, from its own upwards, of each hierarchy that matters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Groups {
    all: Vec<PathBuf>,
    /// Its own of the version 2 hierarchy, unless that is the root, which tells nobody apart.
    pub(crate) unified: Option<PathBuf>,
}

impl Groups {
    /// Those of a process, below where the hierarchies are mounted.
    pub(crate) fn of(cgroups: &Path, pid: i32) -> Groups {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        let mut groups = Groups::default();
        for line in text.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
                continue;
            };
            // Version 2 names no controllers; version 1 is mounted by the names of them.
            let is = |name| controllers.split(',').any(|controller| controller == name);
            let mounts = if controllers.is_empty() {
                vec![cgroups.to_owned(), cgroups.join("unified")]
            } else if is("cpu") || is("memory") {
                vec![cgroups.join(controllers)]
            } else {
                continue;
            };
            for mount in mounts {
                let below = Path::new(path.trim_start_matches('/'));
                // Inside a container the path may be the host's: then the mount itself is as near as we can look.
                let there = !path.contains("..") && mount.join(below).is_dir();
                let below = if there { below } else { Path::new("") };
                let own = mount.join(below);
                if controllers.is_empty() && there && path != "/" {
                    groups.unified.get_or_insert(own);
                }
                let upwards = below.ancestors().map(|below| mount.join(below));
                groups.all.extend(upwards);
            }
        }
        groups
    }
}

impl Usage {
    /// From now on.
    pub(crate) fn new(cgroups: &Path) -> Usage {
        let sample = Sample {
            at: Instant::now(),
            machine: ticks().map(|(ticks, _)| ticks).ok(),
            groups: HashMap::new(),
        };
        Usage {
            cgroups: cgroups.to_owned(),
            earlier: sample.clone(),
            latest: sample,
        }
    }

    /// Begins a scrape.
    ///
    /// # Errors
    /// The machine's own numbers cannot be read; those of groups still can.
    pub(crate) fn look(&self) -> (Look, Option<io::Error>) {
        let (machine, memory) = (ticks(), memory());
        let at = Instant::now();
        let before = if at.saturating_duration_since(self.latest.at) >= WINDOW {
            &self.latest
        } else {
            &self.earlier
        };
        let cpus = machine.as_ref().map_or(1, |(_, cpus)| *cpus);
        let look = Look {
            cgroups: self.cgroups.clone(),
            before: before.clone(),
            now: Sample {
                at,
                machine: machine.as_ref().ok().map(|(ticks, _)| *ticks),
                groups: HashMap::new(),
            },
            cpus: cpus as f64,
            memory: memory.as_ref().ok().copied(),
            groups: HashMap::new(),
        };
        (look, machine.err().or(memory.err()))
    }

    /// Ends a scrape: the next one measures from here.
    pub(crate) fn seen(&mut self, look: Look) {
        let fresh = look.now.at.saturating_duration_since(self.latest.at) < WINDOW;
        if fresh {
            // What this scrape met for the first time begins here.
            for (group, used) in look.now.groups {
                self.latest.groups.entry(group.clone()).or_insert(used);
                self.earlier.groups.entry(group).or_insert(used);
            }
        } else {
            self.earlier = std::mem::replace(&mut self.latest, look.now);
        }
    }
}

impl Look {
    /// How much of the CPU time that it may have was used since an earlier scrape: of the tightest quota that these
    /// groups have, else of the machine's. 0 to 100; `None` where no time has passed yet.
    pub(crate) fn cpu(&mut self, groups: &Groups) -> Option<f64> {
        let span = self
            .now
            .at
            .saturating_duration_since(self.before.at)
            .as_secs_f64();
        let mut tightest: Option<f64> = None;
        let mut limited = false;
        for path in &groups.all {
            let Some((cpus, used)) = self.group(path).cpu else {
                continue;
            };
            limited = true;
            self.now.groups.insert(path.clone(), used);
            if let Some(before) = self.before.groups.get(path).filter(|_| span > 0.0) {
                let percent = used.saturating_sub(*before).as_secs_f64() / (cpus * span) * 100.0;
                tightest = Some(tightest.map_or(percent, |other| other.max(percent)));
            }
        }
        if limited {
            return tightest.map(|percent| percent.min(100.0));
        }
        let (before, now) = (self.before.machine?, self.now.machine?);
        let total = now.total.saturating_sub(before.total);
        (total > 0).then(|| share(now.busy.saturating_sub(before.busy).min(total), total))
    }

    /// How full memory is: the machine's, or that of a group with a limit, whichever is fuller. 0 to 100.
    pub(crate) fn memory(&mut self, groups: &Groups) -> Option<f64> {
        let within = groups
            .all
            .iter()
            .filter_map(|path| Some(self.group(path).memory?.percent()));
        let tightest = within.max_by(f64::total_cmp);
        let machine = self.memory.map(Memory::percent);
        tightest.into_iter().chain(machine).max_by(f64::total_cmp)
    }

    fn group(&mut self, path: &Path) -> Group {
        if let Some(known) = self.groups.get(path) {
            return *known;
        }
        let machine = self.memory.map_or(u64::MAX, |memory| memory.total);
        let group = Group {
            cpu: quota(path)
                .filter(|quota| *quota < self.cpus)
                .zip(used(&self.cgroups, path)),
            memory: memory_of(path, machine),
        };
        self.groups.insert(path.to_owned(), group);
        group
    }
}

/// How full the file system is that a path lies on, as `df` counts: of what this user may have. 0 to 100.
///
/// # Errors
/// The path is not there, or this user may not look at it.
pub(crate) fn disk(path: &Path) -> io::Result<f64> {
    let space = statvfs(path)?;
    let used = space.blocks().saturating_sub(space.blocks_free());
    Ok(share(used, used.saturating_add(space.blocks_available())))
}

/// Nothing of nothing is full.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        100.0
    } else {
        (part as f64 / whole as f64 * 100.0).min(100.0)
    }
}

/// `/proc/stat`, and how many CPUs there are.
fn ticks() -> io::Result<(Ticks, usize)> {
    let text = fs::read_to_string("/proc/stat")?;
    let mut lines = text.lines().filter(|line| line.starts_with("cpu"));
    // cpu  user nice system idle iowait irq softirq steal; what guests use is in user already.
    let times: Vec<u64> = lines
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|ticks| ticks.parse().ok())
        .collect();
    let [_, _, _, idle, rest @ ..] = times.as_slice() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no CPU time in /proc/stat",
        ));
    };
    let total: u64 = times.iter().sum();
    let idle = idle + rest.first().copied().unwrap_or_default();
    let ticks = Ticks {
        busy: total - idle,
        total,
    };
    Ok((ticks, lines.count().max(1)))
}

/// `/proc/meminfo`: what the kernel would not give back.
fn memory() -> io::Result<Memory> {
    let text = fs::read_to_string("/proc/meminfo")?;
    match (keyed(&text, "MemTotal:"), keyed(&text, "MemAvailable:")) {
        (Some(total), Some(available)) => Ok(Memory {
            used: total.saturating_sub(available) * 1024,
            total: total * 1024,
        }),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no MemAvailable in /proc/meminfo",
        )),
    }
}

/// A group's quota in CPUs: "150000 100000" in version 2, two files in version 1; `max` and -1 are none.
fn quota(group: &Path) -> Option<f64> {
    let (quota, period) = match fs::read_to_string(group.join("cpu.max")) {
        Ok(text) => {
            let mut words = text.split_ascii_whitespace();
            (
                words.next()?.parse::<u64>().ok()?,
                words.next()?.parse::<u64>().ok()?,
            )
        }
        Err(_) => (
            number(group, "cpu.cfs_quota_us")?,
            number(group, "cpu.cfs_period_us")?,
        ),
    };
    (period > 0).then(|| quota as f64 / period as f64)
}

/// The CPU time that a group has used; in version 1 another controller counts it, which may lie in another hierarchy.
fn used(cgroups: &Path, group: &Path) -> Option<Duration> {
    if let Ok(text) = fs::read_to_string(group.join("cpu.stat"))
        && let Some(used) = keyed(&text, "usage_usec")
    {
        return Some(Duration::from_micros(used));
    }
    let beside = || {
        let below: PathBuf = group
            .strip_prefix(cgroups)
            .ok()?
            .components()
            .skip(1)
            .collect();
        number(&cgroups.join("cpuacct").join(below), "cpuacct.usage")
    };
    number(group, "cpuacct.usage")
        .or_else(beside)
        .map(Duration::from_nanos)
}

/// A group's use of its memory limit; `None` where it has none below the machine's.
fn memory_of(group: &Path, machine: u64) -> Option<Memory> {
    let (limit, used, inactive) = match number(group, "memory.max") {
        Some(limit) => (limit, "memory.current", "inactive_file"),
        None => (
            number(group, "memory.limit_in_bytes")?,
            "memory.usage_in_bytes",
            "total_inactive_file",
        ),
    };
    if limit >= machine {
        return None;
    }
    // Cache that nobody touched lately is given back before anything is killed.
    let stat = fs::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let cache = keyed(&stat, inactive).unwrap_or_default();
    Some(Memory {
        used: number(group, used)?.saturating_sub(cache),
        total: limit,
    })
}

fn number(group: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(group.join(file))
        .ok()?
        .trim()
        .parse()
        .ok()
}

fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(key))
            .then(|| words.next()?.parse().ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(all: Vec<PathBuf>) -> Groups {
        Groups { all, unified: None }
    }

    fn group(files: &[(&str, &str)]) -> (tempfile::TempDir, Groups) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let groups = of(vec![
            root.path().join("a/b"),
            root.path().join("a"),
            root.path().to_owned(),
        ]);
        (root, groups)
    }

    #[test]
    fn without_limits_the_machine_is_measured() {
        let (root, groups) = group(&[("a/b/cpu.max", "max 100000\n"), ("a/b/memory.max", "max\n")]);
        let usage = Usage::new(root.path());
        let memory = usage.look().0.memory(&groups).unwrap();
        assert!(memory > 0.0 && memory <= 100.0, "{memory}");
        // Ticks are 10 ms: at most a few until some have passed.
        let end = Instant::now() + Duration::from_secs(30);
        let cpu = loop {
            if let Some(cpu) = usage.look().0.cpu(&groups) {
                break cpu;
            }
            assert!(Instant::now() < end, "the machine's CPU time stands still");
        };
        assert!((0.0..=100.0).contains(&cpu), "{cpu}");
    }

    #[test]
    fn a_runner_is_measured_against_the_fullest_of_its_limits() {
        let (root, groups) = group(&[
            ("a/b/memory.max", "1000000\n"),
            ("a/b/memory.current", "400000\n"),
            ("a/b/memory.stat", "anon 1\ninactive_file 100000\n"),
            ("a/memory.max", "2000000\n"),
            ("a/memory.current", "1998000\n"),
            ("a/memory.stat", "anon 1\n"),
        ]);
        let mut look = Usage::new(root.path()).look().0;
        assert_eq!(look.memory(&groups), Some(99.9));
        let own = of(vec![root.path().join("a/b")]);
        let machine = look.memory(&Groups::default()).unwrap();
        assert_eq!(look.memory(&own), Some(machine.max(30.0)));
    }

    #[test]
    fn cpu_time_is_measured_against_the_quota() {
        let (root, groups) = group(&[
            ("a/b/cpu.max", "50000 100000\n"),
            ("a/b/cpu.stat", "usage_usec 1000000\nuser_usec 1\n"),
        ]);
        let mut usage = Usage::new(root.path());
        let (mut look, error) = usage.look();
        assert!(error.is_none());
        assert_eq!(
            look.cpu(&groups),
            None,
            "nothing is known of the time before"
        );
        usage.seen(look);
        // 60 s of the clock, 15 s of half a CPU.
        usage.latest.at -= Duration::from_secs(60);
        usage.earlier = usage.latest.clone();
        fs::write(root.path().join("a/b/cpu.stat"), "usage_usec 16000000\n").unwrap();
        let cpu = usage.look().0.cpu(&groups).unwrap();
        assert!((45.0..=50.0).contains(&cpu), "{cpu}");
    }

    #[test]
    fn a_quota_of_version_one_is_read_with_its_account() {
        let (root, _) = group(&[
            ("cpu/x/cpu.cfs_quota_us", "25000\n"),
            ("cpu/x/cpu.cfs_period_us", "100000\n"),
            ("cpuacct/x/cpuacct.usage", "2000000000\n"),
            ("cpu/y/cpu.cfs_quota_us", "-1\n"),
        ]);
        let x = root.path().join("cpu/x");
        assert_eq!(quota(&x), Some(0.25));
        assert_eq!(used(root.path(), &x), Some(Duration::from_secs(2)));
        assert_eq!(quota(&root.path().join("cpu/y")), None);
    }

    #[test]
    fn the_disk_of_a_path_that_is_not_there_is_unknown() {
        assert!((0.0..=100.0).contains(&disk(Path::new("/")).unwrap()));
        assert_eq!(
            disk(Path::new("/nowhere/_work")).unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn the_groups_of_a_process_lead_from_its_own_up_to_the_mount() {
        let groups = Groups::of(Path::new("/nowhere"), std::process::id().cast_signed());
        assert!(groups.all.iter().all(|path| path.starts_with("/nowhere")));
    }
}
