//! How large a tip can become: every swap writes it and every poll may read it.

#![allow(clippy::unwrap_used)]

mod chain;

use std::time::Duration;

use chain::{
    Chain, alert, alert_sent, announced, attempt_finished, failover, finished, primary, secondary,
    shipped,
};
use ledger::{AttemptOutcome, Deployment, Event, FailureReason, Outcome, TakeoverReason};

/// The text of a full tip of a busy lock may not be larger. A git store deflates it to a tenth.
const LARGEST: usize = 104 * 1024;

/// A deployment with names as long as they are in real repositories.
fn deployment(run: u64) -> Deployment {
    let run_id = 19_512_345_678 + run;
    Deployment {
        id: format!("some-organisation/customer-portal/{run_id}/1"),
        run: format!("some-organisation/customer-portal/{run_id}"),
        workflow: ".github/workflows/deploy-to-production.yml".to_owned(),
        git_ref: "refs/heads/main".to_owned(),
        run_number: run,
        run_attempt: 1,
        sha: format!("{run:040x}"),
        actor: "grace-hopper-example".to_owned(),
        version: format!("{run:040x}"),
        trigger: "push".to_owned(),
        environment: "production".to_owned(),
    }
}

#[test]
fn a_full_tip_stays_below_104_kib() {
    let mut chain = Chain::default();
    // 5 months of 3 deployments a day, every tenth with a takeover, every twentieth failed.
    for run in 1..=450 {
        let deployment = deployment(run);
        chain
            .wait(8 * 3600)
            .say(&deployment, Some(primary()), announced());
        chain.say(&deployment, Some(secondary()), announced());
        chain.say(&deployment, Some(primary()), Event::DeploymentStarted);
        chain.say(
            &deployment,
            Some(primary()),
            Event::AttemptStarted { number: 1 },
        );
        chain.wait(120 + run % 200);
        if run % 10 == 0 {
            chain.say(
                &deployment,
                Some(secondary()),
                attempt_finished(primary(), AttemptOutcome::Lost),
            );
            chain.say(
                &deployment,
                Some(secondary()),
                failover(TakeoverReason::PrimaryUnreachable),
            );
        }
        chain.say(
            &deployment,
            Some(secondary()),
            attempt_finished(secondary(), AttemptOutcome::Succeeded),
        );
        let end = match run % 20 {
            0 => finished(Outcome::Failed, Some(FailureReason::ExitCode)),
            _ => finished(Outcome::Succeeded, None),
        };
        chain.say(&deployment, Some(secondary()), end);
        // Of late everything failed, and nobody said that it is over.
        if run + ledger::ALERTS_KEPT as u64 > 450 {
            let key = format!("deployment_failed {}", deployment.id);
            chain.say(&deployment, None, alert(&key, 1));
            chain.say(&deployment, None, alert_sent(&key));
        }
        for sink in 0..2 {
            let to = chain.tip.seq;
            chain.say(&deployment, None, shipped(&format!("{sink:016x}"), to));
        }
    }
    // And a few that wait.
    for run in 451..=455 {
        chain.say(&deployment(run), Some(primary()), announced());
        chain.say(&deployment(run), Some(secondary()), announced());
        let queued = Event::Queued {
            behind: deployment(450).id,
            holder: "runner-a".to_owned(),
        };
        chain.say(&deployment(run), Some(primary()), queued);
    }
    // Nonces as they are: 16 random bytes in hexadecimal.
    for (n, nonce) in chain.tip.nonces.iter_mut().enumerate() {
        *nonce = format!("{n:032x}");
    }
    for alert in &mut chain.tip.alerts {
        alert.instance = format!("{:032x}", alert.claim);
    }
    let tip = &chain.tip;
    assert_eq!(tip.alerts.len(), ledger::ALERTS_KEPT);
    println!(
        "tip {} bytes: deployments {}, nonces {}, totals {}, days {}, alerts {}; {:?}",
        size(tip),
        size(&tip.deployments),
        size(&tip.nonces),
        size(&tip.totals),
        size(&tip.days),
        size(&tip.alerts),
        Duration::from_secs(chain.seconds),
    );
    assert!(size(tip) <= LARGEST, "{} bytes", size(tip));
}

#[test]
fn what_alerts_and_shipping_add_is_bounded_however_many_there_were() {
    let mut chain = Chain::default();
    let mut largest = 0;
    for run in 1..=3 * ledger::ALERTS_KEPT as u64 {
        let deployment = deployment(run);
        let key = format!("deployment_failed {}", deployment.id);
        chain.say(&deployment, None, alert(&key, 1));
        chain.say(&deployment, None, shipped(&format!("{run:016x}"), run));
        largest = largest.max(size(&chain.tip.alerts) + size(&chain.tip.shipped));
    }
    println!("{largest} bytes");
    assert_eq!(chain.tip.alerts.len(), ledger::ALERTS_KEPT);
    assert!(largest <= 16 * 1024, "{largest} bytes");
}

#[test]
fn the_days_of_a_lock_that_deploys_without_a_pause_stay_small() {
    let mut chain = Chain::default();
    for run in 0..31 * 300 {
        let deployment = deployment(run);
        chain.say(&deployment, Some(primary()), Event::DeploymentStarted);
        chain.wait(1 + run * 7919 % 283);
        let end = finished(Outcome::Succeeded, None);
        chain.say(&deployment, Some(primary()), end);
    }
    let days = size(&chain.tip.days);
    println!("{days} bytes for {} days", chain.tip.days.len());
    assert!(days <= 32 * 1024, "{days} bytes");
}

fn size(value: &impl serde::Serialize) -> usize {
    serde_json::to_string(value).unwrap().len()
}
