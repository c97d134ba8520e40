//! PostgreSQL servers, real and broken ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "postgres/tls.rs"]
mod tls;

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use nix::sys::signal::Signal;
use probes::{
    Answer, Probe,
    postgres::{LoginProbe, PostgresError, Ready, ReadyProbe, Session, Settings, login, ready},
    resolver::Resolver,
    tcp::TcpError,
};
use test_servers::{Postgres, PostgresSetup, free_port};
use tokio::time::Instant;

/// Long enough on a busy machine; what is measured against it is a hang.
const ENOUGH: Duration = Duration::from_secs(20);
/// For servers that never answer.
const SHORT: Duration = Duration::from_millis(600);

const PASSWORD: &str = "password='canary/p@ss w:rd'";

fn settings(text: &str) -> Settings {
    text.parse().unwrap()
}

async fn ask_ready(text: &str) -> Result<Ready, PostgresError> {
    ready(
        &Resolver::system(),
        &settings(text),
        Instant::now() + ENOUGH,
    )
    .await
}

async fn ask_login(text: &str) -> Result<Session, PostgresError> {
    login(
        &Resolver::system(),
        &settings(text),
        Instant::now() + ENOUGH,
    )
    .await
}

async fn value(session: &Session, question: &str) -> Option<String> {
    session
        .value(question, Instant::now() + ENOUGH)
        .await
        .unwrap()
}

/// A server that says `words` to whoever connects, after it heard something where `listens`, and then hangs up.
fn saying(words: &'static [u8], listens: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            if listens {
                let _heard = stream.read(&mut [0; 64]);
            }
            let _said = stream.write_all(words);
        }
    });
    address
}

#[tokio::test]
async fn a_server_that_takes_connections_is_ready_for_whoever_asks_and_lets_in_who_has_the_password()
 {
    let server = Postgres::start();
    let at = format!("host=127.0.0.1 port={}", server.port);

    let answer = ask_ready(&format!("{at} user=postgres")).await.unwrap();
    assert_eq!(answer.server, format!("127.0.0.1:{}", server.port));
    assert_eq!((answer.tls, answer.sqlstate), (false, None));
    // As pg_isready: neither the user nor the database nor the password matters.
    ask_ready(&format!("{at} user=nobody dbname=none password=wrong"))
        .await
        .unwrap();

    let session = ask_login(&format!("{at} user=postgres {PASSWORD}"))
        .await
        .unwrap();
    assert_eq!(value(&session, "SELECT 6 * 7").await.as_deref(), Some("42"));
    assert_eq!(value(&session, "SELECT NULL").await, None);
    assert_eq!(
        value(&session, "SHOW application_name").await.as_deref(),
        Some("baton")
    );
    let error = session
        .value("SELECT 1 / 0", Instant::now() + ENOUGH)
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("22012"));
    let url = format!(
        "postgres://postgres:canary%2Fp%40ss%20w%3Ard@127.0.0.1:{}/",
        server.port
    );
    ask_login(&url).await.unwrap();

    let error = ask_login(&format!("{at} user=postgres password=canary"))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("28P01"));
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
    let error = ask_login(&format!("{at} user=postgres dbname=none {PASSWORD}"))
        .await
        .unwrap_err();
    assert_eq!(error.sqlstate(), Some("3D000"));
    assert!(
        error
            .to_string()
            .contains("database \"none\" does not exist"),
        "{error}"
    );
    let error = ask_login(&format!("{at} user=postgres")).await.unwrap_err();
    assert!(matches!(error, PostgresError::NoPassword { .. }), "{error}");

    // Through the socket of this machine, which never speaks TLS.
    let socket = format!(
        "host={} port={} user=postgres",
        server.folder().display(),
        server.port
    );
    ask_ready(&format!("{socket} sslmode=require"))
        .await
        .unwrap();
    ask_login(&format!("{socket} {PASSWORD}")).await.unwrap();

    // A list: those that are away are passed over.
    let list = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=postgres {PASSWORD}",
        free_port(),
        server.port
    );
    assert_eq!(
        ask_login(&list).await.unwrap().server(),
        format!("127.0.0.1:{}", server.port)
    );
    ask_ready(&list).await.unwrap();

    let error = ask_login(&format!(
        "{at} user=postgres {PASSWORD} target_session_attrs=standby"
    ))
    .await
    .unwrap_err();
    assert!(matches!(error, PostgresError::WrongRole { .. }), "{error}");
    for role in ["read-write", "primary", "prefer-standby"] {
        ask_login(&format!(
            "{at} user=postgres {PASSWORD} target_session_attrs={role}"
        ))
        .await
        .unwrap();
    }
    let error = ask_login(&format!("{at} user=postgres {PASSWORD} sslmode=require"))
        .await
        .unwrap_err();
    assert!(
        matches!(error, PostgresError::TlsNotOffered { .. }),
        "{error}"
    );

    let probe = LoginProbe {
        settings: settings(&format!("{at} user=postgres password=canary")),
        resolver: Resolver::system(),
    };
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.contains("28P01"), "{}", seen.seen);
    assert!(!(seen.seen + &probe.identity()).contains("canary"));
}

#[tokio::test]
async fn a_server_that_is_starting_up_is_not_ready() {
    let server = Postgres::start_with(&PostgresSetup {
        starting_up: true,
        ..PostgresSetup::default()
    });
    let at = format!(
        "host=127.0.0.1 port={} user=postgres {PASSWORD}",
        server.port
    );
    for error in [
        ask_ready(&at).await.unwrap_err(),
        ask_login(&at).await.unwrap_err(),
    ] {
        assert!(
            matches!(error, PostgresError::NotAccepting { .. }),
            "{error:?}"
        );
        assert!(
            error
                .to_string()
                .contains("the database system is starting up"),
            "{error}"
        );
        assert_eq!(error.answer(), Answer::Fail);
    }
}

#[tokio::test]
async fn a_server_that_hangs_fails_by_the_deadline_and_leaves_time_for_the_next() {
    let (hung, healthy) = (Postgres::start(), Postgres::start());
    hung.signal(Signal::SIGSTOP);
    let at = settings(&format!(
        "host=127.0.0.1 port={} user=postgres {PASSWORD}",
        hung.port
    ));
    let resolver = Resolver::system();

    let begun = Instant::now();
    let error = ready(&resolver, &at, begun + SHORT).await.unwrap_err();
    assert!(matches!(error, PostgresError::TimedOut { .. }), "{error}");
    let error = login(&resolver, &at, Instant::now() + SHORT)
        .await
        .unwrap_err();
    assert!(matches!(error, PostgresError::TimedOut { .. }), "{error}");
    assert!(begun.elapsed() < ENOUGH);

    let both = format!(
        "host=127.0.0.1,127.0.0.1 port={},{} user=postgres {PASSWORD} connect_timeout=1",
        hung.port, healthy.port
    );
    let answer = ask_ready(&both).await.unwrap();
    assert_eq!(answer.server, format!("127.0.0.1:{}", healthy.port));
    ask_login(&both).await.unwrap();
}

#[tokio::test]
async fn what_speaks_something_else_is_told_from_a_server_that_is_away() {
    for (words, listens) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"[..],
            true,
        ),
        (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", false),
        (b"N\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", true),
    ] {
        let at = format!(
            "host=127.0.0.1 port={} user=me {PASSWORD}",
            saying(words, listens).port()
        );
        let error = ask_ready(&at).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("no PostgreSQL server") || text.contains("closed"),
            "{text}"
        );
        assert_eq!(error.answer(), Answer::Fail);
        let error = ask_login(&at).await.unwrap_err();
        assert!(!error.to_string().contains("canary"), "{error}");
    }
    let at = format!(
        "host=127.0.0.1 port={} user=me sslmode=disable",
        saying(b"", true).port()
    );
    let error = ask_ready(&at).await.unwrap_err();
    assert!(matches!(error, PostgresError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_refused_and_a_missing_socket_is_named() {
    let error = ask_ready(&format!("host=127.0.0.1 port={} user=me", free_port()))
        .await
        .unwrap_err();
    let PostgresError::Unreachable(error) = error else {
        panic!("{error}");
    };
    assert!(
        matches!(error, TcpError::Unconnected { .. }) && error.is_refused(),
        "{error}"
    );
    let error = ask_login("host=/no/such/folder user=me").await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("connect to /no/such/folder/.s.PGSQL.5432"),
        "{error}"
    );

    let probe = ReadyProbe {
        settings: settings(&format!(
            "host=127.0.0.1 port={} user=me password=canary",
            free_port()
        )),
        resolver: Resolver::system(),
    };
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.contains("refused"), "{}", seen.seen);
    assert!(!(seen.seen + &probe.identity()).contains("canary"));
}
