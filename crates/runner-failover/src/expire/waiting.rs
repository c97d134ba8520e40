//! Whether a run waits for reviewers, and since when: no I/O, and always the later moment where two are possible, so
//! that no run is cancelled too early.

use chrono::{DateTime, TimeDelta, Utc};
use github::{Job, PendingDeployment, Reviewer, Run, Status};

/// A wait for reviewers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// Who may approve: `mona`, `team release`.
    pub(super) reviewers: Vec<String>,
    /// When the environment's wait timer was over, where it has one.
    timer_over: Option<DateTime<Utc>>,
}

/// The wait for reviewers of `environment`, where there is one. While the environment's timer runs, an approval would
/// let nothing begin: that is no wait for people.
pub(super) fn for_reviewers(
    pending: &[PendingDeployment],
    environment: &str,
    now: DateTime<Utc>,
) -> Option<Wait> {
    let waits = pending
        .iter()
        .find(|p| p.environment.eq_ignore_ascii_case(environment) && !p.reviewers.is_empty())?;
    let timer_over = match (waits.wait_timer, waits.wait_timer_started_at) {
        (0, _) => None,
        (minutes, Some(started)) => {
            let minutes = i64::try_from(minutes).ok()?;
            Some(started.checked_add_signed(TimeDelta::try_minutes(minutes)?)?)
        }
        // It has not begun to run.
        (_, None) => return None,
    };
    if timer_over.is_some_and(|over| over > now) {
        return None;
    }
    Some(Wait {
        reviewers: waits.reviewers.iter().map(name).collect(),
        timer_over,
    })
}

fn name(reviewer: &Reviewer) -> String {
    match reviewer {
        Reviewer::User(login) => login.clone(),
        Reviewer::Team(slug) => format!("team {slug}"),
        Reviewer::Unknown => "somebody".to_owned(),
    }
}

/// Since when. GitHub does not say it of a run: a job that waits says when it was made, and no job can have waited
/// before the jobs that it needs had ended. Jobs do not say which environment they wait for, so the last counts.
pub(super) fn since(run: &Run, jobs: &[Job], wait: &Wait) -> Option<DateTime<Utc>> {
    let made = jobs
        .iter()
        .filter(|job| job.status == Status::Waiting)
        .filter_map(|job| job.created_at)
        .max();
    let others_ended = jobs.iter().filter_map(|job| job.completed_at).max();
    let waits = made.or(run.updated_at)?;
    [Some(waits), others_ended, wait.timer_over]
        .into_iter()
        .flatten()
        .max()
}

/// Whether something of the run runs, or is about to.
pub(super) fn works(jobs: &[Job]) -> bool {
    jobs.iter().any(|job| {
        matches!(
            job.status,
            Status::InProgress | Status::Queued | Status::Requested | Status::Unknown
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: u32) -> DateTime<Utc> {
        format!("2026-11-21T{hour:02}:00:00Z").parse().unwrap()
    }

    fn pending(environment: &str, reviewers: &[&str]) -> PendingDeployment {
        PendingDeployment {
            environment: environment.to_owned(),
            wait_timer: 0,
            wait_timer_started_at: None,
            current_user_can_approve: false,
            reviewers: reviewers
                .iter()
                .map(|login| Reviewer::User((*login).to_owned()))
                .collect(),
        }
    }

    fn timed(started: Option<u32>) -> PendingDeployment {
        PendingDeployment {
            wait_timer: 120,
            wait_timer_started_at: started.map(at),
            ..pending("production", &["mona"])
        }
    }

    fn job(status: Status, created: u32, completed: Option<u32>) -> Job {
        Job {
            id: 1,
            name: "deploy".to_owned(),
            run_attempt: None,
            status,
            conclusion: None,
            created_at: Some(at(created)),
            started_at: None,
            completed_at: completed.map(at),
            runner_name: None,
            runner_group_name: None,
            labels: Vec::new(),
        }
    }

    fn run(updated: Option<u32>) -> Run {
        Run {
            id: 7,
            name: None,
            display_title: None,
            path: None,
            run_number: 1,
            run_attempt: None,
            event: None,
            status: Status::Waiting,
            conclusion: None,
            head_branch: None,
            head_sha: None,
            created_at: Some(at(1)),
            run_started_at: None,
            updated_at: updated.map(at),
            html_url: None,
        }
    }

    fn wait(timer_over: Option<u32>) -> Wait {
        Wait {
            reviewers: Vec::new(),
            timer_over: timer_over.map(at),
        }
    }

    #[test]
    fn only_reviewers_of_this_environment_are_waited_for() {
        let found = |pending: &[PendingDeployment]| for_reviewers(pending, "production", at(9));
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[pending("staging", &["mona"])]), None);
        assert_eq!(found(&[pending("production", &[])]), None);
        let both = [pending("staging", &["x"]), pending("Production", &["mona"])];
        assert_eq!(
            found(&both).map(|w| w.reviewers),
            Some(vec!["mona".to_owned()])
        );
    }

    #[test]
    fn a_running_wait_timer_is_no_wait_for_people() {
        let found = |started, now| for_reviewers(&[timed(started)], "production", at(now));
        assert_eq!(found(None, 9), None);
        assert_eq!(found(Some(8), 9), None);
        assert_eq!(found(Some(7), 9).and_then(|w| w.timer_over), Some(at(9)));
    }

    #[test]
    fn the_wait_begins_with_the_last_of_what_it_may_begin_with() {
        let waits = job(Status::Waiting, 3, None);
        let earlier = job(Status::Waiting, 2, None);
        let build = job(Status::Completed, 1, Some(5));
        let since = |jobs: &[Job], timer| since(&run(Some(8)), jobs, &wait(timer));
        assert_eq!(since(&[earlier, waits.clone()], None), Some(at(3)));
        assert_eq!(since(&[waits.clone(), build.clone()], None), Some(at(5)));
        assert_eq!(since(&[waits, build.clone()], Some(6)), Some(at(6)));
        // Where no job says that it waits, the run's last change does.
        assert_eq!(since(&[build], None), Some(at(8)));
    }

    #[test]
    fn a_wait_that_nothing_dates_has_no_beginning() {
        let build = job(Status::Completed, 1, Some(5));
        assert_eq!(since(&run(None), &[build], &wait(None)), None);
    }

    #[test]
    fn a_run_that_does_something_else_works() {
        let waits = job(Status::Waiting, 1, None);
        let done = job(Status::Completed, 1, Some(2));
        let blocked = job(Status::Pending, 1, None);
        assert!(!works(&[waits.clone(), done, blocked]));
        for status in [Status::InProgress, Status::Queued, Status::Requested] {
            assert!(works(&[waits.clone(), job(status, 1, None)]), "{status:?}");
        }
    }
}
