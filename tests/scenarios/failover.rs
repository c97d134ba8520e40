//! The primary is stopped: before a run, and in the middle of one.

use std::time::Duration;

use baton_tests::{process, target::boottime};

use crate::{
    job::What,
    script::{Scenario, Step, ensure, step},
    stage::Intent,
    steps::{
        After, after, at_most, before, deploys, end_of, is_green, is_judged, start_of, starts,
    },
};

/// What a takeover may take (docs/guarantees.md).
const LIMIT: u64 = 30;

/// When the primary is stopped in the middle: after this many seconds of its release.
const MIDDLE: u32 = 4;

pub(crate) fn scenario() -> Scenario {
    let runners = ["runner-a", "runner-b"];
    let absent = Intent {
        number: 42,
        seconds: 2,
        runners,
    };
    let stopped = Intent {
        number: 43,
        seconds: 10,
        runners,
    };
    Scenario {
        name: "failover",
        about: "the primary is stopped before a run, and in the middle of one",
        seconds: 90,
        steps: vec![
            before(),
            starts_alone(absent),
            replaces_the_absent(absent, 1),
            is_judged(absent, 2),
            comes_late(absent),
            is_green(absent, 2, Some("primary_never_appeared")),
            starts(stopped),
            deploys(stopped, 2),
            is_stopped(stopped, 2),
            takes_over(stopped, 3),
            is_judged(stopped, 2),
            is_green(stopped, 2, Some("primary_unreachable")),
            after(After {
                versions: vec!["v41".to_owned(), absent.version(), stopped.version()],
                token: 3,
                runs: vec![absent, stopped],
                successes: 2,
                takeovers: 2,
            }),
        ],
    }
}

fn starts_alone(intent: Intent) -> Step {
    let (version, [first, second]) = (intent.version(), intent.runners);
    step(
        format!(
            "{first} (primary) is stopped. Run {} starts, to deploy {version}: {second} (secondary) begins its leg, {first}'s waits \
             for its runner, and the verdict begins.",
            intent.number
        ),
        move |stage| {
            stage.set.happened = boottime();
            stage.set.start_leg(&intent, 2);
            stage.set.start_verdict(&intent);
            Ok(String::new())
        },
    )
}

fn replaces_the_absent(intent: Intent, token: u64) -> Step {
    let [first, second] = intent.runners;
    step(
        format!(
            "{second} gives {first} 20 s to appear, then claims the lease under token {token} and deploys."
        ),
        move |stage| {
            let line = start_of(stage, &intent, 2, token)?;
            let took = line.at.saturating_sub(stage.set.happened);
            at_most(
                stage,
                "stopped before the run: deployment began after",
                took,
                LIMIT,
            )
        },
    )
}

fn comes_late(intent: Intent) -> Step {
    let first = intent.runner(1);
    step(
        format!(
            "{first} is started again and picks its leg up: it finds the work done, and ends green."
        ),
        move |stage| {
            stage.set.start_leg(&intent, 1);
            end_of(stage, &intent, 1)?;
            let job = stage.set.job(&intent, 1);
            let told = ["outcome", "proceed"].map(|name| job.output(What::Deploy, name));
            ensure(told == ["succeeded", "false"], || {
                format!("its leg says {told:?}")
            })?;
            Ok(String::new())
        },
    )
}

fn is_stopped(intent: Intent, token: u64) -> Step {
    let first = intent.runner(1);
    step(
        format!(
            "{MIDDLE} s into it, {first} is stopped without a word: every process on it gets SIGKILL."
        ),
        move |stage| {
            let middle = Duration::from_secs(u64::from(MIDDLE));
            stage.until("the middle of the deployment", |set| {
                let target = set.scene.target();
                let begun = target
                    .starts("deploy")
                    .into_iter()
                    .find(|l| l.token == token);
                let last = target.last(token);
                Ok(begun
                    .zip(last)
                    .filter(|(begun, last)| last.at >= begun.at + middle))
            })?;
            stage.set.happened = boottime();
            let all = stage.set.job_mut(&intent, 1).lose();
            ensure(all.len() >= 3, || {
                format!("of supervisor, watchdog and command only {all:?} were there")
            })?;
            stage.until("the end of all of them", |set| {
                let dead = !all.iter().any(|pid| process::lives(*pid));
                Ok((dead && set.scene.writers().is_empty()).then_some(()))
            })?;
            Ok(format!(
                "{} processes are dead, the release half done",
                all.len()
            ))
        },
    )
}

fn takes_over(intent: Intent, token: u64) -> Step {
    let second = intent.runner(2);
    step(
        format!(
            "{second} sees no heartbeat for 22 s, claims the lease under token {token} and deploys {} from the beginning.",
            intent.version()
        ),
        move |stage| {
            let line = start_of(stage, &intent, 2, token)?;
            let took = line.at.saturating_sub(stage.set.happened);
            at_most(
                stage,
                "stopped in the middle: deployment began again after",
                took,
                LIMIT,
            )
        },
    )
}
