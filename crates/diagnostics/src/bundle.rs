//! All parts of a bundle, gathered beside each other.

use std::time::Duration;

use ledger::Entry;
use serde_json::{Map, Value};
use tokio::time::Instant;

use actions_kit::Redactor;

use crate::{
    About, Disk, DockerFacts, Filling, HostFacts, Logs, Part, Processes, Reached, Subject, disk,
    docker, host, network, preflight, processes, runner_log, text,
};

/// How long gathering may take.
pub const WITHIN: Duration = Duration::from_secs(10);

/// How many of the newest entries of the ledger are told.
const ENTRIES: usize = 300;
/// How many of the command's last lines are told.
const LINES: usize = 200;

/// What was seen of a host, before secrets are taken out: only [`Bundle::write`] shows it.
#[derive(Clone)]
pub struct Bundle {
    pub(crate) about: About,
    pub(crate) host: HostFacts,
    pub(crate) disks: Part<Vec<Part<Disk>>>,
    pub(crate) filling: Vec<Part<Filling>>,
    pub(crate) docker: Part<DockerFacts>,
    pub(crate) processes: Part<Processes>,
    pub(crate) network: Vec<Reached>,
    pub(crate) logs: Part<Logs>,
    pub(crate) preflight: Part<Value>,
    pub(crate) history: Part<Vec<Entry>>,
    pub(crate) last_lines: Vec<String>,
    pub(crate) took: Duration,
    /// What the step's environment holds under the name of a secret.
    pub(crate) named_secrets: Redactor,
}

/// One part, as it is written.
pub(crate) struct Section {
    /// Its name in the JSON document.
    pub(crate) name: &'static str,
    pub(crate) value: Value,
    /// Its heading for people.
    pub(crate) title: &'static str,
    pub(crate) text: String,
}

/// Looks at everything at once. No part may take longer than until `deadline`, and most have less: a disk that hangs is no
/// reason to learn nothing of the network.
pub async fn gather(subject: &Subject, deadline: Instant) -> Bundle {
    let begun = Instant::now();
    let within = |seconds| deadline.min(begun + Duration::from_secs(seconds));
    let (host, disks, filling, docker, processes, network, logs, preflight) = tokio::join!(
        host::look(&subject.root, within(3)),
        disk::disks(subject, within(5)),
        disk::filling(subject, within(5)),
        docker::ask(subject, within(8)),
        processes::look(&subject.root, within(5)),
        network::reach(&subject.reach, within(8)),
        runner_log::read(subject, within(5)),
        preflight::read(&subject.preflight, &subject.about.deployment, within(3)),
    );
    let mut history = subject.history.clone();
    if let Part::Had(entries) = &mut history {
        entries.drain(..entries.len().saturating_sub(ENTRIES));
    }
    let from = subject.last_lines.len().saturating_sub(LINES);
    let named_secrets = Redactor::new();
    named_secrets.add_environment(subject.environment.iter());
    Bundle {
        about: subject.about.clone(),
        host,
        disks,
        filling,
        docker,
        processes,
        network,
        logs,
        preflight,
        history,
        last_lines: subject.last_lines[from..].to_vec(),
        took: begun.elapsed(),
        named_secrets,
    }
}

impl Bundle {
    /// Every part in the order in which a person wants to read them: what failed before what it failed on.
    pub(crate) fn sections(&self) -> Vec<Section> {
        fn section<T: serde::Serialize>(
            name: &'static str,
            title: &'static str,
            part: &T,
            text: String,
        ) -> Section {
            Section {
                name,
                value: serde_json::to_value(part).unwrap_or_default(),
                title,
                text,
            }
        }
        vec![
            section(
                "last_lines",
                "The command's last lines",
                &self.last_lines,
                text::lines(&self.last_lines),
            ),
            section(
                "history",
                "The ledger of this deployment, newest first",
                &self.history,
                text::history(&self.history),
            ),
            section("host", "The host", &self.host, text::host(&self.host)),
            section("disks", "Disks", &self.disks, text::disks(&self.disks)),
            section(
                "filling",
                "What fills the runner's folders",
                &self.filling,
                text::filling(&self.filling),
            ),
            section("docker", "Docker", &self.docker, text::docker(&self.docker)),
            section(
                "network",
                "Network",
                &self.network,
                text::network(&self.network),
            ),
            section(
                "preflight",
                "Preflight",
                &self.preflight,
                text::preflight(&self.preflight),
            ),
            section(
                "processes",
                "Processes",
                &self.processes,
                text::processes(&self.processes),
            ),
            section(
                "logs",
                "The runner's own logs",
                &self.logs,
                text::logs(&self.logs),
            ),
        ]
    }

    /// What stands above the parts.
    pub(crate) fn head(&self, schema: u32) -> Map<String, Value> {
        let mut head = Map::new();
        head.insert("schema".to_owned(), schema.into());
        head.insert(
            "about".to_owned(),
            serde_json::to_value(&self.about).unwrap_or_default(),
        );
        let took = u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX);
        head.insert("took_ms".to_owned(), took.into());
        head
    }
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bundle")
    }
}
