//! Entries for tests: one of every event.

use std::time::Duration;

use audit::Origin;
use ledger::{
    AlertKind, AttemptOutcome, Channel, Deployment, Entry, Event, FailureReason, Gate, GateStatus,
    Outcome, Party, PreflightResult, Role, TakeoverReason, Timestamp,
};

/// 2026-11-21T08:35:00.123Z.
pub(crate) const AT: u64 = 1_795_250_100_123;

pub(crate) fn origin() -> Origin {
    Origin {
        environment: "production".to_owned(),
        repository: "octo/shop".to_owned(),
        lock: "octo/shop/production".to_owned(),
    }
}

pub(crate) fn deployment() -> Deployment {
    Deployment {
        id: "octo/shop/4711/2".to_owned(),
        run: "octo/shop/4711".to_owned(),
        workflow: "deploy.yml".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        run_number: 17,
        run_attempt: 2,
        sha: "c0ffee".to_owned(),
        actor: "mona".to_owned(),
        version: "1.2.3".to_owned(),
        trigger: "push".to_owned(),
        environment: "production".to_owned(),
    }
}

pub(crate) fn party() -> Party {
    Party {
        candidate: 2,
        role: Role::Secondary,
        runner: "runner-b".to_owned(),
        runner_group: "production".to_owned(),
        boot_id: String::new(),
    }
}

pub(crate) fn entry(seq: u64, event: Event) -> Entry {
    Entry {
        seq,
        nonce: "n".to_owned(),
        at: Timestamp(AT),
        deployment: deployment(),
        by: Some(party()),
        token: 42,
        event,
    }
}

/// `count` entries from 1, a second apart.
pub(crate) fn chain(count: u64) -> Vec<Entry> {
    (1..=count)
        .map(|seq| {
            let mut entry = entry(seq, Event::AttemptStarted { number: seq as u32 });
            entry.at = Timestamp(AT + seq * 1000);
            entry
        })
        .collect()
}

/// The name of every event in a line. A new variant does not compile here until it is named, and is not found in
/// [`every_event`] until it is listed.
pub(crate) fn name(event: &Event) -> &'static str {
    match event {
        Event::Announced { .. } => "announced",
        Event::DeploymentStarted => "deployment_started",
        Event::Queued { .. } => "queued",
        Event::Preflight { .. } => "preflight",
        Event::Override { .. } => "override",
        Event::Approval { .. } => "approval",
        Event::AttemptStarted { .. } => "attempt_started",
        Event::AttemptFinished { .. } => "attempt_finished",
        Event::Failover { .. } => "failover",
        Event::TransferRequested { .. } => "transfer_requested",
        Event::Signalled { .. } => "signalled",
        Event::OnFailureStarted => "on_failure_started",
        Event::OnFailureFinished { .. } => "on_failure_finished",
        Event::Gates { .. } => "gates",
        Event::Held { .. } => "held",
        Event::DeploymentFinished { .. } => "deployment_finished",
        Event::Alert { .. } => "alert",
        Event::AlertSent { .. } => "alert_sent",
        Event::AlertResolved { .. } => "alert_resolved",
        Event::AuditShipped { .. } => "audit_shipped",
        Event::Unknown => "unknown",
    }
}

/// How many arms [`name`] has.
pub(crate) const EVENTS: usize = 21;

/// One of every event, with a value in every field.
pub(crate) fn every_event() -> Vec<Event> {
    let text = |text: &str| text.to_owned();
    let channels = || {
        vec![Channel {
            channel: "issue".to_owned(),
            told: false,
            detail: "403 Forbidden".to_owned(),
        }]
    };
    vec![
        Event::Announced {
            candidates: 2,
            instance: text("i"),
        },
        Event::DeploymentStarted,
        Event::Queued {
            behind: text("octo/shop/4710/1"),
            holder: text("runner-a"),
        },
        Event::Preflight {
            result: PreflightResult::Fail,
            failed: vec![text("runner.disk")],
        },
        Event::Override {
            checks: vec![text("runner.disk")],
            reason: text("it is enough"),
            until: Some(text("2026-12-01")),
            actor: text("mona"),
        },
        Event::Approval {
            environment: text("production"),
            user: text("hubot"),
            state: text("approved"),
            comment: text("go"),
            reviewed_at: Some(Timestamp(AT)),
            waited: Some(Duration::from_millis(90_500)),
        },
        Event::AttemptStarted { number: 1 },
        Event::AttemptFinished {
            party: party(),
            number: 1,
            outcome: AttemptOutcome::ExitCode,
            detail: text("exit code 3"),
            ran: Duration::from_secs(61),
            last_lines: vec![text("no room left")],
        },
        Event::Failover {
            from: Some(party()),
            to: party(),
            reason: TakeoverReason::PrimaryUnreachable,
        },
        Event::TransferRequested {
            actor: text("mona"),
            reason: text("maintenance"),
        },
        Event::Signalled {
            signal: text("SIGTERM"),
        },
        Event::OnFailureStarted,
        Event::OnFailureFinished {
            succeeded: true,
            detail: text("exit code 0"),
        },
        Event::Gates {
            gates: vec![Gate {
                service: text("api"),
                status: GateStatus::Fail,
                tries: 3,
                took: Duration::from_secs(7),
                seen: text("503 Service Unavailable"),
            }],
        },
        Event::Held {
            reason: TakeoverReason::PrimaryUnreachable,
            detail: text("hold"),
        },
        Event::DeploymentFinished {
            outcome: Outcome::Failed,
            reason: Some(FailureReason::Gates),
            detail: text("api failed"),
        },
        Event::Alert {
            key: text("k"),
            kind: AlertKind::DeploymentFailed,
            instance: text("i"),
            claim: 1,
        },
        Event::AlertSent {
            key: text("k"),
            channels: channels(),
        },
        Event::AlertResolved {
            key: text("k"),
            channels: channels(),
        },
        Event::AuditShipped {
            sink: text("0123456789abcdef"),
            to: 12,
        },
        Event::Unknown,
    ]
}

/// Text that steers, breaks or ends what does not expect it.
pub(crate) const HOSTILE: &str = "a\"b\\c\nd\r\te\u{0}f\u{b}\u{c}\u{1c}\u{1e}\u{85}g\u{2028}h\u{2029}i 🦀 ü {x=\"y\"} '; 2 errors like: timestamp too old";
