//! The store of a round, as the legs reach it, as it breaks, and as the judge reads it.

mod git;
mod postgres;
mod redis;

use std::{collections::BTreeMap, time::Duration};

use baton_tests::{Step, scene};
use lease::Timing;
use ledger::Entry;

use crate::{faults::StoreFault, plan::Plan, stage::Stage};

/// Which store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Git,
    Postgres,
    Redis,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Git, Kind::Postgres, Kind::Redis];

    pub(crate) fn of_seed(seed: u64) -> Kind {
        Kind::ALL[(seed % 3) as usize]
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Git => "git",
            Kind::Postgres => "postgres",
            Kind::Redis => "redis",
        }
    }

    pub(crate) fn default_lease(self) -> Duration {
        match self {
            Kind::Git => Timing::GIT.lease,
            Kind::Postgres | Kind::Redis => Timing::NOTIFIED.lease,
        }
    }
}

/// What the store holds, read behind the legs' backs.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) entries: Vec<Entry>,
    pub(crate) held: bool,
}

/// Reads the books on the host of those who look; nothing while they cannot be read.
pub(crate) type Reader = Box<dyn Fn(&Stage) -> Option<Books> + Send + Sync>;

/// A running store. Dropping it ends it.
pub(crate) struct Store {
    pub(crate) access: Access,
    pub(crate) reader: Reader,
    pub(crate) servers: Box<dyn Servers>,
}

/// How steps reach it, and go on reaching it whatever breaks.
pub(crate) enum Access {
    /// Every host at an address of its own, with a token.
    Each(BTreeMap<u8, String>),
    /// All at the same address.
    Same(String),
}

impl Access {
    /// Lets a step on this host use the store.
    pub(crate) fn used_by(&self, step: Step, host: u8) -> Step {
        match self {
            Access::Each(addresses) => step
                .input("store", &addresses[&host])
                .input("github-token", scene::TOKEN),
            Access::Same(address) => step.input("store", address),
        }
    }
}

/// What can be broken.
pub(crate) trait Servers: Send {
    /// Something breaks, or is whole again.
    fn strike(&mut self, stage: &Stage, fault: StoreFault);

    /// Nothing breaks any more.
    fn let_go(&mut self, stage: &Stage);
}

/// Starts the store of a round.
pub(crate) fn start(plan: &Plan, stage: &Stage) -> Store {
    match plan.store {
        Kind::Git => git::start(plan, stage),
        Kind::Postgres => postgres::start(plan, stage),
        Kind::Redis => redis::start(plan, stage),
    }
}
