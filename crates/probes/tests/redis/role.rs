//! Masters and replicas.

use probes::redis::{Wanted, WantedRole};
use test_servers::{Redis, RedisSetup, free_port};

use crate::{await_seen, fail, pass, probe, probe_of, seen, settings};

fn master(min_replicas: u64) -> Wanted {
    Wanted {
        role: Some(WantedRole::Master { min_replicas }),
        ..Wanted::default()
    }
}

fn replica() -> Wanted {
    Wanted {
        role: Some(WantedRole::Replica),
        ..Wanted::default()
    }
}

fn start_replica_of(port: u16) -> Redis {
    Redis::start_with(&RedisSetup {
        config: format!("replicaof 127.0.0.1 {port}\nrepl-diskless-sync-delay 0\n"),
        ..RedisSetup::default()
    })
}

#[tokio::test]
async fn a_read_only_replica_answers_ping_and_is_no_master() {
    let upstream = Redis::start();
    let server = start_replica_of(upstream.port);
    assert_eq!(seen(&probe(&server, Wanted::default())).await, pass("PONG"));
    assert_eq!(
        seen(&probe(&server, master(0))).await,
        fail("role is slave, wanted master")
    );
    assert_eq!(
        seen(&probe(&upstream, replica())).await,
        fail("role is master, wanted replica")
    );
    let error = crate::command(&crate::url_of(&server), &["SET", "key", "value"])
        .await
        .unwrap_err();
    assert_eq!(error.refusal().unwrap().code, "READONLY");
}

#[tokio::test]
async fn a_replica_whose_link_is_down_is_seen_until_it_is_up() {
    let port = free_port();
    let server = start_replica_of(port);
    let probe = probe(&server, replica());
    let (_, down) = seen(&probe).await;
    assert!(
        down.starts_with(&format!("replication link to 127.0.0.1:{port} is connect"))
            && down.ends_with(", wanted connected"),
        "{down}"
    );
    let upstream = Redis::start_with(&RedisSetup {
        port: Some(port),
        config: "repl-diskless-sync-delay 0\n".to_owned(),
        ..RedisSetup::default()
    });
    let up = format!("PONG; role is slave, replication link to 127.0.0.1:{port} is connected");
    await_seen(&probe, pass(&up)).await;
    drop(upstream);
    let down = format!("replication link to 127.0.0.1:{port} is connect, wanted connected");
    await_seen(&probe, fail(&down)).await;
}

#[tokio::test]
async fn a_stale_replica_that_serves_nobody_says_so() {
    let server = Redis::start_with(&RedisSetup {
        config: format!(
            "replicaof 127.0.0.1 {}\nreplica-serve-stale-data no\n",
            free_port()
        ),
        ..RedisSetup::default()
    });
    assert_eq!(
        seen(&probe(&server, Wanted::default())).await,
        fail("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'")
    );
}

#[tokio::test]
async fn replicas_are_counted_once_they_are_online() {
    let upstream = Redis::start_with(&RedisSetup {
        config: "repl-diskless-sync-delay 0\n".to_owned(),
        ..RedisSetup::default()
    });
    let (one, two) = (probe(&upstream, master(1)), probe(&upstream, master(2)));
    assert_eq!(seen(&one).await, fail("0 replicas online, wanted 1"));
    let first = start_replica_of(upstream.port);
    await_seen(&one, pass("PONG; role is master, 1 replica online")).await;
    assert_eq!(seen(&two).await, fail("1 replica online, wanted 2"));
    let second = start_replica_of(upstream.port);
    await_seen(&two, pass("PONG; role is master, 2 replicas online")).await;
    drop((first, second));
    await_seen(&two, fail("0 replicas online, wanted 2")).await;
}

#[tokio::test]
async fn a_user_who_may_not_ask_for_the_role_is_told_what_it_lacks() {
    let server = Redis::start_with(&RedisSetup {
        config: "user app on >canary ~* +@all -@dangerous\n".to_owned(),
        ..RedisSetup::default()
    });
    let settings = settings(&format!("redis://app:canary@127.0.0.1:{}", server.port));
    assert_eq!(
        seen(&probe_of(settings.clone(), master(0))).await,
        fail("NOPERM this user has no permissions to run the 'role' command: app lacks +role")
    );
    assert_eq!(
        seen(&probe_of(settings, Wanted::default())).await,
        pass("PONG")
    );
}
