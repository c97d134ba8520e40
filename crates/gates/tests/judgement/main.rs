//! The judgement with its runner, over probes that follow a script, on a clock that is driven.

mod scripted;
mod stop;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actions_kit::Status;
use gates::{
    Gate, Patience,
    judgement::{End, Options, Progress, judge},
};
use probes::Answer::{Fail, Pass, Unknown};
use scripted::{ALL, Act, Count, PATIENCE, gate, judged};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn a_service_that_turns_healthy_is_noticed_within_its_current_step() {
    for healthy_after in [0, 300, 2_000, 13_000, 100_000, 250_000, 295_000] {
        let count = Arc::new(Count::default());
        let healthy = ms(healthy_after);
        let gates = [gate("api", PATIENCE, &count, move |_, at| {
            Act::Answer(if at >= healthy { Pass } else { Fail }, ms(5))
        })];
        let (judgement, _) = judged(&gates, &ALL, None).await;
        let api = &judgement.gates[0];
        assert_eq!(judgement.status(), Status::Pass, "{healthy_after}: {api:?}");
        // The step that was under way doubled from 1 s with each try, up to 30 s.
        let step = 2_u64.pow(api.tries.saturating_sub(2).min(5)).min(30);
        let late = judgement.took - healthy;
        assert!(late <= Duration::from_secs(step) + ms(20), "{late:?} late");
    }
}

#[tokio::test(start_paused = true)]
async fn a_flapping_service_does_not_pass_where_several_successes_are_wanted() {
    let count = Arc::new(Count::default());
    let patience = Patience {
        successes: 3,
        timeout: ms(60_000),
        ..PATIENCE
    };
    let gates = [gate("flaps", patience, &count, |number, _| {
        Act::Answer(if number % 3 == 2 { Fail } else { Pass }, ms(5))
    })];
    let (judgement, _) = judged(&gates, &ALL, None).await;
    let flaps = &judgement.gates[0];
    let after = ms(60_000);
    assert_eq!(flaps.end, End::TimedOut { after });
    assert_eq!(flaps.status, Status::Fail);
    assert_eq!(flaps.history.len(), 20, "bounded: {:?}", flaps.history);
    assert!(
        flaps.tries > 50,
        "it is asked at the first wait, not slower"
    );
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_ignores_its_deadline_is_cut_off_and_its_gate_ends_in_time() {
    let count = Arc::new(Count::default());
    let patience = Patience {
        timeout: ms(25_000),
        ..PATIENCE
    };
    let gates = [gate("hung", patience, &count, |_, _| Act::Hang)];
    let (judgement, _) = judged(&gates, &ALL, None).await;
    let hung = &judgement.gates[0];
    assert_eq!(hung.status, Status::Fail);
    assert_eq!(hung.history[0].seen, "gave no answer within 10s");
    assert!(hung.seen.starts_with("gave no answer within "));
    assert!(judgement.took <= ms(25_250 + 10), "{:?}", judgement.took);
    assert_eq!(count.under_way(), 0, "nothing is left running");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_breaks_down_is_an_unknown_try_and_not_the_end_of_the_run() {
    let count = Arc::new(Count::default());
    let once_broken = gate("once", PATIENCE, &count, |number, _| match number {
        0 => Act::Panic,
        _ => Act::Answer(Pass, ms(5)),
    });
    let patience = Patience {
        max_tries: Some(2),
        ..PATIENCE
    };
    let always_broken = gate("always", patience, &count, |_, _| Act::Panic);
    let (judgement, _) = judged(&[once_broken, always_broken], &ALL, None).await;
    assert_eq!(judgement.gates[0].status, Status::Pass);
    let always = &judgement.gates[1];
    assert_eq!((always.status, always.tries), (Status::Unknown, 2));
    assert!(always.seen.contains("a defect"), "{}", always.seen);
    assert!(!always.seen.contains("secret"), "{}", always.seen);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_gates_are_judged_in_the_time_of_the_slowest() {
    let count = Arc::new(Count::default());
    let gates: Vec<Gate> = (0..1000)
        .map(|number| {
            gate(&number.to_string(), PATIENCE, &count, move |_, _| {
                Act::Answer(Pass, ms(number))
            })
        })
        .collect();
    let (judgement, mut ended) = judged(&gates, &ALL, None).await;
    assert_eq!(judgement.status(), Status::Pass);
    assert!(judgement.took <= ms(1050), "{:?}", judgement.took);
    let order: Vec<&str> = judgement.gates.iter().map(|g| g.name.as_str()).collect();
    let wanted: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(order, wanted, "in the order of the file");
    ended.sort_by_key(|name| name.parse::<u32>().unwrap());
    assert_eq!(ended, wanted, "each was told to have ended, once");
}

#[tokio::test(start_paused = true)]
async fn never_more_tries_are_under_way_than_wanted_and_all_get_their_turn() {
    let count = Arc::new(Count::default());
    let gates: Vec<Gate> = (0..100)
        .map(|number| {
            gate(&number.to_string(), PATIENCE, &count, |number, _| {
                Act::Answer(if number < 2 { Fail } else { Pass }, ms(50))
            })
        })
        .collect();
    let options = Options {
        parallel: 8,
        once: false,
    };
    let (judgement, _) = judged(&gates, &options, None).await;
    assert_eq!(judgement.status(), Status::Pass);
    assert_eq!(count.most.load(Ordering::SeqCst), 8);
    assert_eq!(count.begun.load(Ordering::SeqCst), 300);
}

#[tokio::test(start_paused = true)]
async fn what_is_seen_anew_is_told_with_the_wait_until_the_next_try() {
    let count = Arc::new(Count::default());
    let gates = [gate("api", PATIENCE, &count, |number, _| match number {
        0 | 1 => Act::Answer(Fail, ms(5)),
        2 => Act::Answer(Unknown, ms(5)),
        _ => Act::Answer(Pass, ms(5)),
    })];
    let mut told = Vec::new();
    let judgement = judge(
        &gates,
        &ALL,
        |progress| match progress {
            Progress::Turned {
                gate,
                tries,
                answer,
                seen,
                next,
            } => {
                assert!(next > Duration::ZERO);
                told.push(format!("{} {tries} {answer:?} {seen}", gate.name));
            }
            Progress::Ended(judged) => told.push(format!("{} {:?}", judged.name, judged.end)),
        },
        std::future::pending(),
    )
    .await;
    assert_eq!(
        told,
        ["api 1 Fail Fail", "api 3 Unknown Unknown", "api Passed"]
    );
    assert_eq!(judgement.gates[0].history.len(), 3);
    assert_eq!(judgement.gates[0].began, Some(Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_pending_ones_are_known_by_name_when_the_time_is_up() {
    let count = Arc::new(Count::default());
    let fails = |_, _| Act::Answer(Fail, ms(5));
    let mut behind = gate("behind", PATIENCE, &count, fails);
    behind.depends_on = vec![0];
    let mut optional = gate("optional", PATIENCE, &count, fails);
    optional.required = false;
    let well = gate("well", PATIENCE, &count, |_, _| Act::Answer(Pass, ms(5)));
    let gates = [gate("api", PATIENCE, &count, fails), behind, optional, well];
    let (judgement, _) = judged(&gates, &ALL, None).await;
    let ends: Vec<(Status, &End)> = judgement.gates.iter().map(|g| (g.status, &g.end)).collect();
    let after = PATIENCE.timeout;
    let by = "api".to_owned();
    assert_eq!(
        ends,
        [
            (Status::Fail, &End::TimedOut { after }),
            (Status::Unknown, &End::Blocked { by }),
            (Status::Warn, &End::TimedOut { after }),
            (Status::Pass, &End::Passed),
        ]
    );
    assert_eq!(judgement.status(), Status::Fail);
    assert!(!judgement.stopped);
}

#[tokio::test(start_paused = true)]
async fn the_whole_fails_by_what_is_required_and_warns_by_the_rest() {
    for (required, optional, whole) in [
        (Pass, Pass, Status::Pass),
        (Pass, Fail, Status::Warn),
        (Pass, Unknown, Status::Warn),
        (Fail, Pass, Status::Fail),
        (Unknown, Pass, Status::Fail),
    ] {
        let count = Arc::new(Count::default());
        let answers = |answer| move |_, _| Act::Answer(answer, ms(5));
        let first = gate("required", PATIENCE, &count, answers(required));
        let mut second = gate("optional", PATIENCE, &count, answers(optional));
        second.required = false;
        let options = Options { once: true, ..ALL };
        let (judgement, _) = judged(&[first, second], &options, None).await;
        assert_eq!(judgement.status(), whole, "{required:?} {optional:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_gate_at_all_is_a_judgement_at_once() {
    let (judgement, _) = judged(&[], &ALL, None).await;
    assert_eq!(judgement.took, Duration::ZERO);
    assert!(judgement.gates.is_empty() && !judgement.stopped);
}
