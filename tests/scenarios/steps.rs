//! Steps that several scenarios have: each says and does the same thing from the same values.

use std::time::{Duration, Instant};

use baton_tests::{judge, target::Line};

use crate::{
    job::What,
    production::BEFORE,
    script::{End, Step, ensure, step},
    stage::{Intent, Set, Stage, VERDICT},
};

/// What everything begins with.
pub(crate) fn before() -> Step {
    step(
        format!(
            "Production is a service at {BEFORE} that answers its health check; whoever releases a version there has to get past \
             fence-guard. Lease and ledger lie in a git repository behind HTTP."
        ),
        |stage| {
            stage.until("a healthy production", |set| {
                let answers = set.production.watch.answers();
                ensure(answers.troubles.is_empty(), || answers.troubles.join("; "))?;
                Ok((answers.versions == [BEFORE]).then_some(()))
            })?;
            Ok(format!(
                "it is healthy at {BEFORE}, and is asked ten times a second from now on"
            ))
        },
    )
}

/// Both legs and the verdict.
pub(crate) fn starts(intent: Intent) -> Step {
    let (version, [first, second]) = (intent.version(), intent.runners);
    step(
        format!(
            "Run {} starts, to deploy {version}: {first} (primary) and {second} (secondary) begin their legs with the preflight, \
             and the verdict begins on a runner of its own.",
            intent.number
        ),
        move |stage| {
            stage.set.start_leg(&intent, 1);
            stage.set.start_leg(&intent, 2);
            stage.set.start_verdict(&intent);
            Ok(String::new())
        },
    )
}

/// The primary deploys, the secondary stands by.
pub(crate) fn deploys(intent: Intent, token: u64) -> Step {
    let (version, [first, second]) = (intent.version(), intent.runners);
    step(
        format!(
            "{first} claims the lease under token {token} and deploys {version}, which takes {} s; {second} stands by.",
            intent.seconds
        ),
        move |stage| {
            let began = Instant::now();
            start_of(stage, &intent, 1, token)?;
            let took = began.elapsed().as_secs_f64();
            stage.until(&format!("{second} to stand by"), |set| {
                Ok(set.job(&intent, 2).says("is ready").then_some(()))
            })?;
            Ok(format!(
                "the release began {took:.1} s after; {second} is ready"
            ))
        },
    )
}

/// Waits for the release that this candidate carries out under this token.
pub(crate) fn start_of(
    stage: &mut Stage<'_>,
    intent: &Intent,
    candidate: u32,
    token: u64,
) -> Result<Line, End> {
    let runner = intent.runner(candidate);
    stage.until(&format!("{runner}'s deployment to begin"), |set| {
        let job = set.job(intent, candidate);
        let begun = set.scene.target().starts("deploy");
        if let Some(line) = begun.into_iter().find(|line| line.token == token) {
            return Ok(Some(line));
        }
        ensure(!job.is_over(), || {
            format!(
                "{runner} began no deployment; it said last:\n{}",
                job.last_words()
            )
        })?;
        Ok(None)
    })
}

/// That the job comes to its end, and that all its steps end well.
pub(crate) fn end_of(stage: &mut Stage<'_>, intent: &Intent, number: u32) -> Result<(), End> {
    let who = stage.set.job(intent, number).runner().to_owned();
    stage.until(&format!("the end of {who}'s job"), |set| {
        Ok(set.job(intent, number).is_over().then_some(()))
    })?;
    let job = stage.set.job(intent, number);
    ensure(job.codes().iter().all(|code| *code == Some(0)), || {
        format!(
            "{who}'s steps ended with {:?}, not all with 0; the last one said:\n{}",
            job.codes(),
            job.last_words()
        )
    })
}

/// The deploying leg's way to its end.
pub(crate) fn is_judged(intent: Intent, candidate: u32) -> Step {
    let (version, runner) = (intent.version(), intent.runner(candidate));
    step(
        format!(
            "When {runner}'s deployment is done, its health gates ask production for {version}; its leg then pushes the metrics and ends."
        ),
        move |stage| {
            end_of(stage, &intent, candidate)?;
            let job = stage.set.job(&intent, candidate);
            let result = job.output(What::Gates, "result");
            ensure(result == "pass", || {
                format!("the health gates of {runner} came to {result:?}")
            })?;
            Ok("the gates passed: the deployment has succeeded".to_owned())
        },
    )
}

/// The leg that had nothing to do.
pub(crate) fn stood_by(intent: Intent, candidate: u32) -> Step {
    let runner = intent.runner(candidate);
    step(
        format!("{runner}'s leg ends green, having deployed nothing."),
        move |stage| {
            end_of(stage, &intent, candidate)?;
            let proceeds = stage
                .set
                .job(&intent, candidate)
                .output(What::Deploy, "proceed");
            ensure(proceeds != "true", || {
                format!("{runner} takes itself for the one that deployed")
            })?;
            Ok(String::new())
        },
    )
}

/// The run's true conclusion.
pub(crate) fn is_green(intent: Intent, candidate: u32, reason: Option<&'static str>) -> Step {
    let runner = intent.runner(candidate);
    let how = match reason {
        None => "without a takeover".to_owned(),
        Some(reason) => format!("after a takeover ({reason})"),
    };
    step(
        format!(
            "The verdict of run {} is green: succeeded on {runner}, {how}.",
            intent.number
        ),
        move |stage| {
            end_of(stage, &intent, VERDICT)?;
            let job = stage.set.job(&intent, VERDICT);
            let told = ["outcome", "runner", "failover-reason"]
                .map(|name| job.output(What::Verdict, name));
            let wanted = ["succeeded", runner, reason.unwrap_or_default()];
            ensure(told == wanted, || {
                format!("the verdict says {told:?}, not {wanted:?}")
            })?;
            Ok(String::new())
        },
    )
}

/// How it looks from outside, at the end.
pub(crate) struct After {
    /// The versions that production answered with.
    pub(crate) versions: Vec<String>,
    /// The newest token.
    pub(crate) token: u64,
    /// Every run that was begun.
    pub(crate) runs: Vec<Intent>,
    pub(crate) successes: u32,
    pub(crate) takeovers: u32,
}

/// Everything is looked at from outside.
pub(crate) fn after(after: After) -> Step {
    let way = after.versions.join(" → ");
    step(
        format!(
            "From outside: production was healthy all the time ({way}), the target was never written to by two at once, \
             fence-guard and ledger agree on token {}, the Pushgateway counts {} and {}.",
            after.token,
            counted(after.successes, "success"),
            counted(after.takeovers, "takeover"),
        ),
        move |stage| {
            let set = &stage.set;
            let answers = set.production.watch.answers();
            ensure(answers.troubles.is_empty(), || {
                format!("production was away: {}", answers.troubles.join("; "))
            })?;
            ensure(answers.versions == after.versions, || {
                format!("production answered with {:?}", answers.versions)
            })?;
            let state = set.production.state();
            let at = (&state["current_version"], &state["fencing_token"]);
            ensure(
                at.0.as_str() == after.versions.last().map(String::as_str)
                    && at.1.as_u64() == Some(after.token),
                || format!("fence-guard's state is version {}, token {}", at.0, at.1),
            )?;
            let ended: Vec<String> = after.runs.iter().map(|i| i.run().deployment()).collect();
            let ended: Vec<&str> = ended.iter().map(String::as_str).collect();
            let mut complaints = judge::complaints(&set.scene);
            complaints.extend(judge::without_end(&set.scene.audit().entries(), &ended));
            ensure(complaints.is_empty(), || complaints.join("; "))?;
            ensure(set.scene.writers().is_empty(), || {
                "something of a deployment is still alive".to_owned()
            })?;
            counts(set, "deployment_success_total", after.successes)?;
            counts(set, "deployment_failover_total", after.takeovers)?;
            Ok(format!("asked {} times, healthy each time", answers.asked))
        },
    )
}

fn counted(number: u32, what: &str) -> String {
    let several = if what.ends_with('s') { "es" } else { "s" };
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}{several}"),
    }
}

fn counts(set: &Set, counter: &str, wanted: u32) -> Result<(), End> {
    let pushed = set.pushed(counter);
    ensure(pushed == f64::from(wanted), || {
        format!("{counter} is {pushed} at the Pushgateway, not {wanted}")
    })
}

/// That something took no longer than what is promised, and a figure of it for the last line.
pub(crate) fn at_most(
    stage: &mut Stage<'_>,
    what: &str,
    took: Duration,
    limit: u64,
) -> Result<String, End> {
    let figure = format!("{what} {:.1} s (at most {limit} s)", took.as_secs_f64());
    ensure(took <= Duration::from_secs(limit), || figure.clone())?;
    stage.note(figure.clone());
    Ok(figure)
}
