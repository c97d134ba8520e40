//! The one list of metrics (design §7). Texts, tables and tests of rules are made from it.

use std::fmt;

use ledger::Role;

use crate::samples::{self, Moment, Samples};

/// The label that every series carries beside its metric's own: `primary` or `secondary`.
pub const ROLE: &str = "role";

/// What a metric's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Grows, and never falls.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Observations by size, in the buckets of [`ledger::DURATION_BUCKETS`] and `+Inf`.
    Histogram,
}

impl fmt::Display for Kind {
    /// As a `# TYPE` line has it: `counter`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        })
    }
}

/// One metric.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name; of a histogram, without `_bucket`, `_sum` and `_count`.
    pub name: &'static str,
    /// What its value means.
    pub kind: Kind,
    /// The labels of its own. Every series carries [`ROLE`] too, and those of its group
    /// ([`Group::labels`](crate::Group::labels)).
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub help: &'static str,
    /// The series of one role.
    pub(crate) samples: fn(&Moment<'_>, Role) -> Samples,
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?}", self.kind, self.name, self.labels)
    }
}

/// Every metric, in the order of texts and tables.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "deployment_attempts_total",
        kind: Kind::Counter,
        labels: samples::WHERE,
        help: "Executions of the deploy command that ended or were lost, counted under the role that ran them.",
        samples: samples::attempts,
    },
    Metric {
        name: "deployment_success_total",
        kind: Kind::Counter,
        labels: samples::WHERE,
        help: "Deployments that ended succeeded; one that a standby finished is one success.",
        samples: samples::successes,
    },
    Metric {
        name: "deployment_failure_total",
        kind: Kind::Counter,
        labels: samples::WHERE_AND_WHY,
        help: "Deployments that ended failed or never began.",
        samples: samples::failures,
    },
    Metric {
        name: "deployment_duration_seconds",
        kind: Kind::Histogram,
        labels: samples::WHERE,
        help: "From the first claim to the end, of deployments that ended succeeded or failed.",
        samples: samples::durations,
    },
    Metric {
        name: "deployment_failover_total",
        kind: Kind::Counter,
        labels: samples::WHY,
        help: "Takeovers, counted under the role that took over.",
        samples: samples::failovers,
    },
    Metric {
        name: "deployment_failover_success_total",
        kind: Kind::Counter,
        labels: samples::WHY,
        help: "Deployments that ended succeeded after a takeover, by the reason of the last one.",
        samples: samples::failover_successes,
    },
    Metric {
        name: "preflight_check_failures_total",
        kind: Kind::Counter,
        labels: samples::CHECK,
        help: "Preflight checks that failed, by the check's id.",
        samples: samples::preflight_failures,
    },
    Metric {
        name: "health_gate_failures_total",
        kind: Kind::Counter,
        labels: samples::SERVICE,
        help: "Health gates that failed or could not be asked although they are required.",
        samples: samples::gate_failures,
    },
    Metric {
        name: "health_gate_status",
        kind: Kind::Gauge,
        labels: samples::SERVICE,
        help: "What the newest judgement of the health gates came to: 1 where the gate passed or only warned, 0 where it failed or could not be asked.",
        samples: samples::gate_status,
    },
    Metric {
        name: "health_gate_duration_seconds",
        kind: Kind::Gauge,
        labels: samples::SERVICE,
        help: "How long the newest judgement of the health gate took.",
        samples: samples::gate_durations,
    },
    Metric {
        name: "deployment_queue_depth",
        kind: Kind::Gauge,
        labels: &[],
        help: "Deployments that wait behind another: in GitHub's concurrency group or for the lease, whichever are more.",
        samples: samples::queue_depth,
    },
    Metric {
        name: "deployment_success_ratio_30d",
        kind: Kind::Gauge,
        labels: &[],
        help: "Of the deployments of the last 30 UTC days, the share that succeeded, from 0 to 1; absent where there was none.",
        samples: samples::success_ratio,
    },
    Metric {
        name: "deployment_duration_p95_seconds_30d",
        kind: Kind::Gauge,
        labels: &[],
        help: "What 95 % of the deployments of the last 30 UTC days took at most; absent where there was none.",
        samples: samples::duration_p95,
    },
    Metric {
        name: "deployment_failover_success_ratio_30d",
        kind: Kind::Gauge,
        labels: &[],
        help: "Of the takeovers of the last 30 UTC days, the share that a successful deployment came of, from 0 to 1; absent where there was none.",
        samples: samples::failover_success_ratio,
    },
    Metric {
        name: "deployment_ledger_created_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the ledger began; tells a new ledger from an old one.",
        samples: samples::ledger_created,
    },
    Metric {
        name: "deployment_last_success_timestamp_seconds",
        kind: Kind::Gauge,
        labels: samples::LINE,
        help: "When the newest deployment that succeeded ended.",
        samples: samples::last_success,
    },
    Metric {
        name: "deployment_last_duration_seconds",
        kind: Kind::Gauge,
        labels: samples::LINE,
        help: "What the newest deployment that ended succeeded or failed took, from the first claim to the end.",
        samples: samples::last_duration,
    },
];

/// [`METRICS`] as a table in Markdown, for a page that is checked against it.
pub fn markdown_table() -> String {
    let mut table =
        "| metric | type | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric
            .labels
            .iter()
            .chain([&ROLE])
            .map(|label| format!("`{label}`"))
            .collect();
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name,
            metric.kind,
            labels.join(", "),
            metric.help
        ));
    }
    table
}
