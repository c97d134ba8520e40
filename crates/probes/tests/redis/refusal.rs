//! Servers that answer, and say no.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread,
};

use probes::{
    Answer,
    redis::{RedisError, Wanted},
};
use test_servers::{Redis, RedisSetup, until};

use crate::{
    CANARY, ENCODED, ENOUGH, ask_ping, fail, pass, probe, probe_of, question, seen, settings,
    url_of,
};

/// What a check of `url` sees.
async fn seen_at(url: &str) -> (Answer, String) {
    seen(&probe_of(settings(url), Wanted::default())).await
}

#[tokio::test]
async fn a_missing_and_a_wrong_password_and_a_missing_right_are_told_apart() {
    let users = format!(
        "requirepass s3cret\nuser reader on \">{CANARY}\" ~* -@all +get +select\nuser app on \">{CANARY}\" ~app:* +@all\n"
    );
    let server = Redis::start_with(&RedisSetup {
        config: users,
        ..RedisSetup::default()
    });
    let at = format!("127.0.0.1:{}", server.port);
    assert_eq!(
        seen_at(&format!("redis://:s3cret@{at}")).await,
        pass("PONG")
    );
    assert_eq!(
        seen_at(&format!("redis://app:{ENCODED}@{at}")).await,
        pass("PONG")
    );
    assert_eq!(
        seen_at(&format!("redis://{at}")).await,
        fail("NOAUTH Authentication required: give a password")
    );
    for (user, shown) in [("", "default"), ("nobody", "nobody"), ("reader", "reader")] {
        assert_eq!(
            seen_at(&format!("redis://{user}:{ENCODED}x@{at}")).await,
            fail(&format!(
                "WRONGPASS invalid username-password pair or user is disabled (asked as {shown})"
            ))
        );
    }
    assert_eq!(
        seen_at(&format!("redis://reader:{ENCODED}@{at}")).await,
        fail("NOPERM this user has no permissions to run the 'ping' command: reader lacks +ping")
    );
    // Not a command but a key is out of reach.
    let app = settings(&format!("redis://app:{ENCODED}@{at}"));
    assert_eq!(
        seen(&probe_of(app, question(&["GET", "other:key"], None))).await,
        fail("NOPERM this user has no permissions to access one of the keys used as arguments")
    );
    let error = ask_ping(&format!("redis://nobody:{ENCODED}@{at}"))
        .await
        .unwrap_err();
    assert!(error.refusal().unwrap().is_wrong_password());
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_password_where_none_is_wanted_is_a_mistake_that_the_server_names() {
    let server = Redis::start();
    let (answer, said) = seen_at(&format!("redis://:{ENCODED}@127.0.0.1:{}", server.port)).await;
    assert_eq!(answer, Answer::Fail);
    assert!(
        said.starts_with("ERR AUTH <password> called without any password configured"),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_not_ready() {
    let server = Redis::start();
    server.command(&["DEBUG", "POPULATE", "20000"]);
    assert_eq!(server.command(&["SAVE"]), "OK");
    // 10 ms a key: loading takes longer than any test.
    let server = server.restart_with(&RedisSetup {
        config: "key-load-delay 10000\nloading-process-events-interval-bytes 1024\n".to_owned(),
        ..RedisSetup::default()
    });
    assert_eq!(
        seen(&probe(&server, Wanted::default())).await,
        fail("LOADING Redis is loading the dataset in memory")
    );
}

#[tokio::test]
async fn a_server_with_all_its_clients_says_so() {
    let server = Redis::start_with(&RedisSetup {
        config: "maxclients 1\n".to_owned(),
        ..RedisSetup::default()
    });
    // The connection that found it started may still count.
    let only = until(ENOUGH, "room for one client", || {
        let mut only = TcpStream::connect(("127.0.0.1", server.port)).ok()?;
        let mut said = [0; 7];
        only.write_all(b"PING\r\n").ok()?;
        only.read_exact(&mut said).ok()?;
        (said == *b"+PONG\r\n").then_some(only)
    });
    for _ in 0..20 {
        assert_eq!(
            seen_at(&format!("{}/3", url_of(&server))).await,
            fail("ERR max number of clients reached")
        );
    }
    drop(only);
    crate::await_seen(&probe(&server, Wanted::default()), pass("PONG")).await;
}

/// Answers everybody the same.
fn scripted(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _heard = stream.read(&mut [0; 64]);
            let _said = stream.write_all(&answer);
        }
    });
    address
}

#[tokio::test]
async fn what_is_no_redis_is_told_and_cannot_do_harm() {
    let endless = [b"*9\r\n$1000000\r\n".as_slice(), &vec![b'x'; 2 << 20]].concat();
    for answer in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"*9223372036854775807\r\n".to_vec(),
        b"+OK\r\n".to_vec(),
        b":1\r\n".to_vec(),
        endless,
    ] {
        let error = ask_ping(&format!("redis://{}", scripted(answer.clone())))
            .await
            .unwrap_err();
        assert!(matches!(error, RedisError::NotRedis { .. }), "{error}");
    }
    let error = ask_ping(&format!("redis://{}", scripted(Vec::new())))
        .await
        .unwrap_err();
    assert!(matches!(error, RedisError::Closed { .. }), "{error}");
}

#[tokio::test]
async fn an_error_text_is_shown_on_one_line_bounded_and_without_the_password() {
    let words = format!("-ERR \x1b[31m {CANARY} {}\r\n", "x".repeat(5000));
    let at = scripted(words.into_bytes());
    let (answer, said) = seen_at(&format!("redis://:{ENCODED}@{at}")).await;
    assert_eq!(answer, Answer::Fail);
    assert!(said.starts_with("ERR \\u{1b}[31m *** xxx"), "{said}");
    assert!(said.chars().count() < 300, "{said}");
}
