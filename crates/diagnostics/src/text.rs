//! The parts of a bundle in words.

use std::fmt::Write as _;

use ledger::Entry;
use probes::foreign;
use serde_json::Value;

use crate::{About, Disk, DockerFacts, Filling, HostFacts, Logs, Part, Processes, Reached};

/// How much of a line of the command's is shown, in characters.
const LINE: usize = 500;

fn gb(bytes: u64) -> String {
    if bytes >= 100_000_000 {
        format!("{:.1} GB", bytes as f64 / 1e9)
    } else {
        format!("{:.1} MB", bytes as f64 / 1e6)
    }
}

/// The words for a part, or why there is none.
fn told<T>(part: &Part<T>, words: impl FnOnce(&T) -> String) -> String {
    match part {
        Part::Had(value) => words(value),
        Part::Missing { missing } => format!("({missing})\n"),
    }
}

/// One value in the middle of a line.
fn inline<T>(part: &Part<T>, words: impl FnOnce(&T) -> String) -> String {
    told(part, words).trim_end().to_owned()
}

pub(crate) fn head(about: &About) -> String {
    let About {
        deployment,
        environment,
        version,
        candidate,
        role,
        runner,
        ended,
        at,
        instance: _,
    } = about;
    let one = |text: &str| foreign::bounded(text, LINE);
    format!(
        "{}\n\n{} to {}, deployment {}\ncandidate {candidate} ({role}) on {}, {at}\n",
        one(ended),
        one(version),
        one(environment),
        one(deployment),
        one(runner)
    )
}

pub(crate) fn lines(lines: &[String]) -> String {
    if lines.is_empty() {
        return "(the command printed nothing here, or did not run)\n".to_owned();
    }
    lines
        .iter()
        .map(|line| format!("{}\n", foreign::bounded(line, LINE)))
        .collect()
}

pub(crate) fn history(history: &Part<Vec<Entry>>) -> String {
    told(history, |entries| {
        entries
            .iter()
            .rev()
            .map(|entry| format!("{} token {} {}\n", entry.at, entry.token, entry.subject()))
            .collect()
    })
}

pub(crate) fn host(host: &HostFacts) -> String {
    let uptime = inline(&host.uptime_seconds, |seconds| {
        format!("{:.1} hours", seconds / 3600.0)
    });
    let load = inline(&host.load, |load| {
        let load: Vec<String> = load.iter().map(|one| format!("{one:.2}")).collect();
        load.join(" ")
    });
    let cpu = inline(&host.cpu, |cpu| {
        format!("{:.0} % of {} CPUs, {}", cpu.percent, cpu.cpus, cpu.of)
    });
    let memory = inline(&host.memory, |memory| {
        format!(
            "{:.0} % of {}, {}",
            memory.percent,
            gb(memory.total),
            memory.of
        )
    });
    format!(
        "kernel   {}\nup for   {uptime}\nboot     {}\nload     {load}\ncpu      {cpu}\nmemory   {memory}\n",
        inline(&host.kernel, Clone::clone),
        inline(&host.boot_id, Clone::clone),
    )
}

pub(crate) fn disks(disks: &Part<Vec<Part<Disk>>>) -> String {
    told(disks, |disks| {
        let mut disks: Vec<&Part<Disk>> = disks.iter().collect();
        // The fullest first; one that does not answer is worse.
        disks.sort_by(|one, other| {
            let percent = |disk: &Part<Disk>| disk.had().map_or(f64::MAX, |disk| disk.percent);
            percent(other).total_cmp(&percent(one))
        });
        let disk = |disk: &Disk| {
            let inodes = disk
                .inodes_percent
                .map(|percent| format!(", {percent:.0} % of its files"))
                .unwrap_or_default();
            let read_only = if disk.read_only { ", read only" } else { "" };
            format!(
                "{:>3.0} %  {} free of {}{inodes}  {} ({}{read_only})\n",
                disk.percent,
                gb(disk.free),
                gb(disk.total),
                foreign::bounded(&disk.mount.to_string_lossy(), 200),
                foreign::bounded(&disk.kind, 40),
            )
        };
        disks.into_iter().map(|part| told(part, disk)).collect()
    })
}

pub(crate) fn filling(filling: &[Part<Filling>]) -> String {
    let folder = |filling: &Filling| {
        let mut text = format!(
            "{}: {} things\n",
            foreign::bounded(&filling.folder.to_string_lossy(), 200),
            filling.items
        );
        for item in &filling.largest {
            let more = if item.at_least { " or more" } else { "" };
            let _written = writeln!(text, "  {:>10}{more}  {}", gb(item.bytes), item.name);
        }
        text
    };
    filling.iter().map(|part| told(part, folder)).collect()
}

pub(crate) fn docker(docker: &Part<DockerFacts>) -> String {
    told(docker, |docker| {
        let mut text = format!(
            "daemon   {} at {}\n",
            inline(&docker.daemon, Clone::clone),
            foreign::bounded(&docker.at, 200)
        );
        let room = inline(&docker.room, |room| {
            format!(
                "{} images {}, {} containers {}, {} volumes {}, build cache {}",
                room.images,
                gb(room.images_bytes),
                room.containers,
                gb(room.containers_bytes),
                room.volumes,
                gb(room.volumes_bytes),
                gb(room.build_cache_bytes)
            )
        });
        let _written = writeln!(text, "room     {room}");
        text.push_str(&told(&docker.containers, |containers| {
            if containers.is_empty() {
                return "no containers\n".to_owned();
            }
            containers
                .iter()
                .map(|one| {
                    format!(
                        "{}  {}  {}  {}  {}\n",
                        one.id,
                        one.state,
                        one.status,
                        one.names.join(","),
                        one.image
                    )
                })
                .collect()
        }));
        text
    })
}

pub(crate) fn network(network: &[Reached]) -> String {
    network
        .iter()
        .map(|one| {
            let addresses = inline(&one.addresses, |all| all.join(", "));
            let connected = inline(&one.connected, |address| {
                format!("connected to {address} in {} ms", one.connected_ms)
            });
            format!(
                "{}: {}:{}: {addresses} in {} ms; {connected}\n",
                foreign::bounded(&one.what, 100),
                foreign::bounded(&one.host, 200),
                one.port,
                one.resolved_ms
            )
        })
        .collect()
}

pub(crate) fn preflight(report: &Part<Value>) -> String {
    told(report, |report| {
        let word = |value: &Value, pointer: &str| {
            let text = value
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default();
            foreign::bounded(text, LINE)
        };
        let mut text = format!(
            "{} at {}\n",
            word(report, "/result"),
            word(report, "/about/started_at")
        );
        let checks = report.get("checks").and_then(Value::as_array);
        let mut checks: Vec<&Value> = checks.into_iter().flatten().collect();
        // What did not pass first.
        checks.sort_by_key(|check| word(check, "/status") == "pass");
        for check in checks {
            let _written = writeln!(
                text,
                "{:<8}{}: {}",
                word(check, "/status"),
                word(check, "/id"),
                word(check, "/finding/seen")
            );
        }
        text
    })
}

pub(crate) fn processes(processes: &Part<Processes>) -> String {
    told(processes, |processes| {
        let mut text = format!(
            "{} processes, {} of them shown; arguments are left out, they may be secret\n    pid s       age     memory  name\n",
            processes.count,
            processes.told.len()
        );
        for one in &processes.told {
            let path = |path: &Option<String>| {
                path.as_ref()
                    .map(|path| format!("  {path}"))
                    .unwrap_or_default()
            };
            let _written = writeln!(
                text,
                "{:>7} {} {:>7} s {:>7.1} MB  {}{}{}{}",
                one.pid,
                one.state,
                one.age_seconds,
                one.rss_kib as f64 / 1024.0,
                "  ".repeat(one.depth.min(20)),
                one.name,
                path(&one.program),
                path(&one.script)
            );
        }
        text
    })
}

pub(crate) fn logs(logs: &Part<Logs>) -> String {
    told(logs, |logs| {
        let mut text = String::new();
        for (name, part) in [("listener", &logs.listener), ("worker", &logs.worker)] {
            text.push_str(&told(part, |tail| {
                let mut text = format!(
                    "{name}: {}, {}, written to last at {}\n",
                    foreign::bounded(&tail.path.to_string_lossy(), 300),
                    gb(tail.bytes),
                    tail.modified
                );
                for line in &tail.lines {
                    let _written = writeln!(text, "  {line}");
                }
                text
            }));
        }
        text
    })
}
