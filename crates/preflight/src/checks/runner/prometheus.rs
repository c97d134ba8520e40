//! `runner.prometheus`: what the runner's exporter (design §9) told a Prometheus.

use std::collections::BTreeMap;

use probes::{
    http::Credentials,
    prometheus::{Answered, Prometheus, PrometheusError, PrometheusOptions},
};
use tokio::time::Instant;

use crate::{Finding, Part, Status};

/// A value that was scraped longer ago than this, in seconds, says nothing of now. Prometheus itself looks back five
/// minutes.
const STALE: f64 = 120.0;

/// What a percentage may exceed 100 by and still be a rounding of the exporter's, and no nonsense.
const ROUNDING: f64 = 10.0;

/// Whether a number is as wanted.
#[derive(Clone, Copy)]
enum Wanted {
    One,
    Below(f64),
}

/// `runner.prometheus`: whether `runner_status` of the runner `name` is 1, and its CPU and memory use in percent are
/// below the two `limits`, as the Prometheus at `url` has them. What is absent, no number or none that can be, more
/// than two minutes away from now by Prometheus' own clock, or contradicts itself over several series, is `unknown`.
///
/// `auth` is `user:password`, or a bearer token.
pub async fn prometheus(
    url: &str,
    auth: Option<&str>,
    name: &str,
    limits: (f64, f64),
    deadline: Instant,
) -> Finding {
    let (max_cpu, max_memory) = limits;
    let wanted = format!(
        "runner_status 1, CPU below {max_cpu} %, memory below {max_memory} %, not older than {STALE:.0} s"
    );
    if name.is_empty() {
        return Finding::unknown(
            "this runner has no name here",
            wanted,
            "set RUNNER_NAME to the name that the runner's exporter has in its label `runner`",
        );
    }
    let credentials = auth.map(Credentials::of);
    let client = match Prometheus::new(PrometheusOptions {
        url: url.to_owned(),
        credentials,
        resolver: None,
        ca_file: None,
    }) {
        Ok(client) => client,
        Err(error) => {
            let mend = "mend `prometheus-url` and `prometheus-auth`";
            return Finding::unknown(format!("failed to {error}"), wanted, mend);
        }
    };
    let one = |metric: &'static str, is: Wanted| {
        let client = &client;
        async move {
            let selector = format!("{metric}{{runner=\"{}\"}}", quoted(name));
            let (values, ages) = tokio::join!(
                client.query(&selector, deadline),
                client.ages(&selector, deadline)
            );
            Ok::<Part, PrometheusError>(judged(metric, is, &values?, &ages?))
        }
    };
    let asked = tokio::try_join!(
        one("runner_status", Wanted::One),
        one("runner_cpu_usage_percent", Wanted::Below(max_cpu)),
        one("runner_memory_usage_percent", Wanted::Below(max_memory)),
    );
    match asked {
        Ok((status, cpu, memory)) => together(vec![status, cpu, memory], wanted),
        Err(error) => Finding::unknown(
            format!("failed to {error}"),
            wanted,
            "look at Prometheus and the way to it, and at `prometheus-url` and `prometheus-auth`",
        ),
    }
}

/// A label's value between the quotation marks of PromQL.
fn quoted(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn together(parts: Vec<Part>, wanted: String) -> Finding {
    let seen: Vec<String> = parts
        .iter()
        .map(|part| format!("{} {}", part.subject, part.seen))
        .collect();
    let seen = seen.join(", ");
    // The first of equals: what the runner's status asks for comes before what its load does.
    let worst = parts.iter().rev().max_by_key(|part| part.status);
    let mend = worst.map(|part| part.mend.clone()).unwrap_or_default();
    match worst.map(|part| part.status) {
        Some(Status::Pass) => Finding::pass(seen, wanted),
        Some(Status::Fail | Status::Warn) => Finding::fail(seen, wanted, mend),
        Some(Status::Unknown) | None => Finding::unknown(seen, wanted, mend),
    }
    .with_parts(parts)
}

fn judged(metric: &'static str, is: Wanted, values: &Answered, ages: &Answered) -> Part {
    let part = |status, seen: String, mend: &str| Part {
        subject: metric.to_owned(),
        status,
        seen,
        mend: mend.to_owned(),
    };
    let exporter = "see that the runner's exporter runs (`systemctl status runner-exporter`) and that Prometheus scrapes it (page Targets)";
    if values.samples.is_empty() {
        return part(Status::Unknown, "has no series".to_owned(), exporter);
    }
    // A runner that came back under another address leaves its old series behind: those that are fresh count.
    let age = |labels: &BTreeMap<String, String>| {
        let same = |other: &BTreeMap<String, String>| {
            let bare = |(name, _): &(&String, &String)| *name != "__name__";
            labels.iter().filter(bare).eq(other.iter().filter(bare))
        };
        ages.samples
            .iter()
            .find(|sample| same(&sample.labels))
            .map(|sample| sample.value)
    };
    let aged: Vec<(f64, Option<f64>)> = values
        .samples
        .iter()
        .map(|sample| (sample.value, age(&sample.labels)))
        .collect();
    let fresh: Vec<f64> = aged
        .iter()
        .filter(|(_, age)| age.is_some_and(|age| (-STALE..=STALE).contains(&age)))
        .map(|(value, _)| *value)
        .collect();
    if fresh.is_empty() {
        let newest = aged.iter().filter_map(|(_, age)| *age).reduce(f64::min);
        let seen = match newest {
            Some(age) if age < 0.0 => {
                let seen = format!("is dated {:.0} s in the future", -age);
                let clocks =
                    "set the clocks of the runner and of Prometheus' host right (`timedatectl`)";
                return part(Status::Unknown, seen, clocks);
            }
            Some(age) => format!("is stale: {age:.0} s old"),
            None => "is of an unknown age".to_owned(),
        };
        return part(Status::Unknown, seen, exporter);
    }
    if fresh.iter().any(|value| value.is_nan()) {
        return part(Status::Unknown, "is NaN".to_owned(), exporter);
    }
    let sensible = |value: &&f64| value.is_finite() && (0.0..=100.0 + ROUNDING).contains(*value);
    if let Some(odd) = fresh.iter().find(|value| !sensible(value)) {
        return part(
            Status::Unknown,
            format!("is {}, which makes no sense", listed(&[*odd])),
            "see what the runner's exporter measures: its /metrics, and the rules of Prometheus that rename or compute",
        );
    }
    let well = |value: &f64| match is {
        Wanted::One => *value == 1.0,
        Wanted::Below(limit) => *value < limit,
    };
    let good = fresh.iter().filter(|value| well(value)).count();
    if good > 0 && good < fresh.len() {
        return part(
            Status::Unknown,
            format!(
                "contradicts itself: {} series say {}",
                fresh.len(),
                listed(&fresh)
            ),
            "see which targets of Prometheus carry this runner's name: one runner has one exporter",
        );
    }
    let seen = format!("is {}", listed(&fresh));
    if good > 0 {
        return part(Status::Pass, seen, "");
    }
    match is {
        Wanted::One => part(
            Status::Fail,
            seen,
            "see why the runner's service is down: `systemctl status 'actions.runner.*'`",
        ),
        Wanted::Below(_) => part(
            Status::Fail,
            seen,
            "wait until the runner is quiet, or end what keeps it busy",
        ),
    }
}

fn listed(values: &[f64]) -> String {
    let mut shown: Vec<String> = values
        .iter()
        .map(|value| {
            let tenths = (value * 10.0).round() / 10.0;
            tenths.to_string()
        })
        .collect();
    shown.dedup();
    shown.join(" and ")
}

#[cfg(test)]
mod tests;
