//! The own reader beside the real `ansible-inventory --list`, host by host, on every inventory of `tests/corpus`.
//!
//! Each folder there is one inventory, and its file `expect` says what to hold it against:
//!
//! | line | means |
//! | --- | --- |
//! | `source X` | the inventory: a path in the folder, or a list of hosts |
//! | `undecided H` | our reader does not decide about the host H, whatever Ansible's answer gives |
//! | `skipped H` | H is not reached over the network |
//! | `target H A` | H is reached at A; for inventories that Ansible cannot read here |
//! | `more H` | Ansible knows the host H, our reader cannot |
//! | `unknown W` | the source itself is one undecided entry, with the words W |
//! | `note W` | a note holds the words W |
//! | `refused W` | our reader refuses the inventory, in words that hold W |
//! | `warned W` | Ansible warns, or fails, with W among its words; without such a line it must do neither |
//! | `fails W` | Ansible fails with W among its words |
//! | `stricter` | Ansible takes what our reader refuses |
//! | `secret S` | no message of ours may hold S |

#![allow(clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use inventory::{Address, Inventory, InventoryError, Options, Reader, read};

/// Where a host is reached, and its groups.
type Hosts = BTreeMap<String, (String, BTreeSet<String>)>;

struct Case {
    name: String,
    folder: PathBuf,
    expect: Vec<(String, String)>,
}

impl Case {
    fn all(&self, key: &str) -> Vec<&str> {
        self.expect
            .iter()
            .filter(|(name, _)| name == key)
            .map(|(_, words)| words.as_str())
            .collect()
    }

    fn has(&self, key: &str) -> bool {
        self.expect.iter().any(|(name, _)| name == key)
    }

    /// A path in the folder, or the list itself.
    fn source(&self) -> PathBuf {
        let [source] = self.all("source")[..] else {
            panic!("{}: one source line is wanted", self.name)
        };
        if source.contains(',') {
            PathBuf::from(source)
        } else {
            self.folder.join(source)
        }
    }
}

fn cases() -> Vec<Case> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut cases: Vec<Case> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| {
            let folder = entry.unwrap().path();
            let expect = std::fs::read_to_string(folder.join("expect"))
                .unwrap()
                .lines()
                .map(|line| {
                    let (key, words) = line.split_once(' ').unwrap_or((line, ""));
                    let known = [
                        "source",
                        "undecided",
                        "skipped",
                        "target",
                        "more",
                        "unknown",
                        "note",
                        "refused",
                        "warned",
                        "fails",
                        "stricter",
                        "secret",
                    ];
                    assert!(known.contains(&key), "{}: {line}", folder.display());
                    (key.to_owned(), words.to_owned())
                })
                .collect();
            Case {
                name: folder.file_name().unwrap().to_string_lossy().into_owned(),
                folder,
                expect,
            }
        })
        .collect();
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    cases
}

/// What the real program answers, and its words.
struct Ansible {
    hosts: Option<Hosts>,
    words: String,
}

fn ask_ansible(source: &Path, home: &Path) -> Ansible {
    let output = Command::new(test_servers::program("ansible-inventory", &[], "ansible"))
        .arg("-i")
        .arg(source)
        .arg("--list")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOME", home)
        .env("ANSIBLE_CONFIG", home.join("ansible.cfg"))
        .env("LC_ALL", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words: Vec<String> = String::from_utf8_lossy(&output.stderr)
        .to_lowercase()
        .split_whitespace()
        .map(str::to_owned)
        .collect();
    let hosts = output
        .status
        .success()
        .then(|| hosts_of_json(&output.stdout));
    Ansible {
        hosts,
        words: words.join(" "),
    }
}

/// Addresses by the shortest reading of Ansible's own rule, apart from the crate's.
fn hosts_of_json(json: &[u8]) -> Hosts {
    let answer: serde_json::Value = serde_json::from_slice(json).unwrap();
    let answer = answer.as_object().unwrap();
    let names = |group: &str, key: &str| -> Vec<String> {
        let list = answer
            .get(group)
            .and_then(|group| group.get(key))
            .and_then(|list| list.as_array());
        list.into_iter()
            .flatten()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in answer
        .keys()
        .filter(|group| *group != "_meta" && *group != "all")
    {
        let mut below = vec![group.clone()];
        let mut at = 0;
        while at < below.len() {
            for child in names(&below[at], "children") {
                if !below.contains(&child) {
                    below.push(child);
                }
            }
            at += 1;
        }
        for host in below.iter().flat_map(|group| names(group, "hosts")) {
            members.entry(host).or_default().insert(group.clone());
        }
    }
    let nothing = serde_json::Value::Null;
    members
        .into_iter()
        .map(|(host, groups)| {
            let variables = &answer["_meta"]["hostvars"][&host];
            let first = |names: [&str; 2]| {
                names
                    .iter()
                    .map(|name| &variables[*name])
                    .find(|value| !value.is_null())
                    .unwrap_or(&nothing)
                    .clone()
            };
            let text = |value: serde_json::Value, default: &str| match value {
                serde_json::Value::Null => default.to_owned(),
                serde_json::Value::String(text) => text,
                // How Ansible writes a text that is no template.
                serde_json::Value::Object(object) if object.contains_key("__ansible_unsafe") => {
                    object["__ansible_unsafe"].as_str().unwrap().to_owned()
                }
                other => other.to_string(),
            };
            let address = text(first(["ansible_ssh_host", "ansible_host"]), &host);
            let port = text(first(["ansible_ssh_port", "ansible_port"]), "22");
            // As ssh reads a number: without the zeros before it, and the spaces around it.
            let port = port
                .trim()
                .parse::<u64>()
                .map_or(port.clone(), |port| port.to_string());
            let place = if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            };
            (host, (place, groups))
        })
        .collect()
}

fn own(source: &Path) -> Result<Inventory, InventoryError> {
    let options = Options {
        reader: Reader::Own,
        timeout: Duration::from_secs(60),
        environment: Vec::<(OsString, OsString)>::new(),
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(read(source, options))
}

/// What is not as expected.
fn judge(case: &Case, ansible: &Ansible) -> Vec<String> {
    let mut wrong = Vec::new();
    let words = [case.all("warned"), case.all("fails")].concat();
    if ansible.words.is_empty() != words.is_empty() {
        wrong.push(format!("Ansible said: {}", ansible.words));
    }
    for words in words {
        if !ansible.words.contains(&words.to_lowercase()) {
            wrong.push(format!("Ansible did not say {words}: {}", ansible.words));
        }
    }
    if case.has("fails") == ansible.hosts.is_some() {
        wrong.push("Ansible did not end as expected".to_owned());
    }
    let source = case.source();
    let said = match own(&source) {
        Ok(inventory) => {
            if case.has("refused") {
                wrong.push("our reader refuses nothing".to_owned());
            }
            compare(case, &source, &inventory, ansible, &mut wrong);
            format!("{inventory:?}")
        }
        Err(error) => {
            let said = error.to_string();
            if !case.has("refused") {
                wrong.push(format!("our reader failed to {said}"));
            }
            for words in case.all("refused") {
                if !said.contains(words) {
                    wrong.push(format!("our reader did not refuse with {words}: {said}"));
                }
            }
            if case.has("stricter") != ansible.words.is_empty() {
                wrong.push("`stricter` does not say who refuses".to_owned());
            }
            said
        }
    };
    for secret in case.all("secret") {
        if said.contains(secret) {
            wrong.push(format!("our reader shows {secret}: {said}"));
        }
    }
    wrong
}

fn compare(
    case: &Case,
    source: &Path,
    inventory: &Inventory,
    ansible: &Ansible,
    wrong: &mut Vec<String>,
) {
    for words in case.all("note") {
        if !inventory.notes.iter().any(|note| note.contains(words)) {
            wrong.push(format!("no note says {words}: {:?}", inventory.notes));
        }
    }
    if inventory.notes.len() != case.all("note").len() {
        wrong.push(format!("other notes than expected: {:?}", inventory.notes));
    }
    let (sources, hosts): (Vec<_>, Vec<_>) = inventory
        .hosts
        .iter()
        .partition(|host| host.name == source.display().to_string());
    match (&sources[..], &case.all("unknown")[..]) {
        ([], []) => {}
        ([entry], [words]) if matches!(&entry.address, Address::Undecided { why } if why.contains(words)) =>
            {}
        other => wrong.push(format!("the source as a whole: {other:?}")),
    }
    let listed = |key: &str| -> BTreeSet<&str> { case.all(key).into_iter().collect() };
    let (mut undecided, mut skipped) = (BTreeSet::new(), BTreeSet::new());
    let mut expected = ansible.hosts.clone().unwrap_or_default();
    for name in listed("more") {
        if expected.remove(name).is_none() {
            wrong.push(format!("Ansible does not know {name}"));
        }
    }
    for host in hosts {
        let groups: BTreeSet<String> = host.groups.iter().cloned().collect();
        let theirs = expected.remove(&host.name);
        if ansible.hosts.is_some() && theirs.as_ref().map(|(_, groups)| groups) != Some(&groups) {
            wrong.push(format!(
                "{}: groups {groups:?}, Ansible: {theirs:?}",
                host.name
            ));
        }
        match &host.address {
            Address::Undecided { .. } => {
                undecided.insert(host.name.as_str());
            }
            Address::Skipped { .. } => {
                skipped.insert(host.name.as_str());
            }
            Address::Target(target) => {
                let wanted = match theirs {
                    Some((place, _)) => place,
                    None => case
                        .all("target")
                        .iter()
                        .find_map(|line| line.strip_prefix(&format!("{} ", host.name)))
                        .unwrap_or("unknown to Ansible")
                        .to_owned(),
                };
                if target.to_string() != wanted {
                    wrong.push(format!("{}: {target}, Ansible: {wanted}", host.name));
                }
            }
        }
    }
    if !expected.is_empty() {
        wrong.push(format!(
            "hosts that Ansible has and we have not: {expected:?}"
        ));
    }
    if undecided != listed("undecided") {
        wrong.push(format!("undecided: {undecided:?}"));
    }
    if skipped != listed("skipped") {
        wrong.push(format!("skipped: {skipped:?}"));
    }
}

#[test]
fn our_reader_agrees_with_ansible_on_every_inventory_of_the_corpus() {
    let cases = cases();
    assert!(cases.len() >= 25, "only {} inventories", cases.len());
    let left = Mutex::new(cases.iter());
    let wrong = Mutex::new(Vec::new());
    // Ansible takes a second to start; three at once keep two cores busy.
    std::thread::scope(|scope| {
        for _worker in 0..3 {
            scope.spawn(|| {
                let home = tempfile::tempdir().unwrap();
                // In place of the machine's own settings.
                std::fs::write(home.path().join("ansible.cfg"), "").unwrap();
                loop {
                    let next = left.lock().unwrap().next();
                    let Some(case) = next else { break };
                    let ansible = ask_ansible(&case.source(), home.path());
                    let found = judge(case, &ansible);
                    wrong.lock().unwrap().extend(
                        found
                            .into_iter()
                            .map(|words| format!("{}: {words}", case.name)),
                    );
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
