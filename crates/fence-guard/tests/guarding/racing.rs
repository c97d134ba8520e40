//! Many guards at once.

use nix::sys::signal::Signal;

use crate::target::{Target, call, end, kill, overlaps};

/// A fixed pseudo-random order (Numerical Recipes' generator): a failure comes again.
fn shuffled(seed: u64, bound: u64, count: usize) -> Vec<u64> {
    let mut x = seed;
    (0..count)
        .map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1 + (x >> 16) % bound
        })
        .collect()
}

#[test]
fn of_hundreds_of_racing_guards_no_older_one_acts_after_a_newer_was_admitted() {
    let target = Target::new();
    let tokens = shuffled(7, 1000, 240);
    let mut admitted = 0;
    // As many at once as would come at the worst; each batch is overtaken by the next.
    for batch in tokens.chunks(40) {
        let guards: Vec<_> = batch
            .iter()
            .map(|token| {
                let script = format!("for i in 1 2 3 4 5 6 7 8; do echo {token} $i >>log; done; sleep 0.02; echo {token} end >>log");
                (*token, target.start(&call(*token, &script)))
            })
            .collect();
        for (token, guard) in guards {
            match end(guard) {
                Some(0) => admitted += 1,
                Some(77) => {}
                code => panic!(
                    "token {token} ended with {code:?}: {}",
                    target.errors(token)
                ),
            }
        }
    }
    assert_eq!(overlaps(&target.log()), [""; 0]);
    assert!(admitted > 0);
    let newest = tokens.iter().max().unwrap();
    assert_eq!(target.state()["fencing_token"], *newest);
    // The newest always gets through, whole.
    assert!(target.log().contains(&format!("{newest} end")));
}

#[test]
fn guards_that_stand_still_at_any_moment_and_go_on_later_never_act_behind_a_newer_one() {
    let target = Target::new();
    let moments = shuffled(11, 8, 90);
    let mut guards = Vec::new();
    let mut stopped: Vec<i32> = Vec::new();
    for (token, moment) in (1..).zip(&moments) {
        let script = format!(
            "echo {token} start >>log; for i in 1 2 3 4 5 6; do sleep 0.01; echo {token} $i >>log; done"
        );
        let guard = target.start(&call(token, &script));
        let pid = guard.id().cast_signed();
        guards.push((token, guard));
        // The moment of the stop, not a wait for something: at the lock, at the disk, beside a command that runs.
        std::thread::sleep(std::time::Duration::from_millis(moment * 2));
        kill(pid, Signal::SIGSTOP);
        stopped.push(pid);
        // It may hold the lock: nobody could go on behind it for ever.
        if stopped.len() > 3 {
            kill(stopped.remove(0), Signal::SIGCONT);
        }
    }
    for pid in stopped {
        kill(pid, Signal::SIGCONT);
    }
    for (token, guard) in guards {
        match end(guard) {
            Some(0 | 77) => {}
            code => panic!(
                "token {token} ended with {code:?}: {}",
                target.errors(token)
            ),
        }
    }
    assert_eq!(overlaps(&target.log()), [""; 0]);
    assert!(
        target.log().contains(&"90 6".to_owned()),
        "the newest gets through, whole"
    );
}
