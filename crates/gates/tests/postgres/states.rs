//! Servers that start, recover, hang and die.

use std::net::TcpListener;

use test_servers::{Deaf, PostgresSetup, free_port};

use super::*;

#[tokio::test]
async fn a_server_that_replays_its_log_fails_with_its_own_words() {
    let server = Postgres::start_with(&PostgresSetup {
        starting_up: true,
        ..PostgresSetup::default()
    });
    let seen = "the database system is starting up (57P03)";
    fails(&at(&server, ""), seen).await;
    fails(&at(&server, "ready: true"), seen).await;
    fails(&at(&server, "query: SELECT 1"), seen).await;
}

#[tokio::test]
async fn a_standby_is_told_from_a_primary_and_found_among_several() {
    let primary = Postgres::start();
    let hot = Postgres::standby_of(&primary, true);
    let cold = Postgres::standby_of(&primary, false);
    let answers = |server: &Postgres| format!("127.0.0.1:{} answers SELECT 1", server.port);

    passes(&at(&primary, "role: primary"), &answers(&primary)).await;
    passes(&at(&hot, "role: standby"), &answers(&hot)).await;
    passes(&at(&hot, ""), &answers(&hot)).await;
    fails(
        &at(&hot, "role: primary"),
        "it is a standby (in recovery), wanted a primary",
    )
    .await;
    fails(
        &at(&primary, "role: standby"),
        "it is a primary (not in recovery), wanted a standby",
    )
    .await;
    fails(
        &at(&hot, "query: CREATE TABLE t (), read-only: false"),
        "cannot set transaction read-write mode during recovery (0A000)",
    )
    .await;
    let closed = "the database system is not accepting connections (57P03)";
    fails(&at(&cold, ""), closed).await;
    fails(&at(&cold, "ready: true"), closed).await;

    let away = free_port();
    let among = |ports: &[u16], more: &str| {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let hosts = vec!["127.0.0.1"; ports.len()].join(",");
        format!(
            "{{host: '{hosts}', port: '{}', user: postgres, password: \"${{PASSWORD}}\", {more}}}",
            ports.join(",")
        )
    };
    let all = [away, cold.port, hot.port, primary.port];
    passes(&among(&all, "role: primary"), &answers(&primary)).await;
    passes(
        &among(&all, "target-session-attrs: read-write"),
        &answers(&primary),
    )
    .await;
    passes(&among(&all, ""), &answers(&hot)).await;
    let back = [primary.port, hot.port];
    passes(
        &among(&back, "target-session-attrs: prefer-standby"),
        &answers(&hot),
    )
    .await;
    passes(
        &among(&back, "target-session-attrs: read-only"),
        &answers(&hot),
    )
    .await;
    let seen = ask(&among(
        &[away, cold.port, hot.port],
        "target-session-attrs: read-write",
    ))
    .await;
    assert_eq!(seen.answer, Answer::Fail);
    for wanted in [
        format!("127.0.0.1:{}: {closed}", cold.port),
        format!(
            "127.0.0.1:{}: it is read-only, wanted one that takes writes",
            hot.port
        ),
        format!("127.0.0.1:{away}"),
    ] {
        assert!(seen.seen.contains(&wanted), "{wanted}: {seen:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_killed_between_two_checks_fails_until_it_is_back() {
    let mut server = Postgres::start();
    let gate = gate(&at(&server, "query: SELECT 1, value: 1"));
    assert_eq!(within(&gate, ENOUGH).await.answer, Answer::Pass);
    server.crash();
    let seen = within(&gate, ENOUGH).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.contains("refused"), "{seen:?}");
    server.start_again();
    assert_eq!(within(&gate, ENOUGH).await.answer, Answer::Pass);
}

#[tokio::test]
async fn a_server_that_hangs_or_says_nothing_fails_by_the_deadline() {
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let deaf = Deaf::start();
    for (port, word) in [
        (
            silent.local_addr().unwrap().port(),
            "connected, but there was no answer",
        ),
        (deaf.address().port(), "failed to"),
    ] {
        for more in ["ready: true", "query: SELECT 1", "sslmode: disable"] {
            let keys =
                format!("{{host: 127.0.0.1, port: {port}, user: me, password: canary, {more}}}");
            let begun = Instant::now();
            let seen = within(&gate(&keys), SHORT).await;
            assert_eq!(seen.answer, Answer::Fail, "{seen:?}");
            assert!(seen.seen.contains(word), "{seen:?}");
            assert!(begun.elapsed() < ENOUGH, "{seen:?}");
        }
    }
}

#[tokio::test]
async fn a_name_that_nobody_can_be_asked_for_is_unknown() {
    let mut around = around(&[]);
    // A port of this machine that no name server listens on.
    around.resolver = Resolver::with_servers(&[([127, 0, 0, 1], free_port()).into()]);
    let gates = read("postgres://me:canary@db.example/app", &around).unwrap();
    let seen = within(&gates[0], SHORT).await;
    assert_eq!(seen.answer, Answer::Unknown, "{seen:?}");
}
