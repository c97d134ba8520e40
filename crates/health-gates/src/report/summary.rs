//! The section of the step summary.

use std::fmt::Write;

use actions_kit::{Status, Summary, markdown};
use gates::judgement::Judged;

use super::{Report, is_pending, result, words};

/// What the table may take, and the timeline: together below the 1 MiB at which GitHub drops a summary whole
/// (design §11).
const TABLE: usize = 700 * 1024;
const TIMELINE: usize = 200 * 1024;

impl Report {
    /// The section. `now` says in words of ours what follows from the result, with backticks around code; empty where
    /// nothing does.
    pub fn summary(&self, now: &str) -> Summary {
        let mut summary = Summary::new();
        let judgement = &self.judgement;
        summary.heading(&if self.about.environment.is_empty() {
            "Health gates".to_owned()
        } else {
            format!(
                "Health gates for {}",
                markdown::text(&self.about.environment)
            )
        });
        let sign = match result(judgement) {
            "fail" => Status::Fail.sign(),
            "pass" => Status::Pass.sign(),
            _ => Status::Warn.sign(),
        };
        summary.paragraph(&format!("{sign} {}", markdown::text(&self.headline())));
        if let Some(text) = self.alert().and_then(|alert| alert.roll_back) {
            summary.paragraph(&format!("**{}**", markdown::prose(&text)));
        }
        if !now.is_empty() {
            summary.paragraph(&format!("**What now:** {}", markdown::prose(now)));
        }
        self.table(&mut summary);
        let pending = self.names(is_pending);
        if !pending.is_empty() {
            let names = markdown::text(&words::listed(&pending, 100));
            let until = if judgement.stopped {
                "when it was stopped"
            } else {
                "when their time was up"
            };
            summary.paragraph(&format!("Not healthy yet {until}: {names}."));
        }
        self.timeline(&mut summary);
        summary.paragraph(&format!(
            "{} {} in {}.",
            judgement.gates.len(),
            if judgement.gates.len() == 1 {
                "gate"
            } else {
                "gates"
            },
            words::time(judgement.took)
        ));
        summary
    }

    fn table(&self, summary: &mut Summary) {
        if self.judgement.gates.is_empty() {
            return;
        }
        let (mut rows, mut bytes) = (Vec::new(), 0);
        for gate in self.worst_first() {
            let row = row(gate);
            bytes += row.iter().map(|cell| cell.len() + 3).sum::<usize>();
            if bytes > TABLE {
                break;
            }
            rows.push(row);
        }
        let left = self.judgement.gates.len() - rows.len();
        summary.table(
            &["", "gate", "asked", "result", "seen last", "tries", "time"],
            rows,
        );
        if left > 0 {
            summary.paragraph(&format!("And {left} more gates; the report has them all."));
        }
    }

    /// What was seen in turn, of the gates that did not pass at once.
    fn timeline(&self, summary: &mut Summary) {
        let told: Vec<&Judged> = self
            .worst_first()
            .filter(|gate| gate.history.len() > 1 || gate.history.iter().any(|turn| turn.times > 1))
            .filter(|gate| gate.status != Status::Pass || gate.history.len() > 1)
            .collect();
        if told.is_empty() {
            return;
        }
        let mut text = String::new();
        for (at, gate) in told.iter().enumerate() {
            let part = turns(gate);
            if text.len() + part.len() > TIMELINE {
                let left = told.len() - at;
                let _ = writeln!(text, "and {left} more gates; the report has them all");
                break;
            }
            text.push_str(&part);
        }
        summary.folded("Timeline of what did not pass at once", &text);
    }
}

fn row(gate: &Judged) -> Vec<String> {
    let spent = words::spent(gate).map_or_else(|| "—".to_owned(), words::time);
    let seen = match gate.tries {
        0 => "—".to_owned(),
        _ => markdown::text(&words::last_seen(gate)),
    };
    vec![
        words::sign(gate).to_owned(),
        markdown::code(&words::cut(&gate.name, 100)),
        markdown::text(&words::cut(&gate.target, 200)),
        markdown::text(&words::outcome(gate)),
        seen,
        gate.tries.to_string(),
        spent,
    ]
}

fn turns(gate: &Judged) -> String {
    let mut text = format!(
        "{}: {}\n",
        words::cut(&gate.name, 100),
        words::outcome(gate)
    );
    for turn in &gate.history {
        let times = match turn.times {
            1 => String::new(),
            times => format!(" ({times} times)"),
        };
        let _ = writeln!(
            text,
            "  {:>8}  {} {}{times}",
            words::time(turn.at),
            words::answer_sign(turn.answer),
            words::cut(&turn.seen, 200)
        );
    }
    text
}
