//! What the text of a role says, read back by a strict reader, and judged by `promtool`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod exposition;
mod tips;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    process::{Command, Stdio},
    time::Duration,
};

use exposition::{Exposition, Labels};
use ledger::{
    Counter, DURATION_BUCKETS, GateState, GateStatus, Histogram, Outcome, Role, Timestamp, Tip,
    Totals,
};
use metrics::{Kind, METRICS, Moment, Subject, names};
use proptest::prelude::*;
use tips::{HOSTILE, START, deployment, finished, moment, of_names, party, say, succeed};

const ROLES: [Role; 2] = [Role::Primary, Role::Secondary];

fn read(moment: &Moment<'_>, role: Role) -> Exposition {
    exposition::read(&metrics::text(moment, role).unwrap())
}

fn subject() -> Subject {
    Subject {
        lock: "octo/shop/production".to_owned(),
        environment: "production".to_owned(),
        repository: "octo/shop".to_owned(),
    }
}

/// The one value of a gauge.
fn value(text: &Exposition, name: &str) -> Option<f64> {
    let all = text.of(name);
    assert!(all.len() <= 1, "{all:?}");
    all.into_values().next()
}

/// What the text must hold of a list of totals, by the labels that its metric has.
fn expected(counters: &[Counter], names: &[&str], role: Role) -> BTreeMap<Labels, f64> {
    let mut sums: BTreeMap<Labels, u64> = BTreeMap::new();
    for counter in counters
        .iter()
        .filter(|c| c.labels["role"] == role.to_string())
    {
        *sums.entry(labels(&counter.labels, names)).or_default() += counter.value;
    }
    sums.into_iter().map(|(l, v)| (l, v as f64)).collect()
}

fn labels(all: &Labels, names: &[&str]) -> Labels {
    names
        .iter()
        .chain(&["role"])
        .map(|name| ((*name).to_owned(), all[*name].replace('\0', "\u{fffd}")))
        .collect()
}

fn totals_by_name(totals: &Totals) -> [(&str, &[Counter]); 7] {
    [
        ("deployment_attempts_total", &totals.attempts),
        ("deployment_success_total", &totals.successes),
        ("deployment_failure_total", &totals.failures),
        ("deployment_failover_total", &totals.failovers),
        (
            "deployment_failover_success_total",
            &totals.failover_successes,
        ),
        ("preflight_check_failures_total", &totals.preflight_failures),
        ("health_gate_failures_total", &totals.gate_failures),
    ]
}

fn assert_text_is_the_totals(tip: &Tip) {
    for role in ROLES {
        let text = read(&moment(tip), role);
        for (name, counters) in totals_by_name(&tip.totals) {
            let metric = METRICS.iter().find(|m| m.name == name).unwrap();
            assert_eq!(
                text.of(name),
                expected(counters, metric.labels, role),
                "{name}"
            );
        }
        assert_durations_are_the_totals(&text, &tip.totals.durations, role);
        let known: BTreeSet<&str> = METRICS.iter().map(|m| m.name).collect();
        for family in text.families.keys() {
            assert!(known.contains(family.as_str()), "{family}");
        }
    }
}

fn assert_durations_are_the_totals(text: &Exposition, totals: &[Histogram], role: Role) {
    const NAMES: [&str; 3] = ["workflow", "branch", "runner_group"];
    const NAME: &str = "deployment_duration_seconds";
    let mut sums: BTreeMap<Labels, Histogram> = BTreeMap::new();
    for one in totals
        .iter()
        .filter(|h| h.labels["role"] == role.to_string())
    {
        let sum = sums.entry(labels(&one.labels, &NAMES)).or_default();
        sum.count += one.count;
        sum.sum += one.sum;
        for (at, bucket) in sum.buckets.iter_mut().enumerate() {
            *bucket += one.buckets[at];
        }
    }
    let mut buckets = BTreeMap::new();
    for (labels, sum) in &sums {
        let bounds = DURATION_BUCKETS.iter().map(ToString::to_string);
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (bound, count) in bounds.zip(sum.buckets.iter().chain([&sum.count])) {
            let mut labels = labels.clone();
            labels.insert("le".to_owned(), bound);
            buckets.insert(labels, *count as f64);
        }
    }
    assert_eq!(text.of(&format!("{NAME}_bucket")), buckets);
    let count = |sum: &Histogram| sum.count as f64;
    let counts = sums.iter().map(|(l, sum)| (l.clone(), count(sum)));
    assert_eq!(text.of(&format!("{NAME}_count")), counts.collect());
    let millis = |seconds: f64| (seconds * 1000.0).round() as u128;
    let seen = text.of(&format!("{NAME}_sum"));
    let seen: BTreeMap<_, _> = seen.into_iter().map(|(l, s)| (l, millis(s))).collect();
    let wanted = sums.iter().map(|(l, sum)| (l.clone(), sum.sum.as_millis()));
    assert_eq!(seen, wanted.collect());
}

fn counters(names: &'static [&'static str]) -> impl Strategy<Value = Vec<Counter>> {
    let counter = (labels_of(names), 1..1_u64 << 53);
    let all = prop::collection::vec(counter, 0..4);
    all.prop_map(|all| {
        let unique: BTreeMap<_, _> = all.into_iter().collect();
        // A sum of two that differ in a NUL alone must be exact too.
        let one = |(labels, value): (Labels, u64)| Counter {
            labels,
            value: value / 4,
        };
        unique.into_iter().map(one).collect()
    })
}

fn labels_of(names: &'static [&'static str]) -> impl Strategy<Value = Labels> {
    let name = prop_oneof![
        prop::sample::select(HOSTILE).prop_map(str::to_owned),
        "[a\0\\\\\"\n{}=, ]{0,4}",
        any::<String>(),
    ];
    let values = prop::collection::vec(name, names.len());
    (values, prop::sample::select(&ROLES)).prop_map(|(values, role)| {
        let names = names.iter().map(|name| (*name).to_owned());
        let mut labels: Labels = names.zip(values).collect();
        labels.insert("role".to_owned(), role.to_string());
        labels
    })
}

fn histograms() -> impl Strategy<Value = Vec<Histogram>> {
    const SMALL: u64 = 1 << 40;
    let one = (
        labels_of(&["workflow", "branch", "runner_group"]),
        (
            prop::array::uniform5(0..SMALL),
            0..SMALL,
            0..1_000_000_000_u64,
        ),
    );
    prop::collection::vec(one, 0..4).prop_map(|all| {
        let unique: BTreeMap<_, _> = all.into_iter().collect();
        let one = |(labels, (buckets, count, millis))| Histogram {
            labels,
            buckets,
            count,
            sum: Duration::from_millis(millis),
        };
        unique.into_iter().map(one).collect()
    })
}

fn any_totals() -> impl Strategy<Value = Totals> {
    const WHERE: &[&str] = &["workflow", "branch", "runner_group"];
    const WHY: &[&str] = &["reason"];
    let deployments = (
        counters(WHERE),
        counters(WHERE),
        counters(&["workflow", "branch", "runner_group", "failure_reason"]),
        histograms(),
    );
    let others = (
        counters(WHY),
        counters(WHY),
        counters(&["check_type"]),
        counters(&["service"]),
    );
    (deployments, others).prop_map(
        |((attempts, successes, failures, durations), (failovers, won, checks, gates))| Totals {
            attempts,
            successes,
            failures,
            durations,
            failovers,
            failover_successes: won,
            preflight_failures: checks,
            gate_failures: gates,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_text_of_any_tip_reads_back_as_exactly_its_totals(totals in any_totals()) {
        assert_text_is_the_totals(&Tip { totals, ..Tip::default() });
    }
}

#[test]
fn the_text_of_a_history_reads_back_as_exactly_its_totals() {
    let tip = of_names(HOSTILE);
    assert!(
        totals_by_name(&tip.totals)
            .iter()
            .all(|(_, all)| !all.is_empty())
    );
    assert_text_is_the_totals(&tip);
}

#[test]
fn totals_whose_names_cannot_be_told_apart_add_up_to_one_series() {
    let tip = of_names(&["x\0", "x\u{fffd}"]);
    assert_text_is_the_totals(&tip);
    let text = read(&moment(&tip), Role::Primary);
    let [(labels, attempts)] = &text
        .of("deployment_attempts_total")
        .into_iter()
        .collect::<Vec<_>>()[..]
    else {
        panic!("one series");
    };
    assert_eq!((labels["branch"].as_str(), *attempts), ("x\u{fffd}", 4.0));
    assert_eq!(
        text.of("deployment_duration_seconds_count")
            .into_values()
            .sum::<f64>(),
        4.0
    );
}

#[test]
fn every_metric_of_the_list_is_in_both_texts_with_its_type_labels_and_help() {
    let tip = of_names(&["main"]);
    for role in ROLES {
        let text = read(&moment(&tip), role);
        assert_eq!(text.families.len(), METRICS.len());
        for metric in METRICS {
            let (kind, help) = &text.families[metric.name];
            assert_eq!(*kind, metric.kind.to_string());
            assert_eq!(help, metric.help);
            let series = match metric.kind {
                Kind::Histogram => format!("{}_count", metric.name),
                Kind::Counter | Kind::Gauge => metric.name.to_owned(),
            };
            let seen = text.of(&series);
            assert!(!seen.is_empty(), "{series}");
            let wanted: BTreeSet<&str> = metric.labels.iter().copied().chain(["role"]).collect();
            for labels in seen.keys() {
                let names: BTreeSet<&str> = labels.keys().map(String::as_str).collect();
                assert_eq!(names, wanted, "{series}");
                assert_eq!(labels["role"], role.to_string());
            }
        }
    }
}

#[test]
fn the_same_moment_gives_the_same_bytes_in_whatever_order_totals_stand() {
    let tip = of_names(HOSTILE);
    let mut turned = tip.clone();
    turned.totals.attempts.reverse();
    turned.totals.durations.reverse();
    turned.gates.reverse();
    for role in ROLES {
        let text = metrics::text(&moment(&tip), role).unwrap();
        assert_eq!(text, metrics::text(&moment(&tip), role).unwrap());
        assert_eq!(text, metrics::text(&moment(&turned), role).unwrap());
    }
}

#[test]
fn counters_are_one_roles_and_gauges_are_the_same_in_both() {
    let mut tip = Tip::default();
    succeed(&mut tip, &deployment("deploy.yml", "refs/heads/main", 1));
    let [primary, secondary] = ROLES.map(|role| read(&moment(&tip), role));
    assert_eq!(primary.of("deployment_success_total").len(), 1);
    assert_eq!(secondary.of("deployment_success_total").len(), 0);
    for metric in METRICS.iter().filter(|m| m.kind == Kind::Gauge) {
        let without_role = |text: &Exposition| -> BTreeSet<String> {
            text.of(metric.name)
                .into_iter()
                .map(|(mut labels, value)| {
                    labels.remove("role");
                    format!("{labels:?} {value}")
                })
                .collect()
        };
        assert_eq!(
            without_role(&primary),
            without_role(&secondary),
            "{metric:?}"
        );
    }
}

#[test]
fn a_figure_of_nothing_is_absent() {
    let empty = Tip::default();
    let text = read(&moment(&empty), Role::Primary);
    assert_eq!(text.series.len(), 1, "the queue's depth alone");
    assert_eq!(value(&text, "deployment_queue_depth"), Some(2.0));

    let mut tip = Tip::default();
    succeed(&mut tip, &deployment("deploy.yml", "refs/heads/main", 1));
    let text = read(&moment(&tip), Role::Primary);
    assert_eq!(value(&text, "deployment_success_ratio_30d"), Some(1.0));
    assert_eq!(
        value(&text, "deployment_duration_p95_seconds_30d"),
        Some(61.0)
    );
    assert_eq!(value(&text, "deployment_failover_success_ratio_30d"), None);
    let later = Moment {
        now: Timestamp(START.0 + 40 * 86_400_000),
        ..moment(&tip)
    };
    let text = read(&later, Role::Primary);
    assert_eq!(value(&text, "deployment_success_ratio_30d"), None);
    assert_eq!(value(&text, "deployment_duration_p95_seconds_30d"), None);
    let created = value(&text, "deployment_ledger_created_timestamp_seconds");
    assert_eq!(created, Some(1_795_250_100.0));
}

#[test]
fn a_gate_that_warned_is_healthy_and_one_that_could_not_be_asked_is_not() {
    let gate = |service: &str, status, millis| GateState {
        service: service.to_owned(),
        status,
        took: Duration::from_millis(millis),
    };
    let tip = Tip {
        gates: vec![
            gate("pass", GateStatus::Pass, 1),
            gate("warn", GateStatus::Warn, 20),
            gate("unknown", GateStatus::Unknown, 300),
            gate("fail", GateStatus::Fail, 4000),
            gate("twice", GateStatus::Fail, 7),
            gate("twice", GateStatus::Pass, 5),
        ],
        ..Tip::default()
    };
    let text = read(&moment(&tip), Role::Secondary);
    let seen = |name: &str| -> Vec<(String, f64)> {
        let all = text.of(name).into_iter();
        all.map(|(labels, value)| (labels["service"].clone(), value))
            .collect()
    };
    let wanted = |values: [f64; 5]| -> Vec<(String, f64)> {
        let names = ["fail", "pass", "twice", "unknown", "warn"].map(str::to_owned);
        names.into_iter().zip(values).collect()
    };
    assert_eq!(
        seen("health_gate_status"),
        wanted([0.0, 1.0, 0.0, 0.0, 1.0])
    );
    assert_eq!(
        seen("health_gate_duration_seconds"),
        wanted([4.0, 0.001, 0.007, 0.3, 0.02])
    );
}

#[test]
fn the_last_success_of_a_branch_outlives_a_hundred_deployments_and_a_failure() {
    let mut tip = Tip::default();
    succeed(&mut tip, &deployment("rare.yml", "refs/heads/main", 1));
    let ended = tip.deployments[0].finished_at.unwrap();
    for run in 2..150 {
        succeed(&mut tip, &deployment("busy.yml", "refs/heads/main", run));
    }
    let failed = deployment("rare.yml", "refs/heads/main", 150);
    let who = party(1, Role::Primary, "blue");
    say(
        &mut tip,
        &failed,
        Some(&who),
        0,
        ledger::Event::DeploymentStarted,
    );
    say(
        &mut tip,
        &failed,
        Some(&who),
        700,
        finished(Outcome::Failed),
    );
    let text = read(&moment(&tip), Role::Primary);
    let of_rare = |name: &str| {
        let mut all = text.of(name).into_iter();
        all.find(|(labels, _)| labels["workflow"] == "rare.yml")
            .unwrap()
            .1
    };
    let at = of_rare("deployment_last_success_timestamp_seconds");
    assert_eq!((at * 1000.0).round() as u64, ended.0);
    assert_eq!(of_rare("deployment_last_duration_seconds"), 701.0);
}

#[test]
fn a_textfile_holds_both_roles_under_the_labels_of_their_groups() {
    let tip = of_names(&["main"]);
    let file = exposition::read(&metrics::textfile(&subject(), &moment(&tip)).unwrap());
    let mut wanted = BTreeMap::new();
    for role in ROLES {
        for ((name, mut labels), value) in read(&moment(&tip), role).series {
            for (label, value) in [
                ("instance", format!("runner-{role}")),
                ("lock", "octo/shop/production".to_owned()),
                ("environment", "production".to_owned()),
                ("repository", "octo/shop".to_owned()),
            ] {
                labels.insert(label.to_owned(), value);
            }
            wanted.insert((name, labels), value);
        }
    }
    assert_eq!(file.series, wanted);
}

#[test]
fn promtool_finds_nothing_to_say() {
    let tip = of_names(HOSTILE);
    let texts = ROLES.map(|role| metrics::text(&moment(&tip), role).unwrap());
    let file = metrics::textfile(&subject(), &moment(&tip)).unwrap();
    for text in texts.iter().chain([&file]) {
        assert_eq!(promtool(text), (true, String::new()));
    }
    let (clean, _) = promtool("# TYPE no_total gauge\nno_total 1\n");
    assert!(!clean, "it does look");
}

/// Whether `promtool check metrics` is content, and what it says.
fn promtool(text: &str) -> (bool, String) {
    let mut child = Command::new(test_servers::program("promtool", &[], "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let said = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

#[test]
fn the_table_names_every_metric_once() {
    let table = names::markdown_table();
    assert_eq!(table.lines().count(), METRICS.len() + 2);
    for metric in METRICS {
        let line = table
            .lines()
            .find(|line| line.starts_with(&format!("| `{}` |", metric.name)));
        let line = line.unwrap();
        assert_eq!(line.matches(" | ").count(), 3, "{line}");
        assert!(line.contains(&format!("| {} |", metric.kind)) && line.contains("`role`"));
    }
}
