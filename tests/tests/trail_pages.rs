//! What the pages about the audit trail, the alerts and the figures show is what the programs say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use baton_tests::{Run, Scene, binaries};
use serde_json::Value;
use test_servers::{Alertmanager, free_port};

/// How long a step may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

fn project(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(project(name)).unwrap()
}

/// The section under this heading.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let mut sections = page.split("\n## ");
    let found = sections.find(|section| section.starts_with(heading));
    found.unwrap_or_else(|| panic!("no section {heading}"))
}

/// The blocks of a language.
fn blocks<'a>(section: &'a str, language: &str) -> Vec<&'a str> {
    let parts = section.split("```").skip(1).step_by(2);
    let blocks: Vec<&str> = parts
        .filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'))
        .collect();
    assert!(!blocks.is_empty(), "no block of {language}: {section}");
    blocks
}

/// What stands in code in the first column of the tables.
fn first_column(section: &str) -> BTreeSet<&str> {
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

/// Runs a page's commands as a person would, with the program by its name; what they print.
fn run(scene: &Scene, commands: &str) -> String {
    let programs = binaries::runner_failover().parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .current_dir(scene.repository())
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", scene.folder())
        .env("TMPDIR", scene.folder())
        .env(
            "STORE",
            format!("git+file://{}", scene.repository().display()),
        )
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}{said}");
    shown
}

/// `text` with every run of digits as one: times and durations differ.
fn without_numbers(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' if shown.ends_with('0') => {}
            '0'..='9' => shown.push('0'),
            c => shown.push(c),
        }
    }
    shown
}

#[test]
fn the_history_is_printed_as_the_page_shows_it_and_each_line_has_the_fields_that_it_describes() {
    let scene = Scene::new();
    let first = scene.candidate(&Run::number(1), 1, "true");
    first.finish(SOON).expect(0);

    let page = text("docs/audit.md");
    let reading = section(&page, "Reading it");
    let [command] = blocks(reading, "sh")[..] else {
        panic!("one command: {reading}");
    };
    let shown = run(&scene, command);
    let [wanted] = blocks(reading, "text")[..] else {
        panic!("one answer: {reading}");
    };
    let (shown, wanted) = (without_numbers(&shown), without_numbers(wanted));
    assert_eq!(shown, wanted);

    let lines = run(&scene, &format!("{} --json", command.trim_end()));
    let described = first_column(section(&page, "A line"));
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let fields: BTreeSet<&str> = line
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(fields, described);
    }
    assert_eq!(lines.lines().count(), 5);
}

#[test]
fn the_page_of_the_trail_has_every_event_that_the_ledger_knows_and_no_other() {
    let source = text("crates/ledger/src/entry.rs");
    let (_, rest) = source.split_once("\npub enum Event {\n").unwrap();
    let (body, _) = rest.split_once("\n}\n").unwrap();
    let variants = body
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(char::is_uppercase));
    let known: BTreeSet<String> = variants
        .map(|line| line.trim_end_matches([' ', '{', ',']))
        .filter(|name| *name != "Unknown")
        .map(in_snake_case)
        .collect();
    assert!(known.contains("audit_shipped"), "{known:?}");
    let page = text("docs/audit.md");
    let told = first_column(section(&page, "The events"));
    let told: BTreeSet<String> = told.into_iter().map(str::to_owned).collect();
    assert_eq!(told, known);
}

fn in_snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[test]
fn a_failure_is_told_to_alertmanager_with_the_labels_of_the_page_and_the_ledger_shows_it() {
    let scene = Scene::new();
    // Nobody is behind it: what it was told stands in its own list.
    let alertmanager = Alertmanager::start(&format!("http://127.0.0.1:{}/", free_port()));
    let run_of_it = Run::number(1);
    let mut first = scene.candidate(&run_of_it, 1, "exit 1").start();
    scene
        .candidate(&run_of_it, 2, "exit 1")
        .finish(SOON)
        .expect(1);
    first.wait(SOON).expect(1);
    let verdict = || {
        scene
            .verdict(&run_of_it)
            .input("alertmanager-url", &alertmanager.url)
            .input("incident-issue", "false")
            .input("runbook-url", "https://example.com/runbook")
            .variable("GITHUB_SERVER_URL", "https://github.com")
            .finish(SOON)
            .expect(1)
    };
    verdict();

    let page = text("docs/alerts.md");
    let described = section(&page, "Alertmanager");
    let alerts: Value = serde_json::from_str(&alertmanager.alerts()).unwrap();
    let [alert] = &alerts.as_array().unwrap()[..] else {
        panic!("one alert: {alerts:#}");
    };
    let mut labels: BTreeSet<&str> = keys(&alert["labels"]);
    assert_eq!(alert["labels"]["alertname"], "DeploymentFailed");
    for also in ["alertname", "severity"] {
        assert!(
            labels.remove(also) && described.contains(&format!("`{also}`")),
            "{also}"
        );
    }
    let named: BTreeSet<&str> = first_column(described)
        .into_iter()
        .filter(|name| name.starts_with(char::is_lowercase))
        // `step` is of gates alone.
        .filter(|name| !matches!(*name, "alertname" | "severity" | "step"))
        .collect();
    assert_eq!(labels, named);
    for annotation in keys(&alert["annotations"]) {
        assert!(
            described.contains(&format!("`{annotation}`")),
            "{annotation}"
        );
    }

    let [command] = blocks(section(&page, "When, and once"), "sh")[..] else {
        panic!("one command");
    };
    let shown = run(&scene, command);
    for wanted in [
        "people are about to be told that the deployment failed",
        "people were told: alertmanager ",
    ] {
        assert_eq!(shown.matches(wanted).count(), 1, "{wanted}: {shown}");
    }
    // The same again wakes nobody.
    let again = verdict();
    assert!(
        again.summary().contains("told by another process"),
        "{}",
        again.summary()
    );
    assert_eq!(run(&scene, command), shown);
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn every_trouble_that_the_page_of_alerts_names_is_said_by_a_program() {
    let mut sources = String::new();
    for folder in [
        "crates/notify/src",
        "crates/runner-failover/src",
        "crates/github/src",
        "crates/probes/src/http",
    ] {
        for entry in fs::read_dir(project(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    // As the compiler reads a text over several lines.
    let sources = sources
        .split("\\\n")
        .map(str::trim_start)
        .collect::<String>();
    let page = text("docs/alerts.md");
    let troubles = first_column(section(&page, "When nobody could be told"));
    assert!(troubles.len() >= 10, "{troubles:?}");
    for trouble in troubles {
        assert!(sources.contains(trouble), "nobody says {trouble:?}");
    }
}

#[test]
fn the_figures_of_the_readme_are_those_of_the_job_summary() {
    let scene = Scene::new();
    let run = Run::number(1);
    scene.candidate(&run, 1, "true").finish(SOON).expect(0);
    let summary = scene.metrics(&run, 1).finish(SOON).expect(0).summary();
    let shape = |text: &str| -> Vec<(String, String)> {
        let rows = text
            .lines()
            .skip_while(|line| !line.starts_with("|  | figure |"));
        rows.take_while(|line| line.starts_with('|'))
            .map(|row| row.split('|').map(str::trim).collect::<Vec<_>>())
            .map(|cells| (cells[2].to_owned(), cells[4].to_owned()))
            .collect()
    };
    let shown = shape(&summary);
    assert_eq!(shown.len(), 6, "{summary}");
    assert_eq!(shape(&text("README.md")), shown);
}
