//! Users, passwords, and what a server says no with.

use lease::{
    store::{Snapshot, Store, StoreError},
    testing::writes::{announced, append, claim, heartbeat, moment},
};
use test_servers::{Redis, RedisSetup};

use crate::places::{CANARY, clean, lock, refused, store, url, won};

/// What docs/stores.md and the store's module tell to give a user, and nothing else.
const LEAST: &str = "~baton:* resetchannels &baton:* +hmget +hset +hlen +xadd +xrange +xrevrange +publish +subscribe +ping +eval +evalsha";

/// Lines of a server's configuration: a user with the least rights, and nobody without a password.
pub(crate) fn users() -> String {
    format!("user default off\nuser baton on >{CANARY} {LEAST}\n")
}

/// As that user.
pub(crate) fn as_least(server: &Redis) -> String {
    format!("redis://baton:{CANARY}@127.0.0.1:{}", server.port)
}

fn guarded() -> Redis {
    let admin = format!("user admin on >{CANARY} ~* &* +@all\n");
    Redis::start_with(&RedisSetup {
        config: users() + &admin,
        ..RedisSetup::default()
    })
}

fn admin(server: &Redis, words: &[&str]) -> String {
    let login = ["--no-auth-warning", "--user", "admin", "--pass", CANARY];
    server.command(&[&login, words].concat())
}

#[tokio::test]
async fn who_may_not_is_told_with_the_servers_words_and_the_mend() {
    let server = guarded();
    for (login, says) in [
        ("", "NOAUTH Authentication required"),
        ("baton:wrong-canary@", "WRONGPASS"),
        ("nobody:wrong-canary@", "asked as nobody"),
    ] {
        let store = store(&format!("redis://{login}127.0.0.1:{}", server.port));
        let error = clean(store.read().await.unwrap_err());
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        let told = error.to_string();
        assert!(
            told.contains(says) && told.contains("in the address"),
            "{told}"
        );
        assert!(!format!("{store:?}").contains("canary"));
    }
}

#[tokio::test]
async fn without_any_one_right_nothing_is_half_written_and_the_rights_are_named() {
    let server = guarded();
    let store = store(&as_least(&server));
    let first = claim(&lock(), &store.read().await.unwrap());
    for lost in [
        "+hset",
        "+xadd",
        "+xrevrange",
        "+hlen",
        "+publish",
        "+hmget",
        "+evalsha",
        "&baton:*",
        "~baton:*",
    ] {
        let rights = format!("{LEAST} ").replace(&format!("{lost} "), "");
        let user = ["ACL", "SETUSER", "baton", "reset", "on"];
        let password = format!(">{CANARY}");
        let mut words = user.to_vec();
        words.push(&password);
        words.extend(rights.split_whitespace());
        assert_eq!(admin(&server, &words), "OK", "{lost}");
        admin(&server, &["FLUSHALL"]);
        let error = refused(&store, first.clone()).await;
        assert!(
            matches!(error, StoreError::Denied { .. }),
            "{lost}: {error}"
        );
        let told = error.to_string();
        let mend = format!("`ACL SETUSER baton {lost}`");
        assert!(told.contains(&mend), "{lost}: {told}");
        // At most the mark of the layout, which reads as nothing.
        let left = admin(&server, &["HKEYS", "baton:{o%2Fr%2Fproduction}:lease"]);
        assert!(["", "layout"].contains(&left.as_str()), "{lost}: {left}");
        assert_eq!(
            admin(&server, &["XLEN", "baton:{o%2Fr%2Fproduction}:ledger"]),
            "0",
            "{lost}"
        );
    }
    let words = format!("ACL SETUSER baton reset on >{CANARY} {LEAST}");
    assert_eq!(admin(&server, &words.split(' ').collect::<Vec<_>>()), "OK");
    assert_eq!(store.read().await.unwrap(), Snapshot::default());
    won(&store, first).await;
}

#[tokio::test]
async fn what_is_wrong_with_the_address_alone_is_told_with_its_mend() {
    let server = Redis::start();
    for (address, says) in [
        (
            format!("redis://:{CANARY}@127.0.0.1:{}", server.port),
            "the server wants no password from this user: take it out of the address",
        ),
        (
            format!("redis://127.0.0.1:{}/4711", server.port),
            "no database of the number at the end of the address",
        ),
    ] {
        let error = clean(store(&address).read().await.unwrap_err());
        let told = error.to_string();
        assert!(!error.is_passing() && told.contains(says), "{told}");
    }
}

#[tokio::test]
async fn a_server_that_forgets_over_a_restart_is_warned_of_and_used() {
    for (config, warned) in [("", true), ("appendonly yes\n", false)] {
        let server = Redis::start_with(&RedisSetup {
            config: config.to_owned(),
            ..RedisSetup::default()
        });
        let store = store(&url(&server));
        assert_eq!(store.warning(), None, "nothing was seen of it");
        won(&store, claim(&lock(), &store.read().await.unwrap())).await;
        let warning = store.warning();
        assert_eq!(warning.is_some(), warned, "{config}: {warning:?}");
        let names = |text: &str| text.contains("`appendonly yes`");
        assert!(warning.is_none_or(|text| names(&text)));
    }
}

#[tokio::test]
async fn a_replica_is_refused_with_its_mend() {
    let primary = Redis::start();
    let replica = Redis::start_with(&RedisSetup {
        config: format!(
            "replicaof 127.0.0.1 {}\nrepl-diskless-sync-delay 0\n",
            primary.port
        ),
        ..RedisSetup::default()
    });
    let store = store(&url(&replica));
    let error = store.read().await.unwrap_err();
    assert!(
        error.is_passing() && error.to_string().contains("name the primary"),
        "{error}"
    );
    let error = refused(&store, claim(&lock(), &Snapshot::default())).await;
    assert!(error.to_string().contains("name the primary"), "{error}");
}

#[tokio::test]
async fn a_server_that_becomes_a_replica_under_us_is_refused_with_its_mend_and_words() {
    // Without the right to ask what it is, its word against the write is all there is.
    let (server, other) = (guarded(), Redis::start());
    let store = store(&as_least(&server));
    let seen = store.read().await.unwrap();
    let port = other.port.to_string();
    assert_eq!(admin(&server, &["REPLICAOF", "127.0.0.1", &port]), "OK");
    let error = refused(&store, claim(&lock(), &seen)).await;
    let told = error.to_string();
    assert!(
        error.is_passing() && told.contains("READONLY") && told.contains("name the primary"),
        "{told}"
    );
}

#[tokio::test]
async fn a_server_that_may_delete_the_lease_is_refused_with_its_mend() {
    let setup = |policy: &str| RedisSetup {
        config: format!("maxmemory 100mb\nmaxmemory-policy {policy}\n"),
        ..RedisSetup::default()
    };
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let server = Redis::start_with(&setup(policy));
        let error = store(&url(&server)).read().await.unwrap_err();
        let told = error.to_string();
        assert!(
            !error.is_passing() && told.contains(policy) && told.contains("noeviction"),
            "{told}"
        );
    }
    for policy in ["noeviction", "volatile-lru"] {
        let server = Redis::start_with(&setup(policy));
        let store = store(&url(&server));
        won(&store, claim(&lock(), &store.read().await.unwrap())).await;
    }
}

#[tokio::test]
async fn a_full_server_takes_nothing_and_is_written_to_once_there_is_room() {
    let server = Redis::start();
    let store = store(&url(&server));
    let first = claim(&lock(), &store.read().await.unwrap());
    won(&store, first).await;
    let seen = store.read().await.unwrap();
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let writes = [
        claim(&lock(), &seen),
        heartbeat(&lock(), &seen),
        append(&seen, moment(1), vec![announced(1)]),
    ];
    for write in &writes {
        let error = refused(&store, write.clone()).await;
        let told = error.to_string();
        assert!(
            error.is_passing() && told.contains("OOM") && told.contains("maxmemory"),
            "{told}"
        );
        assert_eq!(
            store.read().await.unwrap(),
            seen,
            "reads are still answered, and show nothing of it"
        );
    }
    assert_eq!(
        server.command(&["XLEN", "baton:{o%2Fr%2Fproduction}:ledger"]),
        "2"
    );
    assert_eq!(server.command(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    let [write, ..] = writes;
    won(&store, write).await;
}

#[tokio::test]
async fn no_key_ever_has_a_time_to_live() {
    let server = Redis::start();
    let store = store(&url(&server));
    won(&store, claim(&lock(), &Snapshot::default())).await;
    let seen = store.read().await.unwrap();
    won(&store, heartbeat(&lock(), &seen)).await;
    let keys = server.command(&["KEYS", "*"]);
    assert_eq!(keys.lines().count(), 2, "{keys}");
    for key in keys.lines() {
        assert_eq!(server.command(&["TTL", key]), "-1", "{key}");
    }
}
