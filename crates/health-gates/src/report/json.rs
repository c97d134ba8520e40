//! The report for programs. Its fields stand in docs/health-gates.md.

use std::time::Duration;

use gates::judgement::{End, Judged, Turn};
use serde_json::{Value, json};

use super::{Report, failed, is_pending, result, words};

impl Report {
    /// The JSON report, as a document: `schema` 1; a field may be added without a new number.
    pub fn json(&self) -> Value {
        let about = &self.about;
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        json!({
            "schema": 1,
            "about": {
                "environment": text(&about.environment),
                "deployment": about.deployment,
                "candidate": about.candidate,
                "version": text(&about.version),
                "last_good_version": about.last_good_version,
                "runner": text(&about.runner),
                "started_at": about.started_at,
                "took_ms": millis(self.judgement.took),
                "dry_run": about.dry_run,
            },
            "result": result(&self.judgement),
            "headline": self.headline(),
            "failed": failed(&self.judgement),
            "pending": self.names(is_pending),
            "gates": self.judgement.gates.iter().map(gate).collect::<Vec<_>>(),
            "alert": self.alert(),
        })
    }
}

fn gate(gate: &Judged) -> Value {
    let by = match &gate.end {
        End::Blocked { by } => Some(by),
        _ => None,
    };
    json!({
        "name": gate.name,
        "kind": gate.kind,
        "target": gate.target,
        "required": gate.required,
        "status": gate.status,
        "end": words::end(&gate.end),
        "why": words::outcome(gate),
        "blocked_by": by,
        "seen": gate.seen,
        "tries": gate.tries,
        "cut_off_ms": gate.cut_off.map(millis),
        "queued_ms": millis(gate.queued),
        "began_ms": gate.began.map(millis),
        "ended_ms": millis(gate.ended),
        "last_try_ms": millis(gate.last_try),
        "history": gate.history.iter().map(turn).collect::<Vec<_>>(),
    })
}

fn turn(turn: &Turn) -> Value {
    json!({
        "at_ms": millis(turn.at),
        "answer": words::answer(turn.answer),
        "seen": turn.seen,
        "times": turn.times,
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
