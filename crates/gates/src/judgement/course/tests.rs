use super::*;

const PATIENCE: Patience = Patience {
    timeout: Duration::from_secs(300),
    try_timeout: Duration::from_secs(10),
    initial_delay: Duration::ZERO,
    first_wait: Duration::from_secs(1),
    longest_wait: Duration::from_secs(30),
    max_tries: None,
    successes: 1,
    failure_limit: None,
};

const PLENTY: Duration = Duration::from_secs(300);

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// `P`, `F` and `U`, one try each; what follows the last.
fn after(answers: &str, patience: &Patience, rest: Duration, jitter: u32) -> Next {
    let mut course = Course::default();
    for letter in answers.chars() {
        see(&mut course, letter);
    }
    course.next(patience, rest, jitter)
}

fn see(course: &mut Course, letter: char) {
    let (answer, seen) = match letter {
        'P' => (Answer::Pass, "200 OK"),
        'F' => (Answer::Fail, "503, wanted 200"),
        _ => (Answer::Unknown, "no resolver"),
    };
    let observation = Observation {
        answer,
        seen: seen.to_owned(),
        took: Duration::from_millis(5),
    };
    course.saw(&observation, Duration::ZERO);
}

#[test]
fn the_wait_doubles_with_each_try_without_success_up_to_the_longest() {
    for (answers, step) in [
        ("F", 1.0),
        ("FF", 2.0),
        ("FFF", 4.0),
        ("FUF", 4.0),
        ("UUU", 4.0),
        ("FFFFF", 16.0),
        ("FFFFFF", 30.0),
        (&"F".repeat(70), 30.0),
        ("FFFF", 8.0),
    ] {
        let longest = after(answers, &PATIENCE, PLENTY, u32::MAX);
        assert_eq!(longest, Next::Wait(seconds(step)), "{answers}");
        let shortest = after(answers, &PATIENCE, PLENTY, 0);
        assert_eq!(shortest, Next::Wait(seconds(step / 2.0)), "{answers}");
    }
}

#[test]
fn after_a_success_the_next_try_comes_after_the_first_wait_whatever_the_backoff_had_grown_to() {
    let patience = Patience {
        successes: 3,
        ..PATIENCE
    };
    for answers in ["FFFFFFP", "P", "FPP"] {
        for jitter in [0, u32::MAX] {
            let next = after(answers, &patience, PLENTY, jitter);
            assert_eq!(next, Next::Wait(seconds(1.0)), "{answers}");
        }
    }
    let fallen_back = after("FFFFPF", &patience, PLENTY, u32::MAX);
    assert_eq!(fallen_back, Next::Wait(seconds(1.0)), "it starts anew");
}

#[test]
fn only_successes_in_a_row_count() {
    let patience = Patience {
        successes: 3,
        ..PATIENCE
    };
    for (answers, passed) in [
        ("PPP", true),
        ("PP", false),
        ("PPFP", false),
        ("PPUP", false),
        ("PPFPPP", true),
        ("FPPP", true),
    ] {
        let ended = after(answers, &patience, PLENTY, 0) == Next::End(End::Passed);
        assert_eq!(ended, passed, "{answers}");
    }
}

#[test]
fn the_failure_limit_counts_failures_in_a_row_and_takes_unknown_for_neither() {
    let patience = Patience {
        failure_limit: Some(3),
        successes: 2,
        ..PATIENCE
    };
    for (answers, ended) in [
        ("FFF", true),
        ("FF", false),
        ("FFPF", false),
        ("UUUUU", false),
        ("FFU", false),
        ("FFUF", true),
    ] {
        let limit = Next::End(End::FailureLimit { failures: 3 });
        let next = after(answers, &patience, PLENTY, 0);
        assert_eq!(next == limit, ended, "{answers}: {next:?}");
    }
}

#[test]
fn the_last_try_is_the_last_whatever_it_saw() {
    let patience = Patience {
        max_tries: Some(2),
        successes: 2,
        ..PATIENCE
    };
    let used = Next::End(End::TriesUsed { tries: 2 });
    for (answers, end) in [("FF", &used), ("UU", &used), ("FP", &used)] {
        assert_eq!(after(answers, &patience, PLENTY, 0), *end, "{answers}");
    }
    assert_eq!(after("PP", &patience, PLENTY, 0), Next::End(End::Passed));
    assert!(matches!(after("F", &patience, PLENTY, 0), Next::Wait(_)));
}

#[test]
fn tries_draw_closer_before_the_end_instead_of_sleeping_through_it() {
    let long = "FFFFFFFF";
    let next = |rest| after(long, &PATIENCE, seconds(rest), u32::MAX);
    assert_eq!(next(31.0), Next::Wait(seconds(30.0)));
    assert_eq!(next(30.0), Next::Wait(seconds(15.0)));
    assert_eq!(next(8.0), Next::Wait(seconds(4.0)));
    assert_eq!(next(0.5), Next::Wait(seconds(0.25)));
    let after = PATIENCE.timeout;
    assert_eq!(next(0.49), Next::End(End::TimedOut { after }));
    assert_eq!(next(0.0), Next::End(End::TimedOut { after }));
}

#[test]
fn a_short_time_is_used_almost_to_its_end_unless_a_try_takes_longer_than_what_is_left() {
    let short = Patience {
        timeout: seconds(1.0),
        ..PATIENCE
    };
    let after = short.timeout;
    let next = |took: f64, rest: f64| {
        let mut course = Course::default();
        see(&mut course, 'F');
        course.last_try = seconds(took);
        course.next(&short, seconds(rest), u32::MAX)
    };
    assert_eq!(next(0.005, 0.398), Next::Wait(seconds(0.199)));
    assert_eq!(next(0.005, 0.06), Next::Wait(seconds(0.03)));
    assert_eq!(next(0.005, 0.049), Next::End(End::TimedOut { after }));
    assert_eq!(next(0.2, 0.398), Next::End(End::TimedOut { after }));
    assert_eq!(next(0.2, 0.402), Next::Wait(seconds(0.201)));
    assert_eq!(
        next(10.0, 0.5),
        Next::Wait(seconds(0.25)),
        "at most half a second"
    );
}

#[test]
fn a_backoff_of_nothing_does_not_spin() {
    let patience = Patience {
        first_wait: Duration::ZERO,
        longest_wait: Duration::ZERO,
        successes: 2,
        ..PATIENCE
    };
    for answers in ["F", "FFFF", "P"] {
        let Next::Wait(wait) = after(answers, &patience, PLENTY, 0) else {
            panic!("{answers} ends nothing");
        };
        assert!(wait >= Duration::from_millis(5), "{answers}: {wait:?}");
    }
}

#[test]
fn a_first_wait_beyond_the_longest_is_the_longest() {
    let patience = Patience {
        first_wait: Duration::from_secs(60),
        ..PATIENCE
    };
    let next = after("F", &patience, PLENTY, u32::MAX);
    assert_eq!(next, Next::Wait(seconds(30.0)));
}

#[test]
fn unknown_stays_distinct_from_failed_and_a_gate_that_is_not_required_warns() {
    let after = PATIENCE.timeout;
    let timed_out = End::TimedOut { after };
    let blocked = End::Blocked {
        by: "database".to_owned(),
    };
    for (answers, end, wanted) in [
        ("FP", &End::Passed, Status::Pass),
        ("F", &timed_out, Status::Fail),
        ("FU", &timed_out, Status::Unknown),
        ("UF", &timed_out, Status::Fail),
        ("", &timed_out, Status::Unknown),
        ("P", &End::TriesUsed { tries: 1 }, Status::Fail),
        ("U", &End::TriesUsed { tries: 1 }, Status::Unknown),
        ("F", &End::FailureLimit { failures: 1 }, Status::Fail),
        ("FU", &End::FailureLimit { failures: 1 }, Status::Unknown),
        ("", &blocked, Status::Unknown),
        ("F", &End::Stopped, Status::Unknown),
        ("", &End::Stopped, Status::Unknown),
        ("F", &End::Once, Status::Fail),
        ("U", &End::Once, Status::Unknown),
    ] {
        let mut course = Course::default();
        for letter in answers.chars() {
            see(&mut course, letter);
        }
        assert_eq!(course.status(end, true), wanted, "{answers} {end:?}");
        let optional = match wanted {
            Status::Pass => Status::Pass,
            _ => Status::Warn,
        };
        assert_eq!(course.status(end, false), optional, "{answers} {end:?}");
    }
}

#[test]
fn a_gate_that_passed_too_seldom_says_how_often() {
    let mut course = Course::default();
    assert_eq!(course.seen(&End::Stopped, 3), "");
    see(&mut course, 'P');
    see(&mut course, 'P');
    let used = End::TriesUsed { tries: 2 };
    assert_eq!(course.seen(&used, 3), "200 OK, 2 of 3 in a row");
    assert_eq!(course.seen(&End::Passed, 2), "200 OK");
    see(&mut course, 'F');
    assert_eq!(course.seen(&used, 3), "503, wanted 200");
}
