//! Reading the chain.

use lease::{
    store::{History, Snapshot, Store, StoreError},
    testing::writes::{announced, append, moment, told},
};
use ledger::{Event, Outcome};
use test_servers::Postgres;

use crate::places::{HANGS, lock, open, open_within, session, settings, value, won};

#[tokio::test]
async fn a_chain_of_many_pages_is_read_whole_and_from_anywhere() {
    const ENTRIES: u64 = 2500;
    let server = Postgres::start();
    let lock = lock("o/r/production");
    let store = open(settings(server.port, ""), &lock);
    let mut seen = Snapshot::default();
    for part in 0..5 {
        let runs = part * ENTRIES / 5..(part + 1) * ENTRIES / 5;
        let write = append(&seen, moment(part), runs.map(announced).collect());
        seen.version = won(&store, write.clone()).await;
        seen.tip = write.tip;
    }
    let seqs = async |from| {
        let entries = store.history(from).await.unwrap();
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>()
    };
    let from = |first| (first..=ENTRIES).collect::<Vec<_>>();
    assert_eq!(seqs(History::FromSeq(0)).await, from(1));
    assert_eq!(seqs(History::FromSeq(1400)).await, from(1400));
    assert_eq!(seqs(History::Since(moment(1))).await, from(501));
    assert_eq!(seqs(History::Since(moment(4))).await, from(2001));
}

#[tokio::test]
async fn a_gap_in_the_chain_is_told_by_its_places_and_what_is_behind_it_is_read() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let store = open(settings.clone(), &lock("o/r/production"));
    let drafts = (1..=1200).map(announced).collect();
    won(&store, append(&Snapshot::default(), moment(1), drafts)).await;
    let admin = session(&settings).await;
    // At the end of a page, and inside of one.
    value(
        &admin,
        "DELETE FROM baton_ledger WHERE seq IN (1000, 1001, 1100)",
    )
    .await;
    for from in [History::FromSeq(1), History::Since(moment(0))] {
        let error = store.history(from).await.unwrap_err();
        let told = error.to_string();
        assert!(matches!(error, StoreError::Foreign { .. }), "{told}");
        assert!(
            told.contains("missing are #1000 to #1001, #1100, although"),
            "{told}"
        );
        assert!(told.contains("since #1101 "), "{told}");
    }
    let rest = store.history(History::FromSeq(1101)).await.unwrap();
    assert_eq!(rest.len(), 100);
}

#[tokio::test]
async fn clocks_that_differ_are_no_gap() {
    let server = Postgres::start();
    let store = open(settings(server.port, ""), &lock("o/r/production"));
    let mut seen = Snapshot::default();
    // The second writer's clock lags behind.
    for minute in [5, 1, 6] {
        let write = append(&seen, moment(minute), vec![announced(minute)]);
        seen.version = won(&store, write.clone()).await;
        seen.tip = write.tip;
    }
    let late = store.history(History::Since(moment(4))).await.unwrap();
    assert_eq!(
        late.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [1, 3]
    );
}

#[tokio::test]
async fn entries_that_fill_more_than_an_answer_may_hold_come_in_smaller_pages() {
    const ENTRIES: u64 = 40;
    let server = Postgres::start();
    let lock = lock("o/r/production");
    let settings = settings(server.port, "");
    // Twenty megabytes.
    let store = open_within(settings.clone(), &lock, HANGS);
    let long = |run| {
        let finished = Event::DeploymentFinished {
            outcome: Outcome::Failed,
            reason: None,
            detail: "x".repeat(500_000),
        };
        told(run, 1, finished)
    };
    let write = append(
        &Snapshot::default(),
        moment(1),
        (1..=ENTRIES).map(long).collect(),
    );
    won(&store, write.clone()).await;
    let admin = session(&settings).await;
    let bytes = "SELECT sum(length(entry::text)) > 16 * 1024 * 1024 FROM baton_ledger";
    assert_eq!(value(&admin, bytes).await.as_deref(), Some("t"));
    let entries = store.history(History::FromSeq(1)).await.unwrap();
    assert!(entries == write.entries, "every entry as it was written");
}
