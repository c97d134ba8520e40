//! What happens in one round, decided by its seed before anything starts.

use std::time::Duration;

use crate::{
    dice::Dice,
    faults::{self, Fault, Happening, StoreFault},
    store::Kind,
};

/// How long after a failover the next leg comes.
const AFTERWARDS: Duration = Duration::from_secs(8);

/// One round.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) store: Kind,
    /// The lease time; nothing where everything keeps the default timing of the store's row.
    pub(crate) lease: Option<Duration>,
    /// The target refuses older tokens itself, so that anything may be frozen.
    pub(crate) guarded: bool,
    /// The store may forget what it has acknowledged: only what a guarded target promises is left (design §5).
    pub(crate) forgetful: bool,
    /// What takes over has seen nothing of the round: all of it is forgotten.
    pub(crate) unseen: bool,
    /// Things break from the beginning on, and not only once a command runs.
    pub(crate) early: bool,
    pub(crate) deployments: Vec<Deployment>,
    pub(crate) happenings: Vec<Happening>,
}

/// One run of a workflow.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) number: u64,
    pub(crate) starts: Duration,
    pub(crate) legs: Vec<Leg>,
}

/// One of its candidates, on the runner's host of the same number.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) delay: Duration,
    pub(crate) script: String,
    pub(crate) attempts: u64,
    pub(crate) on_failure: bool,
    pub(crate) await_gates: bool,
    pub(crate) hold: bool,
}

impl Plan {
    /// The round of this seed. A seed means the same round whatever else is played.
    pub(crate) fn new(seed: u64) -> Plan {
        let mut dice = Dice::new(seed);
        let store = Kind::of_seed(seed);
        // A takeover at default timing takes half a minute with git: few rounds are so long.
        let lease = (!dice.chance(4)).then(|| Duration::from_millis(5000));
        let (guarded, early) = (dice.chance(40), dice.chance(25));
        let mut numbers: Vec<u64> = (1..=dice.one_of(&[1, 1, 2, 2, 3])).collect();
        if dice.chance(30) {
            numbers.reverse();
        }
        let deployments: Vec<Deployment> = numbers
            .into_iter()
            .map(|n| deployment(n, &mut dice))
            .collect();
        let mut plan = Plan {
            store,
            lease,
            guarded,
            forgetful: false,
            unseen: false,
            early,
            deployments,
            happenings: Vec::new(),
        };
        plan.forgetful = faults::strew(&mut plan, &mut dice);
        let longer = plan.longer();
        for happening in &mut plan.happenings {
            happening.at = happening.at.mul_f64(longer);
        }
        if plan.forgetful {
            plan.unseen = seed.is_multiple_of(2);
            plan.add_a_latecomer();
        }
        plan
    }

    /// Where the store may forget, one more leg comes afterwards, of the first deployment where there is a host for it. It
    /// has seen nothing of what was forgotten, so that it may be given a token once more.
    fn add_a_latecomer(&mut self) {
        let forgets = self
            .happenings
            .iter()
            .filter(|h| matches!(h.fault, Fault::Store(StoreFault::FailOver)))
            .map(|h| h.at)
            .max();
        let first = self.deployments.iter_mut().find(|d| d.legs.len() < 3);
        if let (Some(forgets), Some(first)) = (forgets, first) {
            first.legs.push(Leg {
                delay: forgets + AFTERWARDS,
                script: r#"write "deploy-$BATON_ATTEMPT" 2"#.to_owned(),
                attempts: 2,
                on_failure: false,
                await_gates: false,
                hold: false,
            });
        }
    }

    /// How much longer everything takes than at the short lease time.
    pub(crate) fn longer(&self) -> f64 {
        let lasts = self.lease.unwrap_or(self.store.default_lease());
        lasts.as_secs_f64() / 5.0
    }
}

fn deployment(number: u64, dice: &mut Dice) -> Deployment {
    let (await_gates, hold) = (dice.chance(10), dice.chance(10));
    let legs = (0..dice.one_of(&[1, 2, 2, 2, 2, 3]))
        .map(|_| Leg {
            delay: dice.millis(0, 1500),
            script: script(dice),
            attempts: dice.within(1, 2),
            on_failure: dice.chance(50),
            await_gates,
            hold,
        })
        .collect();
    Deployment {
        number,
        starts: dice.millis(0, 4000),
        legs,
    }
}

fn script(dice: &mut Dice) -> String {
    let write = r#"write "deploy-$BATON_ATTEMPT""#;
    let seconds = dice.within(10, 110) as f64 / 10.0;
    match dice.within(1, 11) {
        1..=4 => format!("{write} {seconds}"),
        5 => format!("for step in 1 2 3; do write deploy-$BATON_ATTEMPT-$step {seconds}; done"),
        6..=7 => format!("{write} {seconds}; exit 3"),
        8 => format!("trap '' TERM INT; {write} {seconds}"),
        9 => format!("{write} forever"),
        10 => format!(
            "echo \"$BATON_FENCING_TOKEN\" > seen; {write} {seconds}; echo result=1 >> \"$BATON_OUTPUT\""
        ),
        _ => format!("(setsid {write} forever &); {write} {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use nix::sys::signal::Signal;

    use super::*;
    use crate::faults::LegFault;

    #[test]
    fn a_seed_means_the_same_round_every_time() {
        for seed in 1..200 {
            let [once, again] = [Plan::new(seed), Plan::new(seed)];
            assert_eq!(format!("{once:?}"), format!("{again:?}"));
        }
    }

    #[test]
    fn no_watchdog_is_frozen_with_its_command_and_no_redis_fails_over_before_an_unguarded_target() {
        let frozen = |fault: &Fault| {
            matches!(
                fault,
                Fault::Leg(_, _, LegFault::All(Signal::SIGSTOP))
                    | Fault::Leg(_, _, LegFault::WatchdogWithTree(Signal::SIGSTOP))
            )
        };
        let mut seen = 0;
        for plan in (1..3000).map(Plan::new) {
            let fails_over = plan
                .happenings
                .iter()
                .any(|h| matches!(h.fault, Fault::Store(StoreFault::FailOver)));
            assert_eq!(plan.forgetful, fails_over && plan.store == Kind::Redis);
            if plan.forgetful || plan.happenings.iter().any(|h| frozen(&h.fault)) {
                assert!(plan.guarded, "{plan:#?}");
                seen += 1;
            }
        }
        assert!(seen > 300, "{seen}");
    }

    #[test]
    fn three_hundred_seeds_break_every_store_in_every_way() {
        let mut seen: BTreeSet<(Kind, &str)> = BTreeSet::new();
        let mut long = BTreeSet::new();
        for plan in (1..=300).map(Plan::new) {
            if plan.lease.is_none() {
                long.insert(plan.store);
            }
            let names = plan.happenings.iter().filter_map(|h| h.fault.name());
            seen.extend(names.map(|name| (plan.store, name)));
        }
        let everywhere = [
            "all of a leg killed",
            "all of a leg frozen",
            "supervisor killed",
            "supervisor frozen",
            "watchdog killed",
            "watchdog frozen",
            "watchdog and command frozen",
            "command killed",
            "command frozen",
            "leg told to stop",
            "transfer",
            "way cut",
            "way slow",
            "way loses packets",
            "store frozen",
            "store killed and started again",
        ];
        for kind in Kind::ALL {
            for name in everywhere {
                assert!(seen.contains(&(kind, name)), "no {name} with {kind:?}");
            }
            assert!(long.contains(&kind), "{kind:?} at default timing");
        }
        for (kind, name) in [
            (Kind::Git, "store's disk full"),
            (Kind::Git, "store loses answers"),
            (Kind::Git, "store applies writes late"),
            (Kind::Git, "store shows what was"),
            (Kind::Git, "store refuses"),
            (Kind::Postgres, "store failed over"),
            (Kind::Redis, "store failed over"),
        ] {
            assert!(seen.contains(&(kind, name)), "no {name} with {kind:?}");
        }
    }
}
