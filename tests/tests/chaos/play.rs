//! Plays one plan: who enters when, what strikes whom when, and that everybody comes to an end.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc,
    thread,
    time::Duration,
};

use baton_tests::{Process, Run, patience, process};
use ledger::Entry;
use nix::sys::signal::Signal;
use test_servers::Way;

use crate::{
    clock::{Clock, What},
    faults::{self, Fault, LegFault, StoreFault},
    legs,
    plan::Plan,
    stage::{self, Stage},
    store::{Access, Books, Reader, Store},
    witness::Witness,
};

/// How long everybody may take to come to an end once nothing breaks any more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// A candidate on the stage.
struct Actor {
    process: Process,
    /// Kept while it lives: a dead supervisor's watchdog is found by nobody.
    watchdog: Option<u32>,
}

/// Whoever takes part, by deployment and leg.
type Actors = BTreeMap<(usize, usize), Actor>;

/// What the judge is told besides the target's log and the ledger.
#[derive(Debug, Default)]
pub(crate) struct Played {
    /// What the steps said at their ends.
    pub(crate) said: Vec<Said>,
    /// The ledger as it was seen while things broke.
    pub(crate) seen: Witness,
    /// The ledger at the end, where it could be read.
    pub(crate) books: Option<Books>,
    /// Deployments whose verdict ended because it could not reach the store (exit code 69).
    pub(crate) out_of_reach: BTreeSet<usize>,
    /// Who does not come to an end.
    pub(crate) stuck: Vec<String>,
}

impl Played {
    /// Every entry that the ledger ever showed; where the store forgets, of what it forgot too.
    pub(crate) fn ever(&self) -> Vec<Entry> {
        let after = self.books.iter().flat_map(|b| &b.entries).cloned();
        self.seen.entries().chain(after).collect()
    }
}

/// The outputs of a leg that ended by itself.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) deployment: usize,
    pub(crate) leg: usize,
    pub(crate) outcome: String,
    pub(crate) token: Option<u64>,
}

/// Plays the plan on this stage.
pub(crate) fn play(plan: &Plan, stage: &Stage, store: Store) -> Played {
    let Store {
        access,
        reader,
        mut servers,
    } = store;
    let runs: Vec<Run> = plan
        .deployments
        .iter()
        .map(|d| Run::number(d.number))
        .collect();
    let mut actors = Actors::new();
    let mut others: Vec<Process> = runs
        .iter()
        .map(|run| legs::verdict(plan, stage, &access, run))
        .collect();
    if plan.unseen {
        for (from, to, way) in faults::cut_apart() {
            stage.hosts.set(from, to, way);
        }
    }
    thread::scope(|scope| {
        // The store takes its time to start again; meanwhile the other things happen at their times.
        let (breaks, broken) = mpsc::channel::<StoreFault>();
        let hand = scope.spawn(move || {
            for fault in broken {
                servers.strike(stage, fault);
            }
            servers.let_go(stage);
            servers
        });
        let (stop, stopped) = mpsc::channel::<()>();
        let watching = scope.spawn(|| Witness::watch(stage, &reader, stopped));
        for moment in Clock::new(plan, stage) {
            match moment {
                What::Enters(d, l) => {
                    let process = legs::enter(plan, stage, &access, &runs[d], (d, l));
                    let watchdog = None;
                    actors.insert((d, l), Actor { process, watchdog });
                }
                What::Breaks(Fault::Leg(d, l, LegFault::Transfer)) => {
                    if actors.get_mut(&(d, l)).is_some_and(|a| a.process.runs()) {
                        others.push(legs::transfer(stage, &access, others.len()));
                    }
                }
                What::Breaks(Fault::Leg(d, l, fault)) => {
                    if let Some(actor) = actors.get_mut(&(d, l)) {
                        strike(actor, fault);
                    }
                }
                What::Breaks(Fault::Way { from, to, way }) => stage.hosts.set(from, to, way),
                What::Breaks(Fault::Store(fault)) => breaks.send(fault).unwrap(),
            }
        }
        drop(breaks);
        let_go(stage, &mut actors);
        let servers = hand.join().unwrap();
        let stuck = settle(plan, &mut actors, &mut others);
        drop(stop);
        let seen = watching.join().unwrap();
        let verdicts = others.iter_mut().take(runs.len()).enumerate();
        let out_of_reach = verdicts
            .filter_map(|(d, v)| (!v.runs() && v.wait(PATIENCE).code == Some(69)).then_some(d))
            .collect();
        let books = last_books(plan, stage, &access, &reader);
        drop(servers);
        Played {
            said: said(&mut actors),
            seen,
            out_of_reach,
            stuck,
            books,
        }
    })
}

/// A fault of somebody who is gone already strikes nobody.
fn strike(actor: &mut Actor, fault: LegFault) {
    let runs = actor.process.runs();
    if runs {
        actor.watchdog = watchdog(&actor.process).or(actor.watchdog);
    }
    let guarding = actor.watchdog;
    let tree = || guarding.map(process::descendants).unwrap_or_default();
    let send = |pids: Vec<u32>, signal| {
        for pid in pids {
            process::send(pid, signal);
        }
    };
    match fault {
        // What stands still after its supervisor's end still goes on.
        LegFault::Watchdog(Signal::SIGCONT) | LegFault::WatchdogWithTree(Signal::SIGCONT) => {
            send(
                guarding.into_iter().chain(tree()).collect(),
                Signal::SIGCONT,
            );
        }
        _ if !runs => {}
        LegFault::Lose => actor.process.lose(),
        LegFault::Supervisor(signal) => actor.process.signal(signal),
        LegFault::Watchdog(signal) => send(guarding.into_iter().collect(), signal),
        LegFault::Tree(signal) => send(tree(), signal),
        LegFault::WatchdogWithTree(signal) => {
            // The tree first: a watchdog that lives for a moment longer kills it as it should.
            send(guarding.into_iter().collect(), signal);
            send(tree(), signal);
        }
        LegFault::All(signal) => {
            let below = process::descendants(actor.process.pid());
            send(
                [actor.process.pid()].into_iter().chain(below).collect(),
                signal,
            );
        }
        LegFault::Transfer => {}
    }
}

fn watchdog(process: &Process) -> Option<u32> {
    process::descendants(process.pid())
        .into_iter()
        .find(|p| process::arguments(*p).starts_with("baton-watchdog"))
}

/// Nothing breaks any more.
fn let_go(stage: &Stage, actors: &mut Actors) {
    for from in 0..stage::HOSTS {
        for to in 0..stage::HOSTS {
            stage.hosts.set(from, to, Way::default());
        }
    }
    for pid in process::working_in(stage.scene.folder()) {
        process::send(pid, Signal::SIGCONT);
    }
    for actor in actors.values_mut() {
        strike(actor, LegFault::WatchdogWithTree(Signal::SIGCONT));
    }
}

/// Everybody comes to an end; who does not, with what was said.
fn settle(plan: &Plan, actors: &mut Actors, others: &mut [Process]) -> Vec<String> {
    let over = patience::within_reach(PATIENCE.mul_f64(plan.longer()), || {
        let legs = actors.values_mut().map(|a| &mut a.process);
        legs.chain(others.iter_mut())
            .map(|p| !p.runs())
            .fold(true, |all, one| all & one)
            .then_some(())
    });
    if over.is_some() {
        return Vec::new();
    }
    let legs = actors.values_mut().map(|a| &mut a.process);
    legs.chain(others.iter_mut())
        .filter_map(|p| {
            let place = p.folder().display().to_string();
            p.runs()
                .then(|| format!("{place} does not end:\n{}", p.log()))
        })
        .collect()
}

/// The ledger once all is over. What is held ends by a person's word first, as it would.
fn last_books(plan: &Plan, stage: &Stage, access: &Access, reader: &Reader) -> Option<Books> {
    // What is held there a person need not end: of what it has forgotten nobody asks for an end.
    if plan.forgetful {
        return reader(stage);
    }
    let read = || patience::within_reach(PATIENCE.mul_f64(plan.longer()), || reader(stage));
    let books = read()?;
    if !books.held {
        return Some(books);
    }
    let unlocked = legs::unlock(stage, access).wait(PATIENCE);
    assert_eq!(unlocked.code, Some(0), "unlock: {}", unlocked.log());
    read()
}

fn said(actors: &mut Actors) -> Vec<Said> {
    let mut all = Vec::new();
    for ((deployment, leg), actor) in actors {
        // One that was killed has said nothing.
        if actor.process.runs() {
            continue;
        }
        let ended = actor.process.wait(Duration::ZERO);
        if ended.signal.is_some() || !ended.output_file().contains("outcome<<") {
            continue;
        }
        all.push(Said {
            deployment: *deployment,
            leg: *leg,
            outcome: ended.output("outcome"),
            token: ended.output("fencing-token").parse().ok(),
        });
    }
    all
}
