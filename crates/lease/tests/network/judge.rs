//! The judge. Of what happened it reads the target's log and the ledger; of the script, whom nothing was done to.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use lease::protocol::{Command, Conclusion};
use ledger::{Draft, Entry, Event, Outcome, Tip};

use crate::{
    play::Played,
    script::Script,
    target::{Span, TreeEnd},
};

/// Everything that must not be; nothing where all promises are kept.
pub(crate) fn judge(played: &Played) -> Vec<String> {
    let mut judge = Judge {
        script: &played.script,
        spans: &played.spans,
        chain: &played.store.chain,
        problems: played.problems.clone(),
    };
    judge.one_deployer_at_a_time();
    judge.tokens_only_grow();
    judge.every_run_is_told();
    judge.the_chain_is_whole(played.store.tip.as_deref());
    judge.ends_are_final();
    judge.the_healthy_are_left_alone();
    judge.everything_ends(played);
    judge.problems
}

struct Judge<'a> {
    script: &'a Script,
    /// The target's log.
    spans: &'a [Span],
    /// The ledger, and when each entry came to stand there.
    chain: &'a [(Duration, Entry)],
    problems: Vec<String>,
}

impl Judge<'_> {
    fn problem(&mut self, text: String) {
        self.problems.push(text);
    }

    fn acting(&self) -> Vec<&Span> {
        let mut acting: Vec<_> = self.spans.iter().filter(|span| span.acts()).collect();
        acting.sort_by_key(|span| span.from);
        acting
    }

    fn of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a (Duration, Entry)> {
        let of = move |(_, entry): &&(Duration, Entry)| entry.deployment.id == id;
        self.chain.iter().filter(of)
    }

    /// Promise 2: a holder's tree is dead before the next token is granted.
    fn one_deployer_at_a_time(&mut self) {
        let acting = self.acting();
        let mut problems = Vec::new();
        for (n, one) in acting.iter().enumerate() {
            for other in &acting[n + 1..] {
                if other.from < one.to {
                    problems.push(format!("two deployers live: {one:?} and {other:?}"));
                }
            }
        }
        self.problems.extend(problems);
    }

    /// Promise 1, as the target sees it.
    fn tokens_only_grow(&mut self) {
        let acting = self.acting();
        let mut effects: Vec<_> = acting
            .iter()
            .flat_map(|span| span.effects().map(|at| (at, span.token)))
            .collect();
        effects.sort_by_key(|(at, _)| *at);
        let back = effects.windows(2).find(|pair| pair[1].1 < pair[0].1);
        let back = back.map(|pair| format!("the token of effects falls: {pair:?}"));
        let mut owners = BTreeMap::new();
        let told = self
            .chain
            .iter()
            .filter_map(|(_, entry)| match entry.event {
                Event::AttemptStarted { .. } => {
                    let by = entry.by.as_ref().map_or(0, |party| party.candidate);
                    Some((entry.token, (entry.deployment.id.as_str(), by)))
                }
                _ => None,
            });
        let acted = acting
            .iter()
            .map(|span| (span.token, (span.deployment.as_str(), span.candidate)));
        let mut shared = Vec::new();
        for (token, owner) in told.chain(acted) {
            let known = owners.entry(token).or_insert(owner);
            if *known != owner {
                shared.push(format!("token {token} belongs to {known:?} and {owner:?}"));
            }
        }
        self.problems.extend(back);
        self.problems.extend(shared);
    }

    /// Nothing runs that the ledger does not tell of, before it runs.
    fn every_run_is_told(&mut self) {
        let untold: Vec<_> = self
            .spans
            .iter()
            .filter(|span| {
                let told = |event: &Event| match span.command {
                    Command::Deploy => matches!(event, Event::AttemptStarted { .. }),
                    Command::OnFailure => matches!(event, Event::OnFailureStarted),
                    Command::Gates => true,
                };
                !self.of(&span.deployment).any(|(at, entry)| {
                    *at <= span.from
                        && (entry.token == span.token || !span.acts())
                        && told(&entry.event)
                })
            })
            .map(|span| format!("the ledger does not tell of {span:?}"))
            .collect();
        self.problems.extend(untold);
    }

    /// Entries stand in their order, and the tip is what they make.
    fn the_chain_is_whole(&mut self, tip: Option<&str>) {
        let mut made = Tip::default();
        let entries: Vec<_> = self.chain.iter().map(|(_, entry)| entry).collect();
        for swap in entries.chunk_by(|a, b| a.nonce == b.nonce) {
            let drafts = swap.iter().map(|entry| Draft {
                deployment: entry.deployment.clone(),
                by: entry.by.clone(),
                token: entry.token,
                event: entry.event.clone(),
            });
            let (again, next) = made.extend(&swap[0].nonce, swap[0].at, drafts.collect());
            if !again.iter().eq(swap.iter().copied()) {
                self.problem(format!("entry {} stands in a wrong place", swap[0].seq));
            }
            made = next;
        }
        let stands = tip.map_or(Tip::default(), |tip| serde_json::from_str(tip).unwrap());
        if serde_json::to_value(&stands).unwrap() != serde_json::to_value(&made).unwrap() {
            self.problem("the tip is not what the entries make".to_owned());
        }
    }

    /// Promise 5, and nothing is executed after it.
    fn ends_are_final(&mut self) {
        let mut ended: BTreeMap<&str, Duration> = BTreeMap::new();
        let mut problems = Vec::new();
        for (at, entry) in self.chain {
            let id = entry.deployment.id.as_str();
            let finishes = matches!(entry.event, Event::DeploymentFinished { .. });
            let is_over = ended.contains_key(id);
            if is_over && finishes {
                problems.push(format!("{id} ends twice"));
            } else if is_over && !entry.event.is_bookkeeping() {
                problems.push(format!("{} after the end", entry.subject()));
            } else if finishes {
                ended.insert(id, *at);
            }
        }
        for span in self.spans {
            let end = ended.get(span.deployment.as_str());
            let last = if span.acts() { span.to } else { span.from };
            if end.is_some_and(|end| last > *end) {
                problems.push(format!("its deployment is over: {span:?}"));
            }
        }
        self.problems.extend(problems);
    }

    /// While requests take as long as they may, nobody is fenced or replaced to whom nothing was done.
    fn the_healthy_are_left_alone(&mut self) {
        if !self.script.is_fair() {
            return;
        }
        let healthy = |leg: &str| !self.script.touched.contains(leg);
        // Its own `timeout` may stop a command within its attempt.
        let hasty: BTreeSet<_> = self
            .script
            .legs()
            .filter(|leg| leg.config.timeout < leg.config.attempt_timeout)
            .map(|leg| leg.name.as_str())
            .collect();
        let disturbed: Vec<_> = self
            .spans
            .iter()
            .filter(|span| {
                let cut_short = match span.end {
                    TreeEnd::Stopped => !hasty.contains(span.leg.as_str()),
                    TreeEnd::Fenced | TreeEnd::Orphaned => true,
                    TreeEnd::Succeeded | TreeEnd::Failed | TreeEnd::TimedOut => false,
                };
                healthy(&span.leg) && cut_short
            })
            .map(|span| format!("nothing was done to it: {span:?}"))
            .collect();
        self.problems.extend(disturbed);
        let lost: Vec<_> = self
            .chain
            .iter()
            .filter_map(|(_, entry)| match &entry.event {
                Event::AttemptFinished { party, outcome, .. } => {
                    let run = entry.deployment.run_number;
                    let leg = format!("leg-{run}-{}", party.candidate);
                    let lost = *outcome == ledger::AttemptOutcome::Lost;
                    (lost && healthy(&leg)).then(|| format!("{leg} is given up and is well"))
                }
                _ => None,
            })
            .collect();
        self.problems.extend(lost);
    }

    /// Every deployment ends, or is held, where somebody healthy is left to see to it.
    fn everything_ends(&mut self, played: &Played) {
        if !played.quiet {
            self.problem("somebody still waits".to_owned());
        }
        let runs: BTreeMap<_, _> = self
            .script
            .legs()
            .map(|leg| {
                (
                    leg.config.deployment.id.as_str(),
                    leg.config.deployment.run_number,
                )
            })
            .collect();
        for (id, run) in runs {
            let over = self.of(id).any(|(_, entry)| {
                matches!(
                    entry.event,
                    Event::DeploymentFinished { .. } | Event::Held { .. }
                )
            });
            let verdict = played.ends.get(&format!("verdict-{run}"));
            let watched = verdict.is_some_and(|end| !matches!(end, Conclusion::StoreLost(_)));
            let carried = self.script.legs().any(|leg| {
                let mine = leg.config.deployment.id == id;
                let went_on = matches!(
                    played.ends.get(&leg.name),
                    None | Some(
                        Conclusion::Proceed {
                            finished: false,
                            ..
                        } | Conclusion::HandedOver { .. }
                            | Conclusion::RollingBack { .. }
                    )
                );
                mine && !self.script.touched.contains(&leg.name) && !went_on
            });
            if !over && (watched || carried) {
                self.problem(format!("{id} never ended"));
            }
            if let Some(Conclusion::Judged(verdict)) = verdict {
                let told = self.of(id).any(|(_, entry)| match &entry.event {
                    Event::DeploymentFinished { outcome, .. } => *outcome == verdict.outcome,
                    Event::Held { .. } => verdict.outcome == Outcome::Held,
                    _ => false,
                });
                if !told {
                    self.problem(format!("verdict-{run} says {verdict:?}"));
                }
            }
        }
    }
}
