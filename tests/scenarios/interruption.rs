//! A run that a person cancels in the middle of its deployment.

use std::time::{Duration, Instant};

use lease::Phase;

use crate::{
    job::What,
    production::BEFORE,
    script::{Scenario, Step, ensure, step},
    stage::{Intent, VERDICT},
    steps::{
        After, after, at_most, before, deploys, is_green, is_judged, start_of, starts, stood_by,
    },
};

/// When the run is cancelled: after this many seconds of its deployment.
const AFTER: u64 = 30;

/// How long a cancelled step may take: GitHub kills it after 10 s (design §6).
const STOPPED_WITHIN: u64 = 7;

/// A released lease is claimed at once; one that was not would have to be silent for longer than this.
const CLAIMED_WITHIN: u64 = 15;

pub(crate) fn scenario() -> Scenario {
    let runners = ["runner-a", "runner-b"];
    let cancelled = Intent {
        number: 42,
        seconds: 120,
        runners,
    };
    let next = Intent {
        number: 43,
        seconds: 2,
        runners,
    };
    Scenario {
        name: "interruption",
        about: "a run is cancelled after 30 s of its deployment",
        seconds: 60,
        steps: vec![
            before(),
            starts(cancelled),
            deploys(cancelled, 1),
            is_cancelled(cancelled, 1),
            has_stopped(cancelled),
            is_judged_cancelled(cancelled),
            is_released(1),
            starts(next),
            claims_at_once(next, 2),
            is_judged(next, 1),
            stood_by(next, 2),
            is_green(next, 1, None),
            after(After {
                versions: vec![BEFORE.to_owned(), next.version()],
                token: 2,
                runs: vec![cancelled, next],
                successes: 1,
                takeovers: 0,
            }),
        ],
    }
}

fn is_cancelled(intent: Intent, token: u64) -> Step {
    step(
        format!(
            "{AFTER} s into the deployment a person cancels run {}. Both legs are told as GitHub tells them: SIGINT, and after 7.5 s \
             SIGTERM.",
            intent.number
        ),
        move |stage| {
            let time = Duration::from_secs(AFTER);
            stage.until(&format!("{AFTER} s of the deployment"), |set| {
                let target = set.scene.target();
                let begun = target
                    .starts("deploy")
                    .into_iter()
                    .find(|l| l.token == token);
                let last = target.last(token);
                Ok(begun
                    .zip(last)
                    .filter(|(begun, last)| last.at >= begun.at + time))
            })?;
            stage.set.happened = baton_tests::target::boottime();
            for leg in [1, 2] {
                stage.set.job_mut(&intent, leg).cancel();
            }
            Ok(String::new())
        },
    )
}

fn has_stopped(intent: Intent) -> Step {
    let [first, second] = intent.runners;
    step(
        format!(
            "{first} ends its release with all that belongs to it, and both deploying steps end within {STOPPED_WITHIN} s."
        ),
        move |stage| {
            let cancelled = Instant::now();
            stage.until("the end of both deploying steps", |set| {
                let ended = |leg| set.job(&intent, leg).step(What::Deploy).is_some();
                Ok((ended(1) && ended(2)).then_some(()))
            })?;
            let took = cancelled.elapsed();
            let alive = stage.set.scene.writers();
            ensure(alive.is_empty(), || {
                format!("the release goes on: {alive:?}")
            })?;
            for (leg, runner) in [(1, first), (2, second)] {
                let code = stage
                    .set
                    .job(&intent, leg)
                    .step(What::Deploy)
                    .and_then(|e| e.code);
                ensure(code == Some(130), || {
                    format!("{runner} ended with {code:?}, not with 130")
                })?;
            }
            at_most(stage, "stopped within", took, STOPPED_WITHIN)
        },
    )
}

fn is_judged_cancelled(intent: Intent) -> Step {
    step(
        format!(
            "The verdict of run {} is cancelled, and nobody is woken.",
            intent.number
        ),
        move |stage| {
            stage.until("the end of the run", |set| {
                let over = |number| set.job(&intent, number).is_over();
                Ok((over(1) && over(2) && over(VERDICT)).then_some(()))
            })?;
            let job = stage.set.job(&intent, VERDICT);
            let outcome = job.output(What::Verdict, "outcome");
            let code = job.step(What::Verdict).and_then(|ended| ended.code);
            ensure(outcome == "cancelled" && code == Some(130), || {
                format!("the verdict says {outcome:?} and ends with {code:?}")
            })?;
            let entries = stage.set.scene.audit().entries();
            let alert = entries.iter().any(|e| e.event.is_bookkeeping());
            ensure(!alert, || "an alert stands in the ledger".to_owned())?;
            Ok(String::new())
        },
    )
}

fn is_released(token: u64) -> Step {
    step(
        format!("The lease is released, and production still answers with {BEFORE}, healthy."),
        move |stage| {
            let record = stage.set.scene.audit().record();
            let released = record
                .as_ref()
                .is_some_and(|r| r.phase == Phase::Cancelled && r.token == token);
            ensure(released, || {
                format!(
                    "the lease is {:?}",
                    record.as_ref().map(|r| (r.phase, r.token))
                )
            })?;
            let answers = stage.set.production.watch.answers();
            ensure(
                answers.troubles.is_empty() && answers.versions == [BEFORE],
                || format!("production: {answers:?}"),
            )?;
            stage.note(format!("production stayed healthy at {BEFORE}"));
            Ok(format!("asked {} times so far", answers.asked))
        },
    )
}

fn claims_at_once(intent: Intent, token: u64) -> Step {
    let first = intent.runner(1);
    step(
        format!(
            "{first} claims it under token {token} without waiting, and deploys {}.",
            intent.version()
        ),
        move |stage| {
            let began = Instant::now();
            start_of(stage, &intent, 1, token)?;
            at_most(
                stage,
                "the next run deployed after",
                began.elapsed(),
                CLAIMED_WITHIN,
            )
        },
    )
}
