//! The tables come into being.

use std::sync::Arc;

use lease::{
    store::{Snapshot, Store, StoreError, Swap, postgres::SCHEMA_SQL},
    testing::writes::{claim, heartbeat},
};
use test_servers::Postgres;
use tokio::task::JoinSet;

use crate::places::{database, lock, open, session, settings, settled, value, won};

#[tokio::test]
async fn many_that_make_the_tables_at_once_all_get_an_answer() {
    let server = Postgres::start();
    for _ in 0..5 {
        let name = database(&server, "").await;
        let settings = settings(server.port, &format!("dbname={name}"));
        let mut makers = JoinSet::new();
        for n in 0..8 {
            let lock = lock(&format!("o/r/{n}"));
            let store = open(settings.clone(), &lock);
            makers.spawn(async move {
                let write = Arc::new(claim(&lock, &Snapshot::default()));
                let version = settled(&store, &write).await.expect("it is the first");
                assert_eq!(store.read().await.unwrap().version, version);
            });
        }
        while let Some(made) = makers.join_next().await {
            made.unwrap();
        }
    }
}

#[tokio::test]
async fn who_may_make_no_tables_is_told_what_to_run_and_that_is_enough() {
    let server = Postgres::start();
    let admin = session(&settings(server.port, "")).await;
    let password = "canary-secret";
    for statement in [
        &format!("CREATE ROLE deployer LOGIN PASSWORD '{password}'"),
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ] {
        value(&admin, statement).await;
    }
    let settings = settings(server.port, &format!("user=deployer password={password}"));
    let lock = lock("o/r/production");
    let store = open(settings.clone(), &lock);
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    let write = Arc::new(claim(&lock, &Snapshot::default()));
    let Swap::Unknown(error @ StoreError::Denied { .. }) = store.swap(Arc::clone(&write)).await
    else {
        panic!("it may not make tables")
    };
    let said = error.to_string();
    let wanted = SCHEMA_SQL.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(&wanted), "{said}");
    assert!(said.contains("permission denied"), "{said}");

    admin.script(SCHEMA_SQL).await.unwrap();
    let Swap::Unknown(error @ StoreError::Denied { .. }) = store.swap(Arc::clone(&write)).await
    else {
        panic!("it has no rights yet")
    };
    assert!(error.to_string().contains("GRANT"), "{error}");
    assert!(matches!(store.read().await, Err(StoreError::Denied { .. })));
    // The rights that the text names, and no more.
    for grant in [
        "GRANT SELECT, INSERT, UPDATE ON baton_leases TO deployer",
        "GRANT SELECT, INSERT ON baton_ledger TO deployer",
    ] {
        assert!(
            error
                .to_string()
                .contains(grant.trim_end_matches(" TO deployer")),
            "{error}"
        );
        value(&admin, grant).await;
    }
    won(&store, (*write).clone()).await;
    let seen = store.read().await.unwrap();
    won(&store, heartbeat(&lock, &seen)).await;
    let seen = store.read().await.unwrap();
    won(&store, claim(&lock, &seen)).await;
    let all = lease::store::History::FromSeq(1);
    assert_eq!(store.history(all).await.unwrap().len(), 4);
}

#[tokio::test]
async fn the_sql_that_is_printed_may_run_twice_and_is_the_layout_that_is_used() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let admin = session(&settings).await;
    admin.script(SCHEMA_SQL).await.unwrap();
    let lock = lock("o/r/production");
    let store = open(settings, &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    admin.script(SCHEMA_SQL).await.unwrap();
    assert_eq!(store.read().await.unwrap().record.unwrap().token, 1);
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'baton%' AND relkind = 'r'";
    assert_eq!(value(&admin, tables).await.as_deref(), Some("2"));
}
