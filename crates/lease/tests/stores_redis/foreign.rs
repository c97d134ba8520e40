//! What somebody else put on our keys is refused with its mend, and left as it is.

use lease::{
    store::{History, Snapshot, Store, StoreError},
    testing::writes::{announced, append, claim, moment},
};
use test_servers::Redis;

use crate::places::{lock, refused, store, url, won};

const LEASE: &str = "baton:{o%2Fr%2Fproduction}:lease";
const LEDGER: &str = "baton:{o%2Fr%2Fproduction}:ledger";

fn is_foreign(error: &StoreError, key: &str, says: &str) {
    let told = error.to_string();
    assert!(matches!(error, StoreError::Foreign { .. }), "{told}");
    assert!(told.contains(key) && told.contains(says), "{told}");
}

/// What both keys hold, to the byte.
fn dump(server: &Redis) -> Vec<String> {
    [LEASE, LEDGER]
        .map(|key| server.command(&["DUMP", key]))
        .to_vec()
}

#[tokio::test]
async fn foreign_things_on_the_leases_key_are_refused_by_name_and_left() {
    for (words, says) in [
        (&["SET", LEASE, "hello"][..], "it is no hash"),
        (&["HSET", LEASE, "layout", "1", "record", "{}"], "it lacks"),
        (
            &[
                "HSET",
                LEASE,
                "layout",
                "1",
                "record",
                "{\"schema\": 1,",
                "lease",
                "n",
            ],
            "the record is not JSON",
        ),
        (
            &["HSET", LEASE, "layout", "1", "record", "{}", "lease", "n"],
            "it names no schema",
        ),
        (
            &[
                "HSET",
                LEASE,
                "layout",
                "1",
                "tip",
                "{\"schema\": 99}",
                "ledger",
                "n",
            ],
            "newer version",
        ),
        (
            &["HSET", LEASE, "layout", "2", "lease", "n"],
            "newer version",
        ),
        (&["HSET", LEASE, "record", "{}"], "it names no layout"),
    ] {
        let server = Redis::start();
        let store = store(&url(&server));
        assert_ne!(server.command(words), "");
        let before = dump(&server);
        is_foreign(&store.read().await.unwrap_err(), LEASE, says);
        let _lost_or_refused =
            crate::places::swap(&store, claim(&lock(), &Snapshot::default())).await;
        if !words.contains(&"tip") {
            assert_eq!(dump(&server), before, "{words:?}");
        }
    }
}

#[tokio::test]
async fn a_hash_of_somebody_elses_is_not_written_into() {
    let server = Redis::start();
    let store = store(&url(&server));
    server.command(&["HSET", LEASE, "colour", "blue"]);
    let before = dump(&server);
    let error = refused(&store, claim(&lock(), &Snapshot::default())).await;
    is_foreign(&error, LEASE, "somebody else");
    assert_eq!(dump(&server), before);
}

#[tokio::test]
async fn foreign_things_on_the_ledgers_key_are_refused_by_name_and_left() {
    for (words, says) in [
        (&["SET", LEDGER, "hello"][..], "it is no stream"),
        (
            &["XADD", LEDGER, "7-0", "colour", "blue"],
            "knows nothing of",
        ),
    ] {
        let server = Redis::start();
        let store = store(&url(&server));
        server.command(words);
        let before = dump(&server);
        let error = refused(
            &store,
            append(&Snapshot::default(), moment(1), vec![announced(1)]),
        )
        .await;
        is_foreign(&error, LEDGER, says);
        assert_eq!(dump(&server), before, "{words:?}");
        for from in [History::FromSeq(1), History::Since(moment(0))] {
            let error = store.history(from).await.unwrap_err();
            let is_typed = words.contains(&"SET");
            is_foreign(
                &error,
                LEDGER,
                if is_typed { says } else { "cannot be read" },
            );
        }
    }
}

#[tokio::test]
async fn a_gap_in_the_chain_is_told_by_its_places_and_what_is_behind_it_is_read() {
    let server = Redis::start();
    let store = store(&url(&server));
    let drafts = (1..=600).map(announced).collect();
    won(&store, append(&Snapshot::default(), moment(1), drafts)).await;
    // At the end of a page, and inside of one.
    server.command(&["XDEL", LEDGER, "250-0", "251-0", "400-0"]);
    for from in [History::FromSeq(1), History::Since(moment(0))] {
        let error = store.history(from).await.unwrap_err();
        is_foreign(&error, LEDGER, "missing are #250 to #251, #400, although");
        assert!(error.to_string().contains("since #401 "), "{error}");
    }
    let error = store.history(History::FromSeq(400)).await.unwrap_err();
    is_foreign(&error, LEDGER, "missing is #400,");
    let rest = store.history(History::FromSeq(401)).await.unwrap();
    assert_eq!(rest.len(), 200);
}

#[tokio::test]
async fn a_chain_whose_end_was_cut_off_is_not_continued_as_if_nothing_were() {
    let server = Redis::start();
    let store = store(&url(&server));
    won(&store, claim(&lock(), &Snapshot::default())).await;
    // The lease is gone, and the chain's places are still taken.
    server.command(&["DEL", LEASE]);
    server.command(&["XTRIM", LEDGER, "MAXLEN", "0"]);
    assert_eq!(server.command(&["XLEN", LEDGER]), "0");
    let error = refused(&store, claim(&lock(), &Snapshot::default())).await;
    is_foreign(&error, LEDGER, "knows nothing of");
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    assert_eq!(server.command(&["XLEN", LEDGER]), "0");
}
