//! The whole way of a deployment, beside real servers: preflight, two candidates, gates, metrics, the verdict and whom it
//! wakes.

mod watchers;

use std::{fs, time::Duration};

use baton_tests::patience;
use ledger::{AttemptOutcome, Event, FailureReason, Outcome, Role, TakeoverReason};

use self::watchers::{Count, Watchers};
use crate::{
    consumer::{consumer, example},
    running::Ended,
    trial::Trial,
};

const LOCK: &str = "octo/shop/production";
const WORKFLOW: &str = ".github/workflows/pipeline.yml";
const PATIENCE: Duration = Duration::from_secs(180);

/// Does what the file `what` beside the target says: hangs on the first candidate, fails on both, or deploys.
const DEPLOY: &str = r#"#!/usr/bin/env bash
set -euo pipefail
say() { printf 'token=%s role=%s %s\n' "$BATON_FENCING_TOKEN" "$BATON_ROLE" "$*" >>"$RUNNER_TOOL_CACHE/target.log"; }
say start
case $(cat "$RUNNER_TOOL_CACHE/what" 2>/dev/null)-$BATON_ROLE in
    lost-primary) sleep 600 ;;
    fails-*) echo "the target's disk is full" >&2 && exit 3 ;;
esac
say end
"#;

/// The consumer with the example's workflow, whose variables name the servers of this test.
fn pipeline(watchers: &Watchers) -> Trial {
    let trial = consumer(
        &[("pipeline.yml", &example("pipeline.yml"))],
        &[("deploy.sh", DEPLOY)],
    );
    let gateway = format!("PUSHGATEWAY_URL={}", watchers.gateway.url());
    let alertmanager = format!("ALERTMANAGER_URL={}", watchers.alertmanager.url);
    trial.with(&["--var", &gateway, "--var", &alertmanager])
}

fn target(trial: &Trial) -> String {
    fs::read_to_string(trial.tool_cache().join("target.log")).unwrap_or_default()
}

/// What the deploy command of the next run does.
fn from_now_on(trial: &Trial, what: &str) {
    fs::create_dir_all(trial.tool_cache()).unwrap();
    fs::write(trial.tool_cache().join("what"), what).unwrap();
}

/// The id of the newest deployment, which ended so.
fn ended_as(trial: &Trial, outcome: Outcome, reason: Option<FailureReason>) -> String {
    let audit = trial.audit(LOCK);
    let deployment = audit.record().expect("a record").deployment.id;
    let ends = audit.ends(&deployment);
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!((ends[0].0, ends[0].1), (outcome, reason));
    deployment
}

/// What the ledger's own events add up to.
fn counted(trial: &Trial) -> Vec<(Count, f64)> {
    let entries = trial.audit(LOCK).entries();
    let count =
        |is: &dyn Fn(&Event) -> bool| entries.iter().filter(|e| is(&e.event)).count() as f64;
    let attempts = |of: Role| {
        count(&|event| matches!(event, Event::AttemptFinished { party, .. } if party.role == of))
    };
    let ends = |as_: Outcome| {
        count(
            &|event| matches!(event, Event::DeploymentFinished { outcome, .. } if *outcome == as_),
        )
    };
    let takeovers = |why: TakeoverReason| {
        count(&|event| matches!(event, Event::Failover { reason, .. } if *reason == why))
    };
    vec![
        (Count::Attempts(Role::Primary), attempts(Role::Primary)),
        (Count::Attempts(Role::Secondary), attempts(Role::Secondary)),
        (Count::Successes, ends(Outcome::Succeeded)),
        (Count::Failures, ends(Outcome::Failed)),
        (
            Count::Takeovers("primary_unreachable"),
            takeovers(TakeoverReason::PrimaryUnreachable),
        ),
        (
            Count::Takeovers("primary_exit_code"),
            takeovers(TakeoverReason::PrimaryExitCode),
        ),
    ]
}

#[test]
fn prometheus_shows_what_the_ledger_knows_and_a_person_is_woken_once_for_the_run_that_failed() {
    let watchers = Watchers::start();
    let mut trial = pipeline(&watchers);

    from_now_on(&trial, "deploys");
    let ended = trial.push(WORKFLOW).wait(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    ended_as(&trial, Outcome::Succeeded, None);
    for job in ["deploy-1", "verdict"] {
        let summary = ended.summary(&format!("metrics-{job}"));
        assert!(summary.contains("✅ Pushgateway: "), "{job}: {summary}");
    }
    let idle = ended.summary("metrics-deploy-2");
    assert!(idle.contains("this leg stood by"), "{idle}");

    // The machine of the first candidate is lost in the middle of its deployment.
    from_now_on(&trial, "lost");
    let running = trial.push(WORKFLOW);
    patience::until(PATIENCE, "the second deployment's command", || {
        target(&trial)
            .ends_with("token=2 role=primary start\n")
            .then_some(())
    });
    let holder = trial.audit(LOCK).record().expect("a record").holder;
    running.lose(running.leg(holder.candidate));
    let ended = running.wait(PATIENCE);
    // act knows no `continue-on-error` of a job: the lost leg alone makes its run red.
    assert_eq!(ended.code, Some(1), "{}", ended.log());
    ended_as(&trial, Outcome::Succeeded, None);
    let verdict = ended.summary("verdict");
    assert!(verdict.contains("`primary_unreachable`"), "{verdict}");
    assert_eq!(watchers.woken(), []);

    from_now_on(&trial, "fails");
    let ended = trial.push(WORKFLOW).wait(PATIENCE);
    assert_eq!(ended.code, Some(1), "{}", ended.log());
    let failed = ended_as(&trial, Outcome::Failed, Some(FailureReason::ExitCode));
    assert_failure_is_told(&trial, &ended, &failed);
    let firing = ("firing".to_owned(), failed.clone());
    watchers.until_woken(std::slice::from_ref(&firing));
    assert_eq!(watchers.alerts(), std::slice::from_ref(&failed));
    // The run that failed has pushed what became of it.
    watchers.until_shown(&Count::Failures.query(), 1.0);

    from_now_on(&trial, "deploys");
    let ended = trial.push(WORKFLOW).wait(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    ended_as(&trial, Outcome::Succeeded, None);
    watchers.until_woken(&[firing, ("resolved".to_owned(), failed)]);
    assert_eq!(watchers.alerts(), <[String; 0]>::default());

    let wanted = [
        (Count::Attempts(Role::Primary), 4.0),
        (Count::Attempts(Role::Secondary), 2.0),
        (Count::Successes, 3.0),
        (Count::Failures, 1.0),
        (Count::Takeovers("primary_unreachable"), 1.0),
        (Count::Takeovers("primary_exit_code"), 1.0),
    ];
    assert_eq!(counted(&trial), wanted, "what was done, by the ledger");
    for (count, number) in wanted {
        watchers.until_shown(&count.query(), number);
    }
    assert_figures(&watchers, &ended);
}

/// The failed run's own story: who was told what, and what is left of the hosts.
fn assert_failure_is_told(trial: &Trial, ended: &Ended, failed: &str) {
    let verdict = ended.summary("verdict");
    for wanted in ["❌ ", "✅ alert, alertmanager: "] {
        assert!(verdict.contains(wanted), "{wanted} is missing:\n{verdict}");
    }
    let entries = trial.audit(LOCK).entries();
    let told: Vec<_> = entries
        .iter()
        .filter(|entry| entry.deployment.id == failed)
        .filter_map(|entry| match &entry.event {
            Event::AlertSent { channels, .. } => Some(channels),
            _ => None,
        })
        .flatten()
        .collect();
    // No incident is opened by a trial.
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (told[0].channel.as_str(), told[0].told),
        ("alertmanager", true)
    );
    let lines = entries.iter().any(|entry| {
        matches!(&entry.event, Event::AttemptFinished { outcome: AttemptOutcome::ExitCode, last_lines, .. }
            if last_lines == &["the target's disk is full"])
    });
    assert!(lines, "the ledger has the command's last lines");
    for candidate in [1, 2] {
        let folder = ended.artifact(&format!("diagnostics-1-{candidate}"));
        let folder = folder.unwrap_or_else(|| panic!("candidate {candidate} left no diagnostics"));
        for file in ["diagnostics.json", "diagnostics.txt"] {
            assert!(folder.join(file).is_file(), "{file} of {candidate}");
        }
    }
}

/// The figures of 30 days, in Prometheus and in the summary.
fn assert_figures(watchers: &Watchers, ended: &Ended) {
    watchers.until_shown("lock:deployment_success_ratio:30d", 0.75);
    watchers.until_shown("lock:deployment_failover_success_ratio:30d", 0.5);
    // The longest of them waited for a lost host.
    let slowest = watchers.shown("lock:deployment_duration_p95_seconds:30d");
    assert!(slowest >= Some(22.0), "{slowest:?}");
    let summary = ended.summary("metrics-verdict");
    for wanted in ["| 75 % (3 of 4) |", "| 50 % (1 of 2) |"] {
        assert!(summary.contains(wanted), "{wanted} is missing:\n{summary}");
    }
}
