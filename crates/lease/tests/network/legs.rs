//! What runs on the hosts: a leg from its preflight to its gates, `verdict`, a person.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use lease::{
    protocol::{
        Appender, AppenderConfig, Candidate, Conclusion, GatesConfig, Person, PersonConfig,
        Watcher, WatcherConfig,
    },
    shell,
    store::Store,
};
use ledger::{Event, PreflightResult};

use crate::{
    cast::lock,
    client::NetStore,
    clock::{Clock, SimHost, sleep_until, truth},
    dice::Dice,
    hands::{LegHands, NoHands},
    play::World,
    script::Leg,
};

/// How long `on-failure` of the gates step may take.
const ON_FAILURE: Duration = Duration::from_secs(600);

/// One process: its clock, its connections, its nonces.
struct Process {
    host: SimHost,
    store: Arc<dyn Store>,
    poll: Duration,
}

impl Process {
    fn new(world: &Arc<World>, name: &str, clock: Clock) -> Process {
        let number = world.processes.fetch_add(1, Ordering::Relaxed);
        let script = &world.script;
        let dice = Dice::new(script.seed ^ (number << 32) ^ 0xC11E);
        let store = NetStore::new(script, lock(), clock, dice);
        Process {
            host: SimHost {
                clock,
                process: format!("{name}-{number}"),
                nonces: Arc::clone(&world.nonces),
            },
            store: Arc::new(store),
            poll: clock.takes(script.timing.poll),
        }
    }
}

/// A leg, from its first step to its last; what came of it is left in the world. `process` counts its starts.
pub(crate) async fn leg(world: Arc<World>, mut leg: Leg, start: u64) {
    if start > 0 {
        leg.config.instance = format!("{}-again-{start}", leg.config.instance);
    }
    if leg.signal.is_some_and(|at| at <= truth()) {
        return;
    }
    let process = Process::new(&world, &leg.name, leg.clock);
    if let Some(result) = leg.preflight {
        preflight(&world, &process, &leg, result).await;
    }
    let mut hands = LegHands::new(&world, &leg);
    let mut candidate = Candidate::new(leg.config.clone());
    let (host, store) = (&process.host, &process.store);
    let end = shell::run(&mut candidate, store, process.poll, host, &mut hands).await;
    let signal = hands.signal;
    world.ended(&leg.name, end.as_ref());
    let (
        Some(Conclusion::Proceed {
            token,
            finished: false,
            ..
        }),
        Some(gates),
    ) = (end, leg.plan.gates)
    else {
        return;
    };
    sleep_until(truth() + gates.begins_after).await;
    if signal.is_some_and(|at| at <= truth()) {
        return;
    }
    world.say(|| format!("{} begins its gates step with token {token}", leg.name));
    let mut hands = LegHands::new(&world, &leg);
    hands.signal = signal;
    let config = GatesConfig {
        lock: lock(),
        deployment: leg.config.deployment.id.clone(),
        me: leg.config.me.clone(),
        token,
        on_failure: leg.config.on_failure.then_some(ON_FAILURE),
        patience: Duration::from_secs(120),
    };
    let mut candidate = Candidate::new(config.into());
    let process = Process::new(&world, &leg.name, leg.clock);
    let (host, store) = (&process.host, &process.store);
    let end = shell::run(&mut candidate, store, process.poll, host, &mut hands).await;
    world.ended(&leg.name, end.as_ref());
}

/// The step before: it tells of its result as the candidate that will claim, or will not.
async fn preflight(world: &Arc<World>, process: &Process, leg: &Leg, result: PreflightResult) {
    let mut appender = Appender::new(AppenderConfig {
        deployment: leg.config.deployment.clone(),
        by: Some(leg.config.me.clone()),
        instance: leg.config.instance.clone(),
        events: vec![
            Event::Announced {
                candidates: leg.config.candidates,
                instance: leg.config.instance.clone(),
            },
            Event::Preflight {
                result,
                failed: Vec::new(),
            },
        ],
        resend_after: world.script.timing.resend_after,
        patience: Duration::from_secs(20),
    });
    let name = format!("{}#preflight", leg.name);
    let mut hands = NoHands { world, name: &name };
    let (host, store) = (&process.host, &process.store);
    shell::run(&mut appender, store, process.poll, host, &mut hands).await;
    world.say(|| format!("{name} ends"));
}

/// `verdict`.
pub(crate) async fn verdict(world: Arc<World>, name: String, clock: Clock, config: WatcherConfig) {
    let process = Process::new(&world, &name, clock);
    let mut hands = NoHands {
        world: &world,
        name: &name,
    };
    let mut watcher = Watcher::new(config);
    let (host, store) = (&process.host, &process.store);
    let end = shell::run(&mut watcher, store, process.poll, host, &mut hands).await;
    world.ended(&name, end.as_ref());
}

/// A person who asks for something.
pub(crate) async fn person(world: Arc<World>, name: String, clock: Clock, config: PersonConfig) {
    let process = Process::new(&world, &name, clock);
    let mut hands = NoHands {
        world: &world,
        name: &name,
    };
    let mut person = Person::new(config);
    let (host, store) = (&process.host, &process.store);
    shell::run(&mut person, store, process.poll, host, &mut hands).await;
    let end = person.end().map(|end| format!("{end:?}"));
    world.say(|| {
        let end = end.unwrap_or_default();
        format!("{name} ends: {:.80}", end)
    });
}
