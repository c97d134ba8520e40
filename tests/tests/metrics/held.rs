//! What a Pushgateway holds, and what it must hold of a ledger.

use std::collections::BTreeMap;

use baton_tests::Scene;
use ledger::{Draft, Entry, Role, Timestamp, Tip};
use metrics::{JOB, Kind, METRICS, Moment, Subject};
use test_servers::Pushgateway;

use crate::exposition::{self, Labels};

/// Every series by name and labels.
pub(crate) type Series = BTreeMap<(String, Labels), f64>;

/// Whose ledger the tests' usual one is.
pub(crate) fn subject() -> Subject {
    Subject {
        lock: "octo/shop/production".to_owned(),
        environment: "production".to_owned(),
        repository: "octo/shop".to_owned(),
    }
}

/// The state after these entries, folded anew.
pub(crate) fn fold(entries: &[Entry]) -> Tip {
    let mut tip = Tip::default();
    for swap in entries.chunk_by(|one, next| one.nonce == next.nonce) {
        let drafts = swap.iter().map(|entry| Draft {
            deployment: entry.deployment.clone(),
            by: entry.by.clone(),
            token: entry.token,
            event: entry.event.clone(),
        });
        let (again, next) = tip.extend(&swap[0].nonce, swap[0].at, drafts.collect());
        assert_eq!(again, swap, "the chain counts on");
        tip = next;
    }
    tip
}

/// What must stand at the gateway of these entries: totals, and what tells when they began. Other gauges are of the moment.
pub(crate) fn totals(subject: &Subject, entries: &[Entry]) -> Series {
    let tip = fold(entries);
    let moment = Moment {
        tip: &tip,
        now: entries.last().map_or(Timestamp(0), |entry| entry.at),
        queue_depth: 0,
    };
    let file = metrics::textfile(subject, &moment).unwrap();
    let mut series = only_totals(exposition::read(&file).series);
    series = series
        .into_iter()
        .map(|((name, mut labels), value)| {
            labels.insert("job".to_owned(), JOB.to_owned());
            ((name, labels), value)
        })
        .collect();
    series
}

fn only_totals(mut series: Series) -> Series {
    series.retain(|(name, _), _| is_total(name));
    series
}

fn is_total(name: &str) -> bool {
    METRICS.iter().any(|metric| match metric.kind {
        Kind::Counter => metric.name == name,
        Kind::Histogram => name
            .strip_prefix(metric.name)
            .is_some_and(|end| ["_bucket", "_sum", "_count"].contains(&end)),
        Kind::Gauge => name == metric.name && name.starts_with("deployment_ledger_created"),
    })
}

/// The totals at the gateway.
pub(crate) fn held(gateway: &Pushgateway) -> Series {
    only_totals(exposition::read(&gateway.metrics()).series)
}

/// That the gateway holds what the scene's ledger says, and something of both roles.
#[track_caller]
pub(crate) fn assert_equal(gateway: &Pushgateway, scene: &Scene) {
    let (held, wanted) = (held(gateway), totals(&subject(), &scene.audit().entries()));
    assert!(held.len() > 8, "{held:#?}");
    assert_eq!(held, wanted);
}

/// The value of a metric's series of one role at the gateway, all of them together.
pub(crate) fn sum(series: &Series, name: &str, role: Role) -> f64 {
    let of_role = |labels: &Labels| labels.get("role") == Some(&role.to_string());
    series
        .iter()
        .filter(|((known, labels), _)| known == name && of_role(labels))
        .map(|(_, value)| value)
        .sum()
}
