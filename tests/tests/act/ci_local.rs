//! This repository's own workflow: its legs and its verdict, without build and test (`make ci-local`).

use std::{fs, path::Path, time::Duration};

use baton_tests::patience;
use ledger::{Event, Outcome, PreflightResult, TakeoverReason};

use crate::trial::{Trial, copy_project, stage};

const LOCK: &str = "baton-actions/baton/production";

/// Longer than the whole run takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(180);

/// A line of the example's target: `<ms> token=1 role=primary runner=r start version=v`.
#[derive(Debug)]
struct Line {
    token: u64,
    what: String,
}

fn target_log(target: &Path) -> Vec<Line> {
    let text = fs::read_to_string(target.join("log")).unwrap_or_default();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole
        .lines()
        .map(|line| {
            let mut fields = line.splitn(5, ' ').skip(1);
            let token = fields.next().unwrap().strip_prefix("token=").unwrap();
            Line {
                token: token.parse().unwrap(),
                what: fields.nth(2).unwrap().to_owned(),
            }
        })
        .collect()
}

fn count(log: &[Line], token: u64, what: &str) -> usize {
    log.iter()
        .filter(|line| line.token == token && line.what.starts_with(what))
        .count()
}

#[test]
fn the_own_workflow_survives_the_loss_of_the_deploying_leg_and_deploys_again_when_it_is_run_again()
{
    let trial = Trial::of("baton-actions/baton");
    let target = trial.folder().join("target");
    let mut trial = trial
        .with(&["--var", "BATON_DEPLOY=true", "--var", "EXAMPLE_SECONDS=4"])
        .with(&["--var", &format!("EXAMPLE_TARGET={}", target.display())]);
    copy_project(&trial.checkout());
    trial.commit();
    stage(&trial.checkout());

    // The holder is lost in the middle of its deployment.
    let first = trial.push(".github/workflows/ci.yml");
    patience::until(PATIENCE, "the second step of the deployment", || {
        (count(&target_log(&target), 1, "step 2") == 1).then_some(())
    });
    let holder = trial.audit(LOCK).record().expect("a record").holder;
    let other = 3 - holder.candidate;
    first.lose(first.leg(holder.candidate));
    let ended = first.wait(PATIENCE);
    // act knows no `continue-on-error` of a job: the lost leg alone makes its run red.
    assert_eq!(ended.code, Some(1), "{}", ended.log());

    let log = target_log(&target);
    assert_eq!(
        count(&log, 1, "end"),
        0,
        "the killed one came to no end: {log:?}"
    );
    assert_eq!(
        (count(&log, 2, "start"), count(&log, 2, "end")),
        (1, 1),
        "{log:?}"
    );
    let order: Vec<u64> = log
        .iter()
        .map(|line| line.token)
        .filter(|t| *t > 0)
        .collect();
    assert!(
        order.is_sorted(),
        "an older token wrote after a newer one: {log:?}"
    );
    assert_eq!(
        count(&log, 0, "verified"),
        1,
        "one leg went on after the deployment: {log:?}"
    );
    let audit = trial.audit(LOCK);
    assert_eq!(audit.takeovers(), [TakeoverReason::PrimaryUnreachable]);
    let deployment = audit.record().expect("a record").deployment.id;
    assert_eq!(
        audit.ends(&deployment),
        [(Outcome::Succeeded, None, String::new())]
    );
    for candidate in [1, 2] {
        assert_eq!(
            announced(&trial, &deployment, candidate),
            1,
            "candidate {candidate}"
        );
        assert_preflight(&trial, &deployment, candidate);
        let preflight = ended.summary(&format!("preflight-{candidate}"));
        assert!(
            preflight.contains("✅ | `ref.allowed` | main"),
            "{preflight}"
        );
    }
    let verdict = ended.summary("verdict");
    for wanted in [
        &format!("✅ candidate {other} "),
        "lost with its holder",
        "`primary_unreachable`",
    ] {
        assert!(verdict.contains(wanted), "{wanted} is missing:\n{verdict}");
    }
    let leg = ended.summary(&format!("deploy-to-production-{other}"));
    assert!(leg.contains("(token 2)"), "{leg}");

    // The same workflow once more: nothing of the first run makes it look finished.
    let ended = trial.push(".github/workflows/ci.yml").wait(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    let log = target_log(&target);
    assert_eq!(
        (count(&log, 3, "start"), count(&log, 3, "end")),
        (1, 1),
        "{log:?}"
    );
    assert_eq!(
        log.iter().filter(|l| l.what.starts_with("start")).count(),
        3,
        "{log:?}"
    );
    assert_eq!(count(&log, 0, "verified"), 2, "{log:?}");
    let audit = trial.audit(LOCK);
    let second = audit.record().expect("a record").deployment.id;
    assert_ne!(second, deployment);
    assert_eq!(
        audit.ends(&second),
        [(Outcome::Succeeded, None, String::new())]
    );
    assert_eq!(audit.takeovers().len(), 1);
    for candidate in [1, 2] {
        assert_eq!(
            announced(&trial, &second, candidate),
            1,
            "candidate {candidate}"
        );
        assert_preflight(&trial, &second, candidate);
        let leg = ended.summary(&format!("deploy-to-production-{candidate}"));
        assert!(leg.starts_with("✅ "), "{leg}");
    }
    assert!(ended.summary("verdict").contains("✅ "));
    // No variable says where to push to: the figures are shown all the same.
    let figures = ended.summary("metrics-verdict");
    assert!(figures.contains("| 100 % (2 of 2) |"), "{figures}");
}

fn announced(trial: &Trial, deployment: &str, candidate: u32) -> usize {
    said(trial, deployment, candidate, |event| {
        matches!(event, Event::Announced { .. })
    })
}

/// Its preflight was told once, as passed.
fn assert_preflight(trial: &Trial, deployment: &str, candidate: u32) {
    let passed = said(trial, deployment, candidate, |event| {
        matches!(
            event,
            Event::Preflight {
                result: PreflightResult::Pass,
                ..
            }
        )
    });
    assert_eq!(passed, 1, "candidate {candidate}");
}

fn said(trial: &Trial, deployment: &str, candidate: u32, which: fn(&Event) -> bool) -> usize {
    trial
        .audit(LOCK)
        .entries()
        .iter()
        .filter(|entry| {
            entry.deployment.id == deployment
                && which(&entry.event)
                && entry
                    .by
                    .as_ref()
                    .is_some_and(|party| party.candidate == candidate)
        })
        .count()
}
