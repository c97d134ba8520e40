//! Ledgers to make texts of.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::time::Duration;

use ledger::{
    AttemptOutcome, Deployment, Draft, Event, FailureReason, Gate, GateStatus, Outcome, Party,
    PreflightResult, Role, TakeoverReason, Timestamp, Tip,
};
use metrics::Moment;

/// 2026-11-21T08:35:00Z
pub(crate) const START: Timestamp = Timestamp(1_795_250_100_000);

/// Names that try to be something else.
pub(crate) const HOSTILE: &[&str] = &[
    "main",
    "",
    "release/1.2",
    "/",
    "..",
    " in front and behind ",
    "it's \"quoted\"",
    "two\nlines",
    "back\\slash \\n \\\" \\",
    "🚀 déploiement",
    "}",
    "{x=\"y\"}",
    "x\",role=\"evil",
    "x\"} 1\n# TYPE evil_total counter\nevil_total 1\n",
    "# HELP evil evil",
    "tab\tcr\rdel\u{7f}esc\u{1b}",
    "100 % %2F %00 +&?#;=:@,",
    "\u{202e}\u{feff}\u{2028}",
];

/// The moment of the first deployments, with a queue of 2.
pub(crate) fn moment(tip: &Tip) -> Moment<'_> {
    Moment {
        tip,
        now: START,
        queue_depth: 2,
    }
}

/// A ledger in which both roles did one of everything under each of `names`: workflow, branch, group, check and service
/// are called so.
pub(crate) fn of_names(names: &[&str]) -> Tip {
    let mut tip = Tip::default();
    let mut gates = Vec::new();
    for (run, name) in names.iter().enumerate() {
        for party in [
            party(1, Role::Primary, name),
            party(2, Role::Secondary, name),
        ] {
            let run = (run * 2) as u64 + u64::from(party.candidate);
            gates.push(Gate {
                service: (*name).to_owned(),
                status: GateStatus::Fail,
                tries: 3,
                took: Duration::from_millis(1_250),
                seen: "503".to_owned(),
            });
            one_of_everything(&mut tip, name, run * 2, &party, &gates);
        }
    }
    tip
}

fn one_of_everything(tip: &mut Tip, name: &str, run: u64, party: &Party, gates: &[Gate]) {
    let failed = deployment(name, &format!("refs/heads/{name}"), run);
    let succeeded = deployment(name, &format!("refs/heads/{name}"), run + 1);
    let checks = Event::Preflight {
        result: PreflightResult::Fail,
        failed: vec![name.to_owned()],
    };
    let takeover = Event::Failover {
        from: None,
        to: party.clone(),
        reason: TakeoverReason::PrimaryUnreachable,
    };
    let gates = Event::Gates {
        gates: gates.to_vec(),
    };
    let attempt = |outcome| Event::AttemptFinished {
        party: party.clone(),
        number: 1,
        outcome,
        detail: String::new(),
        ran: Duration::from_secs(1),
        last_lines: Vec::new(),
    };
    let events = [
        (&failed, 0, checks),
        (&failed, 0, Event::DeploymentStarted),
        (&failed, 90, attempt(AttemptOutcome::ExitCode)),
        (&failed, 0, finished(Outcome::Failed)),
        (&succeeded, 0, Event::DeploymentStarted),
        (&succeeded, 0, takeover),
        (&succeeded, 30, attempt(AttemptOutcome::Succeeded)),
        (&succeeded, 0, gates),
        (&succeeded, 0, finished(Outcome::Succeeded)),
    ];
    for (deployment, seconds, event) in events {
        say(tip, deployment, Some(party), seconds, event);
    }
}

/// One entry; every one before it took a second, and it takes `seconds` more.
pub(crate) fn say(
    tip: &mut Tip,
    deployment: &Deployment,
    by: Option<&Party>,
    seconds: u64,
    event: Event,
) {
    let at = Timestamp(START.0 + (tip.seq + seconds) * 1000);
    let draft = Draft {
        deployment: deployment.clone(),
        by: by.cloned(),
        token: 1,
        event,
    };
    *tip = tip.extend(&format!("nonce-{}", tip.seq), at, vec![draft]).1;
}

/// A whole deployment of a primary that ends well after 61 seconds.
pub(crate) fn succeed(tip: &mut Tip, deployment: &Deployment) {
    let party = party(1, Role::Primary, "blue");
    say(tip, deployment, Some(&party), 0, Event::DeploymentStarted);
    let finished = finished(Outcome::Succeeded);
    say(tip, deployment, Some(&party), 60, finished);
}

pub(crate) fn finished(outcome: Outcome) -> Event {
    Event::DeploymentFinished {
        outcome,
        reason: (outcome == Outcome::Failed).then_some(FailureReason::ExitCode),
        detail: String::new(),
    }
}

pub(crate) fn deployment(workflow: &str, git_ref: &str, run: u64) -> Deployment {
    Deployment {
        id: format!("octo/shop/{run}/1"),
        run: format!("octo/shop/{run}"),
        workflow: workflow.to_owned(),
        git_ref: git_ref.to_owned(),
        run_number: run,
        run_attempt: 1,
        ..Deployment::default()
    }
}

pub(crate) fn party(candidate: u32, role: Role, group: &str) -> Party {
    Party {
        candidate,
        role,
        runner: format!("runner-{candidate}"),
        runner_group: group.to_owned(),
        boot_id: String::new(),
    }
}
