//! Two deployments at once: one after the other, and everybody can see who waits.

use std::time::Duration;

use ledger::Event;

use crate::{
    job::What,
    script::{Scenario, Step, ensure, step},
    stage::Intent,
    steps::{After, after, before, deploys, is_green, is_judged, start_of, starts, stood_by},
};

/// A person who asks how things stand gets an answer within this.
const SOON: Duration = Duration::from_secs(60);

pub(crate) fn scenario() -> Scenario {
    let first = Intent {
        number: 42,
        seconds: 20,
        runners: ["runner-a", "runner-b"],
    };
    let second = Intent {
        number: 43,
        seconds: 2,
        runners: ["runner-c", "runner-d"],
    };
    Scenario {
        name: "two-at-once",
        about: "two runs at once: one after the other, the queue shown",
        seconds: 45,
        steps: vec![
            before(),
            starts(first),
            deploys(first, 1),
            starts(second),
            waits(first, second),
            is_shown(second, true),
            is_judged(first, 1),
            stood_by(first, 2),
            follows(first, second, 2),
            is_judged(second, 1),
            stood_by(second, 2),
            is_green(first, 1, None),
            is_green(second, 1, None),
            is_shown(second, false),
            after(After {
                versions: vec!["v41".to_owned(), first.version(), second.version()],
                token: 2,
                runs: vec![first, second],
                successes: 2,
                takeovers: 0,
            }),
        ],
    }
}

fn waits(first: Intent, second: Intent) -> Step {
    step(
        format!(
            "The preflights of run {} warn that another deployment is under way; its legs wait behind run {}, and the ledger says so.",
            second.number, first.number
        ),
        move |stage| {
            let ids = [first, second].map(|intent| intent.run().deployment());
            let entry = stage.entry("somebody to queue", |entry| {
                entry.deployment.id == ids[1]
                    && matches!(&entry.event, Event::Queued { behind, .. } if *behind == ids[0])
            })?;
            stage.until("both legs to wait", |set| {
                let waits = |leg| set.job(&second, leg).says("waits behind");
                Ok((waits(1) && waits(2)).then_some(()))
            })?;
            for leg in [1, 2] {
                let result = stage
                    .set
                    .job(&second, leg)
                    .output(What::Preflight, "result");
                ensure(result == "warn", || {
                    format!("a preflight of run {} came to {result:?}", second.number)
                })?;
            }
            Ok(format!("ledger: {}", entry.subject()))
        },
    )
}

/// What a person sees who asks for the status.
fn is_shown(intent: Intent, waits: bool) -> Step {
    let number = intent.number;
    let sentence = if waits {
        format!("A person asks for the status, and sees run {number} waiting.")
    } else {
        "A person asks again, and sees nobody waiting.".to_owned()
    };
    step(sentence, move |stage| {
        let asked = stage.set.scene.person("status").over(&stage.set.remote);
        let mut asked = asked.start();
        stage.until("the status", |_| Ok((!asked.runs()).then_some(())))?;
        let ended = asked.wait(SOON);
        let told = ended.log();
        ensure(ended.code == Some(0), || told.clone())?;
        let waiting: Vec<&str> = told
            .lines()
            .filter(|l| l.starts_with("  waiting "))
            .collect();
        let id = intent.run().deployment();
        let as_wanted = match (waits, waiting.as_slice()) {
            (true, [one]) => one.contains(&id),
            (false, []) => true,
            _ => false,
        };
        ensure(as_wanted, || format!("the status is:\n{told}"))?;
        let shown = told
            .lines()
            .skip(1)
            .filter(|line| line.contains(", token ") || line.starts_with("  waiting "));
        Ok(shown.map(str::trim).collect::<Vec<_>>().join(" · "))
    })
}

fn follows(first: Intent, second: Intent, token: u64) -> Step {
    step(
        format!(
            "Run {} goes on as soon as run {} has ended: {} claims the lease under token {token} and deploys {}.",
            second.number,
            first.number,
            second.runner(1),
            second.version()
        ),
        move |stage| {
            let line = start_of(stage, &second, 1, token)?;
            let target = stage.set.scene.target();
            let last = target.last(token - 1).map_or(Duration::ZERO, |l| l.at);
            ensure(last < line.at, || {
                format!("run {} wrote to the target after it", first.number)
            })?;
            let after = line.at.saturating_sub(last).as_secs_f64();
            let figure = format!(
                "run {} deployed {after:.1} s after run {}'s last write, never at once",
                second.number, first.number
            );
            stage.note(figure.clone());
            Ok(figure)
        },
    )
}
