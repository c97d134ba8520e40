//! The scenario as stateright sees it, and the exploration of all its states.

use std::{fmt::Write as _, io::Write as _, time::Instant};

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::{
    judge::Rule,
    scenario::{Fate, Scenario, Strike},
    world::{Next, World},
};

/// One way on from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Time goes on to what comes next.
    Next(u64, Next),
    /// The fate of the oldest open request.
    Decide(Fate),
    Strike(Strike, usize),
}

impl Model for Scenario {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(self)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.judge.broken.is_some() {
            return;
        }
        if !world.undecided.is_empty() {
            return actions.extend(world.fates(self).into_iter().map(Action::Decide));
        }
        let (at, mut next) = world.upcoming(self);
        if !self.orders {
            next.truncate(1);
        }
        actions.extend(next.into_iter().map(|next| Action::Next(at, next)));
        let strikes = world.strikes(self);
        actions.extend(
            strikes
                .into_iter()
                .map(|(strike, who)| Action::Strike(strike, who)),
        );
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut world = world.clone();
        match action {
            Action::Next(at, next) => world.happen(self, at, next),
            Action::Decide(fate) => world.decide(self, fate),
            Action::Strike(strike, who) => world.strike(self, strike, who),
        }
        world.settle(self);
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        macro_rules! never {
            ($rule:expr, $promise:literal) => {
                Property::always($promise, |_: &Scenario, world: &World| {
                    world.judge.broken != Some($rule)
                })
            };
        }
        let mut all = vec![
            never!(Rule::OneOwner, "a token has one owner"),
            never!(Rule::TokensGrow, "tokens only grow"),
            never!(Rule::Alone, "no two deploy at once"),
            never!(
                Rule::Guarded,
                "no older token acts on a guarded target after a newer one"
            ),
            never!(Rule::OneEnd, "a deployment ends once"),
            never!(Rule::AfterTheEnd, "nothing is executed after the end"),
            never!(Rule::FreshLease, "a command starts under a fresh lease"),
            never!(
                Rule::Healthy,
                "no healthy holder is killed, followed or called abandoned"
            ),
            never!(Rule::Truth, "what a process says at its end is so"),
            never!(Rule::Seen, "who has seen a token goes back to no older one"),
            never!(
                Rule::Barred,
                "nobody claims who is unfit, in another's name, or after its run has deployed"
            ),
            Property::always(
                "every deployment ends or is held",
                |scenario: &Scenario, world: &World| {
                    world.judge.broken != Some(Rule::Ends)
                        && (!world.is_over() || !scenario.timed || world.ended_well(scenario))
                },
            ),
            Property::always(
                "what is promised of this world besides",
                |scenario: &Scenario, world: &World| scenario.calm.is_none_or(|holds| holds(world)),
            ),
        ];
        all.extend(
            self.sights
                .iter()
                .map(|(name, seen)| Property::sometimes(name, *seen)),
        );
        all
    }
}

/// Whether everything may go wrong in every world.
pub(crate) fn is_wide() -> bool {
    std::env::var_os("BATON_MODEL_WIDE").is_some()
}

/// Explores every state of a scenario: at least so many are there to explore.
pub(crate) fn explore(mut scenario: Scenario, at_least: usize) {
    if is_wide() {
        scenario = scenario.wide();
    }
    let begin = Instant::now();
    let checker = scenario
        .clone()
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_dfs()
        .join();
    let told = format!(
        "model: {}: {} states ({} transitions, depth {}), {} faults, {:.1} s\n",
        scenario.name,
        checker.unique_state_count(),
        checker.state_count(),
        checker.max_depth(),
        scenario.faults,
        begin.elapsed().as_secs_f64()
    );
    // Past the capture of a test's output: the figures are what it is run for.
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    let found = checker.discoveries();
    let broken = scenario
        .properties()
        .into_iter()
        .find(|p| p.expectation.discovery_is_failure() && found.contains_key(p.name));
    if let Some(broken) = broken {
        panic!(
            "{}, but:\n{}",
            broken.name,
            shortest(&scenario, broken.name)
        );
    }
    for (name, _) in &scenario.sights {
        assert!(
            found.contains_key(name),
            "never seen in {}: {name}",
            scenario.name
        );
    }
    let unique = checker.unique_state_count();
    assert!(
        unique >= at_least,
        "{}: only {unique} states",
        scenario.name
    );
}

/// The shortest path to a broken promise, as a story.
fn shortest(scenario: &Scenario, promise: &'static str) -> String {
    let checker = scenario
        .clone()
        .checker()
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let Some(path) = checker.discovery(promise) else {
        return "another promise is broken on a shorter path".to_owned();
    };
    let mut world = World::new(scenario);
    world.log = Some(Vec::new());
    for action in path.into_actions() {
        if let Some(next) = scenario.next_state(&world, action) {
            world = next;
        }
    }
    let mut story = String::new();
    for line in world.log.iter().flatten() {
        let _ = writeln!(story, "{line}");
    }
    let _ = writeln!(story, "{:?}", world.judge);
    story
}
