//! The running totals: counters and histograms by label set, exact and only growing (design §7).
//!
//! The names of the metrics and their encoding belong to `push-metrics`; the label names are fixed here.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{Deployment, Entry, FailureReason, Gate, Party, TakeoverReason};

/// The upper bounds of the duration histogram's buckets, in seconds (design §7).
pub const DURATION_BUCKETS: [u64; 5] = [60, 300, 600, 1200, 1800];

/// Label names and values.
pub type Labels = BTreeMap<String, String>;

/// One counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// Its labels.
    pub labels: Labels,
    /// Its value.
    pub value: u64,
}

/// One histogram of durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Its labels.
    pub labels: Labels,
    /// How many observations were at most the bound of [`DURATION_BUCKETS`] at the same place; cumulative.
    pub buckets: [u64; DURATION_BUCKETS.len()],
    /// How many observations there were.
    pub count: u64,
    /// The sum of the observations.
    #[serde(with = "crate::seconds", rename = "sum_seconds")]
    pub sum: Duration,
}

/// All totals of a ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Executions of the deploy command.
    pub attempts: Vec<Counter>,
    /// Deployments that ended well.
    pub successes: Vec<Counter>,
    /// Deployments that did not.
    pub failures: Vec<Counter>,
    /// From the first claim to the end, of deployments that ended `succeeded` or `failed`.
    pub durations: Vec<Histogram>,
    /// Takeovers.
    pub failovers: Vec<Counter>,
    /// Deployments that ended well after a takeover.
    pub failover_successes: Vec<Counter>,
    /// Preflight checks that failed.
    pub preflight_failures: Vec<Counter>,
    /// Health gates that failed, by service.
    #[serde(default)]
    pub gate_failures: Vec<Counter>,
}

impl Totals {
    pub(crate) fn attempt(&mut self, deployment: &Deployment, party: &Party) {
        count(&mut self.attempts, where_and_who(deployment, party));
    }

    pub(crate) fn success(&mut self, deployment: &Deployment, party: &Party) {
        count(&mut self.successes, where_and_who(deployment, party));
    }

    pub(crate) fn failure(
        &mut self,
        deployment: &Deployment,
        party: &Party,
        reason: FailureReason,
    ) {
        let mut labels = where_and_who(deployment, party);
        labels.insert("failure_reason".to_owned(), reason.to_string());
        count(&mut self.failures, labels);
    }

    pub(crate) fn failover(&mut self, to: &Party, reason: TakeoverReason) {
        count(&mut self.failovers, who_and_why(to, reason));
    }

    pub(crate) fn failover_success(&mut self, by: &Party, reason: TakeoverReason) {
        count(&mut self.failover_successes, who_and_why(by, reason));
    }

    /// Every check counts once an entry, however often its id stands there.
    pub(crate) fn preflight(&mut self, entry: &Entry, failed: &[String]) {
        let role = entry
            .by
            .as_ref()
            .map(|p| p.role)
            .unwrap_or_default()
            .to_string();
        for check in failed.iter().collect::<BTreeSet<_>>() {
            let labels = [
                ("role".to_owned(), role.clone()),
                ("check_type".to_owned(), check.clone()),
            ];
            count(&mut self.preflight_failures, labels.into());
        }
    }

    /// Every service counts once an entry.
    pub(crate) fn gates(&mut self, entry: &Entry, gates: &[Gate]) {
        let role = entry.by.as_ref().map(|p| p.role).unwrap_or_default();
        let failed = gates.iter().filter(|gate| gate.status.failed());
        for service in failed.map(|gate| &gate.service).collect::<BTreeSet<_>>() {
            let labels = [
                ("role".to_owned(), role.to_string()),
                ("service".to_owned(), service.clone()),
            ];
            count(&mut self.gate_failures, labels.into());
        }
    }

    pub(crate) fn duration(&mut self, deployment: &Deployment, party: &Party, duration: Duration) {
        let labels = where_and_who(deployment, party);
        let at = match self.durations.iter().position(|h| h.labels == labels) {
            Some(at) => at,
            None => {
                self.durations.push(Histogram {
                    labels,
                    ..Histogram::default()
                });
                self.durations.len() - 1
            }
        };
        let histogram = &mut self.durations[at];
        for (bucket, bound) in histogram.buckets.iter_mut().zip(DURATION_BUCKETS) {
            if duration <= Duration::from_secs(bound) {
                *bucket += 1;
            }
        }
        histogram.count += 1;
        histogram.sum += duration;
    }
}

fn where_and_who(deployment: &Deployment, party: &Party) -> Labels {
    Labels::from([
        ("workflow".to_owned(), deployment.workflow.clone()),
        ("branch".to_owned(), deployment.branch().to_owned()),
        ("runner_group".to_owned(), party.runner_group.clone()),
        ("role".to_owned(), party.role.to_string()),
    ])
}

fn who_and_why(party: &Party, reason: TakeoverReason) -> Labels {
    Labels::from([
        ("reason".to_owned(), reason.to_string()),
        ("role".to_owned(), party.role.to_string()),
    ])
}

fn count(counters: &mut Vec<Counter>, labels: Labels) {
    match counters.iter_mut().find(|c| c.labels == labels) {
        Some(counter) => counter.value += 1,
        None => counters.push(Counter { labels, value: 1 }),
    }
}
