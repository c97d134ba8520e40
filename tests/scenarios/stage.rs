//! What a scenario plays on: production, a git remote as the store, a Pushgateway, and the jobs that run.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use baton_tests::{
    Run, Scene,
    live::{Live, Stop},
};
use lease::testing::http_git::Server;
use ledger::Entry;
use test_servers::Pushgateway;

use crate::{
    job::{Job, What, When},
    production::Production,
    script::End,
};

/// Longer than anything may take, on a slow machine too.
const LONG: Duration = Duration::from_secs(180);

/// Between two signs of life of a long wait.
const WORD: Duration = Duration::from_secs(10);

/// What a leg looks at before it deploys: production's port, and other deployments. Nothing of this machine.
const CHECKS: &str = "network.targets,concurrency.active";

/// A run of the workflow: run 42 deploys v42.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Intent {
    pub(crate) number: u64,
    /// How long the deployment takes where nothing happens.
    pub(crate) seconds: u32,
    /// The runners of its two legs.
    pub(crate) runners: [&'static str; 2],
}

impl Intent {
    pub(crate) fn run(&self) -> Run {
        Run::number(self.number)
    }

    pub(crate) fn version(&self) -> String {
        format!("v{}", self.number)
    }

    /// The runner of this candidate.
    pub(crate) fn runner(&self, candidate: u32) -> &'static str {
        self.runners[candidate as usize - 1]
    }
}

/// The stage with its audience.
pub(crate) struct Stage<'a> {
    pub(crate) live: &'a mut Live,
    pub(crate) set: Set,
    figures: Vec<String>,
}

/// What stands on it. What is dropped first stands first.
pub(crate) struct Set {
    jobs: BTreeMap<(u64, u32), Job>,
    pub(crate) production: Production,
    gateway: Pushgateway,
    pub(crate) remote: Server,
    pub(crate) scene: Scene,
    /// When what happened that is measured.
    pub(crate) happened: Duration,
}

/// The number of the verdict among the jobs of a run, whose legs have those of their candidates.
pub(crate) const VERDICT: u32 = 0;

impl<'a> Stage<'a> {
    /// Starts everything but jobs.
    pub(crate) fn build(live: &'a mut Live) -> Stage<'a> {
        let scene = Scene::named("baton-scenario-");
        Stage {
            live,
            set: Set {
                jobs: BTreeMap::new(),
                production: Production::start(&scene),
                gateway: Pushgateway::start(),
                remote: scene.link(),
                scene,
                happened: Duration::ZERO,
            },
            figures: Vec::new(),
        }
    }

    /// Something for the last line.
    pub(crate) fn note(&mut self, figure: String) {
        self.figures.push(figure);
    }

    pub(crate) fn figures(&self) -> String {
        self.figures.join("; ")
    }

    /// Lets the jobs go on until there is something to see. What goes wrong meanwhile, `look` says.
    pub(crate) fn until<T>(
        &mut self,
        awaited: &str,
        mut look: impl FnMut(&Set) -> Result<Option<T>, End>,
    ) -> Result<T, End> {
        let began = Instant::now();
        let Stage { live, set, .. } = self;
        loop {
            let seen = live.until(WORD, awaited, || {
                set.go_on();
                look(set).transpose()
            });
            match seen {
                Ok(seen) => return seen,
                Err(Stop::InVain(_)) if began.elapsed() < LONG => {
                    let waited = began.elapsed().as_secs();
                    live.tell(&format!("            … {waited} s, waiting for {awaited}"));
                }
                Err(stop) => return Err(stop.into()),
            }
        }
    }

    /// Waits until the ledger has such an entry.
    pub(crate) fn entry(
        &mut self,
        awaited: &str,
        is: impl Fn(&Entry) -> bool,
    ) -> Result<Entry, End> {
        let mut seen = None;
        self.until(awaited, |set| {
            let audit = set.scene.audit();
            let tip = audit.commit("ledger");
            // Reading it is a process: only where it has changed.
            if tip == seen {
                return Ok(None);
            }
            seen = tip;
            Ok(audit.entries().into_iter().find(|entry| is(entry)))
        })
    }
}

impl Set {
    fn go_on(&mut self) {
        for job in self.jobs.values_mut() {
            job.go_on();
        }
    }

    /// The job of a run: a candidate's leg, or the [`VERDICT`].
    pub(crate) fn job(&self, intent: &Intent, number: u32) -> &Job {
        self.jobs
            .get(&(intent.number, number))
            .expect("a job that was started")
    }

    pub(crate) fn job_mut(&mut self, intent: &Intent, number: u32) -> &mut Job {
        self.jobs
            .get_mut(&(intent.number, number))
            .expect("a job that was started")
    }

    /// The leg of this candidate begins: the steps of the workflow that the README shows.
    pub(crate) fn start_leg(&mut self, intent: &Intent, candidate: u32) {
        let (scene, run) = (&self.scene, intent.run());
        let runner = intent.runner(candidate);
        let version = intent.version();
        let preflight = scene
            .preflight(&run, candidate, CHECKS)
            .input("targets", self.production.address);
        let deploy = scene
            .candidate(&run, candidate, &self.production.command())
            // Timing is the default here.
            .default_of(&["lease-time", "retry-wait"])
            .input("version", &version)
            .input("await-gates", true)
            .variable("RELEASE_SECONDS", intent.seconds);
        let gates = scene.gates(&run, candidate, &self.production.gates(&version));
        let metrics = scene
            .metrics(&run, candidate)
            .input("pushgateway-url", self.gateway.url());
        let steps = [
            (What::Preflight, When::Well, preflight),
            (What::Deploy, When::Well, deploy),
            (What::Gates, When::Proceeds, gates),
            (What::Metrics, When::Always, metrics),
        ];
        let steps =
            steps.map(|(what, when, step)| (what, when, step.on(runner).over(&self.remote)));
        let job = Job::new(runner, steps.into());
        self.jobs.insert((intent.number, candidate), job);
    }

    /// The job that judges the run begins.
    pub(crate) fn start_verdict(&mut self, intent: &Intent) {
        let (scene, run) = (&self.scene, intent.run());
        let verdict = scene.verdict(&run).input("incident-issue", false);
        let metrics = scene
            .metrics_of_verdict(&run)
            .input("pushgateway-url", self.gateway.url());
        let steps = vec![
            (What::Verdict, When::Well, verdict.over(&self.remote)),
            (What::Metrics, When::Always, metrics.over(&self.remote)),
        ];
        let job = Job::new("the verdict", steps);
        self.jobs.insert((intent.number, VERDICT), job);
    }

    /// What the Pushgateway has of this counter, over both roles.
    pub(crate) fn pushed(&self, counter: &str) -> f64 {
        let series = format!("{counter}{{");
        let text = self.gateway.metrics();
        let lines = text.lines().filter(|line| line.starts_with(&series));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}
