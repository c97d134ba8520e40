//! A scenario: a list of steps, each a sentence and what it does. Told and played from the same list, so that the two
//! cannot differ.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use baton_tests::live::{Colour, Live, Stop, stamp};

use crate::stage::Stage;

/// Why a scenario came to no good end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Somebody wanted it to end.
    Interrupted,
    /// Something is not as it must be, in words.
    NotSo(String),
}

impl From<Stop> for End {
    fn from(stop: Stop) -> End {
        match stop {
            Stop::Interrupted => End::Interrupted,
            Stop::InVain(awaited) => End::NotSo(format!("waited in vain for {awaited}")),
        }
    }
}

/// That something is so, or else the scenario ends with these words.
pub(crate) fn ensure(so: bool, otherwise: impl FnOnce() -> String) -> Result<(), End> {
    if so {
        Ok(())
    } else {
        Err(End::NotSo(otherwise()))
    }
}

/// What a step does; it returns what was seen.
type Act = Box<dyn FnOnce(&mut Stage<'_>) -> Result<String, End>>;

/// One step.
pub(crate) struct Step {
    says: String,
    act: Act,
}

/// A step that says and does this.
pub(crate) fn step(
    says: impl Into<String>,
    act: impl FnOnce(&mut Stage<'_>) -> Result<String, End> + 'static,
) -> Step {
    Step {
        says: says.into(),
        act: Box::new(act),
    }
}

/// A list of steps with a name.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// In a few words.
    pub(crate) about: &'static str,
    /// How long it takes, roughly.
    pub(crate) seconds: u32,
    pub(crate) steps: Vec<Step>,
}

impl Scenario {
    /// What would be done.
    pub(crate) fn told(&self) -> String {
        let mut text = format!("{}: {} (about {} s)\n", self.name, self.about, self.seconds);
        for (step, number) in self.steps.iter().zip(1..) {
            text.push_str(&format!("{number:>4}. {}\n", step.says));
        }
        text.push('\n');
        text
    }

    /// Does it. How long it took, and the figures of its last line or why it failed. Nothing that it started is left.
    pub(crate) fn play(self, live: &mut Live) -> (f64, Result<String, End>) {
        let begin = Instant::now();
        live.tell(&live.paint(Colour::Bold, &format!("{}: {}", self.name, self.about)));
        let steps = self.steps;
        // What breaks on the way is this scenario's failure, and the next one is played all the same.
        let played = catch_unwind(AssertUnwindSafe(|| -> Result<String, End> {
            let mut stage = Stage::build(live);
            for step in steps {
                let now = stamp(begin.elapsed());
                stage.live.tell(&format!("{now}  {}", step.says));
                let seen = (step.act)(&mut stage)?;
                if !seen.is_empty() {
                    let now = stamp(begin.elapsed());
                    let line = format!("{now}    → {seen}");
                    stage.live.tell(&stage.live.paint(Colour::Green, &line));
                }
            }
            Ok(stage.figures())
        }));
        let ended = played.unwrap_or_else(|panic| Err(End::NotSo(words(panic.as_ref()))));
        (begin.elapsed().as_secs_f64(), ended)
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it broke off without a word").to_owned()
}
