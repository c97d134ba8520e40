//! What was seen in one round, or in all.

use std::{collections::BTreeMap, fmt, time::Duration};

use baton_tests::target::Said;
use ledger::{Event, Outcome};

use crate::{plan::Plan, play::Played, stage::Stage, verdict};

/// Counts by name.
type Counts = BTreeMap<String, usize>;

#[derive(Debug, Default)]
pub(crate) struct Figures {
    rounds: Counts,
    faults: Counts,
    takeovers: Counts,
    ends: Counts,
    /// At the target, from the last line of a holder to the first of its successor after silence, by store and timing.
    gaps: BTreeMap<String, Vec<Duration>>,
    lines: usize,
    /// Tokens that a store gave out once more, because it had forgotten it.
    given_twice: usize,
}

impl Figures {
    pub(crate) fn of(plan: &Plan, stage: &Stage, played: &Played) -> Figures {
        let mut figures = Figures::default();
        let store = plan.store.name();
        let kind = match (plan.forgetful, plan.guarded) {
            (true, _) => "forgetful",
            (false, true) => "guarded",
            (false, false) => "unguarded",
        };
        count(&mut figures.rounds, format!("{store}, {kind}"));
        for happening in &plan.happenings {
            if let Some(name) = happening.fault.name() {
                count(&mut figures.faults, name);
            }
        }
        let lines = stage.scene.target().lines();
        figures.lines = lines.len();
        figures.given_twice = verdict::given_twice(&played.ever());
        let timing = if plan.lease.is_some() {
            "5s"
        } else {
            "default"
        };
        for entry in played.books.iter().flat_map(|b| &b.entries) {
            match &entry.event {
                Event::Failover { reason, .. } => {
                    count(&mut figures.takeovers, format!("{store}, {reason}"));
                    let next = lines
                        .iter()
                        .position(|l| l.token == entry.token && l.said == Said::Start);
                    let Some(next) = next.filter(|_| reason.to_string() == "primary_unreachable")
                    else {
                        continue;
                    };
                    if let Some(before) = next.checked_sub(1).map(|n| &lines[n])
                        && before.token + 1 == entry.token
                    {
                        let gap = lines[next].at.saturating_sub(before.at);
                        let name = format!("{store}, {timing}");
                        figures.gaps.entry(name).or_default().push(gap);
                    }
                }
                Event::DeploymentFinished {
                    outcome, reason, ..
                } => {
                    let end = match (outcome, reason) {
                        (Outcome::Failed, Some(reason)) => format!("failed ({reason})"),
                        (outcome, _) => outcome.to_string(),
                    };
                    count(&mut figures.ends, end);
                }
                _ => {}
            }
        }
        figures
    }

    pub(crate) fn add(&mut self, other: Figures) {
        for (into, from) in [
            (&mut self.rounds, other.rounds),
            (&mut self.faults, other.faults),
            (&mut self.takeovers, other.takeovers),
            (&mut self.ends, other.ends),
        ] {
            for (name, number) in from {
                *into.entry(name).or_default() += number;
            }
        }
        for (name, gaps) in other.gaps {
            self.gaps.entry(name).or_default().extend(gaps);
        }
        self.lines += other.lines;
        self.given_twice += other.given_twice;
    }

    /// Whether anything was ever deployed.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines == 0
    }
}

fn count(counts: &mut Counts, name: impl Into<String>) {
    *counts.entry(name.into()).or_default() += 1;
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (title, counts) in [
            ("rounds", &self.rounds),
            ("faults", &self.faults),
            ("takeovers", &self.takeovers),
            ("ends of deployments", &self.ends),
        ] {
            writeln!(f, "{title}: {}", counts.values().sum::<usize>())?;
            for (name, number) in counts {
                writeln!(f, "  {number:>5}  {name}")?;
            }
        }
        writeln!(
            f,
            "silence at the target before a takeover of an unreachable primary:"
        )?;
        for (name, gaps) in &self.gaps {
            let mut gaps = gaps.clone();
            gaps.sort();
            let (median, worst) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
            writeln!(
                f,
                "  {:>5}  {name}: median {:.1} s, longest {:.1} s",
                gaps.len(),
                median.as_secs_f64(),
                worst.as_secs_f64()
            )?;
        }
        writeln!(f, "tokens given twice: {}", self.given_twice)?;
        write!(f, "lines at the targets: {}", self.lines)
    }
}
