//! Real gateways, a real Prometheus, the shipped rules and configuration.

use std::{collections::BTreeMap, time::Duration};

use ledger::{FailureReason, Role};
use test_servers::{Pushgateway, PushgatewaySetup};

use crate::{
    history::{DAY, Ledger, Series, Told, ago, growth, now},
    shipped,
    watched::{Host, Watched, past, push, put},
};

const LOCK: &str = "octo/shop/production eu\"}\n1";
const TOTALS: &str = r#"{__name__=~"role:.+:total"}"#;
const GROWTH: &str = r#"{__name__=~".+:growth1h"}"#;

/// A ledger of 40 days with deployments of both roles.
fn old_ledger(lock: &str) -> Ledger {
    let mut ledger = Ledger::new(lock);
    for day in [40, 20, 10, 2] {
        let end = ago(DAY * day);
        ledger.deploy(end, Told::default());
        ledger.deploy(
            end,
            Told {
                role: Role::Secondary,
                ..Told::default()
            },
        );
        ledger.deploy(
            end,
            Told {
                failed: Some(FailureReason::ExitCode),
                ..Told::default()
            },
        );
    }
    ledger
}

/// Series that only ever grow, and never past `end`.
fn grow_to(course: Vec<(Series, Vec<f64>)>, end: &BTreeMap<Series, f64>) {
    assert!(!course.is_empty());
    for (series, values) in course {
        assert!(values.len() > 1, "{series:?} was seen at work");
        assert!(values.is_sorted(), "{series:?} steps back: {values:?}");
        let highest = values.last().copied().unwrap();
        assert!(
            (highest - end[&series]).abs() < 1e-6,
            "{series:?} ends at {highest}"
        );
    }
}

#[test]
fn totals_and_their_growth_equal_the_ledger_after_restarts_a_late_old_snapshot_and_beside_other_targets()
 {
    let mut forgetful = Pushgateway::start();
    let mut keeping = Pushgateway::start_with(PushgatewaySetup {
        persistent: true,
        ..PushgatewaySetup::default()
    });
    let host = Host::start();
    let mut ledger = old_ledger(LOCK);
    let before = ledger.totals();
    push(&ledger, &forgetful);
    push(&ledger, &keeping);
    host.show(&ledger);
    // The example's own targets, and what its comments say of a second gateway and of a textfile.
    let config = format!(
        "{}  - job_name: second\n    honor_labels: true\n    static_configs: [{{targets: ['{}'], labels: {{gateway: b}}}}]\n  \
         - job_name: node\n    static_configs: [{{targets: ['{}'], labels: {{environment: other}}}}]\n",
        shipped::quick_config(&forgetful.address.to_string()),
        keeping.address,
        host.address
    );
    let watched = Watched::start(config, past(&forgetful, 3));
    watched.until(TOTALS, &before);
    watched.until(GROWTH, &growth(&before, &before));
    // Each of the three targets shows it, and nothing of it is three times as much.
    watched.until_number(
        "count(count by (job, gateway) (deployment_attempts_total))",
        Some(3.0),
    );

    ledger.deploy(now(), Told::default());
    ledger.deploy(
        now(),
        Told {
            role: Role::Secondary,
            took: Duration::from_secs(700),
            ..Told::default()
        },
    );
    let frozen = ledger.clone();
    for (branch, reason) in [
        ("main", FailureReason::ExitCode),
        ("släng/🚀 \"x\"", FailureReason::Gates),
        ("släng/🚀 \"x\"", FailureReason::Preflight),
    ] {
        let failed = Some(reason);
        let told = Told {
            branch,
            failed,
            ..Told::default()
        };
        ledger.deploy(now(), told);
    }
    push(&ledger, &forgetful);
    watched.until(TOTALS, &ledger.totals());

    // A leg that was frozen before its push is thawed: the gateway shows its old state, without the newest counters.
    let shown = r#"sum(deployment_attempts_total{job="github-actions-deployments", gateway=""})"#;
    let newest = watched.number(shown);
    push(&frozen, &forgetful);
    watched.until_number(shown, newest.map(|number| number - 3.0));
    push(&ledger, &forgetful);
    watched.until_number(shown, newest);

    // Both gateways restart. One has forgotten all; the other has an old state, and nobody pushes to it.
    forgetful.stop();
    keeping.stop();
    watched.until_number(&format!("{shown} or vector(-1)"), Some(-1.0));
    forgetful.start_again();
    keeping.start_again();
    watched.until_number(r#"min(up{job=~"pushgateway|second"})"#, Some(1.0));
    ledger.deploy(now(), Told::default());
    push(&ledger, &forgetful);
    // Twice, and from both legs: the same again.
    push(&ledger, &forgetful);
    watched.until_number(shown, newest.map(|number| number + 1.0));
    host.show(&ledger);

    let after = ledger.totals();
    let grown = growth(&before, &after);
    watched.until(TOTALS, &after);
    watched.until(GROWTH, &grown);
    grow_to(watched.course(TOTALS), &after);
    grow_to(watched.course(GROWTH), &grown);

    // What was done to the gateways would have been counted by the usual function.
    let attempts = "sum(deployment_attempts:growth1h)";
    assert_eq!(watched.number(attempts), Some(7.0));
    let usual = watched
        .number("sum(increase(deployment_attempts_total{gateway=\"\", job!=\"node\"}[10m]))");
    assert!(usual > Some(14.0), "increase() shows {usual:?}");
}

#[test]
fn the_first_deployments_of_a_new_ledger_count_and_an_old_one_that_is_met_for_the_first_time_stays_silent()
 {
    let server = Pushgateway::start();
    let old = old_ledger("octo/shop/old");
    let mut young = Ledger::new("octo/shop/young");
    push(&old, &server);
    let watched = Watched::start(
        shipped::quick_config(&server.address.to_string()),
        String::new(),
    );
    watched.until(TOTALS, &old.totals());
    young.deploy(
        now(),
        Told {
            failed: Some(FailureReason::Gates),
            took: Duration::from_secs(601),
            ..Told::default()
        },
    );
    push(&young, &server);
    let first = growth(&BTreeMap::new(), &young.totals());
    watched.until(GROWTH, &first);
    let alert = r#"ALERTS{alertname="DeploymentFailureRateHigh", alertstate="firing", severity="critical"}"#;
    let slow = r#"ALERTS{alertname="DeploymentDurationHigh", alertstate="firing", lock="octo/shop/young"}"#;
    watched.until_number(slow, Some(1.0));
    assert_eq!(watched.number(alert), None);
    for _ in 0..3 {
        young.deploy(
            now(),
            Told {
                failed: Some(FailureReason::ExitCode),
                ..Told::default()
            },
        );
    }
    push(&young, &server);
    watched.until_number(alert, Some(1.0));
    let only = watched.vector(alert).into_keys().next().unwrap();
    assert_eq!(only["lock"], "octo/shop/young");
    // The old one was in sight all the time.
    let seen = watched.vector(TOTALS);
    assert!(seen.keys().any(|series| series["lock"] == old.subject.lock));
    watched.until(GROWTH, &growth(&BTreeMap::new(), &young.totals()));
    assert_eq!(
        watched.course(r#"{__name__=~".+:growth1h", lock="octo/shop/old"}"#),
        []
    );
}

#[test]
fn a_gateway_that_refused_a_push_shows_when_in_the_series_that_the_alert_reads() {
    let server = Pushgateway::start();
    let ledger = old_ledger("octo/shop/production");
    push(&ledger, &server);
    let watched = Watched::start(
        shipped::quick_config(&server.address.to_string()),
        String::new(),
    );
    let pending = r#"count(ALERTS{alertname="DeploymentMetricsStale", cause="refused"})"#;
    watched.until_number(
        r#"count(push_failure_time_seconds{job="github-actions-deployments"} == 0)"#,
        Some(2.0),
    );
    assert_eq!(watched.number(pending), None);
    // Of another type than in the other group.
    let wrong = "# TYPE deployment_queue_depth counter\ndeployment_queue_depth 1\n";
    let refusal = put(&ledger, Role::Primary, wrong, &server).unwrap_err();
    assert!(!refusal.may_pass(), "{refusal}");
    watched.until_number(pending, Some(1.0));
    push(&ledger, &server);
    watched.until_number(pending, None);
}
