//! Whose word counts about an inventory: hosts that were asked before `ansible-inventory` had answered are told only where
//! it names them, and those that it alone knows are asked too.

use std::net::TcpListener;

use serde_json::json;

use crate::program::Preflight;

#[test]
fn only_what_ansible_inventory_names_is_told_however_the_files_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = json!({
        "_meta": {"hostvars": {
            "both": {"ansible_host": "127.0.0.1", "ansible_port": port},
            "known-to-ansible": {"ansible_host": "127.0.0.2", "ansible_port": port},
        }},
        "all": {"children": ["web"]},
        "web": {"hosts": ["both", "known-to-ansible"]},
    });
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hosts = format!(
        "[web]\nboth ansible_host=127.0.0.1 ansible_port={port}\n\
         known-to-nobody ansible_host=127.0.0.1 ansible_port={}\n",
        closed.port()
    );
    // The listener of that name takes connections on 127.0.0.1 alone: 127.0.0.2 resets.
    let ran = Preflight::of("network.targets")
        .file("hosts.ini", &hosts)
        .file("answer.json", &answer.to_string())
        .script("ansible-inventory", "cat answer.json")
        .with("INPUT_INVENTORY", "hosts.ini")
        .run();
    ran.ends(3, "fail", &["network.targets"]);
    let mut told: Vec<(&str, &str)> = ran
        .parts("network.targets")
        .into_iter()
        .map(|(subject, status, _)| (subject.split(' ').next().unwrap(), status))
        .collect();
    told.sort_unstable();
    assert_eq!(told, [("both", "pass"), ("known-to-ansible", "fail")]);
}

#[test]
fn an_inventory_that_cannot_be_read_is_a_failure_with_its_reason() {
    let ran = Preflight::of("network.targets")
        .file("hosts.yml", "all:\n  hosts: [\n")
        .with("PATH", "/nowhere")
        .with("INPUT_INVENTORY", "hosts.yml")
        .run();
    ran.ends(3, "fail", &["network.targets"]);
    ran.tells("network.targets", "fail", &["hosts.yml", "failed to"]);
    let row = ran.row("network.targets");
    assert_eq!(row.matches("failed to").count(), 1, "{row}");
}

#[test]
fn what_cannot_be_decided_of_a_host_is_unknown_and_named() {
    let ran = Preflight::of("network.targets")
        .file("hosts.ini", "web1 ansible_host=\"{{ address }}\"\n")
        .with("PATH", "/nowhere")
        .with("INPUT_INVENTORY", "hosts.ini")
        .run();
    ran.ends(0, "warn", &[]);
    ran.tells("network.targets", "unknown", &["web1"]);
}
