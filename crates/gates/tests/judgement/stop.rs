//! A judgement that is stopped, at every moment.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actions_kit::Status;
use gates::judgement::{End, judge};
use probes::Answer::{Fail, Pass};
use tokio::task::yield_now;

use crate::scripted::{ALL, Act, Count, PATIENCE, gate, judged};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test(start_paused = true)]
async fn a_stop_at_any_moment_ends_at_once_and_keeps_what_is_known() {
    // Every moment around a try's beginning, its answer and the wakes between; steps of 7 ms walk through all of them.
    for stop in (0..4_000).step_by(7).map(ms) {
        let count = Arc::new(Count::default());
        let answers = |answer, takes| move |_, _| Act::Answer(answer, ms(takes));
        let mut behind = gate("behind", PATIENCE, &count, answers(Pass, 700));
        behind.depends_on = vec![0];
        let gates = [
            gate("quick", PATIENCE, &count, answers(Pass, 350)),
            gate("failing", PATIENCE, &count, answers(Fail, 100)),
            gate("hung", PATIENCE, &count, |_, _| Act::Hang),
            behind,
        ];
        let (judgement, ended) = judged(&gates, &ALL, Some(stop)).await;
        assert!(judgement.stopped, "{stop:?}");
        assert!(judgement.took <= stop + ms(2), "{:?}", judgement.took);
        assert_eq!(count.under_way(), 0, "every try is dropped, {stop:?}");
        assert_eq!(ended.len(), 4, "each is told to have ended, {stop:?}");
        let names: Vec<&str> = judgement.gates.iter().map(|g| g.name.as_str()).collect();
        assert_eq!(names, ["quick", "failing", "hung", "behind"]);
        for (gate, passes_after) in [(0, ms(350)), (3, ms(1_050))] {
            let gate = &judgement.gates[gate];
            let wanted = match stop.cmp(&passes_after) {
                std::cmp::Ordering::Less => (Status::Unknown, &End::Stopped),
                std::cmp::Ordering::Equal => continue,
                std::cmp::Ordering::Greater => (Status::Pass, &End::Passed),
            };
            assert_eq!((gate.status, &gate.end), wanted, "{stop:?}");
        }
        let failing = &judgement.gates[1];
        assert_eq!(failing.end, End::Stopped);
        if stop > ms(101) {
            assert_eq!(failing.seen, "Fail", "{stop:?}");
        }
        assert_eq!(judgement.status(), Status::Fail);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_in_when_the_stop_comes_still_counts() {
    let count = Arc::new(Count::default());
    let gates = [
        gate("quick", PATIENCE, &count, |_, _| {
            Act::Answer(Pass, Duration::ZERO)
        }),
        gate("hung", PATIENCE, &Arc::default(), |_, _| Act::Hang),
    ];
    // Comes between the end of the try and the moment when anybody has looked at it.
    let stopped = async {
        while count.begun.load(Ordering::SeqCst) == 0 || count.under_way() > 0 {
            yield_now().await;
        }
    };
    let judgement = judge(&gates, &ALL, |_| (), stopped).await;
    let ends: Vec<&End> = judgement.gates.iter().map(|gate| &gate.end).collect();
    assert_eq!(ends, [&End::Passed, &End::Stopped]);
    assert!(judgement.stopped);
}
