//! The shell around the protocol: carries effects out and hands back what came of them.
//!
//! Responsible for: sending reads and swaps beside each other, waking the actor when it wants to be woken, and nothing
//! that decides anything. Time, randomness and the command's processes are the caller's, so that a simulation can put
//! its own in their place.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    protocol::{
        Alarm, Appender, Candidate, Command, Conclusion, Effect, Input, Now, Person, Watcher,
    },
    store::{Snapshot, Store, StoreFuture},
};

/// Time and randomness.
pub trait Host {
    /// The present moment.
    fn now(&self) -> Now;

    /// A fresh nonce, never returned before by anybody.
    fn nonce(&self) -> String;

    /// Waits until CLOCK_BOOTTIME reaches `boot`.
    fn sleep_until(&self, boot: Duration) -> StoreFuture<'_, ()>;
}

/// What carries out the effects that are not the store's: the supervisor, and whoever watches.
pub trait Hands {
    /// See [`Effect::Feed`].
    fn feed(&mut self, deadline: Duration);

    /// See [`Effect::Start`]. What comes of it, a refusal too, is told by [`Hands::next`].
    fn start(&mut self, command: Command, number: u32, token: u64, timeout: Duration);

    /// See [`Effect::Stop`].
    fn stop(&mut self, now: bool);

    /// See [`Effect::Say`].
    fn say(&mut self, text: &str);

    /// See [`Effect::Waiting`].
    fn waiting(&mut self, _deployments: usize) {}

    /// What happened next: [`Input::Ended`], [`Input::Stuck`] or [`Input::Signal`]. Must be cancel-safe.
    fn next(&mut self) -> impl Future<Output = Input>;
}

/// An actor of the protocol.
pub trait Actor {
    /// One step of it.
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect>;
    /// When it wants to be stepped at the latest.
    fn wake_at(&self) -> Duration;
    /// Whether it is over without an [`Effect::Finish`].
    fn is_over(&self) -> bool {
        false
    }
    /// What it waits for others to change, where it does.
    fn watches(&self) -> Option<&Snapshot> {
        None
    }
}

impl Actor for Candidate {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        Candidate::step(self, now, nonce, input)
    }
    fn wake_at(&self) -> Duration {
        Candidate::wake_at(self)
    }
    fn watches(&self) -> Option<&Snapshot> {
        self.seen().filter(|_| self.waits_for_others())
    }
}

impl Actor for Watcher {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        Watcher::step(self, now, nonce, input)
    }
    fn wake_at(&self) -> Duration {
        Watcher::wake_at(self)
    }
    fn watches(&self) -> Option<&Snapshot> {
        self.seen()
    }
}

impl Actor for Person {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        Person::step(self, now, nonce, input)
    }
    fn wake_at(&self) -> Duration {
        Person::wake_at(self)
    }
    fn is_over(&self) -> bool {
        self.end().is_some()
    }
}

impl Actor for Appender {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        Appender::step(self, now, nonce, input)
    }
    fn wake_at(&self) -> Duration {
        Appender::wake_at(self)
    }
    fn is_over(&self) -> bool {
        self.end().is_some()
    }
}

impl Actor for Alarm {
    fn step(&mut self, now: Now, nonce: &str, input: Input) -> Vec<Effect> {
        Alarm::step(self, now, nonce, input)
    }
    fn wake_at(&self) -> Duration {
        Alarm::wake_at(self)
    }
    fn is_over(&self) -> bool {
        self.end().is_some()
    }
}

/// What a task at the store came back with.
enum Answer {
    Input(Box<Input>),
    /// The store told of a change, or its time was up.
    Changed {
        early: bool,
    },
}

/// Runs an actor to its end. Nothing where it is over without a conclusion (a [`Person`], an [`Appender`], an [`Alarm`]). Requests still under way
/// then are dropped.
pub async fn run<A: Actor, T: Host, H: Hands>(
    actor: &mut A,
    store: &Arc<dyn Store>,
    poll: Duration,
    host: &T,
    hands: &mut H,
) -> Option<Conclusion> {
    let mut answers: JoinSet<Answer> = JoinSet::new();
    let mut watching = false;
    let mut input = Input::Tick;
    loop {
        for effect in actor.step(host.now(), &host.nonce(), input) {
            match effect {
                Effect::Read => {
                    let store = Arc::clone(store);
                    answers.spawn(async move {
                        Answer::Input(Box::new(Input::Read(store.read().await)))
                    });
                }
                Effect::Send(write) => {
                    let store = Arc::clone(store);
                    answers.spawn(async move {
                        let nonce = write.nonce.clone();
                        let result = store.swap(write).await.into();
                        Answer::Input(Box::new(Input::Swapped { nonce, result }))
                    });
                }
                Effect::Feed(deadline) => hands.feed(deadline),
                Effect::Start {
                    command,
                    number,
                    token,
                    timeout,
                } => hands.start(command, number, token, timeout),
                Effect::Stop { now } => hands.stop(now),
                Effect::Say(text) => hands.say(&text),
                Effect::Waiting(deployments) => hands.waiting(deployments),
                Effect::Finish(conclusion) => return Some(*conclusion),
            }
        }
        if actor.is_over() {
            return None;
        }
        if let (false, Some(seen)) = (watching, actor.watches()) {
            watching = true;
            let (store, seen) = (Arc::clone(store), seen.version.clone());
            answers.spawn(async move {
                let begin = tokio::time::Instant::now();
                store.changed(seen, poll).await;
                Answer::Changed {
                    early: begin.elapsed() < poll,
                }
            });
        }
        input = tokio::select! {
            biased;
            input = hands.next() => input,
            Some(answer) = answers.join_next() => match answer {
                Ok(Answer::Input(input)) => *input,
                Ok(Answer::Changed { early }) => {
                    watching = false;
                    if early { Input::Changed } else { Input::Tick }
                }
                // A task of the store that panicked told nothing; its time-out is the actor's to notice.
                Err(_) => Input::Tick,
            },
            () = host.sleep_until(actor.wake_at()) => Input::Tick,
        };
    }
}
