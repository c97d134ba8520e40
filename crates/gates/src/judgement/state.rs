//! The judgement as a pure function: [`State::step`] takes what happened and when, and says what is to be done. No
//! clock, no I/O, no randomness: time is a parameter, jitter comes with each answer.
//!
//! Times are counted from the beginning of the judgement.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use probes::{Answer, Observation};

use super::{
    End, Judged, Options,
    course::{Course, Next},
};
use crate::Gate;

/// What happened.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// The judgement begins: always the first event, and only that.
    Begin,
    /// The time is there that [`State::due`] told.
    Due,
    /// A try that was asked for has ended.
    Answered {
        /// The gate's place in the list.
        gate: usize,
        /// What it saw.
        observation: Observation,
        /// A random number, evenly spread over `u32`.
        jitter: u32,
    },
    /// The judgement is to end now. Tries under way no longer matter.
    Stop,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Ask this gate; the answer is wanted by the deadline.
    Ask {
        /// Its place in the list.
        gate: usize,
        /// By when.
        deadline: Duration,
    },
    /// A try saw something else than the one before it; the next comes after this wait.
    Turned {
        /// The gate's place in the list.
        gate: usize,
        /// The wait.
        next: Duration,
    },
    /// This gate has ended: [`State::judged`] has how.
    Ended {
        /// Its place in the list.
        gate: usize,
    },
}

/// Where a gate stands.
#[derive(Debug)]
enum Phase {
    /// So many gates that it depends on have not passed yet.
    Held { by: usize },
    /// It is asked, or asked again, when its timer says so.
    Waiting,
    /// It could be asked, and waits for its turn; its timer is its end, where that is known.
    Ready { since: Duration },
    /// A try is under way. No timer: who asks sees to it that an answer comes.
    Asked { since: Duration },
    /// It has ended.
    Ended { how: End, at: Duration },
}

/// One gate of the list.
#[derive(Debug)]
struct Place {
    phase: Phase,
    course: Course,
    /// Until when it must have passed; known from its first turn on, far away before.
    end: Duration,
    began: Option<Duration>,
    /// How long it waited for turns after the first.
    queued: Duration,
    /// How long the try under way had taken when a stop cut it off.
    cut_off: Option<Duration>,
    /// Those that depend on it.
    dependents: Vec<usize>,
}

/// All gates of a judgement.
pub(super) struct State<'a> {
    gates: &'a [Gate],
    options: Options,
    places: Vec<Place>,
    /// When something becomes due, by time; at most one entry a gate, and only for `Waiting` and `Ready`.
    timers: BTreeSet<(Duration, usize)>,
    /// Whose turn it is: first come, first served, so that nobody starves. Gates that are no longer `Ready` are passed
    /// over.
    turns: VecDeque<usize>,
    under_way: usize,
    open: usize,
    stopped: bool,
}

impl<'a> State<'a> {
    /// Before the beginning.
    pub(super) fn new(gates: &'a [Gate], options: Options) -> State<'a> {
        let mut places: Vec<Place> = gates
            .iter()
            .map(|_| Place {
                phase: Phase::Held { by: 0 },
                course: Course::default(),
                end: Duration::MAX,
                began: None,
                queued: Duration::ZERO,
                cut_off: None,
                dependents: Vec::new(),
            })
            .collect();
        if !options.once {
            for (number, gate) in gates.iter().enumerate() {
                let needed: BTreeSet<usize> = gate.depends_on.iter().copied().collect();
                places[number].phase = Phase::Held { by: needed.len() };
                for one in needed {
                    if let Some(place) = places.get_mut(one) {
                        place.dependents.push(number);
                    }
                }
            }
        }
        State {
            gates,
            options,
            open: places.len(),
            places,
            timers: BTreeSet::new(),
            turns: VecDeque::new(),
            under_way: 0,
            stopped: false,
        }
    }

    /// Takes in what happened at `now`, which never runs back, and says what is to be done, in order.
    pub(super) fn step(&mut self, event: Event, now: Duration) -> Vec<Effect> {
        let mut effects = Vec::new();
        match event {
            Event::Begin => {
                for gate in 0..self.places.len() {
                    if let Phase::Held { by: 0 } = self.places[gate].phase {
                        self.admit(gate, now);
                    }
                }
            }
            Event::Due => {}
            Event::Answered {
                gate,
                observation,
                jitter,
            } => self.answered(gate, &observation, jitter, now, &mut effects),
            Event::Stop => self.stop(now, &mut effects),
        }
        self.wake(now, &mut effects);
        self.ask(now, &mut effects);
        self.untie(now, &mut effects);
        effects
    }

    /// When [`Event::Due`] is wanted next.
    pub(super) fn due(&self) -> Option<Duration> {
        self.timers.first().map(|(due, _)| *due)
    }

    /// Whether every gate has ended.
    pub(super) fn is_over(&self) -> bool {
        self.open == 0
    }

    /// Whether it was stopped while a gate was open.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// What the last try of a gate came to, for [`Effect::Turned`]: tries so far, answer, sight.
    pub(super) fn last(&self, gate: usize) -> Option<(u32, Answer, &str)> {
        let course = &self.places[gate].course;
        let turn = course.history.last()?;
        Some((course.tries, turn.answer, &turn.seen))
    }

    /// What became of a gate, once, after its [`Effect::Ended`]; nothing before.
    pub(super) fn judged(&mut self, number: usize) -> Option<Judged> {
        let (gate, place) = (&self.gates[number], &mut self.places[number]);
        let Phase::Ended { how, at } = &place.phase else {
            return None;
        };
        let course = std::mem::take(&mut place.course);
        Some(Judged {
            name: gate.name.clone(),
            kind: gate.kind,
            target: gate.probe.identity(),
            status: course.status(how, gate.required),
            required: gate.required,
            end: how.clone(),
            seen: course.seen(how, gate.patience.successes),
            tries: course.tries,
            cut_off: place.cut_off,
            queued: place.queued,
            began: place.began,
            ended: *at,
            last_try: course.last_try,
            history: course.history.into_turns(),
        })
    }

    /// A gate whose dependencies have passed: it is asked after its delay. Its time starts with its first turn (with its
    /// delay counted in), for how many gates stand before it says nothing of its target. It comes to that turn, since turns
    /// go in order and every try before it ends.
    fn admit(&mut self, gate: usize, now: Duration) {
        let patience = &self.gates[gate].patience;
        let place = &mut self.places[gate];
        let until = if self.options.once {
            // A dry run has no time of its own to run out: each gate's one try bounds it.
            now
        } else {
            if patience.initial_delay >= patience.timeout {
                // There is no time left in which it could be asked.
                place.end = now.saturating_add(patience.timeout);
            }
            now.saturating_add(patience.initial_delay).min(place.end)
        };
        place.phase = Phase::Waiting;
        self.timers.insert((until, gate));
    }

    /// What has become due: waits that are over, and gates whose time ran out before they got their turn.
    fn wake(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        while let Some((due, gate)) = self.timers.first().copied()
            && due <= now
        {
            self.timers.remove(&(due, gate));
            let end = self.places[gate].end;
            if end <= now {
                let after = self.gates[gate].patience.timeout;
                self.end(gate, End::TimedOut { after }, now, effects);
            } else {
                self.places[gate].phase = Phase::Ready { since: due };
                if end < Duration::MAX {
                    self.timers.insert((end, gate));
                }
                self.turns.push_back(gate);
            }
        }
    }

    /// Gives turns as long as tries may begin.
    fn ask(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        while self.under_way < self.options.parallel.max(1)
            && let Some(gate) = self.turns.pop_front()
        {
            let place = &mut self.places[gate];
            let Phase::Ready { since } = place.phase else {
                continue;
            };
            self.timers.remove(&(place.end, gate));
            place.phase = Phase::Asked { since: now };
            self.under_way += 1;
            let patience = &self.gates[gate].patience;
            if place.began.is_some() {
                place.queued += now.saturating_sub(since);
            } else {
                place.began = Some(now);
                if !self.options.once {
                    let time = patience.timeout.saturating_sub(patience.initial_delay);
                    place.end = now.saturating_add(time);
                }
            }
            let time = patience.try_timeout.min(patience.timeout);
            let deadline = now.saturating_add(time).min(place.end);
            effects.push(Effect::Ask { gate, deadline });
        }
    }

    fn answered(
        &mut self,
        gate: usize,
        observation: &Observation,
        jitter: u32,
        now: Duration,
        effects: &mut Vec<Effect>,
    ) {
        let place = &mut self.places[gate];
        if !matches!(place.phase, Phase::Asked { .. }) {
            return;
        }
        self.under_way -= 1;
        let turned = place.course.saw(observation, now);
        if self.options.once {
            let end = match observation.answer {
                Answer::Pass => End::Passed,
                Answer::Fail | Answer::Unknown => End::Once,
            };
            self.end(gate, end, now, effects);
            return;
        }
        let rest = place.end.saturating_sub(now);
        match place.course.next(&self.gates[gate].patience, rest, jitter) {
            Next::End(end) => self.end(gate, end, now, effects),
            Next::Wait(next) => {
                let until = now.saturating_add(next);
                place.phase = Phase::Waiting;
                self.timers.insert((until, gate));
                if turned {
                    effects.push(Effect::Turned { gate, next });
                }
            }
        }
    }

    /// Gates that wait for each other, with nothing left that could happen. The reader refuses such a file; a judgement
    /// that hangs would be the worst answer to one that slipped through.
    fn untie(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        if self.under_way > 0 || !self.timers.is_empty() || self.is_over() {
            return;
        }
        for number in 0..self.places.len() {
            if matches!(self.places[number].phase, Phase::Held { .. }) {
                let by = self.gates[number].depends_on.first();
                let by = by.and_then(|by| self.gates.get(*by));
                let by = by.map(|by| by.name.clone()).unwrap_or_default();
                self.close(number, End::Blocked { by }, now, effects);
            }
        }
    }

    fn stop(&mut self, now: Duration, effects: &mut Vec<Effect>) {
        self.stopped = !self.is_over();
        self.timers.clear();
        self.turns.clear();
        self.under_way = 0;
        for gate in 0..self.places.len() {
            let place = &mut self.places[gate];
            if let Phase::Asked { since } = place.phase {
                place.cut_off = Some(now.saturating_sub(since));
                place.course.tries = place.course.tries.saturating_add(1);
            }
            if !matches!(place.phase, Phase::Ended { .. }) {
                self.close(gate, End::Stopped, now, effects);
            }
        }
    }

    /// Ends a gate, and admits or blocks those that depend on it.
    fn end(&mut self, gate: usize, how: End, now: Duration, effects: &mut Vec<Effect>) {
        let passed = how == End::Passed;
        self.close(gate, how, now, effects);
        if passed {
            for dependent in std::mem::take(&mut self.places[gate].dependents) {
                if let Phase::Held { by } = &mut self.places[dependent].phase {
                    *by -= 1;
                    if *by == 0 {
                        self.admit(dependent, now);
                    }
                }
            }
            return;
        }
        let mut blocked = std::mem::take(&mut self.places[gate].dependents);
        while let Some(one) = blocked.pop() {
            if matches!(self.places[one].phase, Phase::Held { .. }) {
                let by = self.gates[gate].name.clone();
                self.close(one, End::Blocked { by }, now, effects);
                blocked.append(&mut self.places[one].dependents);
            }
        }
    }

    fn close(&mut self, gate: usize, how: End, at: Duration, effects: &mut Vec<Effect>) {
        let place = &mut self.places[gate];
        if let (Phase::Ready { since }, Some(_)) = (&place.phase, place.began) {
            place.queued += at.saturating_sub(*since);
        }
        place.phase = Phase::Ended { how, at };
        self.open -= 1;
        effects.push(Effect::Ended { gate });
    }
}

#[cfg(test)]
mod tests;
