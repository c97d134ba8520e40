//! GitHub's part of `concurrency.*`: who else is in the concurrency group. The lease's part, and what follows from
//! both, is the caller's.

use std::collections::BTreeMap;

use github::{Client, GitHubError, MemberStatus, Occupancy, Run};

use super::unanswered::unanswered;
use crate::Finding;

/// Another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its id.
    pub run_id: u64,
    /// What people see of it; its id where GitHub says nothing.
    pub name: String,
    /// Its page, where GitHub says it.
    pub url: Option<String>,
}

/// Who is in the group besides our own run, one entry a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Who holds it.
    pub active: Vec<Other>,
    /// Who waits for it.
    pub pending: Vec<Other>,
    /// The server knows no groups: these are the runs of our own workflow, or, where our own run is not among them yet,
    /// of all workflows.
    pub guessed: bool,
}

/// Who is in the concurrency group `group` besides run `our_run_id`. One request; 4 on GitHub Enterprise Server, which
/// knows no groups.
///
/// # Errors
/// Those of [`Client::occupancy`].
pub async fn group(
    client: &Client,
    owner: &str,
    repo: &str,
    group: &str,
    our_run_id: u64,
) -> Result<Queue, GitHubError> {
    Ok(match client.occupancy(owner, repo, group).await? {
        Occupancy::Idle => Queue::default(),
        Occupancy::Group(group) => {
            // A run whose jobs are in the group one by one is there several times.
            let mut runs: BTreeMap<u64, (bool, Other)> = BTreeMap::new();
            for member in group.members {
                let holds = member.status == MemberStatus::InProgress;
                let other = Other {
                    run_id: member.run_id,
                    name: member.run_name.unwrap_or_else(|| member.run_id.to_string()),
                    url: member.run_html_url,
                };
                let entry = runs.entry(member.run_id).or_insert((false, other));
                entry.0 |= holds;
            }
            runs.remove(&our_run_id);
            split(runs.into_values(), false)
        }
        Occupancy::ActiveRuns(runs) => {
            let ours = runs.iter().find(|run| run.id == our_run_id).and_then(file);
            let others = runs
                .iter()
                .filter(|run| run.id != our_run_id)
                .filter(|run| ours.is_none() || file(run) == ours)
                .map(|run| {
                    let name = run.display_title.clone().or_else(|| run.name.clone());
                    let other = Other {
                        run_id: run.id,
                        name: name.unwrap_or_else(|| run.id.to_string()),
                        url: run.html_url.clone(),
                    };
                    (run.status == github::Status::InProgress, other)
                });
            split(others, true)
        }
    })
}

/// The workflow's file, without the ref that may stand behind it.
fn file(run: &Run) -> Option<&str> {
    run.path.as_deref()?.split('@').next()
}

fn split(runs: impl Iterator<Item = (bool, Other)>, guessed: bool) -> Queue {
    let (active, pending): (Vec<_>, Vec<_>) = runs.partition(|(holds, _)| *holds);
    let others = |runs: Vec<(bool, Other)>| runs.into_iter().map(|(_, other)| other).collect();
    Queue {
        active: others(active),
        pending: others(pending),
        guessed,
    }
}

/// GitHub's part of `concurrency.queue`: `warn` where more than `most` runs wait.
pub fn queue(asked: &Result<Queue, GitHubError>, most: u32) -> Finding {
    let wanted = format!("at most {most} waiting");
    let queue = match asked {
        Ok(queue) => queue,
        Err(error) => return unanswered(error, wanted),
    };
    let names: Vec<&str> = queue
        .pending
        .iter()
        .take(5)
        .map(|o| o.name.as_str())
        .collect();
    let of = if queue.guessed {
        "runs of this repository (the server knows no concurrency groups)"
    } else {
        "in the concurrency group"
    };
    let seen = match queue.pending.len() {
        0 => format!("nobody else waits {of}"),
        n if n > names.len() => format!("{n} wait {of}: {}, …", names.join(", ")),
        n => format!("{n} wait {of}: {}", names.join(", ")),
    };
    if queue.pending.len() > most as usize {
        Finding::warn(
            seen,
            wanted,
            "look at the deployment at the head of the queue, and cancel runs that nobody needs any more",
        )
    } else {
        Finding::pass(seen, wanted)
    }
}
