//! Which side takes the job, from what is known of each: no I/O, every combination has its row in the test.
//!
//! What is known goes before what is not: an idle primary, then an idle secondary, then a busy primary, whose queue the
//! job joins. A side that is known to be gone is never chosen, not even by `on-unknown`.

/// The two sides of a failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Primary,
    Secondary,
}

/// The best that is known of a side's runners; the first is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Standing {
    /// Online, healthy, and free to take a job.
    Idle,
    /// Online and healthy, with a job at hand: another one queues behind it.
    Busy,
    /// GitHub or Prometheus cannot say.
    Unknown,
    /// None can take a job.
    Gone(Absence),
}

/// Why none of a side's runners can take a job; the first is the nearest to life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Absence {
    /// Online, but Prometheus says that it is not healthy.
    Unhealthy,
    /// Not connected to GitHub.
    Offline,
    /// GitHub knows no such runner.
    Missing,
}

/// What to do where nothing certain is known of the side that would be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnUnknown {
    Secondary,
    Primary,
    Fail,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The job goes there.
    To(Side),
    /// Nothing certain is known, and that is to be a failure.
    Unsure,
    /// Both sides are known to be gone.
    Nobody,
}

/// Decides.
pub(crate) fn choose(primary: &Standing, secondary: &Standing, on_unknown: OnUnknown) -> Choice {
    use Standing::{Busy, Gone, Idle, Unknown};
    match (primary, secondary) {
        (Idle, _) => Choice::To(Side::Primary),
        (Unknown, other) => match (on_unknown, other) {
            (OnUnknown::Fail, _) => Choice::Unsure,
            (OnUnknown::Primary, _) | (OnUnknown::Secondary, Gone(_)) => Choice::To(Side::Primary),
            (OnUnknown::Secondary, _) => Choice::To(Side::Secondary),
        },
        (Busy | Gone(_), Idle) => Choice::To(Side::Secondary),
        (Busy, _) => Choice::To(Side::Primary),
        (Gone(_), Busy) => Choice::To(Side::Secondary),
        (Gone(_), Unknown) => match on_unknown {
            OnUnknown::Fail => Choice::Unsure,
            OnUnknown::Primary | OnUnknown::Secondary => Choice::To(Side::Secondary),
        },
        (Gone(_), Gone(_)) => Choice::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::{Absence::*, Choice::*, OnUnknown, Side::*, Standing::*, *};

    /// Primary, secondary, and what comes of them under `on-unknown` secondary, primary and fail.
    type Row = (Standing, Standing, [Choice; 3]);

    const ALWAYS_PRIMARY: [Choice; 3] = [To(Primary); 3];
    const ALWAYS_SECONDARY: [Choice; 3] = [To(Secondary); 3];

    const ROWS: [Row; 16] = [
        (Idle, Idle, ALWAYS_PRIMARY),
        (Idle, Busy, ALWAYS_PRIMARY),
        (Idle, Unknown, ALWAYS_PRIMARY),
        (Idle, Gone(Offline), ALWAYS_PRIMARY),
        (Busy, Idle, ALWAYS_SECONDARY),
        (Busy, Busy, ALWAYS_PRIMARY),
        (Busy, Unknown, ALWAYS_PRIMARY),
        (Busy, Gone(Offline), ALWAYS_PRIMARY),
        (Unknown, Idle, [To(Secondary), To(Primary), Unsure]),
        (Unknown, Busy, [To(Secondary), To(Primary), Unsure]),
        (Unknown, Unknown, [To(Secondary), To(Primary), Unsure]),
        (Unknown, Gone(Offline), [To(Primary), To(Primary), Unsure]),
        (Gone(Offline), Idle, ALWAYS_SECONDARY),
        (Gone(Offline), Busy, ALWAYS_SECONDARY),
        (
            Gone(Offline),
            Unknown,
            [To(Secondary), To(Secondary), Unsure],
        ),
        (Gone(Offline), Gone(Offline), [Nobody; 3]),
    ];

    const POLICIES: [OnUnknown; 3] = [OnUnknown::Secondary, OnUnknown::Primary, OnUnknown::Fail];

    #[test]
    fn every_pair_of_standings_has_its_choice_under_every_policy() {
        for (primary, secondary, wanted) in ROWS {
            for (policy, wanted) in POLICIES.into_iter().zip(wanted) {
                assert_eq!(
                    choose(&primary, &secondary, policy),
                    wanted,
                    "{primary:?}, {secondary:?}, {policy:?}"
                );
            }
        }
    }

    #[test]
    fn whatever_the_reason_a_side_that_is_gone_is_never_chosen() {
        for absence in [Unhealthy, Offline, Missing] {
            for other in [Idle, Busy, Unknown, Gone(Missing)] {
                for policy in POLICIES {
                    let gone = Gone(absence);
                    assert_ne!(choose(&gone, &other, policy), To(Primary));
                    assert_ne!(choose(&other, &gone, policy), To(Secondary));
                }
            }
        }
    }

    #[test]
    fn the_best_of_several_runners_counts() {
        let mut all = [
            Gone(Missing),
            Unknown,
            Gone(Unhealthy),
            Idle,
            Busy,
            Gone(Offline),
        ];
        all.sort();
        assert_eq!(
            all,
            [
                Idle,
                Busy,
                Unknown,
                Gone(Unhealthy),
                Gone(Offline),
                Gone(Missing)
            ]
        );
    }
}
