//! Who wakes a person, under faults: someone does as long as someone lives, and nobody beside the one whose claim stands.

use std::{collections::BTreeMap, time::Duration};

use lease::{
    Timing,
    protocol::{ALERT_UNSENT, AlarmConfig, AlarmEnd, AppenderConfig},
};
use ledger::{AlertKind, Channel, Event};

use crate::{
    cast::{count, deployment, secs},
    dice::Dice,
    faults::Fault,
    host::Actor,
    world::{Happening, Weather, World},
};

const KEY: &str = "o/r/1/1/failed";

/// The slowest that a host may be in telling people and recording it, without faults.
const TELLING: u64 = 33_000;

/// Two clocks differ by a twentieth each: what takes a minute on a fast one.
const A_MINUTE: Duration = Duration::from_millis(ALERT_UNSENT.as_millis() as u64 * 1000 / 1048);

impl World {
    /// A host knows who tells people.
    pub(crate) fn alarm_over(&mut self, index: usize, end: &AlarmEnd) {
        let name = self.hosts[index].name.clone();
        self.say(|| match end {
            AlarmEnd::Speak(_) => format!("{name} speaks"),
            end => format!("{name} ends: {end:?}"),
        });
        // It takes no further part until it has told people.
        self.hosts[index].generation += 1;
        match end {
            AlarmEnd::Speak(_) => {
                let stands = self.chain.iter().any(
                    |e| matches!(&e.event, Event::Alert { instance, .. } if *instance == name),
                );
                if !stands {
                    self.problem(format!("{name} speaks without a claim in the ledger"));
                }
            }
            AlarmEnd::Told if self.sent() == 0 => {
                self.problem(format!("{name} believes that people were told"));
            }
            AlarmEnd::Told => return,
            // It tells them without knowing.
            AlarmEnd::StoreLost(_) => {}
        }
        let takes = self.dice.millis(10, TELLING);
        self.at(self.now + takes, Happening::Told(index));
    }

    /// A host has told people, and records it.
    pub(crate) fn told(&mut self, index: usize) {
        let thaw = self.hosts[index]
            .frozen_until
            .max(self.hosts[index].suspended_until);
        if self.now < thaw {
            return self.at(thaw, Happening::Told(index));
        }
        if !self.hosts[index].alive {
            return;
        }
        let alert = Event::Alert {
            key: KEY.to_owned(),
            kind: AlertKind::DeploymentFailed,
            instance: self.hosts[index].name.clone(),
            claim: 1,
        };
        let told = Event::AlertSent {
            key: KEY.to_owned(),
            channels: Vec::<Channel>::new(),
        };
        let cut = self.hosts[index].cut_until;
        let name = format!("{}#told", self.hosts[index].name);
        let voice = self.add_appender(
            name,
            AppenderConfig {
                deployment: deployment(1),
                by: None,
                instance: String::new(),
                // Who spoke without its claim in the ledger brings it there now.
                events: vec![alert, told],
                resend_after: self.timing.resend_after,
                patience: secs(8),
            },
        );
        self.hosts[voice].cut_until = cut;
    }

    fn sent(&self) -> usize {
        count(self, |e| matches!(e, Event::AlertSent { .. }))
    }
}

/// Several verdicts that have the same to tell, at once or one after another, in a weather.
fn verdicts(seed: u64, logging: bool) -> World {
    let mut dice = Dice::new(seed ^ 0xA1A2);
    let weather = Weather {
        slowest: [200, 1000, 2000][dice.below(3) as usize],
        lost_percent: [0, 5, 20][dice.below(3) as usize],
        late_percent: [0, 3, 10][dice.below(3) as usize],
        latest: [9_000, 40_000][dice.below(2) as usize],
        torn_percent: 0,
    };
    let mut world = World::new(seed, Timing::GIT, weather);
    world.logging = logging;
    let number = 1 + dice.below(5) as usize;
    for index in 0..number {
        let at = match dice.below(3) {
            0 => Duration::ZERO,
            1 => dice.millis(0, 3_000),
            _ => dice.millis(0, 200_000),
        };
        let config = AlarmConfig {
            deployment: deployment(1),
            key: KEY.to_owned(),
            kind: AlertKind::DeploymentFailed,
            instance: format!("verdict-{index}"),
            resend_after: world.timing.resend_after,
            patience: secs(10),
            poll: world.timing.poll,
        };
        world.add_alarm(at, config);
    }
    for _ in 0..dice.below(5) {
        let host = dice.below(number as u64) as usize;
        let time = dice.millis(1_000, 120_000);
        let fault = match dice.below(7) {
            0..=2 => Fault::Crash(host),
            3 => Fault::Freeze(host, time),
            4 => Fault::Partition(host, time),
            5 => Fault::Outage(time),
            _ => Fault::Stale(time),
        };
        world.fault(dice.millis(0, 90_000), fault);
    }
    world.run_until(secs(3600));
    judge(&mut world);
    world
}

/// What must hold of the ledger and of everybody at the end.
fn judge(world: &mut World) {
    let mut claims: BTreeMap<u32, (Duration, String)> = BTreeMap::new();
    let mut sent = false;
    let mut problems = Vec::new();
    for entry in &world.chain {
        let at = Duration::from_millis(entry.at.0);
        match &entry.event {
            Event::Alert {
                claim, instance, ..
            } => {
                if sent {
                    problems.push(format!("claim {claim} follows what was told"));
                }
                if let Some((before, _)) = claims.get(&(claim - 1))
                    && at < *before + A_MINUTE
                {
                    problems.push(format!("claim {claim} comes too early"));
                }
                if *claim != claims.len() as u32 + 1 {
                    problems.push(format!("claim {claim} after {} others", claims.len()));
                }
                claims.insert(*claim, (at, instance.clone()));
            }
            Event::AlertSent { .. } if sent => problems.push("told twice".to_owned()),
            Event::AlertSent { .. } => sent = true,
            _ => {}
        }
    }
    let mut lives = false;
    for host in &world.hosts {
        let Actor::Alarm(alarm) = &host.actor else {
            continue;
        };
        lives |= host.alive;
        if host.alive && alarm.end().is_none() {
            problems.push(format!("{} never ends", host.name));
        }
    }
    let spoken = world.hosts.iter().filter(|host| host.is_voice()).count();
    if lives && spoken == 0 {
        problems.push("nobody told anybody".to_owned());
    }
    for problem in problems {
        world.problem(problem);
    }
}

#[test]
fn someone_speaks_while_someone_lives_and_a_second_only_after_a_minute_of_silence() {
    for seed in 0..2_000 {
        let world = verdicts(seed, false);
        if !world.problems.is_empty() {
            let world = verdicts(seed, true);
            panic!(
                "seed {seed}: {:?}\n{}",
                world.problems,
                world.log.join("\n")
            );
        }
    }
}

#[test]
fn random_runs_bring_up_every_end_that_an_alarm_can_have() {
    let mut seen = [0_usize; 5];
    for seed in 0..300 {
        let world = verdicts(seed, false);
        for host in &world.hosts {
            if let Actor::Alarm(alarm) = &host.actor {
                let end = match alarm.end() {
                    Some(AlarmEnd::Speak(_)) => 0,
                    Some(AlarmEnd::Told) => 1,
                    Some(AlarmEnd::StoreLost(_)) => 2,
                    None => 3,
                };
                seen[end] += 1;
            }
        }
        let again = |e: &Event| matches!(e, Event::Alert { claim, .. } if *claim > 1);
        seen[4] += count(&world, again);
    }
    let wanted = "spoke, told, store lost, died, claimed once more";
    assert!(seen.iter().all(|n| *n > 5), "{wanted}: {seen:?}");
}

#[test]
fn without_faults_one_of_five_speaks_and_the_others_hear_of_it() {
    for seed in 0..100 {
        let weather = crate::cast::CALM;
        let mut world = World::new(seed, Timing::GIT, weather);
        for index in 0..5 {
            let config = AlarmConfig {
                deployment: deployment(1),
                key: KEY.to_owned(),
                kind: AlertKind::DeploymentFailed,
                instance: format!("verdict-{index}"),
                resend_after: world.timing.resend_after,
                patience: secs(10),
                poll: world.timing.poll,
            };
            world.add_alarm(Duration::ZERO, config);
        }
        world.run_until(secs(600));
        judge(&mut world);
        assert!(
            world.problems.is_empty(),
            "seed {seed}: {:?}",
            world.problems
        );
        let spoken = world.hosts.iter().filter(|host| host.is_voice()).count();
        assert_eq!(spoken, 1, "seed {seed}");
        assert_eq!(world.chain.len(), 2, "a claim, and that people were told");
    }
}
