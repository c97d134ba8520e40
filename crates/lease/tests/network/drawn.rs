//! Scripts drawn by seed: deployments, plans, weather and faults.

use std::time::Duration;

use lease::{OnPrimaryLost, Timing, protocol::Request};
use ledger::PreflightResult;

use crate::{
    cast::secs,
    dice::Dice,
    script::{Act, Fault, Gates, Plan, Run, Script, Weather},
};

/// GitHub kills what is still there so long after SIGINT (design §6).
const KILLED_AFTER: Duration = secs(10);

/// The script of a seed.
pub(crate) fn draw(seed: u64) -> Script {
    let mut dice = Dice::new(seed ^ 0x7E70);
    let timing = [Timing::GIT, Timing::NOTIFIED][dice.below(2) as usize];
    let mut script = Script::fair(seed, timing);
    if dice.chance(65) {
        script.weather = foul(&mut dice, script.weather);
    }
    let runs = 1 + u64::from(dice.chance(40));
    let mut begin = Duration::ZERO;
    for run in 1..=runs {
        deploy(&mut script, &mut dice, run, begin);
        begin += dice.millis(0, 30_000);
    }
    for _ in 0..dice.below(6) {
        fault(&mut script, &mut dice);
    }
    script
}

fn foul(dice: &mut Dice, fair: Weather) -> Weather {
    let of = |dice: &mut Dice, from: &[u64]| from[dice.below(from.len() as u64) as usize];
    Weather {
        slowest: fair.slowest * [1, 1, 2, 3][dice.below(4) as usize],
        works: fair.works * of(dice, &[1, 1, 3]),
        lost_percent: of(dice, &[1, 3, 10]),
        late_percent: of(dice, &[0, 2, 8]),
        again_percent: of(dice, &[0, 5, 20]),
        latest: of(dice, &[9_000, 40_000]),
        twice_percent: of(dice, &[0, 10, 30]),
        ..fair
    }
}

fn deploy(script: &mut Script, dice: &mut Dice, run: u64, begin: Duration) {
    let candidates = 2 + u32::from(dice.chance(30));
    let hold = dice.chance(15);
    let await_gates = dice.chance(25);
    let on_failure = dice.chance(40);
    let attempts = 1 + u32::from(dice.chance(30));
    for number in 1..=candidates {
        let mut leg = script.leg(dice, run, number, 0);
        leg.plan = plan(dice);
        leg.config.candidates = candidates;
        leg.config.attempts = attempts;
        leg.config.await_gates = await_gates;
        leg.config.on_failure = on_failure;
        if dice.chance(8) {
            leg.config.timeout = secs(20);
        }
        if hold {
            leg.config.policy.on_primary_lost = OnPrimaryLost::Hold;
        }
        if dice.chance(30) {
            let fails = dice.chance(25);
            let result = if fails {
                script.touched.insert(leg.name.clone());
                PreflightResult::Fail
            } else {
                PreflightResult::Pass
            };
            leg.preflight = Some(result);
        }
        let late = if dice.chance(15) { 60_000 } else { 3_000 };
        let at = begin + dice.millis(0, late);
        if dice.chance(8) {
            let signal = at + dice.millis(500, 60_000);
            leg.signal = Some(signal);
            script.fault(signal + KILLED_AFTER, &leg.name, Fault::Kill);
        }
        script.act(at, Act::Leg(leg));
    }
    if dice.chance(85) {
        let at = begin + dice.millis(0, 3_000);
        script.verdict(dice, at, run);
    }
}

fn plan(dice: &mut Dice) -> Plan {
    let run = |dice: &mut Dice, longest| Run {
        takes: dice.millis(500, longest),
        succeeds: dice.chance(70),
    };
    let gates = Gates {
        begins_after: dice.millis(0, 10_000),
        run: run(dice, 20_000),
    };
    Plan {
        deploy: run(dice, 40_000),
        on_failure: run(dice, 20_000),
        gates: dice.chance(75).then_some(gates),
    }
}

/// One thing that goes wrong, with its mending.
fn fault(script: &mut Script, dice: &mut Dice) {
    let at = dice.millis(500, 90_000);
    let lease = script.timing.lease.as_millis() as u64;
    let lasts = dice.millis(200, lease * 2);
    let names: Vec<_> = script
        .acts
        .iter()
        .filter_map(|(_, act)| match act {
            Act::Leg(leg) => Some(leg.name.clone()),
            Act::Verdict(name, ..) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let name = names[dice.below(names.len() as u64) as usize].as_str();
    let is_leg = name.starts_with("leg");
    let slow = script.weather.slowest * 8;
    let (fault, mended) = match dice.below(16) {
        0 | 1 => (Fault::Partition, Fault::Repair),
        2 | 3 => (Fault::Mute, Fault::Repair),
        4 | 5 => (Fault::Deafen, Fault::Repair),
        6 | 7 => (Fault::Hold, Fault::Release),
        8 => (Fault::Loss(1 + dice.below(80) as u32), Fault::Loss(0)),
        9 => (Fault::Slow(slow), Fault::Slow(script.weather.slowest)),
        10 | 11 if is_leg => {
            script.fault(at, name, Fault::Kill);
            if dice.chance(50) {
                script.fault(at + lasts, name, Fault::Bounce);
            }
            return;
        }
        12 => return script.person(dice, at, Request::Transfer),
        13 => return script.person(dice, at, Request::Unlock),
        _ => {
            script.fault(at, "store", Fault::Kill);
            let lasts = lasts / 2;
            return script.fault(at + lasts, "store", Fault::Bounce);
        }
    };
    script.fault(at, name, fault);
    script.fault(at + lasts, name, mended);
}
