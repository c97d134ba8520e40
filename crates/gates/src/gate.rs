//! One gate, ready to be asked.

use std::{fmt, sync::Arc, time::Duration};

use probes::Probe;

/// One condition that a release must meet.
#[derive(Clone)]
pub struct Gate {
    /// Unique in its file; the label `service` of metrics.
    pub name: String,
    /// The kind's name: `http`.
    pub kind: &'static str,
    /// What is asked.
    pub probe: Arc<dyn Probe>,
    /// The gates, by their place in the list, that must have passed before this one is asked. Without cycles.
    pub depends_on: Vec<usize>,
    /// When it is asked, how often, and when that is enough.
    pub patience: Patience,
    /// Whether its failure fails the whole; otherwise it is a warning.
    pub required: bool,
    /// The line in its file, from 1.
    pub line: Option<usize>,
}

impl fmt::Debug for Gate {
    /// The probe is told by its identity: what else it holds may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("probe", &self.probe.identity())
            .field("depends_on", &self.depends_on)
            .field("patience", &self.patience)
            .field("required", &self.required)
            .field("line", &self.line)
            .finish()
    }
}

/// When a gate is asked, how often, and when that is enough (design §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// From when it may be asked (dependencies met, before `initial_delay`) until it must have passed.
    pub timeout: Duration,
    /// How long one try may take.
    pub try_timeout: Duration,
    /// How long to wait before the first try.
    pub initial_delay: Duration,
    /// The wait after the first failed try; it doubles with each further one.
    pub first_wait: Duration,
    /// The longest wait between two tries.
    pub longest_wait: Duration,
    /// How many tries there may be.
    pub max_tries: Option<u32>,
    /// How many successes in a row are wanted.
    pub successes: u32,
    /// How many failures in a row end it early.
    pub failure_limit: Option<u32>,
}
