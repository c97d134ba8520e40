//! The files, read by promtool and held against the list of metrics.

use std::collections::{BTreeMap, BTreeSet};

use metrics::{Kind, METRICS};
use serde_json::Value;
use test_servers::{Prometheus, PrometheusSetup};

use crate::shipped;

/// What a Pushgateway says of each group, Prometheus of each target, and node_exporter of each textfile.
const NOT_OURS: [&str; 4] = [
    "push_time_seconds",
    "push_failure_time_seconds",
    "up",
    "node_textfile_mtime_seconds",
];

/// The metrics of runner-exporter, as its page lists them; the exporter's own tests hold that table against its code.
pub(crate) fn of_runners() -> BTreeSet<String> {
    let page = shipped::text("docs/runner-exporter.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.map(|row| row.split(" | ").collect::<Vec<_>>());
    let metrics = cells.filter(|cells| matches!(cells.get(1), Some(&"gauge" | &"counter")));
    let names: BTreeSet<String> = metrics
        .map(|cells| cells[0].trim_end_matches('`').to_owned())
        .collect();
    assert!(names.contains("runner_status"), "{names:?}");
    names
}

/// The rules as Prometheus understood them: name (of an alert, with its cause) and expression.
fn rules() -> BTreeMap<String, String> {
    let prometheus = Prometheus::start_with(&PrometheusSetup {
        config: shipped::text("infrastructure/prometheus/prometheus.yml"),
        rules: shipped::quick_rules(),
        history: String::new(),
    });
    let answer: Value = serde_json::from_str(&prometheus.get("/api/v1/rules")).unwrap();
    let groups = answer["data"]["groups"].as_array().unwrap();
    let rules = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| {
            let cause = rule["labels"]["cause"].as_str().unwrap_or_default();
            let name = format!("{} {cause}", rule["name"].as_str().unwrap());
            (
                name.trim().to_owned(),
                rule["query"].as_str().unwrap().to_owned(),
            )
        });
    rules.collect()
}

/// The names of metrics in an expression: its words, less texts, selectors, lists of labels, functions and keywords.
pub(crate) fn metrics_in(expression: &str) -> BTreeSet<String> {
    const WORDS: [&str; 11] = [
        "and", "or", "unless", "offset", "bool", "inf", "nan", "by", "without", "on", "ignoring",
    ];
    let mut bare = String::new();
    let (mut in_text, mut escaped, mut in_braces) = (false, false, false);
    for character in expression.chars() {
        match character {
            _ if escaped => escaped = false,
            '\\' if in_text => escaped = true,
            '"' => in_text = !in_text,
            _ if in_text => {}
            '{' => in_braces = true,
            '}' => in_braces = false,
            _ if in_braces => {}
            other => bare.push(other),
        }
    }
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut names = BTreeSet::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_word) {
        let (word, after) = rest[start..].split_at(
            rest[start..]
                .find(|c| !is_word(c))
                .unwrap_or(rest.len() - start),
        );
        let list = [
            "by",
            "without",
            "on",
            "ignoring",
            "group_left",
            "group_right",
        ];
        let is_call = after.trim_start().starts_with('(');
        rest = if list.contains(&word) && is_call {
            after.split_once(')').unwrap().1
        } else {
            after
        };
        let is_number = word.starts_with(|c: char| c.is_ascii_digit() || c == ':');
        if !is_number
            && !is_call
            && !WORDS.contains(&word)
            && !list.contains(&word)
            && !is_aggregation(word)
        {
            names.insert(word.to_owned());
        }
    }
    names
}

/// An aggregation whose labels stand before its parenthesis: `sum by (lock) (…)`.
fn is_aggregation(word: &str) -> bool {
    ["sum", "max", "min", "count", "avg", "topk"].contains(&word)
}

/// The series that a metric is scraped as, with its labels: a histogram's are three.
fn series() -> Vec<(String, Vec<&'static str>, Kind)> {
    let mut all = Vec::new();
    for metric in METRICS {
        let labels = metric.labels.to_vec();
        if metric.kind == Kind::Histogram {
            let bounded = labels.iter().copied().chain(["le"]).collect();
            all.push((format!("{}_bucket", metric.name), bounded, Kind::Counter));
            for part in ["count", "sum"] {
                all.push((
                    format!("{}_{part}", metric.name),
                    labels.clone(),
                    Kind::Counter,
                ));
            }
        } else {
            all.push((metric.name.to_owned(), labels, metric.kind));
        }
    }
    all
}

#[test]
fn promtool_takes_the_rules_and_the_example_of_a_configuration() {
    let said = shipped::promtool(
        &["check", "rules", "--lint-fatal"],
        &shipped::files("rules"),
    );
    assert_eq!(
        said.matches("SUCCESS").count(),
        shipped::files("rules").len(),
        "{said}"
    );
    let example = shipped::path("infrastructure/prometheus/prometheus.yml");
    let said = shipped::promtool(&["check", "config", "--lint-fatal"], &[example]);
    for file in shipped::files("rules") {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(said.contains(name), "the example loads {name}: {said}");
    }
}

#[test]
fn promtool_proves_every_case_of_the_rules() {
    for file in shipped::files("tests") {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains("\n  - name: "),
            "{} has cases",
            file.display()
        );
        shipped::promtool(&["test", "rules"], &[file]);
    }
}

#[test]
fn the_rules_name_no_metric_that_nobody_shows() {
    let rules = rules();
    let pushed = series().into_iter().map(|(name, ..)| name);
    let known: BTreeSet<String> = pushed
        .chain(of_runners())
        .chain(NOT_OURS.map(str::to_owned))
        .chain(rules.keys().cloned())
        .collect();
    let mut named = BTreeSet::new();
    for (rule, expression) in &rules {
        let metrics = metrics_in(expression);
        assert!(!metrics.is_empty(), "{rule} names a metric: {expression}");
        let strange: Vec<_> = metrics.difference(&known).collect();
        assert!(strange.is_empty(), "{rule} names {strange:?}: {expression}");
        named.extend(metrics);
    }
    assert!(named.contains("deployment_queue_depth") && named.contains("push_time_seconds"));
}

#[test]
fn every_counter_has_its_total_and_its_growth_in_the_one_form_and_no_rule_uses_a_rate() {
    let rules = rules();
    let spaceless = |text: &str| text.split_whitespace().collect::<String>();
    let mut counters = 0;
    for (name, labels, kind) in series() {
        if kind != Kind::Counter {
            continue;
        }
        counters += 1;
        let short = name.strip_suffix("_total").unwrap_or(&name);
        let by = format!("max by (lock, role, {})", labels.join(", "));
        let total = format!("role:{short}:total");
        let created = "last_over_time(deployment_ledger_created_timestamp_seconds[30d]";
        let growth = format!(
            "sum without (role) ({total} - ({by} (max_over_time({name}[30d] offset 1h)) or (0 * {total} \
             and on (lock, role) ({created} offset 1h) or {created}) > time() - 18000))))"
        );
        for (rule, wanted) in [
            (total, format!("{by} (max_over_time({name}[30d]))")),
            (format!("{short}:growth1h"), growth),
        ] {
            let expression = rules.get(&rule).unwrap_or_else(|| panic!("no rule {rule}"));
            assert_eq!(spaceless(expression), spaceless(&wanted), "{rule}");
        }
    }
    assert_eq!(counters, 10);
    for (rule, expression) in &rules {
        for function in ["increase(", "rate(", "delta("] {
            assert!(!expression.contains(function), "{rule}: {expression}");
        }
    }
}

#[test]
fn every_figure_of_30_days_is_recorded_by_lock() {
    let rules = rules();
    let figures: Vec<_> = METRICS
        .iter()
        .filter(|metric| metric.name.ends_with("_30d"))
        .collect();
    assert_eq!(figures.len(), 3);
    for figure in figures {
        let rule = format!("lock:{}:30d", figure.name.strip_suffix("_30d").unwrap());
        assert_eq!(rules[&rule], format!("max by (lock) ({})", figure.name));
    }
}
