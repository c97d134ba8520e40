//! A chain to write entries to, as the protocol would.

#![allow(dead_code, reason = "every test file uses its own part")]

use std::time::Duration;

use ledger::{
    AlertKind, AttemptOutcome, Channel, Counter, Deployment, Draft, Entry, Event, FailureReason,
    Outcome, Party, Role, TakeoverReason, Timestamp, Tip,
};

/// 2026-11-21T08:35:00Z
pub(crate) const START: Timestamp = Timestamp(1_795_250_100_000);

/// A tip with the entries that led to it, a clock and a supply of nonces.
#[derive(Clone, Default)]
pub(crate) struct Chain {
    pub(crate) tip: Tip,
    pub(crate) entries: Vec<Entry>,
    pub(crate) seconds: u64,
}

impl Chain {
    /// One entry, one second after the one before.
    pub(crate) fn say(
        &mut self,
        deployment: &Deployment,
        by: Option<Party>,
        event: Event,
    ) -> &mut Self {
        self.seconds += 1;
        let at = Timestamp(START.0 + self.seconds * 1000);
        let nonce = format!("nonce-{}", self.seconds);
        let draft = Draft {
            deployment: deployment.clone(),
            by,
            token: 1,
            event,
        };
        let (entries, tip) = self.tip.extend(&nonce, at, vec![draft]);
        self.tip = tip;
        self.entries.extend(entries);
        self
    }

    pub(crate) fn wait(&mut self, seconds: u64) -> &mut Self {
        self.seconds += seconds;
        self
    }

    /// A whole deployment that its primary carries out.
    pub(crate) fn succeed(&mut self, deployment: &Deployment) -> &mut Self {
        self.say(deployment, Some(primary()), announced())
            .say(deployment, Some(primary()), Event::DeploymentStarted)
            .say(
                deployment,
                Some(primary()),
                Event::AttemptStarted { number: 1 },
            )
            .say(
                deployment,
                Some(primary()),
                attempt_finished(primary(), AttemptOutcome::Succeeded),
            )
            .say(
                deployment,
                Some(primary()),
                finished(Outcome::Succeeded, None),
            )
    }
}

pub(crate) fn deployment(run_number: u64) -> Deployment {
    Deployment {
        id: format!("octo/shop/{}/1", 9000 + run_number),
        run: format!("octo/shop/{}", 9000 + run_number),
        workflow: "deploy.yml".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        run_number,
        run_attempt: 1,
        sha: "0123456789abcdef0123456789abcdef01234567".to_owned(),
        actor: "ada".to_owned(),
        version: format!("v1.{run_number}"),
        trigger: "push".to_owned(),
        environment: "production".to_owned(),
    }
}

pub(crate) fn rerun(of: &Deployment, run_attempt: u64) -> Deployment {
    Deployment {
        id: format!("{}/{run_attempt}", of.run),
        run_attempt,
        ..of.clone()
    }
}

pub(crate) fn primary() -> Party {
    party(1, Role::Primary, "runner-a", "blue")
}

pub(crate) fn secondary() -> Party {
    party(2, Role::Secondary, "runner-b", "green")
}

fn party(candidate: u32, role: Role, runner: &str, group: &str) -> Party {
    Party {
        candidate,
        role,
        runner: runner.to_owned(),
        runner_group: group.to_owned(),
        boot_id: format!("0b5a1c8e-0000-4000-8000-00000000000{candidate}"),
    }
}

pub(crate) fn announced() -> Event {
    Event::Announced {
        candidates: 2,
        instance: "instance-1".to_owned(),
    }
}

pub(crate) fn attempt_finished(party: Party, outcome: AttemptOutcome) -> Event {
    Event::AttemptFinished {
        party,
        number: 1,
        outcome,
        detail: if outcome == AttemptOutcome::ExitCode {
            "exit code 3".to_owned()
        } else {
            String::new()
        },
        ran: Duration::from_millis(62_500),
        last_lines: Vec::new(),
    }
}

pub(crate) fn failover(reason: TakeoverReason) -> Event {
    Event::Failover {
        from: Some(primary()),
        to: secondary(),
        reason,
    }
}

pub(crate) fn finished(outcome: Outcome, reason: Option<FailureReason>) -> Event {
    Event::DeploymentFinished {
        outcome,
        reason,
        detail: "what people read".to_owned(),
    }
}

/// The sum over all label sets.
pub(crate) fn sum(counters: &[Counter]) -> u64 {
    counters.iter().map(|c| c.value).sum()
}

/// One of every event.
pub(crate) fn every_event() -> Vec<Event> {
    let text = "what people read".to_owned();
    vec![
        announced(),
        Event::DeploymentStarted,
        Event::Queued {
            behind: "octo/shop/1/1".to_owned(),
            holder: "runner-z".to_owned(),
        },
        Event::Preflight {
            result: ledger::PreflightResult::Pass,
            failed: vec![],
        },
        Event::Preflight {
            result: ledger::PreflightResult::Fail,
            failed: vec!["runner.disk".to_owned(), "docker.daemon".to_owned()],
        },
        Event::Override {
            checks: vec!["runner.disk".to_owned(), "secrets.age".to_owned()],
            reason: "rotated on Monday".to_owned(),
            until: Some("2026-12-01".to_owned()),
            actor: "ada".to_owned(),
        },
        Event::Override {
            checks: vec!["runner.disk".to_owned()],
            reason: "disk swap".to_owned(),
            until: None,
            actor: "ada".to_owned(),
        },
        Event::Approval {
            environment: "production".to_owned(),
            user: "grace".to_owned(),
            state: "approved".to_owned(),
            comment: "looks good".to_owned(),
            reviewed_at: Some(Timestamp(START.0 - 500)),
            waited: Some(Duration::from_millis(754_250)),
        },
        Event::Approval {
            environment: "production".to_owned(),
            user: "grace".to_owned(),
            state: "rejected".to_owned(),
            comment: String::new(),
            reviewed_at: None,
            waited: None,
        },
        Event::AttemptStarted { number: 2 },
        attempt_finished(primary(), AttemptOutcome::ExitCode),
        failover(TakeoverReason::PrimaryUnreachable),
        Event::Failover {
            from: None,
            to: secondary(),
            reason: TakeoverReason::PrimaryNeverAppeared,
        },
        Event::TransferRequested {
            actor: "grace".to_owned(),
            reason: "disk swap".to_owned(),
        },
        Event::Signalled {
            signal: "SIGINT".to_owned(),
        },
        Event::OnFailureStarted,
        Event::OnFailureFinished {
            succeeded: true,
            detail: String::new(),
        },
        Event::OnFailureFinished {
            succeeded: false,
            detail: "exit code 1".to_owned(),
        },
        Event::Held {
            reason: TakeoverReason::PrimaryUnreachable,
            detail: text,
        },
        finished(Outcome::Succeeded, None),
        finished(Outcome::Failed, Some(FailureReason::ExitCode)),
        alert("failed octo/shop/9007/1", 1),
        Event::Alert {
            key: "queue".to_owned(),
            kind: AlertKind::QueueDeep,
            instance: "instance-2".to_owned(),
            claim: 2,
        },
        Event::AlertSent {
            key: "failed octo/shop/9007/1".to_owned(),
            channels: channels(),
        },
        Event::AlertResolved {
            key: "failed octo/shop/9007/1".to_owned(),
            channels: Vec::new(),
        },
        shipped("loki-3f9a", 41),
    ]
}

pub(crate) fn alert(key: &str, claim: u32) -> Event {
    Event::Alert {
        key: key.to_owned(),
        kind: AlertKind::DeploymentFailed,
        instance: format!("instance-{claim}"),
        claim,
    }
}

pub(crate) fn alert_sent(key: &str) -> Event {
    Event::AlertSent {
        key: key.to_owned(),
        channels: channels(),
    }
}

pub(crate) fn alert_resolved(key: &str) -> Event {
    Event::AlertResolved {
        key: key.to_owned(),
        channels: channels(),
    }
}

pub(crate) fn shipped(sink: &str, to: u64) -> Event {
    Event::AuditShipped {
        sink: sink.to_owned(),
        to,
    }
}

/// One that took the news and can be looked at, one that took it, and two that did not.
fn channels() -> Vec<Channel> {
    [
        ("issue", true, "https://git.example/octo/shop/issues/7"),
        ("alertmanager", true, ""),
        ("webhook", false, "HTTP 500"),
        ("webhook", false, ""),
    ]
    .map(|(channel, told, detail)| Channel {
        channel: channel.to_owned(),
        told,
        detail: detail.to_owned(),
    })
    .to_vec()
}
