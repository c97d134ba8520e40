//! Masters that move, and those who know where they are.

use std::time::Duration;

use nix::sys::signal::Signal;
use probes::{
    Answer, Probe,
    redis::{RedisProbe, Sentinels, Settings, Source, Wanted, WantedRole},
    resolver::Resolver,
};
use test_servers::{Redis, RedisSetup, free_port};
use tokio::time::Instant;

use crate::{ENCODED, ENOUGH, SHORT, await_seen, fail, pass, seen, settings};

fn sentinel_of(master: u16, quorum: usize, more: &str) -> Redis {
    Redis::start_with(&RedisSetup {
        sentinel: true,
        config: format!(
            "sentinel monitor shop 127.0.0.1 {master} {quorum}\nsentinel down-after-milliseconds shop 500\nsentinel failover-timeout shop 2000\n{more}"
        ),
        ..RedisSetup::default()
    })
}

fn at(port: u16) -> Settings {
    settings(&format!("redis://127.0.0.1:{port}"))
}

fn probe(service: &str, sentinels: Vec<Settings>, wanted: Wanted) -> RedisProbe {
    let sentinels = Sentinels {
        service: service.to_owned(),
        sentinels,
        master: settings("redis://unknown"),
    };
    RedisProbe::new(Source::Sentinels(sentinels), wanted, Resolver::system())
}

#[tokio::test]
async fn the_master_that_a_majority_of_sentinels_names_is_judged() {
    let master = Redis::start();
    let sentinels: Vec<Redis> = (0..3).map(|_| sentinel_of(master.port, 2, "")).collect();
    let ports: Vec<u16> = sentinels.iter().map(|one| one.port).collect();
    let all = || ports.iter().map(|&port| at(port)).collect();
    let well = format!(
        "master at 127.0.0.1:{}: PONG; role is master, 0 replicas online",
        master.port
    );
    let shop = probe("shop", all(), Wanted::default());
    assert_eq!(seen(&shop).await, pass(&well));
    assert_eq!(
        shop.identity(),
        format!(
            "redis shop (sentinels 127.0.0.1:{}, 127.0.0.1:{}, 127.0.0.1:{})",
            ports[0], ports[1], ports[2]
        )
    );
    let wanted = Wanted {
        role: Some(WantedRole::Master { min_replicas: 1 }),
        ..Wanted::default()
    };
    assert_eq!(
        seen(&probe("shop", all(), wanted)).await,
        fail(&format!(
            "master at 127.0.0.1:{}: 0 replicas online, wanted 1",
            master.port
        ))
    );
    assert_eq!(
        seen(&probe("shoop", all(), Wanted::default())).await,
        fail("no master is called shoop there")
    );

    // One that hangs keeps nobody waiting; with a second one gone, there is no majority.
    sentinels[0].signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let seen = shop.check(begun + ENOUGH).await;
    assert_eq!((seen.answer, seen.seen), pass(&well));
    assert!(begun.elapsed() < ENOUGH / 2);
    let mut sentinels = sentinels;
    drop(sentinels.remove(1));
    let seen = shop.check(Instant::now() + SHORT).await;
    assert_eq!(seen.answer, Answer::Fail);
    let begins = "1 of 3 sentinels answers, wanted 2; 127.0.0.1:";
    assert!(seen.seen.starts_with(begins), "{}", seen.seen);
    for part in [
        format!("127.0.0.1:{} failed to hear from", ports[0]),
        format!("127.0.0.1:{}: refused", ports[1]),
    ] {
        assert!(seen.seen.contains(&part), "{} in {}", part, seen.seen);
    }
}

#[tokio::test]
async fn no_sentinel_at_all_is_told_with_its_address() {
    let port = free_port();
    let (answer, told) = seen(&probe("shop", vec![at(port)], Wanted::default())).await;
    assert_eq!(answer, Answer::Fail);
    assert_eq!(
        told,
        format!(
            "0 of 1 sentinels answer, wanted 1; 127.0.0.1:{port} failed to connect to 127.0.0.1: 127.0.0.1:{port}: refused (the host is up, the port is closed)"
        )
    );
}

#[tokio::test]
async fn sentinels_that_disagree_name_nobody() {
    let masters = [Redis::start(), Redis::start()];
    let sentinels = masters.each_ref().map(|one| sentinel_of(one.port, 1, ""));
    let both = sentinels.each_ref().map(|one| at(one.port)).to_vec();
    let (answer, told) = seen(&probe("shop", both, Wanted::default())).await;
    assert_eq!(answer, Answer::Fail);
    assert!(
        told.starts_with("the sentinels disagree: 127.0.0.1:"),
        "{told}"
    );
    for (sentinel, master) in sentinels.iter().zip(&masters) {
        let part = format!("127.0.0.1:{} 127.0.0.1:{}", sentinel.port, master.port);
        assert!(told.contains(&part), "{part} in {told}");
    }
}

#[tokio::test]
async fn sentinels_and_master_have_passwords_of_their_own() {
    let master = Redis::start_with(&RedisSetup {
        config: "requirepass s3cret\n".to_owned(),
        ..RedisSetup::default()
    });
    let sentinel = sentinel_of(
        master.port,
        1,
        "sentinel auth-pass shop s3cret\nuser default off\nuser watcher on \">canary%41/p@ss w:rd#?\" ~* &* +@all\nuser blind on >canary ~* &* +ping\n",
    );
    let with = |user: &str, password: &str, of_master: Settings| {
        let sentinels = vec![settings(&format!(
            "redis://{user}:{password}@127.0.0.1:{}",
            sentinel.port
        ))];
        let sentinels = Sentinels {
            service: "shop".to_owned(),
            sentinels,
            master: of_master,
        };
        RedisProbe::new(
            Source::Sentinels(sentinels),
            Wanted::default(),
            Resolver::system(),
        )
    };
    let login = settings("redis://:s3cret@unknown");
    let well = format!(
        "master at 127.0.0.1:{}: PONG; role is master, 0 replicas online",
        master.port
    );
    assert_eq!(
        seen(&with("watcher", ENCODED, login.clone())).await,
        pass(&well)
    );
    assert_eq!(
        seen(&with("watcher", ENCODED, settings("redis://unknown"))).await,
        fail(&format!(
            "master at 127.0.0.1:{}: NOAUTH Authentication required: give a password",
            master.port
        ))
    );
    assert_eq!(
        seen(&with("blind", "canary", login.clone())).await,
        fail(&format!(
            "0 of 1 sentinels answer, wanted 1; 127.0.0.1:{} NOPERM this user has no permissions to run the 'sentinel|get-master-addr-by-name' command: blind lacks +sentinel|get-master-addr-by-name",
            sentinel.port
        ))
    );
    assert_eq!(
        seen(&with("nobody", ENCODED, login)).await,
        fail(&format!(
            "0 of 1 sentinels answer, wanted 1; 127.0.0.1:{} WRONGPASS invalid username-password pair or user is disabled (asked as nobody)",
            sentinel.port
        ))
    );
}

#[tokio::test]
async fn a_failover_between_two_checks_is_followed_to_the_new_master() {
    let fast = "repl-diskless-sync-delay 0\nrepl-ping-replica-period 1\n";
    let old = Redis::start_with(&RedisSetup {
        config: fast.to_owned(),
        ..RedisSetup::default()
    });
    let new = Redis::start_with(&RedisSetup {
        config: format!("replicaof 127.0.0.1 {}\n{fast}", old.port),
        ..RedisSetup::default()
    });
    let sentinel = sentinel_of(old.port, 1, "");
    let shop = probe("shop", vec![at(sentinel.port)], Wanted::default());
    let old_port = old.port;
    await_seen(
        &shop,
        pass(&format!(
            "master at 127.0.0.1:{old_port}: PONG; role is master, 1 replica online"
        )),
    )
    .await;
    // The sentinel learns of the replica from the master.
    test_servers::until(ENOUGH, "the sentinel to know the replica", || {
        let known = sentinel.command(&["SENTINEL", "REPLICAS", "shop"]);
        (known.contains(&new.port.to_string()) && known.contains("master-link-status\nok"))
            .then_some(())
    });
    drop(old);
    let (answer, gone) = seen(&shop).await;
    assert_eq!(answer, Answer::Fail);
    assert!(
        gone.starts_with(&format!(
            "master at 127.0.0.1:{old_port}: failed to connect"
        )),
        "{gone}"
    );
    let deadline = Instant::now() + 3 * ENOUGH;
    let wanted = pass(&format!(
        "master at 127.0.0.1:{}: PONG; role is master, 0 replicas online",
        new.port
    ));
    while seen(&shop).await != wanted {
        assert!(Instant::now() < deadline, "{:?}", seen(&shop).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
