//! What the ledger tells of a deployment's health gates: the section of a summary.
//!
//! Not responsible for judging them; the step that did has told more, in the leg that carried the deployment.

use actions_kit::{Status, Summary, duration, markdown};
use ledger::{Entry, Event, Gate, GateStatus};

/// How many gates the table names.
const NAMED: usize = 50;

/// The gates as they were judged last, those that did not pass by name.
pub(crate) fn tell(entries: &[Entry], summary: &mut Summary) {
    let judged = entries.iter().rev().find_map(|entry| match &entry.event {
        Event::Gates { gates } => Some(gates),
        _ => None,
    });
    let Some(gates) = judged else { return };
    let passed = gates.iter().filter(|g| g.status == GateStatus::Pass);
    let all = gates.len();
    let plural = if all == 1 { "gate" } else { "gates" };
    summary.paragraph(&format!(
        "{} of {all} health {plural} passed.",
        passed.count()
    ));
    let mut bad: Vec<&Gate> = gates
        .iter()
        .filter(|g| g.status != GateStatus::Pass)
        .collect();
    bad.sort_by_key(|gate| status(gate.status) != Status::Fail);
    if bad.is_empty() {
        return;
    }
    summary.table(
        &["", "gate", "result", "seen last", "tries", "took"],
        bad.iter().take(NAMED).map(|gate| row(gate)),
    );
    if bad.len() > NAMED {
        summary.paragraph(&format!(
            "And {} more: the ledger has them all.",
            bad.len() - NAMED
        ));
    }
}

fn row(gate: &Gate) -> Vec<String> {
    let status = status(gate.status);
    let seen = match gate.seen.as_str() {
        "" => "—".to_owned(),
        seen => markdown::text(seen),
    };
    vec![
        status.sign().to_owned(),
        markdown::code(&gate.service),
        status.word().to_owned(),
        seen,
        gate.tries.to_string(),
        duration::format(std::time::Duration::from_secs(gate.took.as_secs())),
    ]
}

fn status(status: GateStatus) -> Status {
    match status {
        GateStatus::Pass => Status::Pass,
        GateStatus::Warn => Status::Warn,
        GateStatus::Unknown => Status::Unknown,
        GateStatus::Fail => Status::Fail,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actions_kit::Redactor;
    use ledger::{Deployment, Draft, Timestamp, Tip};

    use super::*;

    fn told(gates: Vec<Gate>) -> String {
        let draft = Draft {
            deployment: Deployment::default(),
            by: None,
            token: 1,
            event: Event::Gates { gates },
        };
        let (entries, _) = Tip::default().extend("n", Timestamp(0), vec![draft]);
        let mut summary = Summary::new();
        tell(&entries, &mut summary);
        summary.text(&Redactor::new())
    }

    fn gate(service: &str, status: GateStatus, seen: &str) -> Gate {
        Gate {
            service: service.to_owned(),
            status,
            tries: 3,
            took: Duration::from_millis(61_500),
            seen: seen.to_owned(),
        }
    }

    #[test]
    fn the_gates_that_did_not_pass_are_named_with_what_was_seen_and_the_worst_stands_first() {
        let text = told(vec![
            gate("web", GateStatus::Pass, ""),
            gate("mail", GateStatus::Warn, "refused"),
            gate("api", GateStatus::Fail, "503 | <b>, wanted 200"),
        ]);
        assert!(text.contains("1 of 3 health gates passed."), "{text}");
        let rows: Vec<_> = text.lines().filter(|line| line.contains("1m1s")).collect();
        assert!(
            matches!(rows.as_slice(), [api, mail] if api.contains("❌ | `api` | fail") && mail.contains("`mail`")),
            "{text}"
        );
        assert!(!text.contains("<b>") && !text.contains("`web`"), "{text}");
    }

    #[test]
    fn where_nothing_was_judged_nothing_is_told() {
        let mut summary = Summary::new();
        tell(&[], &mut summary);
        assert_eq!(summary.text(&Redactor::new()), "");
    }
}
