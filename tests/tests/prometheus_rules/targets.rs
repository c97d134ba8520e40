//! The targets of the runners' job: the template makes them of an inventory, and the example is what it makes.

use std::{fs, process::Command};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::program;

use crate::shipped;

const FOLDER: &str = "infrastructure/prometheus/targets";

/// What the template makes of an inventory, by Ansible itself.
fn made(inventory: &str) -> Value {
    let folder = TempDir::new().unwrap();
    let (hosts, file) = (folder.path().join("hosts.yml"), folder.path().join("made"));
    fs::write(&hosts, inventory).unwrap();
    let template = shipped::path(FOLDER).join("github-runner-health.json.j2");
    let output = Command::new(program("ansible", &[], "ansible"))
        .env("HOME", folder.path())
        .env("ANSIBLE_LOCALHOST_WARNING", "false")
        .args(["-c", "local", "-m", "ansible.builtin.template", "-i"])
        .arg(&hosts)
        .arg("-a")
        .arg(format!(
            "src={} dest={}",
            template.display(),
            file.display()
        ))
        .arg("localhost")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_template_makes_the_example_of_an_inventory() {
    let inventory = "\
github_runners_production:
  children:
    github_runners_production_primary: {hosts: {runner-1: {ansible_host: runner-1.internal}}}
    github_runners_production_secondary: {hosts: {runner-2: {ansible_host: runner-2.internal}}}
deployment_targets_production: {hosts: {web-1: {ansible_host: web-1.internal}}}
";
    let example = shipped::text(&format!("{FOLDER}/github-runner-health.json"));
    assert_eq!(
        made(inventory),
        serde_json::from_str::<Value>(&example).unwrap()
    );
}

#[test]
fn an_address_may_be_the_host_s_name_or_ipv6_and_a_port_another() {
    let inventory = "\
github_runners_eu_west_primary: {hosts: {'runner-1.example': {}}}
github_runners_eu_west_secondary: {hosts: {runner-2: {ansible_host: '2001:db8::2', runner_exporter_port: 9200}}}
";
    let target = |address: &str, instance: &str, role: &str| json!({"targets": [address], "labels": {"instance": instance, "environment": "eu_west", "role": role}});
    assert_eq!(
        made(inventory),
        json!([
            target("runner-1.example:9101", "runner-1.example", "primary"),
            target("[2001:db8::2]:9200", "runner-2", "secondary"),
        ])
    );
}

#[test]
fn an_inventory_without_runners_has_no_targets() {
    assert_eq!(made("web: {hosts: {web-1: {}}}\n"), json!([]));
}
