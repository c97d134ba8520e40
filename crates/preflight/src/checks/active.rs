//! `concurrency.active` and `concurrency.queue`: what lease, ledger and GitHub's concurrency group say together.

use github::{GitHubError, Queue};
use lease::{Phase, Record, store::Snapshot};
use ledger::Deployment;

use super::{concurrency::queue as githubs_queue, unanswered::unanswered};
use crate::{Finding, Part, Status};

const REACH_THE_STORE: &str =
    "look whether this runner reaches the store; with `git`, whether the job has `contents: write`";

/// What is known of the lease.
#[derive(Clone, Debug)]
pub enum Lease<'a> {
    /// This.
    Seen(&'a Snapshot),
    /// The store could not be asked; why.
    Lost(&'a str),
    /// There is none (`store: none`).
    None,
}

/// `concurrency.active`. The other leg of the same deployment is never another deployment; another one is a warning,
/// since this one will queue, or a failure where `fails` says so. A held lock is a failure always: nothing queues behind
/// it (design §4).
pub fn active(
    lease: &Lease<'_>,
    ours: Option<&Deployment>,
    group: Option<&Result<Queue, GitHubError>>,
    fails: bool,
) -> Finding {
    const WANTED: &str = "no other deployment under way";
    const MEND: &str = "wait for it to end, or look at it: `runner-failover` with `mode: status`";
    let mut parts = Vec::new();
    match lease {
        Lease::Seen(snapshot) => {
            let other = snapshot
                .record
                .as_ref()
                .filter(|record| !record.phase.is_terminal())
                .filter(|record| ours.is_none_or(|ours| ours.id != record.deployment.id));
            if let Some(record) = other {
                parts.push(of_the_lease(record, fails));
            }
        }
        Lease::Lost(why) => parts.push(Part {
            subject: "the lease".to_owned(),
            status: Status::Unknown,
            seen: (*why).to_owned(),
            mend: REACH_THE_STORE.to_owned(),
        }),
        Lease::None => {}
    }
    match group {
        Some(Ok(queue)) => parts.extend(queue.active.iter().map(|other| Part {
            subject: other.name.clone(),
            status: if fails { Status::Fail } else { Status::Warn },
            seen: format!("run {} is active", other.run_id),
            mend: String::new(),
        })),
        Some(Err(error)) => {
            let finding = unanswered(error, WANTED);
            parts.push(Part {
                subject: "the concurrency group".to_owned(),
                status: finding.status,
                seen: finding.seen,
                mend: finding.mend,
            });
        }
        None => {}
    }
    let mend_of_worst = |parts: &[Part]| {
        let worst = parts.iter().max_by_key(|part| part.status);
        worst
            .map(|part| part.mend.clone())
            .filter(|mend| !mend.is_empty())
            .unwrap_or_else(|| MEND.to_owned())
    };
    let mend = mend_of_worst(&parts);
    let finding = match parts.iter().map(|part| part.status).max() {
        None | Some(Status::Pass) => Finding::pass("no other deployment", WANTED),
        Some(Status::Warn) => Finding::warn("this one will queue behind another", WANTED, mend),
        Some(Status::Unknown) => Finding::unknown("cannot be told", WANTED, mend),
        Some(Status::Fail) => Finding::fail("another deployment is in the way", WANTED, mend),
    };
    finding.with_parts(parts)
}

fn of_the_lease(record: &Record, fails: bool) -> Part {
    let (status, seen, mend) = if record.phase == Phase::Held {
        (
            Status::Fail,
            format!("held by {} until a person decides", record.holder),
            "look at the target, then end the held deployment: `runner-failover` with `mode: unlock`",
        )
    } else {
        let status = if fails { Status::Fail } else { Status::Warn };
        (
            status,
            format!("{}, by {}", record.phase, record.holder),
            "",
        )
    };
    Part {
        subject: record.deployment.id.clone(),
        status,
        seen,
        mend: mend.to_owned(),
    }
}

/// `concurrency.queue`: the deeper of the lease's queue and the group's (design §7).
pub fn queue(
    lease: &Lease<'_>,
    ours: Option<&Deployment>,
    group: Option<&Result<Queue, GitHubError>>,
    most: u32,
) -> Finding {
    let of_group = group.map(|asked| (githubs_queue(asked, most), pending(asked)));
    let of_lease = match lease {
        Lease::Seen(snapshot) => {
            let waiting = snapshot
                .tip
                .deployments
                .iter()
                .filter(|other| ours.is_none_or(|ours| ours.id != other.deployment.id))
                .filter(|other| {
                    !other.finished()
                        && !other.claimed
                        && other.announced.values().any(|c| c.queued_behind.is_some())
                })
                .count();
            Some(judge_depth(waiting, most))
        }
        Lease::Lost(why) => Some((
            Finding::unknown(*why, format!("at most {most} waiting"), REACH_THE_STORE),
            0,
        )),
        Lease::None => None,
    };
    match (of_lease, of_group) {
        (Some((lease, waiting)), Some((group, pending))) => {
            // The one that says more: the worse, and of equals the deeper.
            if (group.status, pending) > (lease.status, waiting) {
                group
            } else {
                lease
            }
        }
        (Some((only, _)), None) | (None, Some((only, _))) => only,
        (None, None) => Finding::pass("no queue is known", format!("at most {most} waiting")),
    }
}

fn pending(asked: &Result<Queue, GitHubError>) -> usize {
    asked.as_ref().map_or(0, |queue| queue.pending.len())
}

fn judge_depth(waiting: usize, most: u32) -> (Finding, usize) {
    let seen = format!("{waiting} wait for the lease");
    let wanted = format!("at most {most} waiting");
    let finding = if waiting > most as usize {
        Finding::warn(
            seen,
            wanted,
            "look at the deployment at the head of the queue, and cancel runs that nobody needs any more",
        )
    } else {
        Finding::pass(seen, wanted)
    };
    (finding, waiting)
}

#[cfg(test)]
mod tests {
    use super::*;
    use github::QueuedRun;

    fn deployment(id: &str) -> Deployment {
        Deployment {
            id: id.to_owned(),
            ..Deployment::default()
        }
    }

    fn group(active: usize, pending: usize) -> Result<Queue, GitHubError> {
        let other = |run_id: usize| QueuedRun {
            run_id: run_id as u64,
            name: format!("run {run_id}"),
            url: None,
        };
        Ok(Queue {
            active: (0..active).map(other).collect(),
            pending: (0..pending).map(other).collect(),
            guessed: false,
        })
    }

    fn of_group(active_runs: usize, fails: bool) -> Finding {
        let empty = Snapshot::default();
        active(
            &Lease::Seen(&empty),
            Some(&deployment("o/r/1/1")),
            Some(&group(active_runs, 0)),
            fails,
        )
    }

    #[test]
    fn another_run_in_the_group_is_a_warning_unless_it_is_to_fail() {
        assert_eq!(of_group(0, false).status, Status::Pass);
        assert_eq!(of_group(1, false).status, Status::Warn);
        assert_eq!(of_group(1, true).status, Status::Fail);
    }

    #[test]
    fn a_store_that_cannot_be_asked_is_unknown_and_says_why() {
        let finding = active(&Lease::Lost("no answer"), None, None, true);
        assert_eq!(finding.status, Status::Unknown);
        assert_eq!(finding.parts[0].seen, "no answer");
        assert!(finding.mend.contains("contents: write"), "{}", finding.mend);
    }

    #[test]
    fn a_queue_in_a_store_that_cannot_be_asked_is_mended_at_the_store() {
        let finding = queue(&Lease::Lost("no answer"), None, None, 3);
        assert_eq!(finding.status, Status::Unknown);
        assert!(finding.mend.contains("reaches the store"), "{finding:?}");
    }

    #[test]
    fn the_deeper_queue_is_told() {
        let empty = Snapshot::default();
        let told = |pending| {
            queue(
                &Lease::Seen(&empty),
                Some(&deployment("o/r/1/1")),
                Some(&group(0, pending)),
                3,
            )
        };
        assert_eq!(told(3).status, Status::Pass);
        assert_eq!(told(4).status, Status::Warn);
        assert_eq!(told(0).seen, "0 wait for the lease");
        assert!(told(2).seen.starts_with("2 wait in the concurrency group"));
    }
}
