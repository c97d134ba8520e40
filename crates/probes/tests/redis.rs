//! Redis servers, real and broken ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "redis/cluster.rs"]
mod cluster;
#[path = "redis/refusal.rs"]
mod refusal;
#[path = "redis/role.rs"]
mod role;
#[path = "redis/sentinel.rs"]
mod sentinel;
#[path = "redis/tls.rs"]
mod tls;

use std::time::Duration;

use nix::sys::signal::Signal;
use probes::{
    Answer, Observation, Probe,
    redis::{Question, RedisError, RedisProbe, Settings, Source, Wanted, ask, ping},
    resolver::Resolver,
};
use test_servers::{Redis, free_port};
use tokio::time::Instant;

/// Long enough on a busy machine; what is measured against it is a hang.
const ENOUGH: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_secs(2);
/// No output may hold it.
const CANARY: &str = "canary%41/p@ss w:rd#?";
/// The same, as a URL has it.
const ENCODED: &str = "canary%2541%2Fp%40ss%20w%3Ard%23%3F";

fn settings(url: &str) -> Settings {
    url.parse().unwrap()
}

async fn ask_ping(url: &str) -> Result<(), RedisError> {
    ping(&Resolver::system(), &settings(url), Instant::now() + ENOUGH).await
}

async fn command(url: &str, command: &[&str]) -> Result<Option<String>, RedisError> {
    let deadline = Instant::now() + ENOUGH;
    ask(&Resolver::system(), &settings(url), command, deadline).await
}

fn url_of(server: &Redis) -> String {
    format!("redis://127.0.0.1:{}", server.port)
}

fn probe_of(settings: Settings, wanted: Wanted) -> RedisProbe {
    RedisProbe::new(Source::Server(settings), wanted, Resolver::system())
}

fn probe(server: &Redis, wanted: Wanted) -> RedisProbe {
    probe_of(settings(&url_of(server)), wanted)
}

/// What one check sees; nothing shown may hold the canary.
async fn seen(probe: &RedisProbe) -> (Answer, String) {
    let Observation { answer, seen, .. } = probe.check(Instant::now() + ENOUGH).await;
    assert!(
        !(seen.clone() + &probe.identity()).contains("canary"),
        "{seen}"
    );
    assert!(!seen.contains(char::is_control), "{seen:?}");
    (answer, seen)
}

fn fail(seen: &str) -> (Answer, String) {
    (Answer::Fail, seen.to_owned())
}

fn pass(seen: &str) -> (Answer, String) {
    (Answer::Pass, seen.to_owned())
}

/// Checks until the probe sees this.
async fn await_seen(probe: &RedisProbe, wanted: (Answer, String)) {
    let deadline = Instant::now() + ENOUGH;
    loop {
        let seen = seen(probe).await;
        if seen == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{seen:?}, wanted {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn question(command: &[&str], value: Option<&str>) -> Wanted {
    Wanted {
        question: Some(Question {
            command: command.iter().map(|&word| word.to_owned()).collect(),
            value: value.map(str::to_owned),
        }),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn a_server_without_a_password_answers_and_keeps_databases_apart() {
    let server = Redis::start();
    let url = url_of(&server);
    ask_ping(&url).await.unwrap();
    let set = command(&format!("{url}/3"), &["SET", "key", "value"])
        .await
        .unwrap();
    assert_eq!(set.as_deref(), Some("OK"));
    let get = command(&format!("{url}/3"), &["GET", "key"]).await.unwrap();
    assert_eq!(get.as_deref(), Some("value"));
    assert_eq!(command(&url, &["GET", "key"]).await.unwrap(), None);
    let probe = probe_of(settings(&format!("{url}/99")), Wanted::default());
    assert_eq!(
        seen(&probe).await,
        fail("SELECT: ERR DB index is out of range")
    );
}

#[tokio::test]
async fn a_socket_of_this_machine_is_asked_like_a_port() {
    let server = Redis::start();
    let path = server.socket().display().to_string();
    let probe = probe_of(settings(&format!("redis+unix://{path}")), Wanted::default());
    assert_eq!(seen(&probe).await, pass("PONG"));
    assert_eq!(probe.identity(), format!("redis {path}/0"));
    let error = ask_ping("unix:///no/such/socket").await.unwrap_err();
    assert!(matches!(error, RedisError::Socket { .. }), "{error}");
}

#[tokio::test]
async fn a_command_of_the_users_own_is_held_against_the_wanted_value() {
    let server = Redis::start();
    let get = probe(&server, question(&["get", "deploy:version"], Some("1.2.3")));
    assert_eq!(
        seen(&get).await,
        fail("GET answers nothing, wanted \"1.2.3\"")
    );
    server.command(&["SET", "deploy:version", "1.2.2\n"]);
    assert_eq!(
        seen(&get).await,
        fail("GET answers \"1.2.2\\n\", wanted \"1.2.3\"")
    );
    server.command(&["SET", "deploy:version", "1.2.3"]);
    assert_eq!(seen(&get).await, pass("PONG; GET answers \"1.2.3\""));
    let count = probe(&server, question(&["DBSIZE"], Some("1")));
    assert_eq!(seen(&count).await, pass("PONG; DBSIZE answers 1"));
    server.command(&["SET", "long", &"ä".repeat(5000)]);
    let (answer, long) = seen(&probe(&server, question(&["GET", "long"], None))).await;
    assert_eq!(answer, Answer::Pass);
    assert!(long.chars().count() < 250, "{long}");
    // What a server repeats of an unknown command is not told again.
    let unknown = probe(&server, question(&["NOSUCH", CANARY], None));
    assert_eq!(
        seen(&unknown).await,
        fail("NOSUCH: ERR unknown command 'NOSUCH'")
    );
}

#[tokio::test]
async fn a_server_that_hangs_fails_by_the_deadline() {
    let server = Redis::start();
    server.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let seen = probe(&server, Wanted::default()).check(begun + SHORT).await;
    assert_eq!(
        (seen.answer, seen.seen),
        fail(&format!(
            "failed to hear from 127.0.0.1:{} in time: connected, but there was no answer to PING",
            server.port
        ))
    );
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < ENOUGH);
}

#[tokio::test]
async fn a_server_that_is_killed_between_two_checks_fails_the_second() {
    let server = Redis::start();
    let port = server.port;
    let probe = probe(&server, Wanted::default());
    assert_eq!(seen(&probe).await, pass("PONG"));
    drop(server);
    assert_eq!(
        seen(&probe).await,
        fail(&format!(
            "failed to connect to 127.0.0.1: 127.0.0.1:{port}: refused (the host is up, the port is closed)"
        ))
    );
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let error = ask_ping(&format!("redis://127.0.0.1:{}", free_port()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let error = ask_ping("redis://no.such.name.invalid").await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable(_)), "{error}");
}
