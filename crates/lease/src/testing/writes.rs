//! Writes as the protocol makes them, with every field filled.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use ledger::{Deployment, Draft, Event, Party, Role, TakeoverReason, Timestamp};

use crate::{
    Attempt, FailedCandidate, LockName, OnPrimaryLost, Phase, Policy, Record, SCHEMA, Timing,
    store::{Snapshot, Write},
};

/// Some moment of 2026, a minute for each of `minutes`.
pub fn moment(minutes: u64) -> Timestamp {
    Timestamp(1_795_000_000_000 + minutes * 60_000)
}

/// A nonce that no other call of this process gives.
pub fn nonce() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!(
        "nonce-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    )
}

/// The deployment of run `run`, with text that tries a store's quoting.
pub fn deployment(run: u64) -> Deployment {
    Deployment {
        id: format!("o/r/{run}/1"),
        run: format!("o/r/{run}"),
        workflow: ".github/workflows/deploy.yml".into(),
        git_ref: "refs/heads/release/é \"1\"".into(),
        run_number: run,
        run_attempt: 1,
        sha: "0123456789abcdef0123456789abcdef01234567".into(),
        actor: "o'neill\\n".into(),
        version: "v1\n2".into(),
        trigger: "push".into(),
        environment: "production".to_owned(),
    }
}

/// The candidate with this number.
pub fn party(candidate: u32) -> Party {
    Party {
        candidate,
        role: if candidate == 1 {
            Role::Primary
        } else {
            Role::Secondary
        },
        runner: format!("runner-{candidate}"),
        runner_group: "Default".into(),
        boot_id: "5f0c".into(),
    }
}

/// A record of `lock` with this token.
pub fn record(lock: &LockName, token: u64, nonce: &str) -> Record {
    Record {
        schema: SCHEMA,
        lock: lock.clone(),
        token,
        nonce: nonce.to_owned(),
        deployment: deployment(7),
        phase: Phase::Deploying,
        holder: party(1),
        failed_candidates: vec![FailedCandidate {
            candidate: 2,
            reason: TakeoverReason::PrimaryExitCode,
            detail: "exit code 3: \u{1F6A8}\t\"no\"".into(),
        }],
        attempt: Attempt {
            number: 1,
            running: true,
            running_for: Duration::from_millis(1234),
        },
        silence_allowed: Duration::from_secs(22),
        command_done: false,
        policy: Policy {
            on_primary_lost: OnPrimaryLost::Takeover,
            gates_deadline: Duration::from_secs(300),
            pickup_timeout: Duration::from_secs(300),
            timing: Timing::GIT,
        },
        written_at: moment(0),
    }
}

/// An entry that says that candidate 1 of run `run` has started.
pub fn announced(run: u64) -> Draft {
    let event = Event::Announced {
        candidates: 2,
        instance: format!("instance-{run}"),
    };
    Draft {
        deployment: deployment(run),
        by: Some(party(1)),
        token: 0,
        event,
    }
}

/// An entry about run `run`.
pub fn told(run: u64, token: u64, event: Event) -> Draft {
    Draft {
        deployment: deployment(run),
        by: Some(party(1)),
        token,
        event,
    }
}

/// The renewal of the lease over what `seen` shows, or its first record.
pub fn heartbeat(lock: &LockName, seen: &Snapshot) -> Write {
    let nonce = nonce();
    let token = seen.record.as_ref().map_or(1, |r| r.token);
    Write {
        record: Some(record(lock, token, &nonce)),
        nonce,
        expected: seen.version.clone(),
        entries: Vec::new(),
        tip: ledger::Tip::default(),
        at: moment(1),
    }
}

/// Entries alone, after what `seen` shows.
pub fn append(seen: &Snapshot, at: Timestamp, drafts: Vec<Draft>) -> Write {
    let nonce = nonce();
    let (entries, tip) = seen.tip.extend(&nonce, at, drafts);
    Write {
        nonce,
        expected: seen.version.clone(),
        record: None,
        entries,
        tip,
        at,
    }
}

/// A claim over what `seen` shows: token + 1, and an entry that says so.
pub fn claim(lock: &LockName, seen: &Snapshot) -> Write {
    let nonce = nonce();
    let token = seen.record.as_ref().map_or(1, |r| r.token + 1);
    let drafts = vec![
        announced(token),
        told(token, token, Event::DeploymentStarted),
    ];
    let (entries, tip) = seen.tip.extend(&nonce, moment(token), drafts);
    Write {
        record: Some(record(lock, token, &nonce)),
        nonce,
        expected: seen.version.clone(),
        entries,
        tip,
        at: moment(token),
    }
}
