//! The rules, one by one.

use std::time::Duration;

use actions_kit::Status;
use probes::Answer;

use super::world::{PATIENCE, Told, Try, gate, run};
use crate::{
    Gate, Patience,
    judgement::{End, Options},
};

const ALL: Options = Options {
    parallel: 100,
    once: false,
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn answering(answer: Answer, millis: u64) -> Try {
    Try {
        answer,
        takes: Duration::from_millis(millis),
        jitter: u32::MAX,
    }
}

/// Every try of the gates in `failing` fails, all others pass, each after 100 ms.
fn failing(gates: &[Gate], options: Options, failing: &[usize]) -> Told {
    run(gates, options, None, |gate, _| {
        let answer = if failing.contains(&gate) {
            Answer::Fail
        } else {
            Answer::Pass
        };
        answering(answer, 100)
    })
}

#[test]
fn a_gate_is_asked_only_after_all_that_it_depends_on_have_passed() {
    let gates = [
        gate("api", &[1, 2, 1], PATIENCE),
        gate("database", &[], PATIENCE),
        gate("cache", &[1], PATIENCE),
    ];
    let told = failing(&gates, ALL, &[]);
    let began: Vec<_> = (0..3).map(|n| told.tries_of(n)[0].at).collect();
    let ms = Duration::from_millis;
    assert_eq!(began, [ms(200), ms(0), ms(100)]);
    assert!(told.judged.values().all(|gate| gate.end == End::Passed));
}

#[test]
fn the_time_of_a_gate_counts_from_when_its_dependencies_passed_and_holds_its_delay() {
    let gates = [
        gate("slow", &[], PATIENCE),
        gate(
            "after",
            &[0],
            Patience {
                timeout: secs(20),
                initial_delay: secs(5),
                ..PATIENCE
            },
        ),
    ];
    let told = run(&gates, ALL, None, |gate, _| match gate {
        0 => answering(Answer::Pass, 9_000),
        _ => answering(Answer::Fail, 0),
    });
    let after = &told.judged[&1];
    assert_eq!(after.began, Some(secs(9 + 5)));
    assert_eq!(after.end, End::TimedOut { after: secs(20) });
    let end = secs(9 + 20);
    assert!(after.ended <= end && after.ended + Duration::from_millis(500) > end);
}

#[test]
fn all_behind_a_failed_gate_are_blocked_by_its_name_and_never_asked() {
    let limit = Patience {
        failure_limit: Some(1),
        ..PATIENCE
    };
    let gates = [
        gate("page", &[1], PATIENCE),
        gate("api", &[2, 3], PATIENCE),
        gate("database", &[], limit),
        gate("cache", &[], PATIENCE),
    ];
    let told = failing(&gates, ALL, &[2]);
    for number in [0, 1] {
        let blocked = &told.judged[&number];
        let by = "database".to_owned();
        assert_eq!(blocked.end, End::Blocked { by });
        assert_eq!(blocked.status, Status::Unknown);
        assert_eq!((blocked.tries, blocked.began), (0, None));
        assert!(told.tries_of(number).is_empty());
    }
    assert_eq!(told.judged[&2].status, Status::Fail);
    assert_eq!(
        told.judged[&3].status,
        Status::Pass,
        "it is judged all the same"
    );
}

#[test]
fn a_gate_that_is_not_required_warns_and_still_blocks() {
    let mut optional = gate(
        "cache",
        &[],
        Patience {
            max_tries: Some(1),
            ..PATIENCE
        },
    );
    optional.required = false;
    let told = failing(&[optional, gate("api", &[0], PATIENCE)], ALL, &[0]);
    assert_eq!(told.judged[&0].status, Status::Warn);
    let by = "cache".to_owned();
    assert_eq!(told.judged[&1].end, End::Blocked { by });
}

#[test]
fn gates_that_depend_on_each_other_in_a_circle_end_instead_of_hanging() {
    let gates = [
        gate("a", &[1], PATIENCE),
        gate("b", &[0], PATIENCE),
        gate("c", &[], PATIENCE),
        gate("d", &[9], PATIENCE),
    ];
    let told = failing(&gates, ALL, &[]);
    let by = "b".to_owned();
    assert_eq!(told.judged[&0].end, End::Blocked { by });
    assert_eq!(told.judged[&2].end, End::Passed);
    assert!(matches!(told.judged[&3].end, End::Blocked { .. }));
}

#[test]
fn tries_beyond_parallel_wait_for_their_turn_in_order_and_a_gate_that_waits_holds_none() {
    let gates: Vec<Gate> = (0..5)
        .map(|n| gate(&n.to_string(), &[], PATIENCE))
        .collect();
    let options = Options {
        parallel: 2,
        once: false,
    };
    // Gate 0 fails once; while it waits, the others pass it by.
    let told = run(&gates, options, None, |gate, number| match (gate, number) {
        (0, 0) => answering(Answer::Fail, 100),
        _ => answering(Answer::Pass, 100),
    });
    let order: Vec<usize> = told.tries.iter().map(|asked| asked.gate).collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 0]);
    assert_eq!(told.most_at_once, 2);
    assert_eq!(told.judged[&0].ended, Duration::from_millis(1200));
}

#[test]
fn nobody_starves_behind_gates_that_are_asked_again_and_again() {
    let eager = Patience {
        first_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        timeout: secs(20),
        ..PATIENCE
    };
    let mut gates: Vec<Gate> = (0..10).map(|n| gate(&n.to_string(), &[], eager)).collect();
    let delay = Patience {
        initial_delay: secs(5),
        ..PATIENCE
    };
    gates.push(gate("late", &[], delay));
    let options = Options {
        parallel: 1,
        once: false,
    };
    let told = failing(&gates, options, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    let began = told.judged[&10].began.unwrap();
    // One turn of each of the ten may stand before it.
    assert!(began <= secs(5) + Duration::from_millis(1100), "{began:?}");
}

#[test]
fn a_gate_that_waited_for_its_first_turn_has_its_whole_time_from_then() {
    let short = Patience {
        timeout: secs(2),
        initial_delay: secs(1),
        ..PATIENCE
    };
    let gates = [gate("hog", &[], PATIENCE), gate("short", &[], short)];
    let options = Options {
        parallel: 1,
        once: false,
    };
    let told = run(&gates, options, None, |gate, _| match gate {
        0 => answering(Answer::Pass, 9_000),
        _ => answering(Answer::Pass, 1_000),
    });
    let short = &told.judged[&1];
    assert_eq!((&short.end, short.began), (&End::Passed, Some(secs(9))));
    assert_eq!(told.tries_of(1)[0].deadline, secs(9 + 2 - 1));
    assert_eq!(short.queued, Duration::ZERO, "that cost it nothing");
}

#[test]
fn what_a_gate_waits_for_later_turns_costs_its_time_and_is_told() {
    let short = Patience {
        timeout: secs(5),
        ..PATIENCE
    };
    let gates = [gate("short", &[], short), gate("hog", &[], PATIENCE)];
    let options = Options {
        parallel: 1,
        once: false,
    };
    let told = run(&gates, options, None, |gate, _| match gate {
        0 => answering(Answer::Fail, 100),
        _ => answering(Answer::Pass, 9_000),
    });
    let short = &told.judged[&0];
    assert_eq!(short.end, End::TimedOut { after: secs(5) });
    assert_eq!((short.tries, short.ended), (1, secs(5)));
    // Asked until 0.1 s, then a wait of 1 s; from then on the other one held the only turn.
    assert_eq!(short.queued, Duration::from_millis(5_000 - 1_100));
}

#[test]
fn a_try_that_a_stop_cuts_off_counts_as_one() {
    let gates = [gate("slow", &[], PATIENCE), gate("behind", &[], PATIENCE)];
    let options = Options {
        parallel: 1,
        once: false,
    };
    let told = run(&gates, options, Some(secs(3)), |_, _| {
        answering(Answer::Pass, 9_000)
    });
    let slow = &told.judged[&0];
    assert_eq!((&slow.end, slow.status), (&End::Stopped, Status::Unknown));
    assert_eq!((slow.tries, slow.cut_off), (1, Some(secs(3))));
    assert!(slow.seen.is_empty() && slow.history.is_empty());
    let behind = &told.judged[&1];
    assert_eq!((behind.tries, behind.cut_off), (0, None));
    assert_eq!(behind.began, None);
}

#[test]
fn a_try_is_given_its_own_time_or_what_is_left_of_its_gate() {
    let short = Patience {
        timeout: secs(15),
        ..PATIENCE
    };
    let told = run(&[gate("hung", &[], short)], ALL, None, |_, _| {
        answering(Answer::Fail, 3_600_000)
    });
    let tries = told.tries_of(0);
    assert_eq!(tries[0].deadline, secs(10));
    assert_eq!((tries[1].at, tries[1].deadline), (secs(11), secs(15)));
    assert_eq!(tries.len(), 2);
    assert_eq!(told.judged[&0].ended, secs(15));
}

#[test]
fn a_try_that_passes_at_its_gates_last_moment_counts() {
    let short = Patience {
        timeout: secs(5),
        ..PATIENCE
    };
    let told = run(&[gate("slow", &[], short)], ALL, None, |_, _| {
        answering(Answer::Pass, 5_000)
    });
    assert_eq!(told.judged[&0].end, End::Passed);
}

#[test]
fn a_dry_run_asks_each_once_at_once_whatever_it_depends_on() {
    let patient = Patience {
        initial_delay: secs(60),
        successes: 3,
        ..PATIENCE
    };
    let gates = [
        gate("api", &[1], patient),
        gate("database", &[], PATIENCE),
        gate("cache", &[0], PATIENCE),
    ];
    let options = Options {
        parallel: 1,
        once: true,
    };
    let told = run(&gates, options, None, |gate, _| match gate {
        0 => answering(Answer::Pass, 9_000),
        1 => answering(Answer::Fail, 9_000),
        _ => answering(Answer::Unknown, 9_000),
    });
    let ends: Vec<_> = told.judged.values().map(|g| (g.status, &g.end)).collect();
    assert_eq!(
        ends,
        [
            (Status::Pass, &End::Passed),
            (Status::Fail, &End::Once),
            (Status::Unknown, &End::Once)
        ]
    );
    assert_eq!(told.tries.len(), 3);
    assert_eq!(told.tries[0].at, Duration::ZERO);
}

#[test]
fn a_stop_keeps_what_ended_and_what_was_last_seen() {
    let gates = [
        gate("done", &[], PATIENCE),
        gate("failing", &[], PATIENCE),
        gate("behind", &[1], PATIENCE),
    ];
    let at = Duration::from_millis(1500);
    let told = run(&gates, ALL, Some(at), |gate, _| match gate {
        0 => answering(Answer::Pass, 100),
        _ => answering(Answer::Fail, 100),
    });
    assert!(told.stopped);
    assert_eq!(told.judged[&0].end, End::Passed);
    let failing = &told.judged[&1];
    assert_eq!((&failing.end, failing.tries), (&End::Stopped, 2));
    assert_eq!((failing.status, failing.ended), (Status::Unknown, at));
    assert_eq!(failing.seen, "Fail");
    assert_eq!(told.judged[&2].end, End::Stopped);
}

#[test]
fn a_change_is_told_once_with_the_wait_that_follows() {
    let told = run(
        &[gate("api", &[], PATIENCE)],
        ALL,
        None,
        |_, number| match number {
            0..3 => answering(Answer::Fail, 0),
            3 => answering(Answer::Unknown, 0),
            _ => answering(Answer::Pass, 0),
        },
    );
    assert_eq!(told.turned, [(0, secs(1)), (0, secs(8))]);
    let history = &told.judged[&0].history;
    let times: Vec<_> = history.iter().map(|t| (t.at, t.answer, t.times)).collect();
    assert_eq!(
        times,
        [
            (secs(0), Answer::Fail, 3),
            (secs(7), Answer::Unknown, 1),
            (secs(15), Answer::Pass, 1)
        ]
    );
}
