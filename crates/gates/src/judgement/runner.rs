//! The runner around [`State`]: asks the probes, keeps the time, draws the jitter. One task a try under way, one timer
//! for all that wait.

use std::{collections::HashMap, future::Future, pin::pin, time::Duration};

use probes::{Answer, Observation};
use tokio::{
    task::{Id, JoinError, JoinSet},
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    Judged, Judgement, Options, Progress,
    state::{Effect, Event, State},
};
use crate::Gate;

/// How much later than its deadline a try may answer before it is cut off: its own last word says more than ours.
const SLACK: Duration = Duration::from_millis(250);

/// What is said of a probe that broke down; its panic's text stays out, for it may hold anything.
const BROKEN: &str = "the question broke off inside this program, which is a defect of it";

/// Judges `gates`; `progress` is told what happens meanwhile. When `stopped` comes first, every try under way is dropped,
/// the answers that are in by then still count, and what is known so far is returned.
///
/// A probe that ignores its deadline is cut off a quarter of a second after it, which is a failed try. One that panics
/// is an unknown try, where the program unwinds at all: one built to abort on a panic ends.
///
/// It must run on a tokio runtime with timers.
pub async fn judge(
    gates: &[Gate],
    options: &Options,
    progress: impl FnMut(Progress<'_>),
    stopped: impl Future<Output = ()>,
) -> Judgement {
    let mut stopped = pin!(stopped);
    let mut run = Run {
        gates,
        state: State::new(gates, *options),
        start: Instant::now(),
        tries: Tries::default(),
        judged: gates.iter().map(|_| None).collect(),
        progress,
    };
    run.take(Event::Begin);
    while !run.state.is_over() {
        let due = run.state.due().map(|due| after(run.start, due));
        tokio::select! {
            biased;
            () = &mut stopped => {
                while let Some(joined) = run.tries.set.try_join_next_with_id() {
                    run.answered(joined);
                }
                run.take(Event::Stop);
            }
            Some(joined) = run.tries.set.join_next_with_id() => run.answered(joined),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => run.take(Event::Due),
        }
    }
    // Every try is dropped before anybody is told the result.
    run.tries.set.shutdown().await;
    Judgement {
        took: run.start.elapsed(),
        stopped: run.state.stopped(),
        gates: run.judged.into_iter().flatten().collect(),
    }
}

/// `start + time`, or far away where that cannot be counted.
fn after(start: Instant, time: Duration) -> Instant {
    const FAR: Duration = Duration::from_hours(24 * 365);
    start + time.min(FAR)
}

/// The tries under way, and whose they are.
#[derive(Default)]
struct Tries {
    set: JoinSet<Observation>,
    gates: HashMap<Id, usize>,
}

impl Tries {
    fn begin(&mut self, number: usize, gate: &Gate, deadline: Instant) {
        let probe = gate.probe.clone();
        let task = self.set.spawn(async move {
            let asked = Instant::now();
            let answer = timeout_at(deadline + SLACK, probe.check(deadline)).await;
            answer.unwrap_or_else(|_| Observation {
                answer: Answer::Fail,
                seen: format!(
                    "gave no answer within {}",
                    actions_kit::duration::format(deadline - asked)
                ),
                took: asked.elapsed(),
            })
        });
        self.gates.insert(task.id(), number);
    }
}

/// One judgement under way.
struct Run<'a, P> {
    gates: &'a [Gate],
    state: State<'a>,
    start: Instant,
    tries: Tries,
    judged: Vec<Option<Judged>>,
    progress: P,
}

impl<P: FnMut(Progress<'_>)> Run<'_, P> {
    fn answered(&mut self, joined: Result<(Id, Observation), JoinError>) {
        let (id, observation) = match joined {
            Ok(ended) => ended,
            Err(broken) => (
                broken.id(),
                Observation {
                    answer: Answer::Unknown,
                    seen: BROKEN.to_owned(),
                    took: Duration::ZERO,
                },
            ),
        };
        if let Some(gate) = self.tries.gates.remove(&id) {
            // Without a source of randomness the gates of a run only meet more often.
            let jitter = getrandom::u32().unwrap_or(u32::MAX / 2);
            self.take(Event::Answered {
                gate,
                observation,
                jitter,
            });
        }
    }

    /// Takes in what happened, and does what follows.
    fn take(&mut self, event: Event) {
        for effect in self.state.step(event, self.start.elapsed()) {
            match effect {
                Effect::Ask { gate, deadline } => {
                    let deadline = after(self.start, deadline);
                    self.tries.begin(gate, &self.gates[gate], deadline);
                }
                Effect::Turned { gate, next } => {
                    if let Some((tries, answer, seen)) = self.state.last(gate) {
                        (self.progress)(Progress::Turned {
                            gate: &self.gates[gate],
                            tries,
                            answer,
                            seen,
                            next,
                        });
                    }
                }
                Effect::Ended { gate } => {
                    if let Some(judged) = self.state.judged(gate) {
                        (self.progress)(Progress::Ended(&judged));
                        self.judged[gate] = Some(judged);
                    }
                }
            }
        }
    }
}
