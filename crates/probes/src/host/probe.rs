//! The probe: whether this machine has enough left.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::JoinSet, time::Instant};

use super::{Disk, GB, Host, HostError, MemoryUse, Source};
use crate::probe::{Answer, Observation, Probe, ProbeFuture};

/// How long CPUs are looked at: long enough to tell idle from busy.
const WINDOW: Duration = Duration::from_millis(200);

/// Which file systems are looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paths {
    /// Those of these paths. Each must be there.
    Named(Vec<PathBuf>),
    /// Those of these paths, where they can be written to: an image that is mounted for reading is always full.
    Usual(Vec<PathBuf>),
}

/// Passes while less than these shares of the machine are used, each from 0 to 100.
#[derive(Clone, Debug)]
pub struct HostProbe {
    /// The machine.
    pub host: Host,
    /// Where disks are looked at; several paths on one file system are one.
    pub paths: Paths,
    /// Of the bytes and of the files of each file system.
    pub disk_below: f64,
    /// Of the memory.
    pub memory_below: f64,
    /// Of the CPUs, over 200 ms; they are not looked at where this is `None`.
    pub cpu_below: Option<f64>,
}

/// What one look came to.
struct Looked {
    answer: Answer,
    seen: String,
}

impl Looked {
    fn at(name: &str, percent: f64, below: f64, more: &str) -> Looked {
        if percent < below {
            let seen = format!("{name} {percent:.0} % used");
            return Looked {
                answer: Answer::Pass,
                seen,
            };
        }
        let seen = format!(
            "{name} {percent:.1} % used{more}, wanted below {} %",
            short(below)
        );
        Looked {
            answer: Answer::Fail,
            seen,
        }
    }

    fn failed(error: &HostError) -> Looked {
        let answer = match error {
            // Whoever asks for a disk or a mount that is not there misses it; one that is silent is ill.
            HostError::NoSuchPath { .. } | HostError::TimedOut { .. } => Answer::Fail,
            _ => Answer::Unknown,
        };
        Looked {
            answer,
            seen: format!("failed to {error}"),
        }
    }
}

impl HostProbe {
    async fn look(&self, deadline: Instant) -> Vec<Looked> {
        let (disks, cpu) = tokio::join!(self.disks(deadline), self.cpu());
        let mut all = disks;
        all.push(match self.host.memory() {
            Ok(memory) => self.memory(&memory),
            Err(error) => Looked::failed(&error),
        });
        all.extend(cpu);
        all
    }

    async fn disks(&self, deadline: Instant) -> Vec<Looked> {
        let (paths, usual) = match &self.paths {
            Paths::Named(paths) => (paths, false),
            Paths::Usual(paths) => (paths, true),
        };
        // All at once: one that is silent has the time of none but itself. They end with this future.
        let mut asked = JoinSet::new();
        for (place, path) in paths.iter().enumerate() {
            let (host, path) = (self.host.clone(), path.clone());
            asked.spawn(async move { (place, host.disk(&path, deadline).await, path) });
        }
        let mut answered = asked.join_all().await;
        answered.sort_by_key(|(place, ..)| *place);
        let mut seen: Vec<PathBuf> = Vec::new();
        let mut all = Vec::new();
        for (_, disk, path) in answered {
            match disk {
                Ok(disk) => {
                    let passed_over = seen.contains(&disk.mount) || (usual && disk.read_only);
                    if !passed_over {
                        all.extend(self.disk(&path, &disk));
                    }
                    seen.push(disk.mount);
                }
                Err(error) => all.push(Looked::failed(&error)),
            }
        }
        all
    }

    /// Bytes, and files where they are the scarcer.
    fn disk(&self, path: &Path, disk: &Disk) -> Vec<Looked> {
        let name = format!("disk {}", path.display());
        let free = format!(" ({:.1} GB free)", disk.free_gb());
        let mut all = vec![Looked::at(&name, disk.percent(), self.disk_below, &free)];
        if let Some(percent) = disk.inodes_percent().filter(|p| *p >= self.disk_below) {
            let name = format!("inodes of {}", path.display());
            let free = format!(" ({} free)", disk.inodes_free.unwrap_or_default());
            all.push(Looked::at(&name, percent, self.disk_below, &free));
        }
        all
    }

    fn memory(&self, memory: &MemoryUse) -> Looked {
        let whose = whose(&memory.source);
        let more = format!(" of {:.1} GB{whose}", memory.total as f64 / GB);
        Looked::at("memory", memory.percent, self.memory_below, &more)
    }

    async fn cpu(&self) -> Option<Looked> {
        let below = self.cpu_below?;
        Some(match self.host.cpu(WINDOW).await {
            Ok(cpu) => {
                let more = format!(" of {} CPUs{}", short(cpu.cpus), whose(&cpu.source));
                Looked::at("cpu", cpu.percent, below, &more)
            }
            Err(error) => Looked::failed(&error),
        })
    }
}

impl Probe for HostProbe {
    fn identity(&self) -> String {
        let (Paths::Named(paths) | Paths::Usual(paths)) = &self.paths;
        let paths: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
        let cpu = self.cpu_below.map_or("", |_| ", cpu");
        format!("host disk {}, memory{cpu}", paths.join(" "))
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let all = self.look(deadline).await;
            // Only what is wrong, where something is.
            let worst = [Answer::Fail, Answer::Unknown]
                .into_iter()
                .find(|answer| all.iter().any(|one| one.answer == *answer))
                .unwrap_or(Answer::Pass);
            let seen: Vec<&str> = all
                .iter()
                .filter(|one| worst == Answer::Pass || one.answer != Answer::Pass)
                .map(|one| one.seen.as_str())
                .collect();
            Observation {
                answer: worst,
                seen: seen.join("; "),
                took: begun.elapsed(),
            }
        })
    }
}

fn whose(source: &Source) -> String {
    match source {
        Source::Machine => String::new(),
        Source::Cgroup(_) => format!(" of {source}"),
    }
}

/// A number as a person wrote it: `90`, `92.5`.
fn short(number: f64) -> String {
    format!("{}", (number * 100.0).round() / 100.0)
}
