//! A ledger that deployments are written to, and what its totals come to in the words of Prometheus.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ledger::{
    AttemptOutcome, Counter, Deployment, Draft, Event, FailureReason, Gate, GateStatus, Outcome,
    Party, PreflightResult, Role, TakeoverReason, Timestamp, Tip,
};
use metrics::{Moment, Subject};

/// A series by its labels, sorted, those without a value left out; its name is the label `__name__`.
pub(crate) type Series = BTreeMap<String, String>;

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Timestamp(u64::try_from(since.as_millis()).unwrap())
}

/// The moment this long ago.
pub(crate) fn ago(time: Duration) -> Timestamp {
    Timestamp(now().0 - u64::try_from(time.as_millis()).unwrap())
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One deployment to be written down.
#[derive(Clone, Copy)]
pub(crate) struct Told {
    pub(crate) branch: &'static str,
    pub(crate) role: Role,
    pub(crate) took: Duration,
    pub(crate) failed: Option<FailureReason>,
}

impl Default for Told {
    fn default() -> Told {
        Told {
            branch: "main",
            role: Role::Primary,
            took: Duration::from_secs(90),
            failed: None,
        }
    }
}

/// A ledger of one lock.
#[derive(Clone)]
pub(crate) struct Ledger {
    pub(crate) subject: Subject,
    pub(crate) tip: Tip,
    runs: u64,
}

impl Ledger {
    pub(crate) fn new(lock: &str) -> Ledger {
        Ledger {
            subject: Subject {
                lock: lock.to_owned(),
                environment: "production".to_owned(),
                repository: "octo/shop".to_owned(),
            },
            tip: Tip::default(),
            runs: 0,
        }
    }

    /// A whole deployment that ends at `end`. What the secondary carries out was the primary's before.
    pub(crate) fn deploy(&mut self, end: Timestamp, told: Told) {
        self.runs += 1;
        let run = format!("octo/shop/{}", 9000 + self.runs);
        let deployment = Deployment {
            id: format!("{run}/1"),
            run,
            workflow: ".github/workflows/deploy \"it\".yml".to_owned(),
            git_ref: format!("refs/heads/{}", told.branch),
            run_number: self.runs,
            run_attempt: 1,
            ..Deployment::default()
        };
        let start = Timestamp(end.0 - u64::try_from(told.took.as_millis()).unwrap());
        let by = party(told.role);
        let mut say = |at, event| {
            let draft = Draft {
                deployment: deployment.clone(),
                by: Some(by.clone()),
                token: self.runs,
                event,
            };
            let nonce = format!("{}-{}", self.runs, self.tip.seq);
            self.tip = self.tip.extend(&nonce, at, vec![draft]).1;
        };
        say(start, Event::DeploymentStarted);
        if told.role == Role::Secondary {
            say(start, attempt(party(Role::Primary), false));
            let failover = Event::Failover {
                from: Some(party(Role::Primary)),
                to: party(Role::Secondary),
                reason: TakeoverReason::PrimaryExitCode,
            };
            say(start, failover);
        }
        let checked = told.failed != Some(FailureReason::Preflight);
        let preflight = Event::Preflight {
            result: if checked {
                PreflightResult::Pass
            } else {
                PreflightResult::Fail
            },
            failed: if checked {
                Vec::new()
            } else {
                vec!["runner.disk".to_owned()]
            },
        };
        say(start, preflight);
        say(end, attempt(by.clone(), told.failed.is_none()));
        let gate = Gate {
            service: "api".to_owned(),
            status: if told.failed == Some(FailureReason::Gates) {
                GateStatus::Fail
            } else {
                GateStatus::Pass
            },
            tries: 1,
            took: Duration::from_secs(1),
            seen: String::new(),
        };
        say(end, Event::Gates { gates: vec![gate] });
        let finished = Event::DeploymentFinished {
            outcome: if told.failed.is_none() {
                Outcome::Succeeded
            } else {
                Outcome::Failed
            },
            reason: told.failed,
            detail: String::new(),
        };
        say(end, finished);
    }

    pub(crate) fn moment(&self) -> Moment<'_> {
        Moment {
            tip: &self.tip,
            now: now(),
            queue_depth: 0,
        }
    }

    /// Every total of the ledger, as the recorded `role:…:total` show it where they are right.
    pub(crate) fn totals(&self) -> BTreeMap<Series, f64> {
        let totals = &self.tip.totals;
        let counters: [(&str, &Vec<Counter>); 7] = [
            ("deployment_attempts", &totals.attempts),
            ("deployment_success", &totals.successes),
            ("deployment_failure", &totals.failures),
            ("deployment_failover", &totals.failovers),
            ("deployment_failover_success", &totals.failover_successes),
            ("preflight_check_failures", &totals.preflight_failures),
            ("health_gate_failures", &totals.gate_failures),
        ];
        let mut all = BTreeMap::new();
        for (name, counters) in counters {
            for counter in counters {
                let series = self.series(name, &counter.labels);
                all.insert(series, counter.value as f64);
            }
        }
        for histogram in &totals.durations {
            let bounds = ledger::DURATION_BUCKETS.map(|bound| bound.to_string());
            let counts = histogram.buckets.iter().chain([&histogram.count]);
            let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
            for (bound, count) in bounds.zip(counts) {
                let mut series =
                    self.series("deployment_duration_seconds_bucket", &histogram.labels);
                series.insert("le".to_owned(), bound.to_owned());
                all.insert(series, *count as f64);
            }
            for (name, value) in [
                ("deployment_duration_seconds_count", histogram.count as f64),
                (
                    "deployment_duration_seconds_sum",
                    histogram.sum.as_secs_f64(),
                ),
            ] {
                all.insert(self.series(name, &histogram.labels), value);
            }
        }
        all
    }

    fn series(&self, name: &str, labels: &ledger::Labels) -> Series {
        let mut series = Series::from([
            ("__name__".to_owned(), format!("role:{name}:total")),
            ("lock".to_owned(), self.subject.lock.clone()),
        ]);
        for (label, value) in labels {
            if !value.is_empty() {
                series.insert(label.clone(), value.clone());
            }
        }
        series
    }
}

/// How much more `after` is than `before`, by the series of `…:growth1h`: both roles together.
pub(crate) fn growth(
    before: &BTreeMap<Series, f64>,
    after: &BTreeMap<Series, f64>,
) -> BTreeMap<Series, f64> {
    let mut grown = BTreeMap::new();
    for (series, value) in after {
        let name = series["__name__"].as_str();
        let name = name
            .strip_prefix("role:")
            .unwrap()
            .strip_suffix(":total")
            .unwrap();
        let mut of = series.clone();
        of.remove("role");
        of.insert("__name__".to_owned(), format!("{name}:growth1h"));
        *grown.entry(of).or_insert(0.0) += value - before.get(series).copied().unwrap_or_default();
    }
    grown
}

fn attempt(party: Party, succeeded: bool) -> Event {
    Event::AttemptFinished {
        party,
        number: 1,
        outcome: if succeeded {
            AttemptOutcome::Succeeded
        } else {
            AttemptOutcome::ExitCode
        },
        detail: String::new(),
        ran: Duration::from_secs(60),
        last_lines: Vec::new(),
    }
}

fn party(role: Role) -> Party {
    let candidate = if role == Role::Primary { 1 } else { 2 };
    Party {
        candidate,
        role,
        runner: format!("runner-{candidate}"),
        // One group is known, the other is not: an empty label.
        runner_group: if candidate == 1 {
            "blue".to_owned()
        } else {
            String::new()
        },
        boot_id: String::new(),
    }
}
