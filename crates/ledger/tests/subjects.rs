//! The audit trail as a person reads it.

#![allow(clippy::unwrap_used)]

mod chain;

use chain::{Chain, deployment, every_event, primary, secondary};
use ledger::{AttemptOutcome, Deployment, Event, FailureReason, Outcome, TakeoverReason};

fn subject(event: Event) -> String {
    let by = if matches!(event, Event::TransferRequested { .. }) {
        None
    } else {
        Some(primary())
    };
    let mut chain = Chain::default();
    chain.say(&deployment(7), by, event);
    chain.entries[0].subject()
}

#[test]
fn every_event_is_one_readable_sentence() {
    let wanted = [
        "candidate 1 (primary, runner-a) is ready, one of 2",
        "candidate 1 (primary, runner-a) starts to deploy v1.7 for ada",
        "candidate 1 (primary, runner-a) waits behind octo/shop/1/1, which runner-z carries out",
        "candidate 1 (primary, runner-a) passed its preflight",
        "candidate 1 (primary, runner-a) failed its preflight: runner.disk, docker.daemon",
        "candidate 1 (primary, runner-a) goes on in spite of runner.disk, secrets.age, as ada decided until 2026-12-01: rotated on Monday",
        "candidate 1 (primary, runner-a) goes on in spite of runner.disk, as ada decided: disk swap",
        "review of production: approved by grace after 754 s: looks good",
        "review of production: rejected by grace",
        "candidate 1 (primary, runner-a) runs attempt 2",
        "attempt 1 of candidate 1 (primary, runner-a) failed after 62 s (exit code 3)",
        "candidate 2 (secondary, runner-b) takes over from candidate 1 (primary, runner-a), which fell silent (primary_unreachable)",
        "candidate 2 (secondary, runner-b) takes over from the primary, which never appeared (primary_never_appeared)",
        "grace asks for another candidate: disk swap",
        "candidate 1 (primary, runner-a) was told to stop by SIGINT",
        "candidate 1 (primary, runner-a) runs on-failure, and nobody deploys after it",
        "on-failure of candidate 1 (primary, runner-a) succeeded",
        "on-failure of candidate 1 (primary, runner-a) failed (exit code 1)",
        "held until a person decides (primary_unreachable): what people read",
        "deployment of v1.7 succeeded: what people read",
        "deployment of v1.7 failed, because its command failed (exit_code): what people read",
        "people are about to be told that the deployment failed",
        "people are about to be told that the queue is deep, once more",
        "people were told: issue https://git.example/octo/shop/issues/7, alertmanager, webhook failed (HTTP 500), webhook failed",
        "people were told that it is over",
        "the ledger up to entry 41 stands at loki-3f9a",
    ];
    let subjects: Vec<String> = every_event().into_iter().map(subject).collect();
    let wanted: Vec<String> = wanted
        .iter()
        .map(|w| format!("{w} [octo/shop/9007/1]"))
        .collect();
    assert_eq!(subjects, wanted);
    assert_eq!(
        subject(Event::Unknown),
        "something that a newer version recorded [octo/shop/9007/1]"
    );
}

#[test]
fn every_outcome_and_reason_has_words_and_its_name() {
    use AttemptOutcome as A;
    use FailureReason as F;
    use Outcome as O;
    use TakeoverReason as T;
    let takeovers = [
        (
            T::PrimaryExitCode,
            "whose command failed (primary_exit_code)",
        ),
        (
            T::PrimaryTimeout,
            "whose command took too long (primary_timeout)",
        ),
        (
            T::PrimaryUnreachable,
            "which fell silent (primary_unreachable)",
        ),
        (
            T::PrimaryStopped,
            "whose runner was told to stop (primary_stopped)",
        ),
        (
            T::PrimaryNeverAppeared,
            "which never appeared (primary_never_appeared)",
        ),
        (T::Preflight, "which failed its preflight (preflight)"),
        (T::Manual, "as a person asked (manual)"),
    ];
    for (reason, words) in takeovers {
        assert!(subject(chain::failover(reason)).contains(&format!("runner-a), {words} [")));
    }
    let failures = [
        (F::ExitCode, "because its command failed (exit_code)"),
        (F::Timeout, "because its command took too long (timeout)"),
        (
            F::Unreachable,
            "because its last candidate lost the store (unreachable)",
        ),
        (
            F::Preflight,
            "because no candidate passed its preflight (preflight)",
        ),
        (F::Gates, "because a health gate failed (gates)"),
        (
            F::GatesMissing,
            "because nobody came to judge its gates (gates_missing)",
        ),
        (
            F::Abandoned,
            "because every candidate fell silent (abandoned)",
        ),
        (
            F::NeverClaimed,
            "because nobody claimed it in time (never_claimed)",
        ),
        (F::Held, "because a person ended it (held)"),
        (
            F::Manual,
            "because nobody was left to take the transfer (manual)",
        ),
    ];
    for (reason, words) in failures {
        let subject = subject(chain::finished(Outcome::Failed, Some(reason)));
        assert!(
            subject.starts_with(&format!("deployment of v1.7 failed, {words}: ")),
            "{subject}"
        );
    }
    let outcomes = [
        (O::Succeeded, "succeeded"),
        (O::Failed, "failed"),
        (O::Cancelled, "was cancelled"),
        (O::Held, "is held until a person decides"),
        (O::Superseded, "was superseded by a later one"),
        (O::NeverClaimed, "never began"),
    ];
    for (outcome, words) in outcomes {
        assert!(
            subject(chain::finished(outcome, None))
                .starts_with(&format!("deployment of v1.7 {words}: "))
        );
    }
    let attempts = [
        (A::Succeeded, "succeeded"),
        (A::ExitCode, "failed"),
        (A::Signal, "failed"),
        (A::Timeout, "took too long and was killed"),
        (A::Stopped, "was stopped"),
        (
            A::Fenced,
            "was killed because the lease could not be renewed",
        ),
        (A::Lost, "was lost with its runner; it was last heard of"),
    ];
    for (outcome, words) in attempts {
        let subject = subject(chain::attempt_finished(secondary(), outcome));
        assert!(
            subject.contains(&format!("(secondary, runner-b) {words} after 62 s")),
            "{subject}"
        );
    }
}

#[test]
fn no_foreign_text_breaks_the_line_or_makes_it_long() {
    let foul = format!("a\nb\r\u{1b}[31m\t\u{0}\u{85}{}", "x".repeat(5000));
    let deployment = Deployment {
        version: foul.clone(),
        actor: foul.clone(),
        ..deployment(7)
    };
    let events = [
        Event::DeploymentStarted,
        Event::Queued {
            behind: foul.clone(),
            holder: foul.clone(),
        },
        Event::Preflight {
            result: ledger::PreflightResult::Fail,
            failed: vec![foul.clone(); 50],
        },
        Event::Override {
            checks: vec![foul.clone()],
            reason: foul.clone(),
            until: Some(foul.clone()),
            actor: foul.clone(),
        },
        Event::Approval {
            environment: foul.clone(),
            user: foul.clone(),
            state: foul.clone(),
            comment: foul.clone(),
            reviewed_at: None,
            waited: None,
        },
        Event::TransferRequested {
            actor: foul.clone(),
            reason: foul.clone(),
        },
        Event::Signalled {
            signal: foul.clone(),
        },
        Event::OnFailureFinished {
            succeeded: false,
            detail: foul.clone(),
        },
        Event::Held {
            reason: TakeoverReason::Manual,
            detail: foul.clone(),
        },
        Event::DeploymentFinished {
            outcome: Outcome::Failed,
            reason: None,
            detail: foul.clone(),
        },
        Event::AlertSent {
            key: foul.clone(),
            channels: vec![ledger::Channel {
                channel: foul.clone(),
                told: false,
                detail: foul.clone(),
            }],
        },
        Event::AuditShipped {
            sink: foul.clone(),
            to: 1,
        },
    ];
    for event in events {
        let mut chain = Chain::default();
        chain.say(&deployment, Some(primary()), event);
        let subject = chain.entries[0].subject();
        assert!(!subject.chars().any(char::is_control), "{subject:?}");
        assert!(subject.chars().count() < 200, "{subject}");
        assert!(subject.ends_with("… [octo/shop/9007/1]"), "{subject}");
    }
}

#[test]
fn what_has_no_detail_has_no_empty_brackets() {
    for event in [
        Event::OnFailureFinished {
            succeeded: false,
            detail: String::new(),
        },
        Event::DeploymentFinished {
            outcome: Outcome::Succeeded,
            reason: None,
            detail: String::new(),
        },
        Event::Held {
            reason: TakeoverReason::Manual,
            detail: String::new(),
        },
        Event::Preflight {
            result: ledger::PreflightResult::Fail,
            failed: vec![],
        },
    ] {
        let subject = subject(event);
        assert!(
            !subject.contains("()") && !subject.contains(": ["),
            "{subject}"
        );
    }
}

#[test]
fn a_takeover_reads_as_a_story() {
    let mut chain = Chain::default();
    let deployment = deployment(7);
    chain
        .say(&deployment, Some(primary()), chain::announced())
        .say(&deployment, Some(secondary()), chain::announced())
        .say(&deployment, Some(primary()), Event::DeploymentStarted)
        .say(
            &deployment,
            Some(primary()),
            Event::AttemptStarted { number: 1 },
        )
        .say(
            &deployment,
            Some(secondary()),
            chain::attempt_finished(primary(), AttemptOutcome::Lost),
        )
        .say(
            &deployment,
            Some(secondary()),
            chain::failover(TakeoverReason::PrimaryUnreachable),
        )
        .say(
            &deployment,
            Some(secondary()),
            Event::AttemptStarted { number: 1 },
        )
        .say(
            &deployment,
            Some(secondary()),
            chain::attempt_finished(secondary(), AttemptOutcome::Succeeded),
        )
        .say(
            &deployment,
            Some(secondary()),
            Event::DeploymentFinished {
                outcome: Outcome::Succeeded,
                reason: None,
                detail: String::new(),
            },
        );
    let story: Vec<String> = chain
        .entries
        .iter()
        .map(|e| e.subject().replace(" [octo/shop/9007/1]", ""))
        .collect();
    assert_eq!(
        story,
        [
            "candidate 1 (primary, runner-a) is ready, one of 2",
            "candidate 2 (secondary, runner-b) is ready, one of 2",
            "candidate 1 (primary, runner-a) starts to deploy v1.7 for ada",
            "candidate 1 (primary, runner-a) runs attempt 1",
            "attempt 1 of candidate 1 (primary, runner-a) was lost with its runner; it was last heard of after 62 s",
            "candidate 2 (secondary, runner-b) takes over from candidate 1 (primary, runner-a), which fell silent (primary_unreachable)",
            "candidate 2 (secondary, runner-b) runs attempt 1",
            "attempt 1 of candidate 2 (secondary, runner-b) succeeded after 62 s",
            "deployment of v1.7 succeeded",
        ]
    );
}
