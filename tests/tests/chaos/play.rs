//! Plays one plan and judges what came of it.

use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

use baton_tests::{Process, Run, Scene, judge, patience, process};
use lease::testing::http_git::{Mode, Server};
use ledger::{Event, Outcome};
use nix::sys::signal::Signal;

use crate::plan::{Fault, Plan};

/// The lease time: a takeover takes about 4 s.
const LEASE: &str = "3300ms";

/// How long everybody may take to come to an end once nothing breaks any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was seen in one run, or in all.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) writes: usize,
    happenings: usize,
    tokens: u64,
    takeovers: usize,
    ends: BTreeMap<String, usize>,
}

impl Figures {
    pub(crate) fn add(&mut self, other: &Figures) {
        self.writes += other.writes;
        self.happenings += other.happenings;
        self.tokens += other.tokens;
        self.takeovers += other.takeovers;
        for (end, count) in &other.ends {
            *self.ends.entry(end.clone()).or_default() += count;
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            writes,
            happenings,
            tokens,
            takeovers,
            ends,
        } = self;
        write!(
            f,
            "{happenings} faults, {tokens} tokens, {takeovers} takeovers, {writes} lines at the targets, ends {ends:?}"
        )
    }
}

/// A candidate on the stage.
struct Actor {
    process: Process,
    link: Option<Server>,
    /// Kept while it lives: a dead supervisor's watchdog is found by nobody.
    watchdog: Option<u32>,
}

/// Plays the plan of this seed. Every promise that was broken, where one was.
pub(crate) fn play(seed: u64) -> Result<Figures, Vec<String>> {
    let plan = Plan::new(seed);
    let scene = Scene::new();
    let runs: Vec<Run> = plan
        .deployments
        .iter()
        .map(|d| Run::number(d.number))
        .collect();
    let mut actors: BTreeMap<(usize, usize), Actor> = BTreeMap::new();
    let mut others: Vec<Process> = Vec::new();
    // Before anybody starts: making a link writes to the store's settings.
    let mut links: BTreeMap<(usize, usize), Server> = BTreeMap::new();
    let mut entrances: Vec<(Duration, (usize, usize))> = Vec::new();
    for (d, deployment) in plan.deployments.iter().enumerate() {
        for (l, leg) in deployment.legs.iter().enumerate() {
            entrances.push((deployment.starts + leg.delay, (d, l)));
            if leg.linked {
                links.insert((d, l), scene.link());
            }
        }
    }
    entrances.sort();
    let mut verdicts: Vec<Process> = runs
        .iter()
        .map(|run| {
            scene
                .verdict(run)
                .input("pickup-timeout", "15s")
                .input("queue-timeout", "40s")
                .start()
        })
        .collect();

    let begin = Instant::now();
    let mut happenings = plan.happenings.iter().peekable();
    let mut entrances = entrances.into_iter().peekable();
    loop {
        let next_entrance = entrances.peek().map(|(at, _)| *at);
        let next_happening = happenings.peek().map(|h| h.at);
        let Some(next) = next_entrance.into_iter().chain(next_happening).min() else {
            break;
        };
        patience::until(PATIENCE, "the next thing to happen", || {
            (begin.elapsed() >= next).then_some(())
        });
        if next_entrance == Some(next) {
            let Some((_, who)) = entrances.next() else {
                break;
            };
            actors.insert(who, enter(&scene, &plan, &runs, who, links.remove(&who)));
        } else if let Some(h) = happenings.next() {
            strike(
                &scene,
                actors.get_mut(&(h.deployment, h.leg)),
                h.fault,
                &mut others,
            );
        }
    }
    for actor in actors.values_mut() {
        let_go(actor);
    }
    settle(seed, &scene, &mut actors, &mut verdicts, others)?;
    judged(&scene, &plan, &runs)
}

fn enter(
    scene: &Scene,
    plan: &Plan,
    runs: &[Run],
    (d, l): (usize, usize),
    link: Option<Server>,
) -> Actor {
    let leg = &plan.deployments[d].legs[l];
    let mut step = scene
        .candidate(&runs[d], l as u32 + 1, &leg.script)
        .input("candidates", plan.deployments[d].legs.len())
        .input("attempts", leg.attempts)
        .input("attempt-timeout", "6s")
        .input("timeout", "14s")
        .input("retry-wait", "300ms")
        .input("grace", "500ms")
        .input("primary-grace", "2s")
        .input("pickup-timeout", "15s")
        .input("queue-timeout", "40s")
        .input("gates-deadline", "1s")
        .input("await-gates", leg.await_gates)
        .input(
            "on-primary-lost",
            if leg.hold { "hold" } else { "takeover" },
        )
        .input("lease-time", LEASE);
    if leg.on_failure {
        step = step.input("on-failure", "write on-failure 1");
    }
    if let Some(link) = &link {
        step = step.over(link);
    }
    Actor {
        process: step.start(),
        link,
        watchdog: None,
    }
}

/// A fault of somebody who has not come or is gone already strikes nobody.
fn strike(scene: &Scene, actor: Option<&mut Actor>, fault: Fault, others: &mut Vec<Process>) {
    let Some(actor) = actor else { return };
    if let Fault::Link(mode) = fault {
        if let Some(link) = &actor.link {
            link.set(mode);
        }
        return;
    }
    if !actor.process.runs() {
        return;
    }
    actor.watchdog = watchdog(&actor.process).or(actor.watchdog);
    match fault {
        Fault::Lose => actor.process.lose(),
        Fault::Supervisor(signal) => actor.process.signal(signal),
        Fault::Watchdog(signal) => {
            if let Some(pid) = actor.watchdog {
                process::send(pid, signal);
            }
        }
        Fault::Tree(signal) => {
            for pid in actor.watchdog.map(process::descendants).unwrap_or_default() {
                process::send(pid, signal);
            }
        }
        Fault::Freeze => {
            if let Some(link) = &actor.link {
                // A store that is not there yet has nothing to be frozen.
                let _nothing = link.freeze();
            }
        }
        Fault::Transfer => {
            let person = format!("person-{}", others.len());
            others.push(
                scene
                    .person("transfer")
                    .on(&person)
                    .input("reason", "chaos")
                    .start(),
            );
        }
        Fault::Link(_) => {}
    }
}

fn watchdog(process: &Process) -> Option<u32> {
    process::descendants(process.pid())
        .into_iter()
        .find(|p| process::arguments(*p).starts_with("baton-watchdog"))
}

/// Nothing breaks any more.
fn let_go(actor: &mut Actor) {
    if let Some(link) = &actor.link {
        link.set(Mode::Serve);
    }
    if actor.process.runs() {
        for pid in process::descendants(actor.process.pid())
            .into_iter()
            .chain([actor.process.pid()])
        {
            process::send(pid, Signal::SIGCONT);
        }
    }
}

/// Everybody comes to an end.
fn settle(
    seed: u64,
    scene: &Scene,
    actors: &mut BTreeMap<(usize, usize), Actor>,
    verdicts: &mut [Process],
    others: Vec<Process>,
) -> Result<(), Vec<String>> {
    let over = patience::within_reach(PATIENCE, || {
        let all = actors
            .values_mut()
            .map(|a| &mut a.process)
            .chain(verdicts.iter_mut());
        all.map(|p| !p.runs())
            .fold(true, |all, one| all & one)
            .then_some(())
    });
    drop(others);
    if over.is_some() {
        return Ok(());
    }
    let mut stuck: Vec<String> = Vec::new();
    for ((d, l), actor) in actors.iter_mut() {
        if actor.process.runs() {
            stuck.push(format!(
                "seed {seed}: leg {l} of {d} does not end:\n{}",
                actor.process.log()
            ));
        }
    }
    stuck.extend(
        verdicts
            .iter_mut()
            .filter(|v| v.log().is_empty() || v.log().lines().count() < 2)
            .map(|v| format!("a verdict does not end:\n{}", v.log())),
    );
    stuck.extend(scene.audit().subjects());
    Err(stuck)
}

fn judged(scene: &Scene, plan: &Plan, runs: &[Run]) -> Result<Figures, Vec<String>> {
    let held = scene
        .audit()
        .record()
        .is_some_and(|r| r.phase == lease::Phase::Held);
    if held {
        let unlocked = scene
            .person("unlock")
            .input("reason", "the end of chaos")
            .finish(PATIENCE);
        if unlocked.code != Some(0) {
            return Err(vec![format!("unlock: {}", unlocked.log())]);
        }
    }
    let audit = scene.audit();
    let entries = audit.entries();
    let ids: Vec<String> = runs.iter().map(Run::deployment).collect();
    let mut complaints = judge::complaints(scene);
    complaints.extend(judge::without_end(
        &entries,
        &ids.iter().map(String::as_str).collect::<Vec<_>>(),
    ));
    complaints.extend(scene.target().returns());
    complaints.extend(
        scene
            .writers()
            .into_iter()
            .map(|pid| format!("process {pid} still writes")),
    );
    if !complaints.is_empty() {
        complaints.extend(audit.subjects());
        complaints.push(format!("{plan:#?}"));
        return Err(complaints);
    }
    let mut figures = Figures {
        writes: scene.target().lines().len(),
        happenings: plan.happenings.len(),
        tokens: entries.iter().map(|e| e.token).max().unwrap_or(0),
        takeovers: audit.takeovers().len(),
        ends: BTreeMap::new(),
    };
    for entry in &entries {
        if let Event::DeploymentFinished {
            outcome, reason, ..
        } = &entry.event
        {
            let end = match (outcome, reason) {
                (Outcome::Failed, Some(reason)) => format!("failed ({reason})"),
                (outcome, _) => outcome.to_string(),
            };
            *figures.ends.entry(end).or_default() += 1;
        }
    }
    Ok(figures)
}
