//! What stands beside the step on the run's page.

use actions_kit::{Status, command::Level};
use gates::judgement::Judged;

use super::{Report, is_pending, mend, words};

/// GitHub shows ten of a level for a step, and drops the rest without a word (design §11).
const MOST: usize = 10;

/// One annotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// An error fails the whole.
    pub level: Level,
    /// In words, with what to do now.
    pub text: String,
}

impl Report {
    /// At most ten, the worst first; the last one names what has no place of its own.
    pub fn annotations(&self) -> Vec<Annotation> {
        let told: Vec<&Judged> = self
            .worst_first()
            .filter(|gate| gate.status != Status::Pass)
            .filter(|gate| !(self.judgement.stopped && is_pending(gate)))
            .collect();
        let own = if told.len() > MOST {
            MOST - 1
        } else {
            told.len()
        };
        let mut annotations: Vec<Annotation> = told[..own]
            .iter()
            .map(|gate| Annotation {
                level: self.level(gate),
                text: text(gate),
            })
            .collect();
        if let Some(first) = told.get(own) {
            let names: Vec<&str> = told[own..].iter().map(|gate| gate.name.as_str()).collect();
            annotations.push(Annotation {
                level: self.level(first),
                text: format!(
                    "{} more gates did not pass: {}. The summary and the report have them all",
                    names.len(),
                    words::listed(&names, 20)
                ),
            });
        }
        annotations
    }

    fn level(&self, gate: &Judged) -> Level {
        if gate.status == Status::Warn || self.about.dry_run {
            Level::Warning
        } else {
            Level::Error
        }
    }
}

fn text(gate: &Judged) -> String {
    let mut text = format!("gate {}: {}", gate.name, words::last_seen(gate));
    if gate.tries > 0 {
        let spent = words::spent(gate).map(words::time).unwrap_or_default();
        let tries = words::tries(gate.tries);
        let outcome = words::outcome(gate);
        text.push_str(&format!("; {outcome} ({tries} in {spent})"));
    }
    text.push_str(&format!("; asked: {}", words::cut(&gate.target, 200)));
    let mend = mend::mend(gate);
    if !mend.is_empty() {
        text.push_str(&format!(". Now: {mend}"));
    }
    text
}
