//! Redis servers, real and broken ones.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use nix::sys::signal::Signal;
use probes::{
    Answer, Probe,
    redis::{PingProbe, RedisError, Settings, ask, ping},
    resolver::Resolver,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use test_servers::{Redis, RedisSetup, free_port};
use tokio::time::Instant;

/// Long enough on a busy machine; what is measured against it is a hang.
const ENOUGH: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(600);

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

#[tokio::test]
async fn a_server_without_a_password_answers_and_keeps_databases_apart() {
    let server = Redis::start();
    let url = format!("redis://127.0.0.1:{}", server.port);
    ask_ping(&url).await.unwrap();
    let set = command(&format!("{url}/3"), &["SET", "key", "value"])
        .await
        .unwrap();
    assert_eq!(set.as_deref(), Some("OK"));
    let get = command(&format!("{url}/3"), &["GET", "key"]).await.unwrap();
    assert_eq!(get.as_deref(), Some("value"));
    assert_eq!(command(&url, &["GET", "key"]).await.unwrap(), None);
    let error = ask_ping(&format!("{url}/99")).await.unwrap_err();
    assert!(
        matches!(&error, RedisError::Refused { code, .. } if code == "ERR"),
        "{error}"
    );
    // A password where none is wanted is a mistake that the server names.
    let error = ask_ping(&format!("redis://:canary@127.0.0.1:{}", server.port))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::Refused { .. }), "{error}");
    assert!(!format!("{error:?}").contains("canary"));
}

#[tokio::test]
async fn a_missing_and_a_wrong_password_and_a_missing_right_are_told_apart() {
    let server = Redis::start_with(&RedisSetup {
        config: "requirepass s3cret\nuser reader on >p%40ss ~* -@all +get +select\nuser app on >canary ~* +@all\n"
            .replace("%40", "@"),
        ..RedisSetup::default()
    });
    let at = format!("127.0.0.1:{}", server.port);
    ask_ping(&format!("redis://:s3cret@{at}")).await.unwrap();
    ask_ping(&format!("redis://app:canary@{at}")).await.unwrap();

    let error = ask_ping(&format!("redis://{at}")).await.unwrap_err();
    assert!(matches!(error, RedisError::NoPassword { .. }), "{error}");
    for url in [
        format!("redis://:canary@{at}"),
        format!("redis://nobody:canary@{at}"),
    ] {
        let error = ask_ping(&url).await.unwrap_err();
        assert!(matches!(error, RedisError::WrongPassword { .. }), "{error}");
        assert!(
            !format!("{error} {error:?}").contains("canary"),
            "{error:?}"
        );
    }
    let error = ask_ping(&format!("redis://reader:p%40ss@{at}"))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::NoPermission { .. }), "{error}");

    let probe = PingProbe {
        settings: settings(&format!("redis://nobody:canary@{at}")),
        resolver: Resolver::system(),
    };
    let seen = probe.check(Instant::now() + ENOUGH).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.contains("WRONGPASS"), "{}", seen.seen);
    assert!(!(seen.seen + &probe.identity()).contains("canary"));
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_not_ready() {
    let server = Redis::start();
    let url = format!("redis://127.0.0.1:{}", server.port);
    command(&url, &["DEBUG", "POPULATE", "20000"])
        .await
        .unwrap();
    command(&url, &["SAVE"]).await.unwrap();
    // 10 ms a key: loading takes longer than any test.
    let server = server.restart_with(&RedisSetup {
        config: "key-load-delay 10000\nloading-process-events-interval-bytes 1024\n".to_owned(),
        ..RedisSetup::default()
    });
    let error = ask_ping(&format!("redis://127.0.0.1:{}", server.port))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::Loading { .. }), "{error}");
}

#[tokio::test]
async fn a_replica_answers_and_takes_no_writes() {
    let server = Redis::start_with(&RedisSetup {
        config: format!("replicaof 127.0.0.1 {}\n", free_port()),
        ..RedisSetup::default()
    });
    let url = format!("redis://127.0.0.1:{}", server.port);
    ask_ping(&url).await.unwrap();
    let error = command(&url, &["SET", "key", "value"]).await.unwrap_err();
    assert!(matches!(error, RedisError::ReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn tls_is_checked_against_the_named_authority_and_the_hosts_name() {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let server = Redis::start_with(&RedisSetup {
        tls: Some((certificate.pem(), key.serialize_pem())),
        config: "requirepass s3cret\n".to_owned(),
    });
    let of = |host: &str, ca_file| Settings {
        ca_file,
        ..settings(&format!("rediss://:s3cret@{host}:{}", server.port))
    };
    let ask = async |settings: Settings| {
        ping(&Resolver::system(), &settings, Instant::now() + ENOUGH).await
    };
    ask(of("localhost", Some(trusted.clone()))).await.unwrap();
    for wrong in [of("localhost", None), of("127.0.0.1", Some(trusted))] {
        let error = ask(wrong).await.unwrap_err();
        assert!(matches!(error, RedisError::Tls { .. }), "{error}");
    }
    let error = ask(of("localhost", Some("/no/such/file".into())))
        .await
        .unwrap_err();
    assert_eq!(error.answer(), Answer::Unknown, "{error}");
    // Without TLS the server hangs up, or complains in TLS.
    let plain = format!("redis://:s3cret@127.0.0.1:{}", server.port);
    assert_eq!(ask_ping(&plain).await.unwrap_err().answer(), Answer::Fail);
}

#[tokio::test]
async fn a_server_that_hangs_fails_by_the_deadline() {
    let server = Redis::start();
    server.signal(Signal::SIGSTOP);
    let begun = Instant::now();
    let settings = settings(&format!("redis://127.0.0.1:{}", server.port));
    let error = ping(&Resolver::system(), &settings, begun + SHORT)
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::TimedOut { .. }), "{error}");
    assert!(begun.elapsed() >= SHORT && begun.elapsed() < ENOUGH);
}

#[tokio::test]
async fn what_is_no_redis_and_what_is_not_there_are_told_apart() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let web = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _heard = stream.read(&mut [0; 64]);
            let _said = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let error = ask_ping(&format!("redis://{web}")).await.unwrap_err();
    assert!(matches!(error, RedisError::NotRedis { .. }), "{error}");
    let error = ask_ping(&format!("redis://127.0.0.1:{}", free_port()))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
    let error = ask_ping("unix:///no/such/socket").await.unwrap_err();
    assert!(matches!(error, RedisError::Socket { .. }), "{error}");
}
