//! Candidates of one deployment that crash, stand still and lose the store.

use lease::Timing;

use crate::{
    cast::{fails, taken_over, works},
    explore::explore,
    scenario::{Fate, Scenario, Strike},
};

#[test]
fn one_of_two_candidates_deploys_whatever_crashes_and_whichever_answer_is_lost() {
    let scenario = Scenario {
        swaps: vec![Fate::Fast, Fate::LostBefore, Fate::LostAfter],
        reads: vec![Fate::Fast, Fate::LostBefore],
        strikes: vec![Strike::Crash],
        faults: 2,
        sights: vec![("a standby takes over", taken_over)],
        ..Scenario::new("two candidates, crashes, lost answers", Timing::NOTIFIED)
            .candidates(1, 0, &[works(7_000), fails(7_000)], |_| {})
            .verdict(1, 0)
    };
    explore(scenario, 10_000);
}
