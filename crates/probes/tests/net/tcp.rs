//! Connecting: what each kind of host looks like.

use std::{net::IpAddr, time::Duration};

use hickory_resolver::proto::rr::{
    RData, RecordType,
    rdata::{A, AAAA},
};
use probes::{
    Answer, Probe,
    tcp::{ConnectFailure, Exchange, Tcp, TcpError, connect},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::{
    DROPPING, SILENT, closed_port, in_network, listener, literals,
    name_server::{NameServer, Says},
    within,
};

fn failures(error: &TcpError) -> Vec<ConnectFailure> {
    match error {
        TcpError::Unconnected { attempts, .. } => attempts.iter().map(|one| one.failure).collect(),
        other => panic!("not about addresses: {other}"),
    }
}

#[test]
fn an_open_port_is_connected_and_closed_without_a_reset() {
    in_network("", async || {
        let (listening, address) = listener("127.0.0.1:0").await;
        let connected = connect(&literals(), "127.0.0.1", address.port(), within(5.0))
            .await
            .unwrap();
        assert_eq!(connected.address, address);
        let (mut theirs, _) = listening.accept().await.unwrap();
        drop(connected);
        // A reset would be an error here, an ordinary close is the end.
        let mut rest = Vec::new();
        let read = theirs.read_to_end(&mut rest).await;
        assert_eq!(read.unwrap(), 0);
    });
}

#[test]
fn a_closed_port_is_refused_and_its_host_is_up() {
    in_network("", async || {
        let address = closed_port("127.0.0.1:0").await;
        let error = connect(&literals(), "127.0.0.1", address.port(), within(5.0))
            .await
            .unwrap_err();
        assert!(error.is_refused());
        assert_eq!(error.answer(), Answer::Fail);
        assert_eq!(
            error.to_string(),
            format!(
                "connect to 127.0.0.1: {address}: refused (the host is up, the port is closed)"
            )
        );
    });
}

#[test]
fn dropped_packets_end_at_the_deadline_and_say_so() {
    in_network(DROPPING, async || {
        let begun = Instant::now();
        let error = connect(&literals(), SILENT, 22, within(0.6))
            .await
            .unwrap_err();
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        assert!(!error.is_refused());
        assert!(
            matches!(failures(&error)[..], [ConnectFailure::TimedOut(waited)]
                if waited >= Duration::from_millis(590)),
            "{error}"
        );
        assert_eq!(
            error.to_string(),
            "connect to 10.9.0.1: 10.9.0.1:22: no answer in 0.6 s"
        );
    });
}

#[test]
fn no_route_is_told_from_no_host_and_from_forbidden() {
    let setup = "route add unreachable 10.7.0.0/16\nroute add prohibit 10.6.0.0/16";
    in_network(setup, async || {
        for (host, wanted, answer) in [
            (
                "192.0.2.1",
                ConnectFailure::NetworkUnreachable,
                Answer::Fail,
            ),
            ("10.7.0.1", ConnectFailure::HostUnreachable, Answer::Fail),
            ("10.6.0.1", ConnectFailure::Forbidden, Answer::Unknown),
            (
                "2001:db8::1",
                ConnectFailure::NetworkUnreachable,
                Answer::Fail,
            ),
        ] {
            let error = connect(&literals(), host, 22, within(5.0))
                .await
                .unwrap_err();
            assert_eq!(failures(&error), [wanted], "{host}");
            assert_eq!(error.answer(), answer, "{host}");
        }
    });
}

#[test]
fn a_host_with_ipv6_alone_is_reached() {
    in_network("", async || {
        let (_listening, address) = listener("[::1]:0").await;
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::AAAA => Says::Records(vec![RData::AAAA(AAAA("::1".parse().unwrap()))]),
            _ => Says::Records(vec![]),
        })
        .await;
        let resolver = probes::resolver::Resolver::with_servers(&[server.address]);
        let connected = connect(&resolver, "six.example", address.port(), within(5.0))
            .await
            .unwrap();
        assert_eq!(connected.address, address);
    });
}

#[test]
fn a_dead_first_address_costs_a_quarter_of_a_second() {
    in_network(DROPPING, async || {
        let (_listening, address) = listener("127.0.0.1:0").await;
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::AAAA => {
                Says::Records(vec![RData::AAAA(AAAA("2001:db8::1".parse().unwrap()))])
            }
            _ => Says::Records(vec![RData::A(A("127.0.0.1".parse().unwrap()))]),
        })
        .await;
        let resolver = probes::resolver::Resolver::with_servers(&[server.address]);
        let addresses = resolver
            .addresses("both.example", within(5.0))
            .await
            .unwrap();
        assert_eq!(addresses[0], "2001:db8::1".parse::<IpAddr>().unwrap());
        let begun = Instant::now();
        let connected = connect(&resolver, "both.example", address.port(), within(20.0))
            .await
            .unwrap();
        let took = begun.elapsed();
        assert_eq!(connected.address, address);
        assert!(took >= Duration::from_millis(250), "{took:?}");
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
}

#[test]
fn a_failure_names_every_address() {
    in_network(DROPPING, async || {
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::AAAA => {
                Says::Records(vec![RData::AAAA(AAAA("2001:db8::1".parse().unwrap()))])
            }
            _ => Says::Records(vec![RData::A(A("127.0.0.1".parse().unwrap()))]),
        })
        .await;
        let resolver = probes::resolver::Resolver::with_servers(&[server.address]);
        let port = closed_port("127.0.0.1:0").await.port();
        let error = connect(&resolver, "both.example", port, within(1.0))
            .await
            .unwrap_err();
        assert!(
            matches!(
                failures(&error)[..],
                [ConnectFailure::TimedOut(_), ConnectFailure::Refused]
            ),
            "{error}"
        );
        // One of its addresses is up: so is the host.
        assert!(error.is_refused());
    });
}

#[test]
fn a_port_that_is_connected_to_itself_is_closed() {
    in_network("", async || {
        // The one port for outgoing connections is the one that is asked for.
        std::fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40001 40001").unwrap();
        let error = connect(&literals(), "127.0.0.1", 40001, within(5.0))
            .await
            .unwrap_err();
        assert!(error.is_refused(), "{error}");
    });
}

#[test]
fn the_probe_says_in_one_line_what_was_seen() {
    in_network("", async || {
        let (_listening, open) = listener("127.0.0.1:0").await;
        let probe = |port| Tcp {
            resolver: literals(),
            host: "127.0.0.1".to_owned(),
            port,
            exchange: None,
        };
        let up = probe(open.port());
        assert_eq!(up.identity(), format!("tcp {open}"));
        let seen = up.check(within(5.0)).await;
        assert_eq!(
            (seen.answer, seen.seen),
            (Answer::Pass, format!("connected to {open}"))
        );
        let six = Tcp {
            host: "::1".to_owned(),
            ..probe(22)
        };
        assert_eq!(six.identity(), "tcp [::1]:22");
        let closed = closed_port("127.0.0.1:0").await;
        let seen = probe(closed.port()).check(within(5.0)).await;
        assert_eq!(seen.answer, Answer::Fail);
        assert!(
            seen.seen.starts_with("failed to connect to 127.0.0.1: "),
            "{}",
            seen.seen
        );
    });
}

#[test]
fn localhost_is_reached_in_either_family_whatever_the_hosts_file_says() {
    in_network("", async || {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        for (line, listens_at) in [
            ("::1 localhost\n", "127.0.0.1:0"),
            ("127.0.0.1 localhost\n", "[::1]:0"),
            ("", "127.0.0.1:0"),
            ("", "[::1]:0"),
        ] {
            std::fs::write(&hosts, line).unwrap();
            let resolver = probes::resolver::Resolver::from_files("/nowhere".as_ref(), &hosts);
            let (_listening, address) = listener(listens_at).await;
            let begun = Instant::now();
            let connected = connect(&resolver, "localhost", address.port(), within(5.0))
                .await
                .unwrap();
            assert_eq!(connected.address, address, "{line:?}");
            // A refused family costs nothing: the other is tried at once.
            assert!(begun.elapsed() < Duration::from_secs(2));
        }
    });
}

/// A server that waits for `asked`, says `says` and closes the connection, or keeps it open and says nothing more.
async fn saying(asked: &'static str, says: &'static [u8], closes: bool) -> std::net::SocketAddr {
    let (listening, address) = listener("127.0.0.1:0").await;
    tokio::spawn(async move {
        let (mut stream, _) = listening.accept().await.unwrap();
        let mut heard = vec![0; asked.len()];
        stream.read_exact(&mut heard).await.unwrap();
        assert_eq!(heard, asked.as_bytes());
        stream.write_all(says).await.unwrap();
        if !closes {
            let _until_the_client_goes = stream.read(&mut [0]).await;
        }
    });
    address
}

async fn exchanged(address: std::net::SocketAddr, send: &str, expect: &str) -> probes::Observation {
    let probe = Tcp {
        resolver: literals(),
        host: address.ip().to_string(),
        port: address.port(),
        exchange: Some(Exchange {
            send: send.to_owned(),
            expect: expect.to_owned(),
        }),
    };
    probe.check(within(0.7)).await
}

#[test]
fn a_banner_and_an_answer_are_told_from_other_words_and_from_silence() {
    in_network("", async || {
        let ssh = saying("", b"SSH-2.0-OpenSSH_9.2\r\n", false).await;
        let seen = exchanged(ssh, "", "SSH-2.0").await;
        assert_eq!(seen.answer, Answer::Pass);
        assert_eq!(seen.seen, format!("{ssh} said \"SSH-2.0-OpenSSH_9.2\""));

        let redis = saying("PING\r\n", b"+PONG\r\n", false).await;
        let seen = exchanged(redis, "PING\r\n", "+PONG").await;
        assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);

        let other = saying("", b"HTTP/1.1 400 \x1b[2J\n\xff", true).await;
        let seen = exchanged(other, "", "SSH-2.0").await;
        assert_eq!(seen.answer, Answer::Fail);
        assert_eq!(
            seen.seen,
            format!("{other} said \"HTTP/1.1 400 \\u{{1b}}[2J\\n\u{fffd}\", wanted \"SSH-2.0\"")
        );

        let rude = saying("", b"", true).await;
        let seen = exchanged(rude, "", "SSH-2.0").await;
        assert_eq!(
            seen.seen,
            format!("{rude} closed the connection without a word, wanted \"SSH-2.0\"")
        );

        let silent = saying("", b"", false).await;
        let seen = exchanged(silent, "", "SSH-2.0").await;
        assert_eq!(
            (seen.answer, seen.seen),
            (
                Answer::Fail,
                format!("{silent} said nothing in 0.7 s, wanted \"SSH-2.0\"")
            )
        );
    });
}

#[test]
fn a_server_that_never_stops_talking_is_read_to_a_bound() {
    in_network("", async || {
        let (listening, address) = listener("127.0.0.1:0").await;
        let chatter = tokio::spawn(async move {
            let (mut stream, _) = listening.accept().await.unwrap();
            while stream.write_all(&[b'x'; 512]).await.is_ok() {}
        });
        let seen = exchanged(address, "", "SSH-2.0").await;
        assert_eq!(seen.answer, Answer::Fail);
        assert!(seen.seen.chars().count() < 200, "{}", seen.seen);
        assert!(seen.took < Duration::from_millis(700), "{:?}", seen.took);
        chatter.await.unwrap();
    });
}
