//! The play: hosts come up, faults strike and are mended, until everybody has gone home.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use lease::protocol::Conclusion;
use turmoil::{Builder, Protocol, Segment, Sim};

use crate::{
    cast::{lock, secs},
    dice::Dice,
    disk::{Disk, State},
    legs,
    script::{Act, Fault, Script},
    server,
    target::{Span, Target, TreeEnd},
};

/// Nobody waits longer than this.
const CURTAIN: Duration = secs(1_500);

/// What all hosts of one play share. One thread plays it: every lock is free.
pub(crate) struct World {
    pub(crate) script: Script,
    pub(crate) nonces: Arc<AtomicU64>,
    pub(crate) processes: AtomicU64,
    disk: Mutex<Disk>,
    target: Mutex<Target>,
    dice: Mutex<Dice>,
    ends: Mutex<BTreeMap<String, Conclusion>>,
    logging: bool,
    log: Mutex<Vec<String>>,
    problems: Mutex<Vec<String>>,
}

impl World {
    pub(crate) fn new(script: Script, logging: bool) -> Self {
        World {
            nonces: Arc::default(),
            processes: AtomicU64::new(0),
            disk: Mutex::new(Disk::new(script.broken.ignores_expected)),
            target: Mutex::new(Target::new(script.broken.watchdogs_sleep)),
            dice: Mutex::new(Dice::new(script.seed ^ 0xD1CE)),
            ends: Mutex::default(),
            logging,
            log: Mutex::default(),
            problems: Mutex::default(),
            script,
        }
    }

    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap()
    }

    pub(crate) fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap()
    }

    pub(crate) fn dice(&self) -> MutexGuard<'_, Dice> {
        self.dice.lock().unwrap()
    }

    /// How long a watchdog needs to kill a tree.
    pub(crate) fn kill_takes(&self) -> Duration {
        let longest = self.script.timing.kill.as_millis() as u64;
        self.dice().millis(0, longest)
    }

    pub(crate) fn say(&self, text: impl FnOnce() -> String) {
        if self.logging {
            let at = turmoil::sim_elapsed().unwrap_or_default().as_secs_f64();
            let line = format!("{at:>9.3} {}", text());
            self.log.lock().unwrap().push(line);
        }
    }

    pub(crate) fn problem(&self, text: String) {
        self.problems.lock().unwrap().push(text);
    }

    /// What a process came to; of a leg's steps the last counts.
    pub(crate) fn ended(&self, name: &str, end: Option<&Conclusion>) {
        self.say(|| format!("{name} ends: {end:?}"));
        if let Some(end) = end {
            let mut ends = self.ends.lock().unwrap();
            ends.insert(name.to_owned(), end.clone());
        }
    }
}

/// What is left when the play is over.
pub(crate) struct Played {
    pub(crate) script: Script,
    pub(crate) spans: Vec<Span>,
    pub(crate) store: State,
    pub(crate) ends: BTreeMap<String, Conclusion>,
    /// Nobody was left waiting when the curtain fell.
    pub(crate) quiet: bool,
    pub(crate) problems: Vec<String>,
    pub(crate) log: Vec<String>,
    pub(crate) took: Duration,
}

/// Plays a script to its end.
pub(crate) fn play(script: Script, logging: bool) -> Played {
    let world = Arc::new(World::new(script, logging));
    let mut stage = Stage::new(&world);
    let quiet = stage.run();
    let took = stage.sim.elapsed();
    drop(stage);
    let world = Arc::into_inner(world).unwrap();
    let mut disk = world.disk.into_inner().unwrap();
    Played {
        spans: world.target.into_inner().unwrap().spans,
        store: disk.state(lock().as_str()).clone(),
        ends: world.ends.into_inner().unwrap(),
        quiet,
        problems: world.problems.into_inner().unwrap(),
        log: world.log.into_inner().unwrap(),
        took,
        script: world.script,
    }
}

/// Hosts and network as the script has them, with the store and nobody else in it.
pub(crate) fn network(world: &Arc<World>) -> Sim<'_> {
    let weather = &world.script.weather;
    let mut sim = Builder::new()
        .rng_seed(world.script.seed)
        .epoch(SystemTime::UNIX_EPOCH + secs(1_700_000_000))
        .simulation_duration(CURTAIN * 2)
        .tick_duration(weather.tick)
        .min_message_latency(weather.fastest)
        .max_message_latency(weather.slowest)
        .enable_random_order()
        .tcp_capacity(1024)
        .build();
    sim.host("store", || server::serve(Arc::clone(world)));
    sim
}

/// The simulation and who has come up in it.
struct Stage<'a> {
    world: &'a Arc<World>,
    sim: Sim<'a>,
    up: BTreeSet<String>,
    /// Whom a fault has killed and not brought back.
    killed: BTreeSet<String>,
    /// What is wrong with a link.
    links: BTreeMap<String, Fault>,
    /// On whose links farewells of dead processes are held back for ever.
    silenced: BTreeSet<String>,
}

impl<'a> Stage<'a> {
    fn new(world: &'a Arc<World>) -> Self {
        Stage {
            world,
            sim: network(world),
            up: BTreeSet::new(),
            killed: BTreeSet::new(),
            links: BTreeMap::new(),
            silenced: BTreeSet::new(),
        }
    }

    /// Whether everybody came to an end of their own.
    fn run(&mut self) -> bool {
        let world = self.world;
        let mut acts = world.script.acts.iter().peekable();
        let mut steps: u64 = 0;
        loop {
            while let Some((_, act)) = acts.next_if(|(at, _)| *at <= self.sim.elapsed()) {
                self.act(act);
            }
            if let Err(error) = self.sim.step() {
                world.problem(format!("a host broke down: {error}"));
                return false;
            }
            steps += 1;
            if steps.is_multiple_of(32) && acts.peek().is_none() && self.is_quiet() {
                return true;
            }
            if self.sim.elapsed() > CURTAIN {
                return false;
            }
        }
    }

    fn is_quiet(&mut self) -> bool {
        let sim = &mut self.sim;
        !self
            .up
            .iter()
            .any(|name| sim.is_host_running(name.as_str()))
    }

    fn act(&mut self, act: &'a Act) {
        let (world, at) = (self.world, self.sim.elapsed());
        if world.logging {
            let line = format!("{:>9.3} {act}", at.as_secs_f64());
            world.log.lock().unwrap().push(line);
        }
        match act {
            Act::Leg(leg) => {
                let starts = AtomicU64::new(0);
                self.up.insert(leg.name.clone());
                self.sim.host(leg.name.as_str(), move || {
                    let start = starts.fetch_add(1, Ordering::Relaxed);
                    let part = legs::leg(Arc::clone(world), leg.clone(), start);
                    async move {
                        part.await;
                        Ok(())
                    }
                });
            }
            Act::Verdict(name, clock, config) => {
                self.up.insert(name.clone());
                self.sim.host(name.as_str(), move || {
                    let (name, config) = (name.clone(), config.clone());
                    let part = legs::verdict(Arc::clone(world), name, *clock, config);
                    async move {
                        part.await;
                        Ok(())
                    }
                });
            }
            Act::Person(name, clock, config) => {
                self.up.insert(name.clone());
                self.sim.host(name.as_str(), move || {
                    let (name, config) = (name.clone(), config.clone());
                    let part = legs::person(Arc::clone(world), name, *clock, config);
                    async move {
                        part.await;
                        Ok(())
                    }
                });
            }
            Act::Fault(name, fault) => self.strike(name, *fault, at),
        }
    }

    fn strike(&mut self, name: &str, fault: Fault, now: Duration) {
        if name != "store" && !self.up.contains(name) {
            return;
        }
        let sim = &mut self.sim;
        match fault {
            Fault::Partition | Fault::Mute | Fault::Deafen | Fault::Hold => {
                self.links.insert(name.to_owned(), fault);
            }
            Fault::Repair | Fault::Release => {
                self.links.remove(name);
            }
            _ => {}
        }
        match fault {
            Fault::Partition => sim.partition(name, "store"),
            Fault::Mute => sim.partition_oneway(name, "store"),
            Fault::Deafen => sim.partition_oneway("store", name),
            Fault::Repair => sim.repair(name, "store"),
            Fault::Hold => sim.hold(name, "store"),
            Fault::Release if self.silenced.contains(name) => self.let_through(name),
            Fault::Release => sim.release(name, "store"),
            // A link that comes back after a loss lets all go that it holds.
            Fault::Loss(_) if self.silenced.contains(name) => {}
            Fault::Loss(per_mille) => {
                sim.set_link_fail_rate(name, "store", f64::from(per_mille) / 1000.0);
            }
            Fault::Slow(slowest) => sim.set_link_max_message_latency(name, "store", slowest),
            Fault::Kill => {
                if !sim.is_host_running(name) {
                    return;
                }
                self.killed.insert(name.to_owned());
                if name == "store" {
                    return sim.crash(name);
                }
                self.crash_silently(name);
                let takes = self.world.kill_takes();
                let mut target = self.world.target();
                target.kill(name, now + takes, TreeEnd::Orphaned);
            }
            Fault::Bounce => {
                if self.killed.remove(name) {
                    sim.bounce(name);
                }
            }
        }
    }

    /// Kills a process; what it has sent arrives, what its dying connections send does not. Their order is that of
    /// tokio's task numbers, which other plays in this process draw too, and the play must follow from its seed alone.
    fn crash_silently(&mut self, name: &str) {
        self.silenced.insert(name.to_owned());
        self.sim.set_link_fail_rate(name, "store", 0.0);
        self.sim.hold(name, "store");
        self.sim.crash(name);
        let wrong = self.links.get(name).copied();
        if !matches!(wrong, Some(Fault::Hold)) {
            self.let_through(name);
        }
        match wrong {
            Some(Fault::Partition) => self.sim.partition(name, "store"),
            Some(Fault::Mute) => self.sim.partition_oneway(name, "store"),
            Some(Fault::Deafen) => self.sim.partition_oneway("store", name),
            _ => {}
        }
    }

    /// Releases what waits on a link, but for the farewells of dead processes.
    fn let_through(&mut self, name: &str) {
        let (one, other) = (self.sim.lookup(name), self.sim.lookup("store"));
        self.sim.links(|links| {
            for link in links {
                let (a, b) = link.pair();
                if (a, b) != (one, other) && (b, a) != (one, other) {
                    continue;
                }
                for sent in link {
                    if !matches!(
                        sent.protocol(),
                        Protocol::Tcp(Segment::Fin(_) | Segment::Rst)
                    ) {
                        sent.deliver();
                    }
                }
            }
        });
        self.sim.repair(name, "store");
    }
}
