//! The judge of a round: by the target's log and the ledger alone, whether every promise was kept.

use std::collections::BTreeMap;

use baton_tests::{Run, judge};
use ledger::{Entry, Event, Outcome};

use crate::{
    plan::Plan,
    play::{Played, Said},
    stage::Stage,
};

/// Everything that breaks a promise, in words; empty where all were kept.
pub(crate) fn complaints(plan: &Plan, stage: &Stage, played: &Played) -> Vec<String> {
    let target = stage.scene.target();
    let mut found = played.stuck.clone();
    found.extend(target.overlaps());
    let alive = stage.scene.writers();
    found.extend(
        alive
            .iter()
            .map(|pid| format!("process {pid} still writes")),
    );
    // A store that forgot gives a token out again; what is left is the order at the target (design §5).
    if plan.forgetful {
        return found;
    }
    let Some(books) = &played.books else {
        found.push("the ledger cannot be read".to_owned());
        return found;
    };
    let ids: Vec<String> = plan
        .deployments
        .iter()
        .map(|d| Run::number(d.number).deployment())
        .collect();
    // Where nobody ever reached the store, nothing was begun, and it said so: there is nothing to end.
    let began = |id: &str| {
        let mut events = books.entries.iter().filter(|e| e.deployment.id == id);
        events.any(|e| matches!(e.event, Event::DeploymentStarted))
    };
    let named: Vec<&str> = ids
        .iter()
        .enumerate()
        .filter(|(d, id)| began(id) || !played.out_of_reach.contains(d))
        .map(|(_, id)| id.as_str())
        .collect();
    found.extend(target.returns());
    found.extend(judge::of(&books.entries, &target));
    found.extend(judge::without_end(&books.entries, &named));
    found.extend(owners(stage));
    found.extend(played.seen.misses(&books.entries));
    for said in &played.said {
        found.extend(denied(said, &ids[said.deployment], &books.entries));
    }
    found
}

/// By the target's log alone, a token is one candidate's of one deployment.
fn owners(stage: &Stage) -> Vec<String> {
    let mut owners: BTreeMap<u64, String> = BTreeMap::new();
    let mut found = Vec::new();
    for line in stage.scene.target().lines() {
        let Some((owner, _)) = line.what.rsplit_once(':') else {
            found.push(format!("`{line}` says not whose it is"));
            continue;
        };
        let first = owners.entry(line.token).or_insert_with(|| owner.to_owned());
        if first != owner {
            found.push(format!("`{line}`, but the token was {first}'s"));
            *first = owner.to_owned();
        }
    }
    found
}

/// What a step told its job, and the ledger knows otherwise.
fn denied(said: &Said, deployment: &str, entries: &[Entry]) -> Vec<String> {
    let of_deployment = || entries.iter().filter(|e| e.deployment.id == deployment);
    let mut found = Vec::new();
    if let Some(token) = said.token
        && !of_deployment().any(|e| e.token == token)
    {
        found.push(format!(
            "leg {} said {said:?}, but no entry has that token",
            said.leg
        ));
    }
    let ended = of_deployment().find_map(|e| match e.event {
        Event::DeploymentFinished { outcome, .. } => Some(outcome),
        _ => None,
    });
    let ends = [
        Outcome::Succeeded,
        Outcome::Failed,
        Outcome::Cancelled,
        Outcome::Superseded,
        Outcome::NeverClaimed,
    ];
    let told = ends.into_iter().find(|o| o.to_string() == said.outcome);
    if told.is_some() && told != ended {
        found.push(format!("{said:?}, but the ledger says {ended:?}"));
    }
    found
}
