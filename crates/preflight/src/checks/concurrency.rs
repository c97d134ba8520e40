//! GitHub's part of `concurrency.*`: who else is in the concurrency group. The lease's part, and what follows from
//! both, is the caller's.

use github::{GitHubError, Queue};

use super::unanswered::unanswered;
use crate::Finding;

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
