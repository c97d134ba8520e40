//! What holds for every list of gates and every course of the world.

use std::time::Duration;

use proptest::{collection::vec, option, prelude::*};

use super::world::{Asked, Told, Try, gate, run};
use crate::{
    Gate, Patience,
    judgement::{End, Options},
};
use actions_kit::Status;
use probes::Answer;

fn millis(range: std::ops::Range<u64>) -> impl Strategy<Value = Duration> {
    range.prop_map(Duration::from_millis)
}

fn patience() -> impl Strategy<Value = Patience> {
    (
        millis(1..60_000),
        millis(1..12_000),
        prop_oneof![Just(Duration::ZERO), millis(0..70_000)],
        millis(0..3_000),
        millis(0..30_000),
        option::of(1_u32..6),
        1_u32..4,
        option::of(1_u32..4),
    )
        .prop_map(|rules| Patience {
            timeout: rules.0,
            try_timeout: rules.1,
            initial_delay: rules.2,
            first_wait: rules.3,
            longest_wait: rules.4,
            max_tries: rules.5,
            successes: rules.6,
            failure_limit: rules.7,
        })
}

/// Gates that depend on gates before them: no circle.
fn gates() -> impl Strategy<Value = Vec<Gate>> {
    vec(
        (
            patience(),
            vec(any::<prop::sample::Index>(), 0..3),
            any::<bool>(),
        ),
        1..9,
    )
    .prop_map(|rules| {
        let made = rules.into_iter().enumerate();
        made.map(|(number, (patience, depends_on, required))| {
            let depends_on: Vec<usize> = depends_on
                .iter()
                .map(|index| index.index(number + 3))
                .filter(|one| *one < number)
                .collect();
            Gate {
                required,
                ..gate(&format!("gate-{number}"), &depends_on, patience)
            }
        })
        .collect()
    })
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let answer = prop_oneof![
        3 => Just(Answer::Fail),
        1 => Just(Answer::Unknown),
        3 => Just(Answer::Pass)
    ];
    let jitter = prop_oneof![Just(0), Just(u32::MAX), any::<u32>()];
    let one = (answer, millis(0..15_000), jitter);
    vec(
        one.prop_map(|(answer, takes, jitter)| Try {
            answer,
            takes,
            jitter,
        }),
        1..40,
    )
}

/// The longest wait that the backoff allows after these answers.
fn step(patience: &Patience, answers: &[Answer]) -> Duration {
    let missed = answers.iter().rev().take_while(|a| **a != Answer::Pass);
    let doubled = 2_u32.saturating_pow((missed.count() as u32).saturating_sub(1));
    let step = patience.first_wait.saturating_mul(doubled);
    step.min(patience.longest_wait)
        .max(Duration::from_millis(10))
}

fn in_a_row(answers: &[Answer], wanted: Answer) -> u32 {
    answers.iter().rev().take_while(|a| **a == wanted).count() as u32
}

/// When the last gate that this one depends on had passed.
fn admitted(gate: &Gate, told: &Told) -> Duration {
    let ends = gate.depends_on.iter().map(|one| told.judged[one].ended);
    ends.max().unwrap_or_default()
}

/// When a gate's time began: its delay before its first try; where there was none, when it was admitted.
fn from(gate: &Gate, told: &Told, tries: &[Asked]) -> Duration {
    match tries.first() {
        Some(first) => first.at - gate.patience.initial_delay,
        None => admitted(gate, told),
    }
}

fn holds(gates: &[Gate], options: Options, stop_at: Option<Duration>, told: &Told) {
    assert!(told.most_at_once <= options.parallel, "never more at once");
    assert_eq!(told.judged.len(), gates.len(), "every gate ends");
    for (number, gate) in gates.iter().enumerate() {
        let (judged, tries) = (&told.judged[&number], told.tries_of(number));
        let answers: Vec<Answer> = tries
            .iter()
            .filter_map(|asked| Some(asked.answered?.1))
            .collect();
        assert_eq!(judged.tries as usize, tries.len(), "tries are counted");
        let cut_off = tries.last().filter(|asked| asked.answered.is_none());
        assert_eq!(judged.cut_off, cut_off.map(|asked| judged.ended - asked.at));
        assert_eq!(judged.began, tries.first().map(|asked| asked.at));
        let turns = judged.history.iter().map(|turn| turn.times);
        assert!(judged.history.len() <= 20);
        if judged.history.len() < 20 {
            let told = turns.sum::<u32>() as usize;
            assert_eq!(told, answers.len(), "history loses no try");
        }
        assert!(
            gate.required || !matches!(judged.status, Status::Fail | Status::Unknown),
            "what is not required warns"
        );
        assert_eq!(judged.end == End::Passed, judged.status == Status::Pass);

        let patience = &gate.patience;
        let passed = gate
            .depends_on
            .iter()
            .all(|one| told.judged[one].end == End::Passed);
        if !options.once {
            let from = from(gate, told, &tries);
            assert!(from >= admitted(gate, told) || !passed);
            for asked in &tries {
                assert!(passed, "asked only after its dependencies");
                assert!(asked.at >= from + patience.initial_delay);
                assert!(asked.deadline <= from + patience.timeout);
                assert!(asked.deadline <= asked.at + patience.try_timeout);
                assert!(asked.at < asked.deadline, "a try has time");
            }
            if passed && judged.end != End::Stopped {
                assert!(judged.ended <= from + patience.timeout, "it ends in time");
            }
            let alone = options.parallel >= gates.len();
            if alone {
                assert_eq!(judged.queued, Duration::ZERO);
                assert!(tries.is_empty() || from == admitted(gate, told));
            }
            waits(patience, alone, from + patience.timeout, &tries);
        }
        match &judged.end {
            End::Passed if options.once => assert_eq!(answers, [Answer::Pass]),
            End::Once => assert!(options.once && answers.len() == 1),
            End::Passed => {
                assert_eq!(in_a_row(&answers, Answer::Pass), patience.successes);
            }
            End::TimedOut { after } => {
                assert_eq!(*after, patience.timeout);
                let end = from(gate, told, &tries) + patience.timeout;
                let early = (patience.timeout / 20).max(judged.last_try * 2);
                let early = early.min(Duration::from_millis(500));
                let early = early.max(Duration::from_nanos(1));
                assert!(judged.ended + early >= end, "too early");
            }
            End::TriesUsed { tries } => {
                assert_eq!(Some(*tries), patience.max_tries);
                assert_eq!(*tries as usize, answers.len());
            }
            End::FailureLimit { failures } => {
                let known: Vec<Answer> = answers
                    .iter()
                    .copied()
                    .filter(|answer| *answer != Answer::Unknown)
                    .collect();
                assert_eq!(Some(*failures), patience.failure_limit);
                assert_eq!(in_a_row(&known, Answer::Fail), *failures);
            }
            End::Blocked { by } => {
                assert!(tries.is_empty(), "blocked gates are never asked");
                assert!(!passed);
                let cause = told.judged.values().find(|judged| judged.name == *by);
                let cause = &cause.expect("it names a gate").end;
                assert!(!matches!(cause, End::Passed | End::Blocked { .. }));
            }
            End::Stopped => {
                assert!(told.stopped);
                assert_eq!(Some(judged.ended), stop_at);
            }
        }
    }
}

/// Between two tries lies between half of the backoff's step and the whole; less only where the gate's end is nearer than
/// that, and then half of what is left. Where others take the turns it may be longer.
fn waits(patience: &Patience, alone: bool, end: Duration, tries: &[Asked]) {
    let mut answers = Vec::new();
    for pair in tries.windows(2) {
        let (at, answer) = pair[0].answered.expect("the next came after it");
        answers.push(answer);
        let (wait, rest) = (pair[1].at - at, end - at);
        let step = step(patience, &answers);
        let least = match answer {
            Answer::Pass => step,
            Answer::Fail | Answer::Unknown => step / 2,
        };
        if alone {
            assert!(wait <= step, "waited {wait:?}, step {step:?}");
        }
        if wait < least {
            assert!(
                rest <= step,
                "waited {wait:?}, step {step:?}, left {rest:?}"
            );
            assert!(wait >= rest / 2, "waited {wait:?}, left {rest:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_rules_hold_for_every_list_and_every_world(
        gates in gates(),
        parallel in 1_usize..10,
        once in prop::bool::weighted(0.1),
        stop_at in option::weighted(0.3, millis(0..90_000)),
        script in tries(),
    ) {
        let options = Options { parallel, once };
        let told = run(&gates, options, stop_at, |gate, number| {
            script[(gate * 7 + number) % script.len()]
        });
        holds(&gates, options, stop_at, &told);
    }
}
