//! A world for the pure core: gates without probes, tries whose answers and lengths are handed in, and a clock that
//! jumps from one event to the next.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use probes::{Answer, Observation, Probe, ProbeFuture};
use tokio::time::Instant;

use super::super::{Effect, Event, State};
use crate::{
    Gate, Patience,
    judgement::{Judged, Options},
};

/// Nobody asks it: the world answers.
struct Unasked;

impl Probe for Unasked {
    fn identity(&self) -> String {
        "scripted".to_owned()
    }

    fn check(&self, _deadline: Instant) -> ProbeFuture<'_> {
        unreachable!("the core asks nobody")
    }
}

pub(super) const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(300),
    try_timeout: Duration::from_secs(10),
    initial_delay: Duration::ZERO,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    max_tries: None,
    successes: 1,
    failure_limit: None,
};

pub(super) fn gate(name: &str, depends_on: &[usize], patience: Patience) -> Gate {
    Gate {
        name: name.to_owned(),
        kind: "scripted",
        probe: Arc::new(Unasked),
        depends_on: depends_on.to_vec(),
        patience,
        required: true,
        line: None,
    }
}

/// One try: what it answers, how long it takes (at most until its deadline), and the jitter of the wait after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Try {
    pub(super) answer: Answer,
    pub(super) takes: Duration,
    pub(super) jitter: u32,
}

/// One try as it came to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) gate: usize,
    pub(super) at: Duration,
    pub(super) deadline: Duration,
    /// When it answered and what; nothing where it was dropped.
    pub(super) answered: Option<(Duration, Answer)>,
}

/// What a run came to.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) tries: Vec<Asked>,
    pub(super) most_at_once: usize,
    /// By gate.
    pub(super) judged: BTreeMap<usize, Judged>,
    pub(super) turned: Vec<(usize, Duration)>,
    pub(super) stopped: bool,
}

impl Told {
    /// How many tries a gate had.
    pub(super) fn tries_of(&self, gate: usize) -> Vec<Asked> {
        let mine = self.tries.iter().filter(|asked| asked.gate == gate);
        mine.copied().collect()
    }
}

/// Runs the core to its end. `script` gives each try of a gate by its number, from 0.
pub(super) fn run(
    gates: &[Gate],
    options: Options,
    stop_at: Option<Duration>,
    script: impl Fn(usize, usize) -> Try,
) -> Told {
    let mut state = State::new(gates, options);
    let mut told = Told::default();
    let mut now = Duration::ZERO;
    // By the time of the answer: the try's place in `told.tries`, and its script.
    let mut under_way: BTreeMap<(Duration, usize), Try> = BTreeMap::new();
    let mut event = Event::Begin;
    for _ in 0..100_000 {
        for effect in state.step(event, now) {
            match effect {
                Effect::Ask { gate, deadline } => {
                    let planned = script(gate, told.tries_of(gate).len());
                    let at = now.saturating_add(planned.takes).min(deadline);
                    under_way.insert((at, told.tries.len()), planned);
                    told.tries.push(Asked {
                        gate,
                        at: now,
                        deadline,
                        answered: None,
                    });
                }
                Effect::Turned { gate, next } => told.turned.push((gate, next)),
                Effect::Ended { gate } => {
                    let judged = state.judged(gate).expect("an ended gate is judged");
                    let before = told.judged.insert(gate, judged);
                    assert!(before.is_none(), "gate {gate} ended twice");
                }
            }
        }
        told.most_at_once = told.most_at_once.max(under_way.len());
        if state.is_over() {
            told.stopped = state.stopped();
            return told;
        }
        let (due, answer) = (state.due(), under_way.keys().next().copied());
        let next = [due, answer.map(|(at, _)| at), stop_at]
            .into_iter()
            .flatten()
            .min()
            .expect("an open judgement waits for something");
        assert!(next >= now, "time never runs back");
        now = next;
        event = if stop_at == Some(now) {
            under_way.clear();
            Event::Stop
        } else if let Some(key) = answer.filter(|(at, _)| *at == now) {
            let planned = under_way.remove(&key).expect("it is under way");
            let asked = &mut told.tries[key.1];
            asked.answered = Some((now, planned.answer));
            Event::Answered {
                gate: asked.gate,
                observation: Observation {
                    answer: planned.answer,
                    seen: format!("{:?}", planned.answer),
                    took: now - asked.at,
                },
                jitter: planned.jitter,
            }
        } else {
            Event::Due
        };
    }
    panic!("the judgement does not end");
}
