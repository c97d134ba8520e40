//! The figures as people and programs read them.

#![allow(clippy::unwrap_used)]

use actions_kit::Redactor;
use ledger::{Deployment, Draft, Event, FailureReason, Outcome, Party, TakeoverReason};

use super::*;

/// 2026-11-21T12:00:00Z
const NOW: Timestamp = Timestamp(1_795_262_400_000);
const DAY: u64 = 86_400;

fn origin(environment: &str) -> Origin {
    Origin {
        environment: environment.to_owned(),
        repository: "octo/shop".to_owned(),
        lock: format!("octo/shop/{environment}"),
    }
}

/// A ledger that is written as deployments end.
#[derive(Default)]
struct Past {
    tip: Tip,
    runs: u64,
}

impl Past {
    /// One deployment, so many days ago.
    fn deployed(
        &mut self,
        days_ago: u64,
        took: u64,
        takeovers: u32,
        outcome: Outcome,
    ) -> &mut Self {
        self.runs += 1;
        let deployment = Deployment {
            id: format!("octo/shop/{}/1", self.runs),
            ..Deployment::default()
        };
        let began = NOW.0 - days_ago * DAY * 1000;
        let failover = Event::Failover {
            from: None,
            to: Party::default(),
            reason: TakeoverReason::PrimaryUnreachable,
        };
        let reason = (outcome == Outcome::Failed).then_some(FailureReason::ExitCode);
        let mut events = vec![(began, Event::DeploymentStarted)];
        events.extend((0..takeovers).map(|_| (began, failover.clone())));
        let end = Event::DeploymentFinished {
            outcome,
            reason,
            detail: String::new(),
        };
        events.push((began + took * 1000, end));
        for (at, event) in events {
            let draft = Draft {
                deployment: deployment.clone(),
                by: Some(Party::default()),
                token: 1,
                event,
            };
            let nonce = format!("{}-{at}", self.runs);
            self.tip = self.tip.extend(&nonce, Timestamp(at), vec![draft]).1;
        }
        self
    }

    fn report(&self, window_days: u32) -> Report {
        Report::new(&self.tip, NOW, window_days, &origin("production"))
    }
}

/// 30 deployments in 30 days: a slow and shaky half, then one with a single failure.
fn month() -> Past {
    let mut past = Past::default();
    for days_ago in (0..30).rev() {
        let late = days_ago < 15;
        let outcome = match days_ago {
            3 | 18 | 20 | 25 => Outcome::Failed,
            _ => Outcome::Succeeded,
        };
        let took = if late { 300 + days_ago } else { 700 + days_ago };
        past.deployed(days_ago, took, u32::from(days_ago % 3 == 0), outcome);
    }
    past
}

fn text(report: &Report) -> String {
    report.summary().text(&Redactor::new())
}

fn outputs(report: &Report) -> Vec<String> {
    report.outputs().map(|(_, value)| value).to_vec()
}

#[test]
fn the_summary_shows_every_figure_beside_its_target_and_its_trend() {
    let text = text(&month().report(30));
    let table: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
    assert!(
        text.starts_with("### Deployments to production, the last 30 days\n"),
        "{text}"
    );
    assert_eq!(
        table,
        [
            "|  | figure | value | target | trend |",
            "| --- | --- | --- | --- | --- |",
            "| ❌ | Success rate | 86.7 % (26 of 30) | at least 95 % | ↗ better (80 % → 93.3 %) |",
            "| ❌ | 95 % of the deployments took at most | 12m8s | at most 10m | ↘ better (12m9s → 5m14s) |",
            "| ❌ | Takeovers that led to success | 80 % (8 of 10) | at least 90 % | → the same (80 % → 80 %) |",
            "|  | Deployments | 30 |  | 15 → 15 |",
        ]
    );
}

#[test]
fn outputs_are_plain_numbers() {
    let report = month().report(30);
    let names: Vec<&str> = report.outputs().iter().map(|(name, _)| *name).collect();
    let wanted = [
        "deployments",
        "success-ratio",
        "duration-p95-seconds",
        "failover-success-ratio",
    ];
    assert_eq!(names, wanted);
    assert_eq!(outputs(&report), ["30", "0.8667", "728", "0.8000"]);
    assert_eq!(
        outputs(&month().report(1)),
        ["1", "1.0000", "300", "1.0000"]
    );
}

#[test]
fn where_nothing_was_deployed_there_are_no_figures_and_no_zeros_in_their_place() {
    let report = Past::default().report(30);
    assert_eq!(outputs(&report), ["0", "", "", ""]);
    let text = text(&report);
    assert_eq!(text.matches("⚠️").count(), 3, "{text}");
    assert_eq!(text.matches("no data").count(), 3, "{text}");
    assert_eq!(text.matches("too little to tell").count(), 3, "{text}");
    let json = report.json();
    assert_eq!(json["success_ratio"]["value"], Value::Null);
    assert_eq!(json["success_ratio"]["standing"], "no_data");
    assert_eq!(json["days"].as_array().unwrap().len(), 30);
}

#[test]
fn a_ratio_that_misses_its_target_by_a_hair_is_not_shown_as_the_target() {
    for (steps, shown) in [(10_000.0, 0.9499), (1000.0, 0.949)] {
        assert_eq!(rounded(0.949_99, 0.95, steps), shown);
        assert_eq!(rounded(0.95, 0.95, steps), 0.95);
        assert_eq!(rounded(0.999_99, 0.95, steps), 1.0);
    }
    let mut past = Past::default();
    let tip = &mut past.deployed(0, 60, 0, Outcome::Succeeded).tip;
    (tip.days[0].succeeded, tip.days[0].failed) = (18_999, 1001);
    let report = past.report(30);
    assert_eq!(outputs(&report)[1], "0.9499");
    assert!(text(&report).contains("| ❌ | Success rate | 94.9 % (18999 of 20000) |"));
}

#[test]
fn what_is_cancelled_or_superseded_is_in_no_figure_nor_are_its_takeovers() {
    let mut past = Past::default();
    past.deployed(1, 60, 1, Outcome::Succeeded);
    let before = outputs(&past.report(30));
    past.deployed(1, 9000, 2, Outcome::Cancelled);
    past.deployed(1, 9000, 0, Outcome::Superseded);
    assert_eq!(outputs(&past.report(30)), before);
    assert_eq!(before, ["1", "1.0000", "60", "1.0000"]);
}

#[test]
fn a_takeover_before_midnight_and_its_success_after_it_are_in_the_same_windows() {
    let mut past = Past::default();
    // Noon, 30 days ago, and 13 hours later.
    past.deployed(30, 13 * 3600, 1, Outcome::Succeeded);
    past.deployed(2, 60, 1, Outcome::Failed);
    assert_eq!(outputs(&past.report(31))[3], "0.5000");
    assert_eq!(
        outputs(&past.report(30))[3],
        "0.5000",
        "it ended 29 days ago"
    );
    assert_eq!(outputs(&past.report(29))[3], "0.0000");
}

#[test]
fn a_takeover_under_way_is_no_failure() {
    let mut past = Past::default();
    past.deployed(2, 60, 1, Outcome::Succeeded);
    let deployment = Deployment {
        id: "octo/shop/under-way/1".to_owned(),
        ..Deployment::default()
    };
    let failover = Event::Failover {
        from: None,
        to: Party::default(),
        reason: TakeoverReason::Manual,
    };
    let drafts = [Event::DeploymentStarted, failover].map(|event| Draft {
        deployment: deployment.clone(),
        by: None,
        token: 9,
        event,
    });
    past.tip = past.tip.extend("n", NOW, drafts.to_vec()).1;
    assert_eq!(outputs(&past.report(30))[3], "1.0000");
}

#[test]
fn the_json_has_the_same_numbers_and_every_day() {
    let json = month().report(30).json();
    assert_eq!(json["schema"], 1);
    assert_eq!(json["lock"], "octo/shop/production");
    assert_eq!(json["at"], "2026-11-21T12:00:00.000Z");
    assert_eq!(
        (&json["from"], &json["to"]),
        (&json!("2026-10-23"), &json!("2026-11-21"))
    );
    assert_eq!(
        (&json["deployments"], &json["failovers"]),
        (&json!(30), &json!(10))
    );
    let wanted = json!({
        "value": 728, "target": 600, "standing": "missed", "precision_seconds": 1,
        "trend": {"direction": "better", "earlier": 729, "later": 314},
    });
    assert_eq!(json["duration_p95_seconds"], wanted);
    assert_eq!(json["success_ratio"]["value"], 26.0 / 30.0);
    assert_eq!(json["failover_success_ratio"]["trend"]["direction"], "same");
    let failed: u64 = json["days"]
        .as_array()
        .unwrap()
        .iter()
        .map(|day| day["failed"].as_u64().unwrap())
        .sum();
    assert_eq!(failed, 4);
}

#[test]
fn a_percentile_of_rounded_durations_says_so() {
    let mut past = Past::default();
    for n in 0..600 {
        past.deployed(0, 1 + n, 0, Outcome::Succeeded);
    }
    let report = past.report(30);
    let text = text(&report);
    assert!(
        text.contains("| ✅ | 95 % of the deployments took at most | 9m30s |"),
        "{text}"
    );
    assert!(text.contains("rounded up to 10s."), "{text}");
    assert_eq!(
        report.json()["duration_p95_seconds"]["precision_seconds"],
        10
    );
}

/// The lines of the chart behind its looks, without their indentation.
fn chart(report: &Report) -> Vec<String> {
    let text = text(report);
    let (_, fenced) = text.split_once("```mermaid\n").unwrap();
    let (chart, _) = fenced.split_once("\n```\n").unwrap();
    chart.lines().map(|line| line.trim().to_owned()).collect()
}

/// Holds the chart to the grammar of Mermaid's `xychart-beta`, as far as we use it; how many points it has.
fn points(report: &Report) -> usize {
    let lines = chart(report);
    let [looks, kind, title, x, y, all, succeeded] = lines.as_slice() else {
        panic!("{lines:#?}");
    };
    let looks = looks
        .strip_prefix("%%{init: ")
        .unwrap()
        .strip_suffix("}%%")
        .unwrap();
    assert!(serde_json::from_str::<Value>(looks).unwrap().is_object());
    assert_eq!(kind, "xychart-beta");
    let title = title
        .strip_prefix("title \"")
        .unwrap()
        .strip_suffix('"')
        .unwrap();
    let plain = |c: char| c.is_alphanumeric() || " ._-/()#;,".contains(c);
    assert!(title.chars().all(plain), "{title}");
    let items = |line: &str, name: &str| -> Vec<String> {
        let list = line.strip_prefix(name).unwrap().strip_prefix(" [").unwrap();
        list.strip_suffix(']')
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect()
    };
    let days = items(x, "x-axis");
    let mut distinct = days.clone();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), days.len(), "{x}");
    let most: u64 = y
        .strip_prefix("y-axis \"deployments\" 0 --> ")
        .unwrap()
        .parse()
        .unwrap();
    let numbers = |line| -> Vec<u64> {
        items(line, "bar")
            .iter()
            .map(|n| n.parse().unwrap())
            .collect()
    };
    let (all, succeeded) = (numbers(all), numbers(succeeded));
    assert_eq!((all.len(), succeeded.len()), (days.len(), days.len()));
    assert!(
        all.iter()
            .zip(&succeeded)
            .all(|(all, succeeded)| succeeded <= all && *all <= most)
    );
    assert!(most >= 1);
    days.len()
}

#[test]
fn the_chart_has_a_point_a_day_and_at_most_31() {
    for (window, days) in [(1, 1), (2, 2), (30, 30), (31, 31), (365, 31)] {
        assert_eq!(points(&month().report(window)), days);
        assert_eq!(points(&Past::default().report(window)), days);
    }
    let lines = chart(&month().report(2));
    assert_eq!(lines[3], "x-axis [\"11-20\", \"11-21\"]");
    let mut past = Past::default();
    past.deployed(1, 1, 0, Outcome::Failed)
        .deployed(1, 1, 0, Outcome::Succeeded)
        .deployed(1, 1, 0, Outcome::Succeeded);
    let lines = chart(&past.report(2));
    assert_eq!(
        lines[4..],
        ["y-axis \"deployments\" 0 --> 3", "bar [3, 0]", "bar [2, 0]"]
    );
}

#[test]
fn a_february_in_the_window_gives_no_day_twice() {
    let tip = Tip::default();
    // 2027-03-15
    let march = Timestamp(1_805_068_800_000);
    assert_eq!(
        points(&Report::new(&tip, march, 31, &origin("production"))),
        31
    );
}

#[test]
fn a_hostile_name_of_an_environment_ends_neither_line_nor_table_nor_chart() {
    for name in [
        "x\"\n    bar [9]\n```\n### Injected",
        "end",
        "a|b|c",
        "<img src=x onerror=alert(1)>",
        "%%{init: {}}%%",
        "[\"]'; #",
        "\u{1F6A8}",
        "",
    ] {
        let mut past = Past::default();
        past.deployed(1, 60, 0, Outcome::Succeeded);
        let report = Report::new(&past.tip, NOW, 30, &origin(name));
        assert_eq!(points(&report), 30, "{name:?}");
        let text = text(&report);
        assert_eq!(
            text.lines().filter(|l| l.starts_with("###")).count(),
            1,
            "{text}"
        );
        assert_eq!(text.matches("```").count(), 2, "{text}");
        assert_eq!(
            text.lines().filter(|l| l.starts_with('|')).count(),
            6,
            "{text}"
        );
        assert!(!text.contains("<img"), "{text}");
        assert_eq!(report.json()["environment"], name);
    }
}

#[test]
fn the_cost_does_not_grow_with_the_age_of_the_ledger() {
    let mut past = Past::default();
    for run in 0..31 * 200 {
        past.deployed(30 - run / 200, 1 + run * 7919 % 1200, 0, Outcome::Succeeded);
    }
    let json = past.report(30).json().to_string();
    assert!(json.len() < 8 * 1024, "{} bytes", json.len());
    assert!(text(&past.report(31)).len() < 4 * 1024);
}
