//! From inventories and lists to one sweep over the network.

use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    path::PathBuf,
    time::Duration,
};

use actions_kit::Environment;
use inventory::{Address, Inventory, Options, Reader};
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

/// How the inventory crate begins the note on an `ansible-inventory` that failed, before the reason.
const ANSIBLE_FAILED: &str = "read without ansible-inventory, which ";

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
    let targets = with_noted(targets, listed.noted);
    (dns, with_broken(targets, listed.broken))
}

/// What the inventories name.
#[derive(Default)]
struct Listed {
    asked: Vec<Target>,
    unasked: Vec<Unasked>,
    broken: Vec<Part>,
    /// What the readers passed over or took another way.
    noted: Vec<Part>,
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
            Ok(inventory) => listed.take(&path.display().to_string(), inventory),
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
    /// Every host of the inventory `name`; none at all is as good as an inventory that cannot be read.
    fn take(&mut self, name: &str, inventory: Inventory) {
        if inventory.hosts.is_empty() {
            let mut seen = "the inventory names no host".to_owned();
            for note in &inventory.notes {
                seen.push_str("; ");
                seen.push_str(note);
            }
            self.broken.push(Part {
                subject: name.to_owned(),
                status: Status::Fail,
                seen,
                mend: "name the hosts in the inventory, or take it out of `inventory`".to_owned(),
            });
            return;
        }
        let failed = inventory
            .notes
            .iter()
            .find_map(|note| note.strip_prefix(ANSIBLE_FAILED));
        let before = self.unasked.len();
        for host in inventory.hosts {
            self.add(host, failed);
        }
        // A source that says of itself that Ansible failed needs no note on it.
        let told = self.unasked[before..]
            .iter()
            .any(|host| !host.mend.is_empty());
        let notes = inventory
            .notes
            .iter()
            .filter(|note| !(told && note.starts_with(ANSIBLE_FAILED)));
        self.noted.extend(notes.map(|note| Part {
            subject: name.to_owned(),
            status: Status::Warn,
            seen: note.clone(),
            mend: "mend the inventory, so that nothing in it is passed over; `ansible-inventory --list -i` shows what Ansible makes of it"
                .to_owned(),
        }));
    }

    /// `failed`: what became of `ansible-inventory`, where it was run in vain.
    fn add(&mut self, host: inventory::Host, failed: Option<&str>) {
        // Only a source that Ansible alone can read is in no group.
        let only_ansibles = host.groups.is_empty();
        let (why, mend, on_purpose) = match host.address {
            Address::Undecided { .. } if only_ansibles && let Some(failed) = failed => (
                format!("ansible-inventory was run, and {failed}"),
                "run `ansible-inventory --list -i` with this inventory on this runner and mend what it says, or name the hosts in `targets`",
                false,
            ),
            Address::Target(target) => {
                self.asked.push(Target {
                    alias: Some(host.name),
                    host: target.host,
                    port: target.port,
                });
                return;
            }
            Address::Undecided { why } => (why, "", false),
            Address::Skipped { why } => (why, "", true),
        };
        self.unasked.push(Unasked {
            name: host.name,
            why,
            mend: mend.to_owned(),
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
        Ok(addresses) => {
            let told = match addresses.len() {
                1 => format!("{name} has 1 address"),
                several => format!("{name} has {several} addresses"),
            };
            Finding::pass(told, WANTED)
        }
        Err(error) => Finding::fail(
            format!("failed to {error}"),
            WANTED,
            "look at the name servers of /etc/resolv.conf: whether they run, and whether this runner reaches them",
        ),
    }
}

/// Shows what was noted, as a warning where nothing is worse.
fn with_noted(mut targets: Finding, noted: Vec<Part>) -> Finding {
    let Some(first) = noted.first() else {
        return targets;
    };
    targets.status = targets.status.max(Status::Warn);
    if targets.mend.is_empty() {
        targets.mend.clone_from(&first.mend);
    }
    let mut parts = std::mem::take(&mut targets.parts);
    parts.extend(noted);
    targets.with_parts(parts)
}

fn with_broken(mut targets: Finding, broken: Vec<Part>) -> Finding {
    if broken.is_empty() {
        return targets;
    }
    let words = match broken.as_slice() {
        [only] => only.told(),
        _ => format!("{} inventories cannot be used", broken.len()),
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    async fn reached(inventory: PathBuf, path: &str) -> Finding {
        let what = ToReach {
            inventories: vec![inventory],
            targets: Vec::new(),
            server: None,
            timeout: Duration::from_secs(1),
            proxied: false,
            environment: vec![("PATH".into(), path.into())],
        };
        reach(what).await.1
    }

    fn executable(path: &std::path::Path, text: &str) {
        // Another process writes it: a file that this one had open for writing while a parallel test starts a program
        // could not be run (`ETXTBSY`).
        let text = format!("printf '%s\\n' '#!/bin/sh' '{text}' > \"$0\"");
        let written = std::process::Command::new("sh")
            .args(["-c", &text])
            .arg(path)
            .status()
            .unwrap();
        assert!(written.success());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn an_inventory_without_a_host_fails_with_its_mend() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("empty"), "").unwrap();
        std::fs::write(at("comments"), "# web1\n\n; web2\n").unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        for name in ["empty", "comments", "folder"] {
            let finding = reached(at(name), "/nowhere").await;
            assert_eq!(finding.status, Status::Fail, "{finding:?}");
            assert!(finding.seen.contains("names no host"), "{finding:?}");
            assert!(finding.mend.contains("name the hosts"), "{finding:?}");
        }
    }

    #[tokio::test]
    async fn what_the_reader_passed_over_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("hosts"), "here ansible_connection=local\n").unwrap();
        assert_eq!(
            reached(folder.path().to_owned(), "/nowhere").await.status,
            Status::Pass
        );
        std::fs::write(at("more.ini"), "web1\n").unwrap();
        let finding = reached(folder.path().to_owned(), "/nowhere").await;
        assert_eq!(finding.status, Status::Warn, "{finding:?}");
        assert!(finding.parts[0].seen.contains("more.ini"), "{finding:?}");
    }

    #[tokio::test]
    async fn a_program_that_ansible_ran_in_vain_is_not_said_to_want_ansible() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let source = folder.path().join("hosts");
        executable(&source, "sleep 100");
        let path = format!("{}:/usr/bin:/bin", bin.display());
        let without = reached(source.clone(), "/nowhere").await;
        assert_eq!(without.status, Status::Unknown, "{without:?}");
        assert!(without.seen.contains("install Ansible"), "{without:?}");
        executable(&bin.join("ansible-inventory"), "exit 7");
        let finding = reached(source, &path).await;
        assert_eq!(finding.status, Status::Unknown, "{finding:?}");
        let told = &finding.parts[0].seen;
        assert!(told.contains("was run, and failed to"), "{finding:?}");
        assert_eq!(finding.parts.len(), 1, "{finding:?}");
        assert!(finding.mend.contains("on this runner"), "{finding:?}");
        assert!(
            !format!("{finding:?}").contains("install Ansible"),
            "{finding:?}"
        );
    }
}
