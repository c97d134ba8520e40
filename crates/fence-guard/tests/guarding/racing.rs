//! Many guards at once.

use crate::target::{Target, call, end, overlaps};

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
