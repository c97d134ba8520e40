//! What a server refuses, what is not ours, and what is said of it.

use std::sync::Arc;

use lease::{
    store::{Snapshot, Store, StoreError, Swap},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use probes::postgres::Settings;
use test_servers::{Postgres, PostgresSetup, free_port};

use crate::{
    places::{database, lock, open, session, settings, until, value, won},
    tls::papers,
};

/// The errors of a read and of a send, neither of which may say the password.
async fn refused(settings: &Settings) -> (StoreError, StoreError) {
    let lock = lock("o/r/production");
    let store = open(settings.clone(), &lock);
    let read = store.read().await.expect_err("it should be refused");
    let write = claim(&lock, &Snapshot::default());
    let Swap::Unknown(swap) = store.swap(Arc::new(write)).await else {
        panic!("it should be refused")
    };
    let history = store
        .history(lease::store::History::FromSeq(1))
        .await
        .expect_err("it should be refused");
    for text in [
        format!("{read} {read:?} {swap} {swap:?} {history} {history:?}"),
        format!("{store:?} {settings:?} {}", store.place()),
    ] {
        for canary in ["canary", Postgres::PASSWORD, "p%40ss", "p@ss"] {
            assert!(!text.contains(canary), "{text}");
        }
    }
    (read, swap)
}

#[tokio::test]
async fn a_refusal_is_told_from_absence_and_no_text_holds_the_password() {
    let server = Postgres::start();
    let wrong: Settings = format!(
        "host=127.0.0.1 port={} user=postgres password=canary-wrong",
        server.port
    )
    .parse()
    .unwrap();
    for (settings, says) in [
        (wrong, "password authentication failed"),
        (settings(server.port, "user=nobody"), "nobody"),
        (settings(server.port, "dbname=nowhere"), "nowhere"),
    ] {
        let (read, swap) = refused(&settings).await;
        for error in [read, swap] {
            assert!(matches!(error, StoreError::Denied { .. }), "{error}");
            assert!(error.to_string().contains(says), "{error}");
        }
    }
    let (read, swap) = refused(&settings(free_port(), "")).await;
    assert!(read.is_passing() && swap.is_passing(), "{read} {swap}");
    let (read, _) = refused(&settings(server.port, "sslmode=require")).await;
    assert!(matches!(read, StoreError::Local { .. }), "{read}");
}

#[tokio::test]
async fn a_server_that_starts_up_or_is_full_may_be_asked_again() {
    let starting = Postgres::start_with(&PostgresSetup {
        starting_up: true,
        ..PostgresSetup::default()
    });
    let (read, swap) = refused(&settings(starting.port, "")).await;
    assert!(read.is_passing() && swap.is_passing());
    assert!(read.to_string().contains("57P03"), "{read}");

    let full = Postgres::start_with(&PostgresSetup {
        settings: vec![
            "max_connections=2".to_owned(),
            "superuser_reserved_connections=0".to_owned(),
        ],
        ..PostgresSetup::default()
    });
    let settings = settings(full.port, "");
    let _taken = (session(&settings).await, session(&settings).await);
    let (read, swap) = refused(&settings).await;
    assert!(read.is_passing() && swap.is_passing());
    assert!(read.to_string().contains("53300"), "{read}");
}

#[tokio::test]
async fn a_standby_alone_is_named_as_such_and_both_together_serve() {
    let primary = Postgres::start();
    let standby = Postgres::standby_of(&primary, true);
    let alone = settings(standby.port, "");
    let (read, swap) = refused(&alone).await;
    for error in [read, swap] {
        assert!(
            error.is_passing(),
            "it may be promoted in a moment: {error}"
        );
        let said = error.to_string();
        assert!(
            said.contains("read-only") && said.contains("host=a,b"),
            "{said}"
        );
    }
    // Who asks for any server gets what it says to a write.
    let lock = lock("o/r/production");
    let mut both = settings(standby.port, "");
    both.servers
        .extend(settings(primary.port, "").servers.clone());
    let store = open(both, &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let standby_only = settings(standby.port, "target_session_attrs=standby");
    let follower = open(standby_only, &lock);
    crate::places::until(|| async { follower.read().await.unwrap().record }).await;
    let seen = store.read().await.unwrap();
    let Swap::Unknown(error) = follower.swap(Arc::new(heartbeat(&lock, &seen))).await else {
        panic!("it takes no writes")
    };
    assert!(
        error.is_passing() && error.to_string().contains("25006"),
        "{error}"
    );
}

#[tokio::test]
async fn wrong_options_are_told_as_such_and_not_as_tables_of_others() {
    let server = Postgres::start();
    for (options, says) in [
        ("-c no_such_setting=1", "no_such_setting"),
        ("-c synchronous_commit=perhaps", "perhaps"),
        ("nonsense", "nonsense"),
    ] {
        let with = settings(server.port, &format!("options='{options}'"));
        let (read, swap) = refused(&with).await;
        for error in [read, swap] {
            let said = error.to_string();
            assert!(matches!(error, StoreError::Local { .. }), "{said}");
            assert!(
                said.contains(says) && said.contains("mend the parameter `options`"),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn a_session_that_is_read_only_by_default_is_told_with_who_sets_it_off() {
    let server = Postgres::start();
    let admin = session(&settings(server.port, "")).await;
    let set = "default_transaction_read_only = on";
    let role = "CREATE ROLE deployer LOGIN PASSWORD 'canary-secret'";
    value(&admin, role).await;
    let own = settings(server.port, "user=deployer password=canary-secret");
    let by_options = "options='-c default_transaction_read_only=on'";
    let by_options = settings(server.port, by_options);
    for (statement, with, mend, passes) in [
        (
            format!("ALTER ROLE deployer SET {set}"),
            &own,
            "ALTER ROLE \"deployer\" RESET default_transaction_read_only",
            false,
        ),
        (
            format!("ALTER DATABASE postgres SET {set}"),
            &own,
            "ALTER DATABASE \"postgres\" RESET default_transaction_read_only",
            false,
        ),
        (
            "SELECT 1".to_owned(),
            &by_options,
            "take default_transaction_read_only out of the parameter `options`",
            false,
        ),
        (
            format!("ALTER SYSTEM SET {set}"),
            &own,
            "ALTER SYSTEM RESET default_transaction_read_only",
            true,
        ),
    ] {
        value(&admin, "ALTER ROLE deployer RESET ALL").await;
        value(&admin, &statement).await;
        value(&admin, "SELECT pg_reload_conf()").await;
        // The server takes the new configuration in its own time.
        let (read, swap) = until(|| async {
            let store = open(with.clone(), &lock("o/r/production"));
            let read = store.read().await.err()?;
            let write = Arc::new(claim(&lock("o/r/production"), &Snapshot::default()));
            match store.swap(write).await {
                Swap::Unknown(swap) => Some((read, swap)),
                _ => None,
            }
        })
        .await;
        for error in [read, swap] {
            let said = error.to_string();
            assert_eq!(error.is_passing(), passes, "{said}");
            assert!(
                said.contains("default_transaction_read_only is on") && said.contains(mend),
                "{said}"
            );
            assert!(!said.contains("canary"), "{said}");
        }
        let undo = statement.replace(&format!("SET {set}"), "RESET ALL");
        let writable = "SET default_transaction_read_only = off";
        value(&admin, writable).await;
        value(&admin, &undo).await;
    }
}

#[tokio::test]
async fn tables_of_others_are_refused_by_name_and_left() {
    let server = Postgres::start();
    for make in [
        "CREATE TABLE baton_leases (id integer, note text); INSERT INTO baton_leases VALUES (1, 'mine')",
        "CREATE TABLE baton_leases (lock integer, schema text, lease integer, record text, ledger text, tip text); \
         INSERT INTO baton_leases VALUES (1, 'mine')",
        "CREATE VIEW baton_leases AS SELECT 1 AS lock",
    ] {
        let name = database(&server, "").await;
        let settings = settings(server.port, &format!("dbname={name}"));
        let admin = session(&settings).await;
        admin.script(make).await.unwrap();
        let lock = lock("o/r/production");
        let store = open(settings, &lock);
        let Swap::Unknown(error) = store
            .swap(Arc::new(claim(&lock, &Snapshot::default())))
            .await
        else {
            panic!("it is not ours")
        };
        for error in [store.read().await.expect_err("it is not ours"), error] {
            assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
            assert!(error.to_string().contains("baton_leases"), "{error}");
        }
        let left = "SELECT count(*) FROM baton_leases";
        assert_eq!(value(&admin, left).await.as_deref(), Some("1"));
        let ledger = "SELECT to_regclass('baton_ledger')::text";
        assert_eq!(value(&admin, ledger).await, None, "nothing was added");
    }
}

#[tokio::test]
async fn a_row_of_a_newer_layout_is_refused_and_left() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let store = open(settings.clone(), &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let seen = store.read().await.unwrap();
    let admin = session(&settings).await;
    value(&admin, "UPDATE baton_leases SET schema = 2").await;
    let row = "SELECT baton_leases::text FROM baton_leases";
    let before = value(&admin, row).await;
    for write in [
        heartbeat(&lock, &seen),
        append(&seen, moment(2), vec![announced(1)]),
        claim(&lock, &seen),
    ] {
        let Swap::Unknown(error @ StoreError::Foreign { .. }) = store.swap(Arc::new(write)).await
        else {
            panic!("a newer version's row")
        };
        assert!(error.to_string().contains("newer version"), "{error}");
    }
    let error = store.read().await.expect_err("a newer version's row");
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    assert_eq!(value(&admin, row).await, before);
}

#[tokio::test]
async fn a_chain_whose_row_is_gone_is_not_begun_anew() {
    let server = Postgres::start();
    let settings = settings(server.port, "");
    let lock = lock("o/r/production");
    let store = open(settings.clone(), &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    let admin = session(&settings).await;
    value(&admin, "DELETE FROM baton_leases").await;
    let write = Arc::new(claim(&lock, &Snapshot::default()));
    let Swap::Unknown(error @ StoreError::Foreign { .. }) = store.swap(write).await else {
        panic!("the chain is still there")
    };
    assert!(error.to_string().contains("baton_ledger"), "{error}");
    let left = "SELECT count(*) FROM baton_leases";
    assert_eq!(value(&admin, left).await.as_deref(), Some("0"));
    // A write over what is gone makes no row either.
    let seen = Snapshot {
        version: lease::store::Version {
            lease: Some("gone".to_owned()),
            ledger: None,
        },
        ..Snapshot::default()
    };
    let swap = store.swap(Arc::new(heartbeat(&lock, &seen))).await;
    assert!(matches!(swap, Swap::Lost), "{swap:?}");
    assert_eq!(value(&admin, left).await.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_certificate_is_held_against_the_hosts_name() {
    let papers = papers("localhost");
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, &papers.authority).unwrap();
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some(papers.server),
        access: "hostssl all all 127.0.0.1/32 scram-sha-256\n".to_owned(),
        ..PostgresSetup::default()
    });
    let with = |host: &str| {
        settings(
            server.port,
            &format!(
                "host={host} hostaddr=127.0.0.1 sslmode=verify-full sslrootcert='{}'",
                authority.display()
            ),
        )
    };
    let lock = lock("o/r/production");
    let store = open(with("localhost"), &lock);
    won(&store, claim(&lock, &Snapshot::default())).await;
    assert_eq!(store.read().await.unwrap().record.unwrap().token, 1);
    let (read, swap) = refused(&with("db.example")).await;
    for error in [read, swap] {
        assert!(matches!(error, StoreError::Local { .. }), "{error}");
        assert!(error.to_string().contains("sslrootcert"), "{error}");
    }
}
