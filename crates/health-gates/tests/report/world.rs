//! Judgements to be shown.

use std::time::Duration;

use actions_kit::{Redactor, Secret, Status};
use gates::judgement::{End, Judged, Judgement, Turn};
use health_gates::report::{About, Report};
use probes::Answer;

pub(crate) const FIVE_MINUTES: Duration = Duration::from_secs(300);

/// A gate that passed at its first try.
pub(crate) fn passed(name: &str) -> Judged {
    Judged {
        name: name.to_owned(),
        kind: "http",
        target: format!("GET http://{name}.internal/health"),
        status: Status::Pass,
        required: true,
        end: End::Passed,
        seen: "200 OK".to_owned(),
        tries: 1,
        cut_off: None,
        queued: Duration::ZERO,
        began: Some(Duration::ZERO),
        ended: Duration::from_millis(24),
        last_try: Duration::from_millis(24),
        history: vec![Turn {
            at: Duration::ZERO,
            answer: Answer::Pass,
            seen: "200 OK".to_owned(),
            times: 1,
        }],
    }
}

/// A gate whose time was up; it saw this all the time.
pub(crate) fn failed(name: &str, seen: &str) -> Judged {
    Judged {
        status: Status::Fail,
        end: End::TimedOut {
            after: FIVE_MINUTES,
        },
        seen: seen.to_owned(),
        tries: 34,
        ended: FIVE_MINUTES,
        history: vec![Turn {
            at: Duration::from_millis(3),
            answer: Answer::Fail,
            seen: seen.to_owned(),
            times: 34,
        }],
        ..passed(name)
    }
}

/// A gate that this runner could not ask.
pub(crate) fn unknown(name: &str, seen: &str) -> Judged {
    let mut gate = failed(name, seen);
    gate.status = Status::Unknown;
    gate.history[0].answer = Answer::Unknown;
    gate
}

/// A gate that failed and is not required.
pub(crate) fn warned(name: &str, seen: &str) -> Judged {
    Judged {
        status: Status::Warn,
        required: false,
        ..failed(name, seen)
    }
}

/// A gate that was never asked.
pub(crate) fn blocked(name: &str, by: &str) -> Judged {
    Judged {
        status: Status::Unknown,
        end: End::Blocked { by: by.to_owned() },
        seen: String::new(),
        tries: 0,
        began: None,
        history: Vec::new(),
        ..failed(name, "")
    }
}

/// A gate that was still being asked when the judgement was stopped.
pub(crate) fn stopped(name: &str, seen: &str) -> Judged {
    Judged {
        end: End::Stopped,
        ..failed(name, seen)
    }
}

pub(crate) fn judgement(gates: Vec<Judged>) -> Judgement {
    let took = gates.iter().map(|gate| gate.ended).max();
    Judgement {
        stopped: gates.iter().any(|gate| gate.end == End::Stopped),
        took: took.unwrap_or_default(),
        gates,
    }
}

pub(crate) fn about() -> About {
    About {
        environment: "production".to_owned(),
        deployment: Some("octo/shop/7/1".to_owned()),
        version: "v2".to_owned(),
        last_good_version: Some("v1".to_owned()),
        candidate: Some(1),
        runner: "runner-a".to_owned(),
        started_at: "2026-11-21T08:35:00Z".to_owned(),
        ..About::default()
    }
}

pub(crate) fn report(gates: Vec<Judged>) -> Report {
    Report::new(&judgement(gates), &about(), &Redactor::new())
}

pub(crate) fn redactor(secret: &str) -> Redactor {
    let redactor = Redactor::new();
    redactor.add(&Secret::new(secret).unwrap());
    redactor
}
