//! The judge of a scene: whether two deployed at once, and whether every deployment has one end. It reads the target's
//! log and the ledger, and asks nobody who took part.

use std::collections::BTreeMap;

use ledger::{Entry, Event};

use crate::{Scene, target::Target};

/// Everything that breaks a promise, in words; empty where all were kept.
pub fn complaints(scene: &Scene) -> Vec<String> {
    let mut found = scene.target().overlaps();
    found.extend(of(&scene.audit().entries(), &scene.target()));
    found
}

/// The same of a ledger wherever it lies, without the order of lines at the target.
pub fn of(entries: &[Entry], target: &Target) -> Vec<String> {
    let mut found = tokens(entries);
    found.extend(ends(entries));
    found.extend(unaccounted(target, entries));
    found
}

/// That every promise was kept, and that each of these deployments came to its one end.
///
/// # Panics
/// One was not, or one did not.
#[track_caller]
pub fn assert_sound(scene: &Scene, ended: &[&str]) {
    let mut found = complaints(scene);
    found.extend(without_end(&scene.audit().entries(), ended));
    assert!(
        found.is_empty(),
        "{found:#?}\n{}",
        scene.audit().subjects().join("\n")
    );
}

/// Which of these deployments have no end.
pub fn without_end(entries: &[Entry], deployments: &[&str]) -> Vec<String> {
    deployments
        .iter()
        .filter(|id| !entries.iter().any(|e| e.deployment.id == **id && is_end(e)))
        .map(|id| format!("{id} has no end"))
        .collect()
}

fn is_end(entry: &Entry) -> bool {
    matches!(entry.event, Event::DeploymentFinished { .. })
}

/// The chain counts without a gap, and a token belongs to one candidate and never falls.
fn tokens(entries: &[Entry]) -> Vec<String> {
    let mut found = Vec::new();
    let mut newest = 0;
    let mut owners: BTreeMap<u64, (String, u32)> = BTreeMap::new();
    for (entry, seq) in entries.iter().zip(1..) {
        if entry.seq != seq {
            found.push(format!("entry {} stands at place {seq}", entry.seq));
        }
        let holds = matches!(
            entry.event,
            Event::DeploymentStarted
                | Event::AttemptStarted { .. }
                | Event::Failover { .. }
                | Event::OnFailureStarted
        );
        if !holds {
            continue;
        }
        if entry.token < newest {
            found.push(format!(
                "token {} acts after token {newest}: {}",
                entry.token,
                entry.subject()
            ));
        }
        newest = newest.max(entry.token);
        let owner = (
            entry.deployment.id.clone(),
            entry.by.as_ref().map_or(0, |p| p.candidate),
        );
        let first = owners.entry(entry.token).or_insert_with(|| owner.clone());
        if *first != owner {
            found.push(format!(
                "token {} is {first:?}'s and {owner:?}'s",
                entry.token
            ));
        }
    }
    found
}

/// No deployment ends twice, and none goes on after its end.
fn ends(entries: &[Entry]) -> Vec<String> {
    let mut ended: BTreeMap<&str, u64> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let id = entry.deployment.id.as_str();
        let acts = matches!(
            entry.event,
            Event::AttemptStarted { .. }
                | Event::OnFailureStarted
                | Event::DeploymentFinished { .. }
        );
        if acts && let Some(seq) = ended.get(id) {
            found.push(format!(
                "{id} ended at {seq} and goes on at {}: {}",
                entry.seq,
                entry.subject()
            ));
        }
        if is_end(entry) {
            ended.insert(id, entry.seq);
        }
    }
    found
}

/// Whoever wrote to the target had a token that the ledger gave out.
fn unaccounted(target: &Target, entries: &[Entry]) -> Vec<String> {
    let given: Vec<u64> = entries
        .iter()
        .filter(|e| {
            matches!(
                e.event,
                Event::AttemptStarted { .. } | Event::OnFailureStarted
            )
        })
        .map(|e| e.token)
        .collect();
    let mut tokens: Vec<u64> = target.lines().iter().map(|l| l.token).collect();
    tokens.dedup();
    tokens
        .into_iter()
        .filter(|t| !given.contains(t))
        .map(|t| format!("token {t} wrote, but no attempt of it is in the ledger"))
        .collect()
}
