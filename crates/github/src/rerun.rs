//! Telling a partial re-run from a full one, from the list of a run's jobs (design §4 on partial re-runs).
//!
//! "Re-run failed jobs" and "re-run this job" leave the other jobs as they were; what matters here is whether one of
//! our *sibling legs* was left out, because it is a leg that may have deployed already. A job of another kind that was
//! left out (a lint, a build) says nothing: who re-runs the build and with it both legs wants them to deploy.

use std::collections::BTreeSet;

use crate::{Conclusion, Job, Status};

/// What a leg knows of itself. GitHub tells a running job neither its name nor its id everywhere, so it is found by
/// what there is (<https://github.com/actions/runner/issues/2577>, <https://github.com/actions/runner/pull/3489>).
#[derive(Clone, Copy, Debug)]
pub struct OurJob<'a> {
    /// `job.check_run_id`, where the server has it: github.com since 2025-09, GitHub Enterprise Server and act do not
    /// (<https://docs.github.com/actions/reference/workflows-and-actions/contexts#job-context>).
    pub check_run_id: Option<u64>,
    /// `GITHUB_JOB`: the job's key in its workflow file, without its matrix and its callers.
    pub job: &'a str,
    /// `RUNNER_NAME`: a runner runs one job at a time.
    pub runner: &'a str,
    /// Our own number among the candidates, from 1.
    pub candidate: u32,
    /// How many candidates there are.
    pub candidates: u32,
}

/// What kind of run we are part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// The first attempt: no re-run at all.
    First,
    /// Every leg runs again.
    Full,
    /// At least one leg kept its result from an earlier attempt.
    Partial {
        /// The names of those legs.
        kept: Vec<String>,
    },
    /// The list does not say: decide as where it cannot be asked for.
    Unclear(Unclear),
}

/// Why a list of jobs does not say what kind of re-run it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// Our own job cannot be told from the others. The list lags behind a run that has just begun
    /// (<https://github.com/Team-Commonly/commonly/pull/1281>).
    OwnJob,
    /// Fewer sibling legs are listed than there must be: the list lags, or names only what runs again
    /// (<https://github.com/r-universe-org/help/issues/607>), or the legs are not told by their names.
    Siblings,
}

/// What kind of re-run attempt `run_attempt` of the run is for the leg `our_job`. `jobs` is the whole list with
/// `filter=latest`: [`Client::run_jobs`](crate::Client::run_jobs).
pub fn rerun_kind(jobs: &[Job], run_attempt: u64, our_job: &OurJob<'_>) -> Rerun {
    if run_attempt <= 1 {
        return Rerun::First;
    }
    let Some(own) = find_own(jobs, run_attempt, our_job) else {
        return Rerun::Unclear(Unclear::OwnJob);
    };
    let siblings = siblings(jobs, own, our_job);
    let kept: Vec<String> = siblings
        .iter()
        .filter(|job| job.carried_over(run_attempt))
        .map(|job| job.name.clone())
        .collect();
    if !kept.is_empty() {
        return Rerun::Partial { kept };
    }
    if (siblings.len() as u32) < our_job.candidates.saturating_sub(1) {
        return Rerun::Unclear(Unclear::Siblings);
    }
    Rerun::Full
}

/// Whether the job that asks is the only one that runs in attempt `run_attempt`, as when `verdict` alone is re-run
/// (design §4); nothing where the list has no job of this attempt yet. For a job that is no leg and cannot tell which
/// jobs are: where it is not alone, legs may be on their way, and it has to wait for them as in a full re-run.
///
/// Only jobs that were carried over prove it: a list without them lags behind a run that has just begun.
pub fn runs_alone(jobs: &[Job], run_attempt: u64) -> Option<bool> {
    let (carried_over, runs): (Vec<&Job>, Vec<&Job>) = jobs
        .iter()
        .filter(|job| job.conclusion != Some(Conclusion::Skipped))
        .partition(|job| job.carried_over(run_attempt));
    match runs.len() {
        0 => None,
        1 => Some(run_attempt > 1 && !carried_over.is_empty()),
        _ => Some(false),
    }
}

fn find_own<'j>(jobs: &'j [Job], run_attempt: u64, our: &OurJob<'_>) -> Option<&'j Job> {
    if let Some(id) = our.check_run_id
        && let Some(job) = jobs.iter().find(|job| job.id == id)
    {
        return Some(job);
    }
    let running = || {
        jobs.iter()
            .filter(|job| job.status == Status::InProgress && !job.carried_over(run_attempt))
    };
    let on_our_runner =
        only(running().filter(|job| {
            !our.runner.is_empty() && job.runner_name.as_deref() == Some(our.runner)
        }));
    // Behind "caller / " stands the key, alone or with its matrix in brackets, unless the job has a name of its own.
    let by_name = || {
        only(running().filter(|job| {
            let (_, last) = job.name.rsplit_once(" / ").unwrap_or(("", &job.name));
            let matrix = last.strip_prefix(our.job);
            matrix.is_some_and(|m| m.is_empty() || m.starts_with(" ("))
                && numbers(&job.name).any(|n| n.value == our.candidate)
        }))
    };
    on_our_runner.or_else(by_name)
}

fn only<'j>(mut found: impl Iterator<Item = &'j Job>) -> Option<&'j Job> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// The other legs: their names are ours with another candidate's number in place of ours (`deploy (1)`, `deploy (2)`).
/// Where no job is named so, the jobs that ask for the same runners as ours: legs carry the same labels (design §1).
fn siblings<'j>(jobs: &'j [Job], own: &Job, our: &OurJob<'_>) -> Vec<&'j Job> {
    let names = sibling_names(&own.name, our);
    let by_name: Vec<&Job> = jobs
        .iter()
        .filter(|job| job.id != own.id && names.contains(&job.name))
        .collect();
    if !by_name.is_empty() || own.labels.is_empty() || our.candidates <= 1 {
        return by_name;
    }
    let ours: BTreeSet<&String> = own.labels.iter().collect();
    jobs.iter()
        .filter(|job| job.id != own.id && job.labels.iter().collect::<BTreeSet<_>>() == ours)
        .collect()
}

/// Every name that `name` can have in another leg. Where the number stands in several places, any one of them may be the
/// candidate's, or all.
fn sibling_names(name: &str, our: &OurJob<'_>) -> BTreeSet<String> {
    let places: Vec<Number> = numbers(name).filter(|n| n.value == our.candidate).collect();
    let mut names = BTreeSet::new();
    for other in (1..=our.candidates).filter(|n| *n != our.candidate) {
        for place in &places {
            names.insert(replaced(name, std::slice::from_ref(place), other));
        }
        names.insert(replaced(name, &places, other));
    }
    names.remove(name);
    names
}

fn replaced(name: &str, places: &[Number], other: u32) -> String {
    let mut text = String::with_capacity(name.len() + 2);
    let mut from = 0;
    for place in places {
        text.push_str(&name[from..place.start]);
        text.push_str(&other.to_string());
        from = place.end;
    }
    text.push_str(&name[from..]);
    text
}

/// A number in a name, and where it stands.
#[derive(Clone, Copy)]
struct Number {
    value: u32,
    start: usize,
    end: usize,
}

fn numbers(name: &str) -> impl Iterator<Item = Number> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + name[from..].find(|c: char| c.is_ascii_digit())?;
            let end = name[start..]
                .find(|c: char| !c.is_ascii_digit())
                .map_or(name.len(), |length| start + length);
            from = end;
            if let Ok(value) = name[start..end].parse() {
                return Some(Number { value, start, end });
            }
        }
    })
}
