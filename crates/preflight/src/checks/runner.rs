//! `runner.cpu`, `runner.memory`, `runner.disk`: what this runner has left. `runner.prometheus`: what its exporter says of
//! it.

mod prometheus;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use probes::host::{CpuUse, Disk, GB, Host, HostError, MemoryUse, Source};
use tokio::time::Instant;

pub use prometheus::prometheus;

use crate::{Finding, Part, Status};

/// `runner.cpu`: whether less than `max_percent` of the CPUs that this runner may use are used, over `window`, which is
/// waited for.
pub async fn cpu(max_percent: f64, host: &Host, window: Duration) -> Finding {
    judged_cpu(max_percent, host.cpu(window).await)
}

/// `runner.memory`: whether less than `max_percent` of the memory that this runner may use is used.
pub fn memory(max_percent: f64, host: &Host) -> Finding {
    judged_memory(max_percent, host.memory())
}

/// `runner.disk`: whether each of `paths` has at least `min_gb` (10⁹ bytes each) that this user may write.
pub async fn disk(min_gb: f64, paths: &[PathBuf], host: &Host, deadline: Instant) -> Finding {
    let mut measured = Vec::new();
    // One after the other would let a network disk that hangs take the time of those behind it.
    let asked: Vec<_> = paths
        .iter()
        .map(|path| {
            let (host, path) = (host.clone(), path.clone());
            tokio::spawn(async move { host.disk(&path, deadline).await })
        })
        .collect();
    for (path, asked) in paths.iter().zip(asked) {
        let answer = asked
            .await
            .unwrap_or_else(|_| Err(HostError::TimedOut { path: path.clone() }));
        measured.push((path.as_path(), answer));
    }
    judged_disks(min_gb, &measured)
}

fn judged_cpu(max_percent: f64, measured: Result<CpuUse, HostError>) -> Finding {
    let wanted = format!("below {max_percent} %");
    let used = match measured {
        Ok(used) => used,
        Err(error) => return unmeasured(&error, wanted),
    };
    let seen = format!(
        "{:.0} % of {} over {} ms{}",
        used.percent.floor(), // 79.9 of less than 80 must not read as 80
        cpus(used.cpus),
        used.window.as_millis(),
        of(&used.source)
    );
    if used.percent < max_percent {
        return Finding::pass(seen, wanted);
    }
    let mend = match used.source {
        Source::Machine => {
            "wait until the runner is quiet, or end what keeps it busy: `ps -eo pid,user,pcpu,args --sort=-pcpu | head`"
        }
        Source::Cgroup(_) => {
            "wait until the runner is quiet, or give its container or service more CPU (`docker update --cpus`, `CPUQuota=`)"
        }
    };
    Finding::fail(seen, wanted, mend)
}

fn judged_memory(max_percent: f64, measured: Result<MemoryUse, HostError>) -> Finding {
    let wanted = format!("below {max_percent} %");
    let used = match measured {
        Ok(used) => used,
        Err(error) => return unmeasured(&error, wanted),
    };
    let seen = format!(
        "{:.0} % of {} GB{}",
        used.percent.floor(),
        gb(used.total as f64 / GB),
        of(&used.source)
    );
    if used.percent < max_percent {
        return Finding::pass(seen, wanted);
    }
    let mend = match used.source {
        Source::Machine => {
            "end what holds the memory: `ps -eo pid,user,rss,args --sort=-rss | head`"
        }
        Source::Cgroup(_) => {
            "end what holds the memory, or give the runner's container or service more (`docker update --memory`, `MemoryMax=`)"
        }
    };
    Finding::fail(seen, wanted, mend)
}

fn judged_disks(min_gb: f64, measured: &[(&Path, Result<Disk, HostError>)]) -> Finding {
    let wanted = format!("at least {} GB free, and writable", gb(min_gb));
    let mut parts: Vec<Part> = measured
        .iter()
        .map(|(path, answer)| judged_disk(min_gb, path, answer))
        .collect();
    parts.sort_by_key(|part| std::cmp::Reverse(part.status));
    let Some(first) = parts.first() else {
        let mend = "name a path in `disk_paths`";
        return Finding::unknown("no path is named", wanted, mend);
    };
    // All that are well, or those that are not.
    let told: Vec<String> = parts
        .iter()
        .filter(|part| (part.status == Status::Pass) == (first.status == Status::Pass))
        .map(Part::told)
        .collect();
    let seen = told.join("; ");
    let finding = match first.status {
        Status::Pass => Finding::pass(seen, wanted),
        Status::Unknown => Finding::unknown(seen, wanted, first.mend.clone()),
        Status::Warn | Status::Fail => Finding::fail(seen, wanted, first.mend.clone()),
    };
    finding.with_parts(parts)
}

fn judged_disk(min_gb: f64, path: &Path, answer: &Result<Disk, HostError>) -> Part {
    let shown = path.display();
    let part = |status, seen: String, mend: String| Part {
        subject: shown.to_string(),
        status,
        seen,
        mend,
    };
    let disk = match answer {
        Ok(disk) => disk,
        Err(error) => {
            let (status, mend) = match error {
                HostError::NoSuchPath { .. } => (
                    Status::Fail,
                    format!("mount or make {shown}, or name another path"),
                ),
                HostError::TimedOut { .. } => (
                    Status::Fail,
                    format!("look at the disk or file server behind {shown}: `mount`, `dmesg`"),
                ),
                HostError::NoPermission { .. } => (
                    Status::Unknown,
                    format!("let the runner's user into {shown}, or name a path above it"),
                ),
                _ => (Status::Unknown, format!("look at {shown} with `df -h`")),
            };
            return part(status, words(error), mend);
        }
    };
    let mount = disk.mount.display();
    let seen = format!(
        "{} GB free of {} GB ({} on {mount})",
        gb(disk.free_gb()),
        gb(disk.total as f64 / GB),
        if disk.kind.is_empty() {
            "mounted"
        } else {
            &disk.kind
        },
    );
    if disk.read_only {
        let mend = format!("find out why in `dmesg`, then `mount -o remount,rw {mount}`");
        return part(Status::Fail, format!("read-only; {seen}"), mend);
    }
    if disk.inodes_free == Some(0) {
        let mend = format!("remove many small files: no new file can be made on {mount}");
        return part(Status::Fail, format!("no inodes left; {seen}"), mend);
    }
    if disk.free_gb() < min_gb {
        let mend = format!(
            "make room on {mount}: `docker system prune`, old work folders, `du -xh {mount} | sort -h | tail`"
        );
        return part(Status::Fail, seen, mend);
    }
    part(Status::Pass, seen, String::new())
}

/// The error without the path, which the subject beside it says already.
fn words(error: &HostError) -> String {
    match error {
        HostError::NoSuchPath { .. } => "there is no such path".to_owned(),
        HostError::NoPermission { .. } => "this user may not look at it".to_owned(),
        HostError::TimedOut { .. } => "its file system did not answer in time".to_owned(),
        HostError::Path { source, .. } => format!("cannot be looked at: {source}"),
        _ => format!("failed to {error}"),
    }
}

fn unmeasured(error: &HostError, wanted: String) -> Finding {
    let mend = "let the runner's user read /proc and /sys/fs/cgroup";
    Finding::unknown(format!("failed to {error}"), wanted, mend)
}

/// `, the limit of the control group /docker/abc`, and nothing for the machine itself.
fn of(source: &Source) -> String {
    match source {
        Source::Machine => String::new(),
        Source::Cgroup(_) => format!(", the limit of {source}"),
    }
}

fn cpus(count: f64) -> String {
    if count == 1.0 {
        "1 CPU".to_owned()
    } else if count.fract() == 0.0 {
        format!("{count:.0} CPUs")
    } else {
        format!("{count:.1} CPUs")
    }
}

/// One digit behind the point where it says something.
fn gb(gb: f64) -> String {
    // Cut and not rounded: 9.96 of 10 wanted must not read as 10.
    let tenths = (gb * 10.0).floor() / 10.0;
    if tenths.fract() == 0.0 {
        format!("{tenths:.0}")
    } else {
        format!("{tenths:.1}")
    }
}

#[cfg(test)]
mod tests;
