//! The machine: kernel, boot, load, CPU and memory.

use std::path::{Path, PathBuf};

use probes::{foreign, host::Host};
use serde::Serialize;
use tokio::time::Instant;

use crate::{Part, part::apart};

/// How long CPUs are looked at.
const WINDOW: std::time::Duration = std::time::Duration::from_millis(200);

/// The machine at the end of the deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HostFacts {
    /// `6.1.0-18-amd64`
    pub kernel: Part<String>,
    /// Another one after each boot: whether the host went down in between.
    pub boot_id: Part<String>,
    /// Since the boot.
    pub uptime_seconds: Part<f64>,
    /// Over 1, 5 and 15 minutes.
    pub load: Part<Vec<f64>>,
    /// How busy the CPUs are.
    pub cpu: Part<Cpu>,
    /// How full memory is.
    pub memory: Part<Memory>,
}

/// How busy the CPUs are, over 200 ms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cpu {
    /// 0 to 100.
    pub percent: f64,
    /// What 100 % are.
    pub cpus: f64,
    /// Whose: the machine's, or a control group's.
    pub of: String,
}

/// How full memory is; sizes are bytes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Memory {
    /// 0 to 100.
    pub percent: f64,
    /// In use.
    pub used: u64,
    /// What 100 % are.
    pub total: u64,
    /// Whose: the machine's, or a control group's.
    pub of: String,
}

/// Looks at it.
pub(crate) async fn look(root: &Path, deadline: Instant) -> HostFacts {
    let host = Host::rooted_at(root);
    let memory = {
        let host = host.clone();
        apart("memory", deadline, move || {
            host.memory()
                .map(|memory| Memory {
                    percent: memory.percent,
                    used: memory.used,
                    total: memory.total,
                    of: memory.source.to_string(),
                })
                .into()
        })
    };
    let cpu = async {
        match tokio::time::timeout_at(deadline, host.cpu(WINDOW)).await {
            Ok(measured) => measured
                .map(|cpu| Cpu {
                    percent: cpu.percent,
                    cpus: cpu.cpus,
                    of: cpu.source.to_string(),
                })
                .into(),
            Err(_) => Part::failed("measure CPU use in time"),
        }
    };
    let word = |path: &'static str| {
        let path = root.join(path);
        apart("the kernel", deadline, move || read(&path))
    };
    let (cpu, memory, kernel, boot_id, uptime, load) = tokio::join!(
        cpu,
        memory,
        word("proc/sys/kernel/osrelease"),
        word("proc/sys/kernel/random/boot_id"),
        word("proc/uptime"),
        word("proc/loadavg"),
    );
    HostFacts {
        kernel,
        boot_id,
        uptime_seconds: first(uptime, 1, |numbers| numbers.first().copied()),
        load: first(load, 3, |numbers| Some(numbers.to_vec())),
        cpu,
        memory,
    }
}

fn read(path: &PathBuf) -> Part<String> {
    std::fs::read_to_string(path)
        .map(|text| foreign::bounded(&text, 200))
        .map_err(|error| format!("read {}: {error}", path.display()))
        .into()
}

/// What `of` makes of the first `count` numbers of a line of the kernel's.
fn first<T>(line: Part<String>, count: usize, of: impl Fn(&[f64]) -> Option<T>) -> Part<T> {
    match line {
        Part::Had(line) => {
            let numbers: Vec<f64> = line
                .split_whitespace()
                .take(count)
                .filter_map(|word| word.parse().ok())
                .collect();
            of(&numbers).map_or_else(|| Part::failed("find a number of the kernel's"), Part::Had)
        }
        Part::Missing { missing } => Part::Missing { missing },
    }
}
