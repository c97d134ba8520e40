//! Who else is in a concurrency group, a run at a time.

use std::collections::BTreeMap;

use crate::{Client, GitHubError, MemberStatus, Occupancy, Run, Status};

/// Another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedRun {
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
    pub active: Vec<QueuedRun>,
    /// Who waits for it.
    pub pending: Vec<QueuedRun>,
    /// The server knows no groups: these are the runs of our own workflow, or, where our own run is not among them yet,
    /// of all workflows.
    pub guessed: bool,
}

impl Client {
    /// Who is in the concurrency group `group` besides run `our_run_id`. One request; 4 on GitHub Enterprise Server, which
    /// knows no groups.
    ///
    /// # Errors
    /// Those of [`Client::occupancy`].
    pub async fn queue(
        &self,
        owner: &str,
        repo: &str,
        group: &str,
        our_run_id: u64,
    ) -> Result<Queue, GitHubError> {
        Ok(match self.occupancy(owner, repo, group).await? {
            Occupancy::Idle => Queue::default(),
            Occupancy::Group(group) => {
                // A run whose jobs are in the group one by one is there several times.
                let mut runs: BTreeMap<u64, (bool, QueuedRun)> = BTreeMap::new();
                for member in group.members {
                    let holds = member.status == MemberStatus::InProgress;
                    let other = QueuedRun {
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
                        let other = QueuedRun {
                            run_id: run.id,
                            name: name.unwrap_or_else(|| run.id.to_string()),
                            url: run.html_url.clone(),
                        };
                        (run.status == Status::InProgress, other)
                    });
                split(others, true)
            }
        })
    }
}

/// The workflow's file, without the ref that may stand behind it.
fn file(run: &Run) -> Option<&str> {
    run.path.as_deref()?.split('@').next()
}

fn split(runs: impl Iterator<Item = (bool, QueuedRun)>, guessed: bool) -> Queue {
    let (active, pending): (Vec<_>, Vec<_>) = runs.partition(|(holds, _)| *holds);
    let others = |runs: Vec<(bool, QueuedRun)>| runs.into_iter().map(|(_, other)| other).collect();
    Queue {
        active: others(active),
        pending: others(pending),
        guessed,
    }
}
