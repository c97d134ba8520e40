//! The kind `redis`: from the file of gates to what real servers make of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use actions_kit::{Environment, Redactor};
use gates::{Gate, Problems, Surroundings, file};
use probes::{Answer, resolver::Resolver};
use test_servers::{Redis, RedisSetup};
use tokio::time::Instant;

const CANARY: &str = "canary%41/p@ss:#?";
const ENCODED: &str = "canary%2541%2Fp%40ss%3A%23%3F";

fn around(port: u16) -> Surroundings {
    let variables = [
        ("PASSWORD", CANARY.to_owned()),
        ("PORT", port.to_string()),
        ("REDIS_URL", "redis://cache.internal".to_owned()),
        ("REDIS_PASSWORD", CANARY.to_owned()),
        ("SENTINEL_PASSWORD", CANARY.to_owned()),
        ("VERSION", "1.2.3".to_owned()),
        ("URL", format!("redis://:{ENCODED}@127.0.0.1:{port}")),
    ];
    Surroundings {
        workspace: std::env::temp_dir(),
        environment: variables.into_iter().collect::<Environment>(),
        redactor: Redactor::new(),
        resolver: Resolver::system(),
    }
}

fn read(text: &str, around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    file::read(text, around)
}

/// What one check of the one gate sees, as it would be shown.
async fn seen(text: &str, port: u16) -> (Answer, String) {
    let around = around(port);
    let gates = read(text, &around).unwrap();
    let [gate] = &gates[..] else {
        panic!("one gate, not {}", gates.len())
    };
    assert!(!gate.probe.identity().contains("canary"));
    let seen = gate
        .probe
        .check(Instant::now() + Duration::from_secs(20))
        .await;
    assert!(!seen.seen.contains("canary"), "{}", seen.seen);
    // What a kind finds in an address is hidden wherever else it stands.
    for secret in [CANARY, ENCODED] {
        assert!(!around.redactor.redact(secret).contains("canary"));
    }
    (seen.answer, seen.seen)
}

fn pass(seen: &str) -> (Answer, String) {
    (Answer::Pass, seen.to_owned())
}

/// The problems of a text, as `key: seen; wanted; mend`.
fn wrong(text: &str) -> Vec<String> {
    let Err(problems) = read(text, &around(1)) else {
        panic!("nothing is wrong with {text}")
    };
    let shown = |problem: &gates::Problem| {
        format!(
            "{}: {}, wanted {}; {}",
            problem.place, problem.seen, problem.wanted, problem.mend
        )
    };
    let all: Vec<String> = problems.iter().map(shown).collect();
    assert!(!all.concat().contains("canary"), "{all:?}");
    all
}

fn assert_wrong(text: &str, parts: &[&str]) {
    let all = wrong(text);
    assert_eq!(all.len(), parts.len(), "{all:#?}");
    for (problem, part) in all.iter().zip(parts) {
        assert!(problem.contains(part), "{part} in {problem}");
    }
}

#[tokio::test]
async fn the_short_form_and_the_long_one_ask_the_same_server() {
    let server = Redis::start_with(&RedisSetup {
        config: format!("requirepass \"{CANARY}\"\nuser app on \">{CANARY}\" ~* +@all\n"),
        ..RedisSetup::default()
    });
    server.command(&[
        "-a",
        CANARY,
        "--no-auth-warning",
        "SET",
        "deploy:version",
        "1.2.3",
    ]);
    for text in [
        "- name: cache\n  redis: redis://:${PASSWORD}@127.0.0.1:${PORT}",
        "- name: cache\n  redis: ${URL}",
        "- name: cache\n  redis: {url: '127.0.0.1:${PORT}', password: '${PASSWORD}'}",
        "- name: cache\n  redis: {url: 'redis://127.0.0.1:${PORT}/0', username: app, password: '${PASSWORD}', database: 3}",
    ] {
        assert_eq!(seen(text, server.port).await, pass("PONG"), "{text}");
    }
    let text = "
- name: cache
  redis:
    url: redis://app:${PASSWORD}@127.0.0.1:${PORT}
    role: primary
    command: [GET, deploy:version]
    value: 1.2.3
";
    assert_eq!(
        seen(text, server.port).await,
        pass("PONG; role is master, 0 replicas online; GET answers \"1.2.3\"")
    );
    let text = "- name: cache\n  redis: {url: '127.0.0.1:${PORT}', password: '${PASSWORD}', min-replicas: 2}";
    assert_eq!(
        seen(text, server.port).await,
        (Answer::Fail, "0 replicas online, wanted 2".to_owned())
    );
    let text = "- name: cache\n  redis: {url: '127.0.0.1:${PORT}', password: '${PASSWORD}', cluster: true}";
    assert_eq!(
        seen(text, server.port).await,
        (
            Answer::Fail,
            "CLUSTER: ERR This instance has cluster support disabled".to_owned()
        )
    );
}

#[tokio::test]
async fn a_master_is_found_by_the_sentinels_of_the_file() {
    let master = Redis::start_with(&RedisSetup {
        config: format!("requirepass \"{CANARY}\"\n"),
        ..RedisSetup::default()
    });
    let sentinel = Redis::start_with(&RedisSetup {
        sentinel: true,
        config: format!(
            "sentinel monitor shop 127.0.0.1 {} 1\nsentinel auth-pass shop \"{CANARY}\"\nrequirepass s3cret\n",
            master.port
        ),
        ..RedisSetup::default()
    });
    let text = "
- name: cache
  redis:
    sentinel:
      master: shop
      at: 127.0.0.1:${PORT}
      password: s3cret
    password: ${PASSWORD}
";
    assert_eq!(
        seen(text, sentinel.port).await,
        pass(&format!(
            "master at 127.0.0.1:{}: PONG; role is master, 0 replicas online",
            master.port
        ))
    );
}

#[test]
fn a_sentinel_that_names_no_port_is_asked_at_26379() {
    let text = "- name: cache\n  redis: {sentinel: {master: shop, at: [one, 'redis://[::1]', 'rediss://two:7000']}}";
    let gates = read(text, &around(1)).unwrap();
    assert_eq!(
        gates[0].probe.identity(),
        "redis shop (sentinels one:26379, [::1]:26379, two:7000)"
    );
}

#[test]
fn every_example_of_the_documentation_is_a_file_of_gates() {
    let page = include_str!("../../../docs/gates/redis.md");
    let blocks: Vec<&str> = page
        .split("```yaml\n")
        .skip(1)
        .filter_map(|block| block.split("```").next())
        .collect();
    assert!(blocks.len() > 5, "{}", blocks.len());
    for block in blocks {
        match read(block, &around(6379)) {
            Ok(gates) => assert_eq!(gates.len(), 1, "{block}"),
            Err(problems) => panic!("{problems:?} in {block}"),
        }
    }
}

#[test]
fn an_address_that_cannot_be_read_is_told_without_a_word_of_it() {
    for url in [
        "http://me:canary@h",
        "redis://:canary/x@h:6379",
        "redis://me:canary@h:canary",
        "canary/x:6379",
    ] {
        assert_wrong(
            &format!("- name: cache\n  redis: '{url}'"),
            &["`url`: an address that cannot be read"],
        );
    }
    assert_wrong(
        "- name: cache\n  redis: 'rediss://:canary@h#insecure'",
        &["name the authority's certificate with `ca-file`"],
    );
}

#[test]
fn keys_that_do_not_fit_together_are_told_all_at_once() {
    assert_wrong(
        "- name: cache\n  redis: {role: master}",
        &["`url`: nothing"],
    );
    assert_wrong(
        "- name: cache\n  redis: {url: h, sentinel: {master: shop, at: s}, role: replica}",
        &["`url`: `url` beside `sentinel`", "`role`: a replica behind"],
    );
    assert_wrong(
        "- name: cache\n  redis: {url: h, role: replica, min-replicas: 1, min-masters: 3, min-nodes: 6, value: x, certificate: c}",
        &[
            "`key`: nothing",
            "`min-replicas`: `min-replicas` of a replica",
            "`min-masters`: no `cluster`",
            "`min-nodes`: no `cluster`",
            "`value`: no `command`",
        ],
    );
    assert_wrong(
        "- name: cache\n  redis: {url: h, username: app}",
        &["`username`: no password"],
    );
    assert_wrong(
        "- name: cache\n  redis: {sentinel: {master: shop, at: []}}",
        &["`at`: no sentinel"],
    );
}
