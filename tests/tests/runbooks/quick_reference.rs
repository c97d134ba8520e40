//! The table of the code, the sections of the runbook and its quick reference are the same.

use std::{collections::BTreeSet, fs};

use actions_kit::{CheckGroup, ExitCode, Table};
use ledger::{AttemptOutcome, FailureReason, Outcome, TakeoverReason};
use leg::Section;
use serde_json::Value;

use crate::{FAILURES, path, section, sections, text};

/// The variants of a plain enum of the ledger, as outputs, metrics and the ledger spell them.
fn variants<T>(name: &str, read: fn(Value) -> serde_json::Result<T>) -> Vec<(String, T)> {
    let source = text("crates/ledger/src/entry.rs");
    let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}").unwrap();
    let names = body
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with(char::is_uppercase));
    let variants: Vec<(String, T)> = names
        .map(|line| {
            let mut spelled = String::new();
            for c in line.trim_end_matches(',').chars() {
                if c.is_uppercase() && !spelled.is_empty() {
                    spelled.push('_');
                }
                spelled.push(c.to_ascii_lowercase());
            }
            let value = read(spelled.clone().into()).unwrap();
            (spelled, value)
        })
        .collect();
    assert!(variants.len() >= 6, "{name}: {}", variants.len());
    variants
}

/// The rows of the quick reference whose table has a header that begins so, cell by cell.
fn rows(header: &str) -> Vec<Vec<String>> {
    let page = text(FAILURES);
    let part = section(&page, "quick-reference");
    let mut rows = part
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {header} |")));
    rows.next().unwrap_or_else(|| panic!("no table {header}"));
    rows.skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let cells = line.trim_matches('|').split(" | ");
            cells.map(|cell| cell.trim().to_owned()).collect()
        })
        .collect()
}

/// The names between backquotes.
fn code(cell: &str) -> BTreeSet<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_section_that_the_programs_lead_to_is_there() {
    let page = text(FAILURES);
    let there: BTreeSet<String> = sections(&page)
        .into_iter()
        .map(|(anchor, _)| anchor)
        .collect();
    assert!(Section::ALL.len() >= 20);
    for known in Section::ALL {
        assert!(there.contains(known.anchor()), "no #{}", known.anchor());
        let line = known.line();
        assert!(line.contains(&known.url()), "{line}");
    }
    let version = format!("/blob/v{}/{FAILURES}#", env!("CARGO_PKG_VERSION"));
    assert!(Section::HELD_LEASE.url().contains(&version));
}

#[test]
fn every_reason_and_outcome_stands_in_the_quick_reference_beside_the_section_it_leads_to() {
    let mut told: Vec<(String, Section)> = Vec::new();
    for (name, reason) in variants::<FailureReason>("FailureReason", serde_json::from_value) {
        told.push((name, Section::of_failure(reason)));
    }
    for (name, reason) in variants::<TakeoverReason>("TakeoverReason", serde_json::from_value) {
        told.push((name, Section::of_takeover(reason)));
    }
    for (name, outcome) in variants::<Outcome>("Outcome", serde_json::from_value) {
        told.extend(Section::of_outcome(outcome).map(|section| (name, section)));
    }
    for (name, outcome) in variants::<AttemptOutcome>("AttemptOutcome", serde_json::from_value) {
        told.extend(Section::of_attempt(outcome).map(|section| (name, section)));
    }
    let rows = rows("what you see");
    let leads = |name: &str, section: Section| {
        let link = format!("(#{})", section.anchor());
        rows.iter()
            .any(|row| code(&row[0]).contains(name) && row[2].contains(&link))
    };
    for (name, section) in told {
        assert!(
            leads(&name, section),
            "`{name}` does not lead to #{}",
            section.anchor()
        );
    }
}

#[test]
fn every_exit_code_of_every_program_stands_in_the_quick_reference() {
    let rows = rows("exit code");
    let linked = |program: &str, code: u8| -> String {
        let matching = rows.iter().filter(|row| {
            row[0].split(", ").any(|n| n == code.to_string())
                && self::code(&row[1]).contains(program)
        });
        matching.map(|row| row[2].as_str()).collect()
    };
    let tables: [(&str, &Table); 4] = [
        ("preflight", &preflight::TABLE),
        ("runner-failover", &runner_failover::TABLE),
        ("health-gates", &health_gates::TABLE),
        ("push-metrics", &push_metrics::TABLE),
    ];
    for (program, table) in tables {
        for exit in table.exit_codes {
            let Some(section) = Section::of_exit(exit.code) else {
                continue;
            };
            let number = exit.code.number();
            let links = linked(program, number);
            assert!(!links.is_empty(), "{program} ends with {number}");
            // What was judged failed has its own reasons.
            let told = format!("(#{})", section.anchor());
            assert!(
                exit.code == ExitCode::Failed || links.contains(&told),
                "{program} {number}: {links}"
            );
        }
    }
    let of_the_guard = text("crates/fence-guard/src/exit.rs");
    let reserved: Vec<u8> = of_the_guard
        .split("= Exit(")
        .skip(1)
        .filter_map(|rest| rest.split(')').next()?.parse().ok())
        .filter(|code| *code > 1)
        .collect();
    assert!(
        reserved.contains(&77) && reserved.len() >= 5,
        "{reserved:?}"
    );
    for code in reserved {
        let links = linked("fence-guard", code);
        assert!(links.contains("(#fence-refused)"), "fence-guard {code}");
    }
    let page = text("docs/runner-exporter.md");
    let table = page.rsplit("| exit code | |\n").next().unwrap();
    let codes = table.lines().filter_map(|row| row.split(' ').nth(1));
    let codes: Vec<u8> = codes.filter_map(|code| code.parse().ok()).collect();
    assert!(codes.len() >= 3, "{codes:?}");
    for code in codes.into_iter().filter(|code| *code != 0) {
        assert!(!linked("runner-exporter", code).is_empty(), "{code}");
    }
}

#[test]
fn every_check_stands_in_the_section_of_its_groups_exit_code() {
    let page = text(FAILURES);
    assert!(preflight::catalogue::CHECKS.len() >= 15);
    for check in preflight::catalogue::CHECKS {
        let group = CheckGroup::new(check.group.number).unwrap();
        let leads = Section::of_exit(ExitCode::Group(group)).unwrap();
        assert!(
            section(&page, leads.anchor()).contains(check.id),
            "{} is not in #{}",
            check.id,
            leads.anchor()
        );
    }
}

#[test]
fn every_kind_of_gate_stands_where_failing_gates_lead_to() {
    let page = text(FAILURES);
    let part = section(&page, Section::HEALTH_CHECKS_FAILING.anchor());
    let kinds: Vec<String> = fs::read_dir(path("docs/gates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(kinds.len() >= 9, "{kinds:?}");
    for file in kinds {
        let kind = file.trim_end_matches(".md");
        let row = format!("| [{kind}](../gates/{file}) |");
        assert!(part.contains(&row), "{row}");
    }
}

#[test]
fn every_reason_of_a_runners_status_has_a_mend() {
    let page = text(FAILURES);
    let part = section(&page, Section::RUNNER_OFFLINE.anchor());
    let source = text("crates/runner-exporter/src/runner.rs");
    let (_, body) = source
        .split_once("fn name(self) -> &'static str {")
        .unwrap();
    let (body, _) = body.split_once("\n    }\n").unwrap();
    let names: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
    assert!(names.len() >= 17, "{names:?}");
    let told: BTreeSet<&str> = part
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with("| `"))
        .flat_map(|row| code(row.split(" | ").next().unwrap()))
        .collect();
    assert_eq!(told, names.into_iter().collect());
}
