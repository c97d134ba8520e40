//! `docs/metrics.md` says what is: its table, its configuration, its queries, its runbooks.

use std::collections::BTreeSet;

use ledger::FailureReason;
use test_servers::Pushgateway;

use crate::{
    history::{Ledger, Told, now},
    shipped,
    watched::{Watched, push},
};

const PAGE: &str = "docs/metrics.md";

/// The queries of a page: its blocks, and what stands in a line as code and is no name alone.
fn queries(page: &str) -> Vec<String> {
    let blocks = shipped::blocks(page, "promql");
    let outside: String = page.split("```").step_by(2).collect();
    let inline = outside.split('`').skip(1).step_by(2);
    let inline = inline
        .filter(|code| code.contains(" by ("))
        .map(str::to_owned);
    blocks.into_iter().chain(inline).collect()
}

#[test]
fn the_page_s_table_is_the_list_of_metrics() {
    let page = shipped::text(PAGE);
    let (_, rest) = page.split_once("<!-- metrics -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /metrics -->").unwrap();
    assert_eq!(table, metrics::names::markdown_table());
}

#[test]
fn the_page_s_configuration_stands_in_the_example() {
    let page = shipped::text(PAGE);
    let spoken = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim_end);
        let lines = lines.filter(|line| !line.trim_start().starts_with('#') && !line.is_empty());
        lines.map(str::to_owned).collect()
    };
    let example = spoken(&shipped::text("infrastructure/prometheus/prometheus.yml")).join("\n");
    let blocks = shipped::blocks(&page, "yaml");
    assert_eq!(blocks.len(), 1);
    assert!(
        example.contains(&spoken(&blocks[0]).join("\n")),
        "{example}"
    );
    // The words of the comment and of the page are one.
    let retention = "--storage.tsdb.retention.time=32d";
    assert!(page.contains(retention));
    assert!(shipped::text("infrastructure/prometheus/prometheus.yml").contains(retention));
}

#[test]
fn every_alert_leads_to_its_own_part_of_the_page_and_every_part_to_an_alert() {
    let page = shipped::text(PAGE);
    let (_, part) = page.split_once("\n## The alerts\n").unwrap();
    let headings = part.lines().filter_map(|line| line.strip_prefix("### "));
    let headings: BTreeSet<String> = headings.map(str::to_owned).collect();
    let rules = shipped::text("infrastructure/prometheus/rules/alerts.yml");
    let mut alerts = BTreeSet::new();
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        let link = format!("runbook_url: {PAGE}#{}\n", name.to_lowercase());
        assert!(rule.contains(&link), "{name} leads to {link}");
        let severity = rule
            .split("severity: ")
            .nth(1)
            .unwrap()
            .lines()
            .next()
            .unwrap();
        let text = part.split(&format!("### {name}\n")).nth(1).unwrap();
        let text = text.split("\n### ").next().unwrap();
        assert!(text.contains(severity), "{name} is {severity}");
        if let Some(cause) = rule.split("cause: ").nth(1) {
            let cause = cause.lines().next().unwrap();
            assert!(
                text.contains(&format!("| `{cause}` | {severity} |")),
                "{name}, {cause}"
            );
        }
        alerts.insert(name.to_owned());
    }
    assert_eq!(headings, alerts);
}

#[test]
fn every_query_of_the_page_has_an_answer() {
    let queries = queries(&shipped::text(PAGE));
    assert!(queries.len() > 20, "{queries:?}");
    let server = Pushgateway::start();
    let mut ledger = Ledger::new("octo/shop/production");
    let reasons = [
        None,
        Some(FailureReason::Gates),
        Some(FailureReason::Preflight),
    ];
    for failed in reasons {
        for role in [ledger::Role::Primary, ledger::Role::Secondary] {
            ledger.deploy(
                now(),
                Told {
                    role,
                    failed,
                    ..Told::default()
                },
            );
        }
    }
    push(&ledger, &server);
    let config = shipped::quick_config(&server.address.to_string());
    let watched = Watched::start(config, String::new());
    watched.until(r#"{__name__=~"role:.+:total"}"#, &ledger.totals());
    watched.until_number(
        "count(lock:deployment_failover_success_ratio:30d)",
        Some(1.0),
    );
    for query in queries {
        let answer = watched.vector(&query);
        assert!(!answer.is_empty(), "nothing answers {query}");
        assert!(
            answer.values().all(|value| value.is_finite()),
            "{query}: {answer:?}"
        );
    }
}
