//! The judge of a round: by the target's log and the ledger alone, whether every promise was kept.

use std::collections::{BTreeMap, BTreeSet};

use baton_tests::{Run, judge};
use ledger::{AttemptOutcome, Entry, Event, Outcome};

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
    // A store that forgot gives a token out again; what is left is the order at the target, and that of two who have
    // the same token one alone gets there (design §5).
    found.extend(owners(stage));
    if plan.forgetful {
        found.extend(both_succeeded(&played.ever()));
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

/// A candidate of a deployment.
type Owner<'a> = (&'a str, u32);

/// By the ledger alone, as it stands and as it stood before the store forgot: whose command succeeded was let in by the
/// guard, and of two with one token that is one.
fn both_succeeded(entries: &[Entry]) -> Vec<String> {
    let succeeded = |entry: &Entry| match &entry.event {
        Event::AttemptFinished { party, outcome, .. } => {
            (*outcome == AttemptOutcome::Succeeded).then_some(party.candidate)
        }
        _ => None,
    };
    shared(entries, succeeded)
        .map(|(token, owners)| {
            format!("token {token} was given twice, and {owners:?} all succeeded with it")
        })
        .collect()
}

/// How many tokens the store gave to more than one.
pub(crate) fn given_twice(entries: &[Entry]) -> usize {
    let given = |entry: &Entry| {
        let begins = matches!(entry.event, Event::AttemptStarted { .. });
        entry.by.as_ref().filter(|_| begins).map(|p| p.candidate)
    };
    shared(entries, given).count()
}

/// The tokens that entries show with more than one owner.
fn shared<'a>(
    entries: &'a [Entry],
    candidate: impl Fn(&Entry) -> Option<u32>,
) -> impl Iterator<Item = (u64, BTreeSet<Owner<'a>>)> {
    let mut owners: BTreeMap<u64, BTreeSet<Owner>> = BTreeMap::new();
    for entry in entries {
        if let Some(candidate) = candidate(entry) {
            let owner = (entry.deployment.id.as_str(), candidate);
            owners.entry(entry.token).or_default().insert(owner);
        }
    }
    owners.into_iter().filter(|(_, owners)| owners.len() > 1)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ledger::{Deployment, Party, Timestamp};

    use super::*;

    fn finished(token: u64, candidate: u32, outcome: AttemptOutcome) -> Entry {
        let party = Party {
            candidate,
            ..Party::default()
        };
        Entry {
            seq: 1,
            nonce: "n".to_owned(),
            at: Timestamp(0),
            deployment: Deployment::default(),
            by: Some(party.clone()),
            token,
            event: Event::AttemptFinished {
                party,
                number: 1,
                outcome,
                detail: String::new(),
                ran: Duration::ZERO,
                last_lines: Vec::new(),
            },
        }
    }

    #[test]
    fn two_that_succeed_with_one_token_are_a_failure_and_one_that_the_guard_turned_away_is_none() {
        let done = AttemptOutcome::Succeeded;
        let first = finished(2, 1, done);
        let refused = finished(2, 2, AttemptOutcome::ExitCode);
        let alone = [first.clone(), first.clone(), refused, finished(3, 2, done)];
        assert_eq!(both_succeeded(&alone), [""; 0]);
        assert_eq!(both_succeeded(&[first, finished(2, 2, done)]).len(), 1);
    }

    #[test]
    fn a_line_under_a_token_that_another_wrote_with_is_a_failure() {
        let stage = Stage::new(0);
        let target = stage.scene.target();
        let log = |lines: &str| std::fs::write(target.path(), lines).unwrap();
        log("1 2 7 runner-1:o/r/1/1:deploy-1 start\n2 2 8 runner-1:o/r/1/1:deploy-2 start\n");
        assert_eq!(owners(&stage), [""; 0]);
        log("1 2 7 runner-1:o/r/1/1:deploy-1 start\n2 2 8 runner-2:o/r/1/1:deploy-1 start\n");
        assert_eq!(owners(&stage).len(), 1);
    }
}
