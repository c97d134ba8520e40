//! What was seen of each runner, and what that makes of each side.

use github::{Runner, RunnerStatus};

use super::{
    choice::{Absence, Side, Standing},
    survey::{Health, Survey},
};
use crate::config::SelectMode;

/// Everything a decision rests on.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// Every runner that was looked at, by name.
    pub(crate) looked_at: Vec<LookedAt>,
    pub(crate) primary: Standing,
    pub(crate) secondary: Standing,
    /// Why there may be runners that were not seen.
    pub(crate) blind: Option<String>,
    pub(crate) notes: Vec<String>,
}

/// One runner.
#[derive(Debug)]
pub(crate) struct LookedAt {
    pub(crate) runner: Runner,
    /// Nothing: it is of neither side.
    pub(crate) side: Option<Side>,
    pub(crate) standing: Standing,
    /// What Prometheus says of it; nothing where it was not asked.
    pub(crate) health: Option<Health>,
    /// Whether this step runs on it.
    pub(crate) here: bool,
}

/// Weighs what was said.
pub(crate) fn weigh(mode: &SelectMode, survey: Survey) -> Evidence {
    let looked_at: Vec<LookedAt> = survey
        .runners
        .into_iter()
        .map(|runner| {
            let side = mode.sides.side_of(&runner);
            let health = survey
                .health
                .as_ref()
                .and_then(|health| health.get(&runner.name).cloned());
            let here = mode.here.as_ref() == Some(&runner.name);
            LookedAt {
                standing: standing(&runner, health.as_ref(), here),
                side,
                health,
                here,
                runner,
            }
        })
        .collect();
    let best = |side| {
        let of_side = looked_at.iter().filter(|seen| seen.side == Some(side));
        let best = of_side
            .map(|seen| seen.standing)
            .min()
            .unwrap_or(Standing::Gone(Absence::Missing));
        match best {
            // One that was not seen may be there.
            Standing::Gone(_) if survey.blind.is_some() => Standing::Unknown,
            best => best,
        }
    };
    Evidence {
        primary: best(Side::Primary),
        secondary: best(Side::Secondary),
        looked_at,
        blind: survey.blind,
        notes: survey.notes,
    }
}

fn standing(runner: &Runner, health: Option<&Health>, here: bool) -> Standing {
    match (runner.status, health) {
        (RunnerStatus::Offline, _) => Standing::Gone(Absence::Offline),
        (_, Some(Health::Unhealthy(_))) => Standing::Gone(Absence::Unhealthy),
        (RunnerStatus::Unknown, _) | (_, Some(Health::Unknown(_))) => Standing::Unknown,
        // What keeps it busy is this job, which ends before the deployment's begins.
        (RunnerStatus::Online, _) if runner.busy && !here => Standing::Busy,
        (RunnerStatus::Online, _) => Standing::Idle,
    }
}

impl Evidence {
    /// The best runner of a side, where one is online and healthy: the first by name.
    pub(crate) fn best(&self, side: Side) -> Option<&LookedAt> {
        self.looked_at
            .iter()
            .filter(|seen| seen.side == Some(side))
            .filter(|seen| matches!(seen.standing, Standing::Idle | Standing::Busy))
            .min_by_key(|seen| seen.standing)
    }

    /// What is known of a side.
    pub(crate) fn of(&self, side: Side) -> Standing {
        match side {
            Side::Primary => self.primary,
            Side::Secondary => self.secondary,
        }
    }

    /// The online runners of the other side that have all of `labels`: GitHub gives the job to whichever is free.
    pub(crate) fn rivals(&self, side: Side, labels: &[String]) -> Vec<&str> {
        self.looked_at
            .iter()
            .filter(|seen| seen.side != Some(side))
            .filter(|seen| seen.runner.status != RunnerStatus::Offline)
            .filter(|seen| seen.runner.lacks(labels).is_empty())
            .map(|seen| seen.runner.name.as_str())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runner(status: RunnerStatus, busy: bool) -> Runner {
        Runner {
            id: 1,
            name: "a".to_owned(),
            os: None,
            status,
            busy,
            labels: Vec::new(),
            runner_group_id: None,
        }
    }

    #[test]
    fn a_runners_standing_follows_from_what_both_say() {
        use RunnerStatus::{Offline, Online, Unknown};
        let (well, ill) = (Some(Health::Healthy), Some(Health::Unhealthy(0.0)));
        let unclear = Some(Health::Unknown(String::new()));
        for (status, busy, health, wanted) in [
            (Online, false, &None, Standing::Idle),
            (Online, true, &None, Standing::Busy),
            (Online, false, &well, Standing::Idle),
            (Online, true, &well, Standing::Busy),
            (Online, false, &ill, Standing::Gone(Absence::Unhealthy)),
            (Online, true, &ill, Standing::Gone(Absence::Unhealthy)),
            (Online, false, &unclear, Standing::Unknown),
            (Online, true, &unclear, Standing::Unknown),
            (Unknown, false, &None, Standing::Unknown),
            (Unknown, false, &well, Standing::Unknown),
            (Unknown, false, &ill, Standing::Gone(Absence::Unhealthy)),
            (Offline, false, &None, Standing::Gone(Absence::Offline)),
            (Offline, false, &well, Standing::Gone(Absence::Offline)),
            (Offline, true, &unclear, Standing::Gone(Absence::Offline)),
        ] {
            let seen = standing(&runner(status, busy), health.as_ref(), false);
            assert_eq!(seen, wanted, "{status:?}, busy {busy}, {health:?}");
        }
    }

    #[test]
    fn the_runner_that_chooses_is_not_busy_with_anything_else() {
        let here = runner(RunnerStatus::Online, true);
        assert_eq!(standing(&here, None, true), Standing::Idle);
    }
}
