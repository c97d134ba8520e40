//! What is deployed to, and what it saw: every process tree that acted on it, under which token, from when to when.
//!
//! A tree's fate is worked out ahead, in the simulation's time: it ends by itself, or is killed by its supervisor or by
//! its watchdog, which outlives the process that it watches. Each kill takes as long as the dice say, at most the kill
//! time.

use std::{collections::BTreeMap, time::Duration};

use lease::protocol::Command;

/// How a tree ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TreeEnd {
    Succeeded,
    Failed,
    TimedOut,
    /// Its supervisor killed it.
    Stopped,
    /// Its watchdog killed it, because it was not fed.
    Fenced,
    /// Its watchdog killed it, because the supervisor was dead.
    Orphaned,
}

/// One line of the target's log.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) leg: String,
    pub(crate) candidate: u32,
    pub(crate) deployment: String,
    pub(crate) token: u64,
    pub(crate) command: Command,
    pub(crate) from: Duration,
    pub(crate) to: Duration,
    pub(crate) end: TreeEnd,
}

impl Span {
    /// Judging gates changes nothing at the target.
    pub(crate) fn acts(&self) -> bool {
        self.command != Command::Gates
    }

    /// When it did something to the target: at its start, every second, and at its end.
    pub(crate) fn effects(&self) -> impl Iterator<Item = Duration> {
        let (from, to) = (self.from, self.to);
        (0..)
            .map(move |n| from + Duration::from_secs(n))
            .take_while(move |at| *at < to)
            .chain([to])
    }
}

/// The target and the trees that act on it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) spans: Vec<Span>,
    live: BTreeMap<String, Tree>,
    /// Test of the judge: watchdogs kill nothing.
    watchdogs_sleep: bool,
}

#[derive(Debug)]
struct Tree {
    span: usize,
    natural: (Duration, TreeEnd),
    /// Until when it is fed.
    fed: Duration,
    /// How long the watchdog needs to kill it.
    kill_takes: Duration,
    kill: Option<(Duration, TreeEnd)>,
}

impl Target {
    pub(crate) fn new(watchdogs_sleep: bool) -> Self {
        Target {
            spans: Vec::new(),
            live: BTreeMap::new(),
            watchdogs_sleep,
        }
    }

    /// A tree begins to act.
    pub(crate) fn start(
        &mut self,
        span: Span,
        natural: (Duration, TreeEnd),
        fed: Duration,
        kill_takes: Duration,
    ) {
        let leg = span.leg.clone();
        let tree = Tree {
            span: self.spans.len(),
            natural,
            fed,
            kill_takes,
            kill: None,
        };
        self.spans.push(span);
        self.live.insert(leg.clone(), tree);
        self.settle(&leg);
    }

    /// The tree of a leg may live until `deadline`; one whose deadline has passed is being killed already.
    pub(crate) fn feed(&mut self, leg: &str, now: Duration, deadline: Duration) {
        if let Some(tree) = self.live.get_mut(leg)
            && now < tree.fed
        {
            tree.fed = deadline;
            self.settle(leg);
        }
    }

    /// The tree of a leg is dead at `at`, if it was not before.
    pub(crate) fn kill(&mut self, leg: &str, at: Duration, end: TreeEnd) {
        if end == TreeEnd::Orphaned && self.watchdogs_sleep && self.acts(leg) {
            // Nobody is left to hear of its end.
            self.live.remove(leg);
            return;
        }
        if let Some(tree) = self.live.get_mut(leg) {
            let earlier = tree.kill.filter(|(before, _)| *before <= at);
            tree.kill = earlier.or(Some((at, end)));
            self.settle(leg);
        }
        if end == TreeEnd::Orphaned {
            self.live.remove(leg);
        }
    }

    /// When the tree of a leg ends, as things stand.
    pub(crate) fn ends_at(&self, leg: &str) -> Option<Duration> {
        self.live.get(leg).map(|tree| self.spans[tree.span].to)
    }

    /// Takes leave of a tree that has ended.
    pub(crate) fn over(&mut self, leg: &str) -> Option<Span> {
        let tree = self.live.remove(leg)?;
        Some(self.spans[tree.span].clone())
    }

    fn acts(&self, leg: &str) -> bool {
        let span = self.live.get(leg).and_then(|t| self.spans.get(t.span));
        span.is_some_and(Span::acts)
    }

    fn settle(&mut self, leg: &str) {
        let acts = self.acts(leg);
        let Some(tree) = self.live.get(leg) else {
            return;
        };
        // The gates are judged within the process: no watchdog stands behind them.
        let watched = acts && !self.watchdogs_sleep;
        let fenced = watched.then_some((tree.fed + tree.kill_takes, TreeEnd::Fenced));
        let ends = [Some(tree.natural), tree.kill, fenced];
        let earliest = ends.into_iter().flatten().min_by_key(|(at, _)| *at);
        if let Some((at, end)) = earliest {
            let span = &mut self.spans[tree.span];
            (span.to, span.end) = (at, end);
        }
    }
}
