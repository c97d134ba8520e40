//! From inventories and lists to one sweep over the network.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    path::PathBuf,
    time::Duration,
};

use actions_kit::Environment;
use inventory::{Address, Options, Reader};
use preflight::{
    Finding, Part, Status,
    checks::network::{self, Target, Unasked},
};
use probes::{
    resolver::Resolver,
    sweep::{SweepOptions, Swept, sweep},
};
use tokio::time::Instant;

/// How long reading the inventories may take.
const READING: Duration = Duration::from_secs(30);

/// Variables that other clients take a proxy from.
const PROXIES: &[&str] = &[
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// What is to be reached.
pub(crate) struct ToReach {
    pub(crate) inventories: Vec<PathBuf>,
    pub(crate) targets: Vec<inventory::Target>,
    /// The server of this run, whose name is looked up where no target has one.
    pub(crate) server: Option<String>,
    pub(crate) timeout: Duration,
    pub(crate) proxied: bool,
    /// The environment of `ansible-inventory`.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// Whether proxy variables are set.
pub(crate) fn proxied(environment: &Environment) -> bool {
    PROXIES.iter().any(|name| environment.get(name).is_some())
}

/// What `ansible-inventory` may know: where programs and its configuration are, and no secret of this step.
pub(crate) fn of_ansible(environment: &Environment) -> Vec<(OsString, OsString)> {
    environment
        .iter()
        .filter(|(name, _)| {
            matches!(*name, "PATH" | "HOME" | "LANG" | "LC_ALL") || name.starts_with("ANSIBLE_")
        })
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

/// How long one sweep may take: all targets at once, where this process may open as many sockets.
fn sweep_time(timeout: Duration) -> Duration {
    timeout * 4
}

/// How long all of it may take: two sweeps where the first asked what nobody names.
pub(crate) fn patience(timeout: Duration) -> Duration {
    READING + sweep_time(timeout) * 2
}

/// Reads, resolves and connects; `network.dns` and `network.targets`.
pub(crate) async fn reach(what: ToReach) -> (Finding, Finding) {
    let resolver = Resolver::system();
    let mut swept = Answered::default();
    // `ansible-inventory` takes seconds to start. What the own reader makes of the files is asked meanwhile; whose word
    // counts is decided by the inventory crate, and what was asked in vain is not told.
    let early = async {
        let guessed = read(&what, Reader::Own).await;
        swept.ask(guessed.asked, &resolver, what.timeout).await;
    };
    let (_, mut listed) = tokio::join!(early, read(&what, Reader::Either));
    listed
        .asked
        .extend(what.targets.iter().map(|target| Target {
            alias: None,
            host: target.host.clone(),
            port: target.port,
        }));
    let asked = swept.ask(listed.asked, &resolver, what.timeout).await;
    let dns = if asked.iter().any(|(target, _)| target.is_name()) {
        network::dns(&asked, &resolver.servers())
    } else {
        server(what.server.as_deref(), &resolver, what.timeout).await
    };
    let targets = network::targets(&asked, &listed.unasked, what.timeout, what.proxied);
    (dns, with_broken(targets, listed.broken))
}

/// What the inventories name.
#[derive(Default)]
struct Listed {
    asked: Vec<Target>,
    unasked: Vec<Unasked>,
    broken: Vec<Part>,
}

async fn read(what: &ToReach, reader: Reader) -> Listed {
    let mut listed = Listed::default();
    for path in &what.inventories {
        let options = Options {
            reader,
            timeout: READING,
            environment: what.environment.clone(),
        };
        match inventory::read(path, options).await {
            Ok(inventory) => inventory.hosts.into_iter().for_each(|host| listed.add(host)),
            Err(error) => listed.broken.push(Part {
                subject: path.display().to_string(),
                status: Status::Fail,
                seen: format!("failed to {error}"),
                mend: "correct the inventory; `ansible-inventory --list -i` shows what Ansible makes of it"
                    .to_owned(),
            }),
        }
    }
    listed
}

impl Listed {
    fn add(&mut self, host: inventory::Host) {
        let (why, on_purpose) = match host.address {
            Address::Target(target) => {
                self.asked.push(Target {
                    alias: Some(host.name),
                    host: target.host,
                    port: target.port,
                });
                return;
            }
            Address::Undecided { why } => (why, false),
            Address::Skipped { why } => (why, true),
        };
        self.unasked.push(Unasked {
            name: host.name,
            why,
            on_purpose,
        });
    }
}

/// What became of every address that was asked so far.
#[derive(Default)]
struct Answered(HashMap<(String, u16), Swept>);

impl Answered {
    /// Asks each address that has not been asked yet, once however many targets have it.
    async fn ask(
        &mut self,
        targets: Vec<Target>,
        resolver: &Resolver,
        timeout: Duration,
    ) -> Vec<(Target, Swept)> {
        let options = SweepOptions {
            timeout,
            icmp: true,
        };
        let new: BTreeSet<(String, u16)> = targets
            .iter()
            .map(|target| (target.host.clone(), target.port))
            .filter(|address| !self.0.contains_key(address))
            .collect();
        let deadline = Instant::now() + sweep_time(timeout);
        for swept in sweep(resolver, new, options, deadline).await {
            self.0.insert((swept.host.clone(), swept.port), swept);
        }
        let told = targets.into_iter().filter_map(|target| {
            let swept = self.0.get(&(target.host.clone(), target.port))?.clone();
            Some((target, swept))
        });
        told.collect()
    }
}

/// Whether the name of the run's own server resolves, where no target has a name.
async fn server(url: Option<&str>, resolver: &Resolver, timeout: Duration) -> Finding {
    const WANTED: &str = "every name resolves";
    let name = url.and_then(|url| {
        let rest = url.split_once("://")?.1;
        let host = rest.split(['/', '?', '#']).next()?;
        Some(
            host.rsplit_once(':')
                .map_or(host, |(name, _)| name)
                .to_owned(),
        )
    });
    let Some(name) = name else {
        return Finding::pass("no target has a name", WANTED);
    };
    match resolver.addresses(&name, Instant::now() + timeout).await {
        Ok(addresses) => Finding::pass(format!("{name} has {} addresses", addresses.len()), WANTED),
        Err(error) => Finding::fail(
            format!("failed to {error}"),
            WANTED,
            "look at the name servers of /etc/resolv.conf: whether they run, and whether this runner reaches them",
        ),
    }
}

fn with_broken(mut targets: Finding, broken: Vec<Part>) -> Finding {
    if broken.is_empty() {
        return targets;
    }
    let words = match broken.as_slice() {
        [only] => only.told(),
        _ => format!("{} inventories cannot be read", broken.len()),
    };
    targets.seen = match targets.parts.len() {
        0 => words,
        _ => format!("{words}; {}", targets.seen),
    };
    targets.status = Status::Fail;
    if targets.mend.is_empty() {
        targets.mend.clone_from(&broken[0].mend);
    }
    let mut parts = std::mem::take(&mut targets.parts);
    parts.extend(broken);
    targets.with_parts(parts)
}
