//! `docs/infrastructure/monitoring-stack.md` and the runbook behind the alerts on runners say what is.

use std::{collections::BTreeMap, fs, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::shipped;

const PAGE: &str = "docs/infrastructure/monitoring-stack.md";
const RUNBOOK: &str = "docs/runbooks/runner-failover.md";

/// The rules on runners by name, each text from its name on.
fn alerts() -> BTreeMap<String, Vec<String>> {
    let text = shipped::text("infrastructure/prometheus/rules/runners.yml");
    let mut alerts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in text.split("- alert: ").skip(1) {
        let (name, rest) = rule.split_once('\n').unwrap();
        alerts
            .entry(name.to_owned())
            .or_default()
            .push(rest.to_owned());
    }
    assert_eq!(alerts.len(), 7);
    alerts
}

/// What stands behind `word` in its line.
fn behind<'a>(text: &'a str, word: &str) -> &'a str {
    let (_, rest) = text
        .split_once(word)
        .unwrap_or_else(|| panic!("{word} in {text}"));
    rest.lines().next().unwrap()
}

#[test]
fn the_page_s_table_is_the_alerts_on_runners() {
    let page = shipped::text(PAGE);
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| [Runner") || line.starts_with("| [Both"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(" | ").collect()).collect();
    let alerts = alerts();
    assert_eq!(rows.len(), alerts.len());
    for row in rows {
        let (name, link) = row[0]
            .strip_prefix("| [")
            .and_then(|cell| cell.split_once("](../runbooks/runner-failover.md#"))
            .unwrap();
        assert_eq!(link.trim_end_matches(')'), name.to_lowercase());
        let rules = &alerts[name];
        assert_eq!(row[1], behind(&rules[0], "severity: "), "{name}");
        assert_eq!(row[2], behind(&rules[0], "for: "), "{name}");
        for rule in rules {
            if let Some((_, cause)) = rule.split_once("cause: ") {
                let cause = cause.lines().next().unwrap();
                assert!(row[3].contains(&format!("`{cause}`")), "{name}: {cause}");
            }
        }
    }
}

#[test]
fn every_alert_on_runners_leads_to_its_own_part_of_the_runbook_and_every_part_to_an_alert() {
    let runbook = shipped::text(RUNBOOK);
    let (_, part) = runbook.split_once("\n## The alerts\n").unwrap();
    let part = part.split("\n## ").next().unwrap();
    let alerts = alerts();
    let mut headings: Vec<&str> = part
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .collect();
    headings.sort_unstable();
    assert_eq!(headings, alerts.keys().collect::<Vec<_>>());
    for (name, rules) in alerts {
        let text = part.split(&format!("### {name}\n")).nth(1).unwrap();
        let text = text.split("\n### ").next().unwrap();
        for rule in rules {
            let link = format!("runbook_url: {RUNBOOK}#{}\n", name.to_lowercase());
            assert!(rule.contains(&link), "{name} leads to {link}");
            assert!(text.contains(behind(&rule, "severity: ")), "{name}");
            if let Some((_, cause)) = rule.split_once("cause: ") {
                let row = format!("| `{}` |", cause.lines().next().unwrap());
                assert!(text.contains(&row), "{name}: {row}");
            }
        }
    }
}

#[test]
fn the_page_s_targets_are_the_example() {
    let page = shipped::text(PAGE);
    let blocks = shipped::blocks(&page, "json");
    let example = shipped::text("infrastructure/prometheus/targets/github-runner-health.json");
    assert_eq!(blocks, [example]);
}

#[test]
fn the_page_s_commands_do_what_it_says() {
    let mut blocks = shipped::blocks(&shipped::text(PAGE), "sh");
    // What needs booted hosts is run as it stands by `make infra`, suite monitoring.
    blocks.retain(|block| {
        !block.starts_with("ansible-playbook ")
            && !block.starts_with("dist-scripts/validate-runner ")
    });
    assert_eq!(blocks.len(), 3);
    let folder = TempDir::new().unwrap();
    let place = |name: &str| folder.path().join(name);
    let said: Vec<String> = blocks
        .iter()
        .map(|block| {
            let output = Command::new("bash")
                .args(["-euo", "pipefail", "-c", block])
                .current_dir(shipped::path("."))
                .env("HOME", folder.path())
                .env("PROMETHEUS", place("prometheus"))
                .env("INVENTORY", "infrastructure/ansible/inventories/production")
                .env("GRAFANA", place("grafana"))
                .env("BOARDS", place("boards"))
                .output()
                .unwrap();
            assert!(output.status.success(), "{block}{output:?}");
            String::from_utf8(output.stdout).unwrap()
        })
        .collect();
    assert!(said[0].contains("prometheus.yml is valid"), "{}", said[0]);
    let targets = fs::read_to_string(place("prometheus/targets/production.json")).unwrap();
    let targets: Value = serde_json::from_str(&targets).unwrap();
    let roles = targets.as_array().unwrap().iter();
    let roles: Vec<&str> = roles
        .map(|target| target["labels"]["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["primary", "secondary"]);
    assert!(said[1].ends_with("page\n"), "{}", said[1]);
    for file in [
        "grafana/provisioning/dashboards/baton.yaml",
        "grafana/provisioning/datasources/baton.yaml",
        "boards/deployments.json",
        "boards/runner-health.json",
    ] {
        assert!(place(file).is_file(), "{file}");
    }
}

#[test]
fn the_page_lists_the_checks_of_validate_runner() {
    let page = shipped::text(PAGE);
    let (_, part) = page.split_once("\n## Is a runner whole?\n").unwrap();
    let part = part.split("\n## ").next().unwrap();
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<&str> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let role = "infrastructure/ansible/roles/runner_validation/vars/main.yml";
    let text = shipped::text(role);
    let checks = text
        .lines()
        .filter_map(|line| line.strip_prefix("  - check: "));
    assert_eq!(listed, checks.collect::<Vec<&str>>());
    assert_eq!(listed.len(), 8);
}

#[test]
fn validate_runner_ends_with_64_for_wrong_use() {
    let wrong: [&[&str]; 3] = [&[], &["--wrong"], &["-i"]];
    for words in wrong {
        let script = shipped::path("dist-scripts/validate-runner");
        let output = Command::new(script).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{words:?}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("usage: dist-scripts/validate-runner"),
            "{said}"
        );
    }
}
