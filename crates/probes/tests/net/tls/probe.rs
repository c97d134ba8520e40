//! The probe over handshakes.

use super::*;

#[test]
fn the_probe_wants_days_to_be_left() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let server = authority.sign(&["db.example"], (2020, 2999)).start().await;
        for (days, wanted) in [(30, Answer::Pass), (1_000_000, Answer::Fail)] {
            let probe = Tls {
                resolver: literals(),
                host: server.address.ip().to_string(),
                port: server.address.port(),
                server_name: Some("db.example".to_owned()),
                trust: authority.trust(),
                days,
                newest_only: false,
                start: Start::AtOnce,
            };
            assert_eq!(
                probe.identity(),
                format!("tls {} as db.example", server.address)
            );
            let seen = probe.check(within(10.0)).await;
            assert_eq!(seen.answer, wanted, "{}", seen.seen);
            assert!(
                seen.seen.starts_with("TLS 1.3, valid until 2999-01-01, 35"),
                "{}",
                seen.seen
            );
            let more = seen
                .seen
                .ends_with(" days left, wanted at least 1000000 days");
            assert_eq!(more, wanted == Answer::Fail, "{}", seen.seen);
        }
    });
}

#[test]
fn a_protocol_that_is_too_old_is_told() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let mut server = authority.sign(&["127.0.0.1"], (2020, 2999));
        static OLD: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS12];
        server.versions = OLD;
        let server = server.start().await;
        for (newest_only, answer) in [(false, Answer::Pass), (true, Answer::Fail)] {
            let seen = Tls {
                newest_only,
                ..probe(&server, &authority)
            };
            let seen = seen.check(within(10.0)).await;
            assert_eq!(seen.answer, answer, "{}", seen.seen);
            assert!(
                seen.seen.starts_with("TLS 1.2, valid until "),
                "{}",
                seen.seen
            );
            assert_eq!(seen.seen.ends_with(", wanted TLS 1.3"), newest_only);
        }
    });
}

fn probe(server: &Running, authority: &Authority) -> Tls {
    Tls {
        resolver: literals(),
        host: server.address.ip().to_string(),
        port: server.address.port(),
        server_name: None,
        trust: authority.trust(),
        days: 14,
        newest_only: false,
        start: Start::AtOnce,
    }
}

#[test]
fn postgresql_is_asked_for_tls_first_and_may_refuse_it() {
    const ASKS: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let at = |says| {
            let server = authority.sign(&["127.0.0.1"], (2020, 2999));
            async move { server.start_after(ASKS, says).await }
        };
        for (says, answer, words) in [
            (b"S", Answer::Pass, "TLS 1.3, valid until 2999-01-01, "),
            (
                b"N",
                Answer::Fail,
                "the server offers none (PostgreSQL's `ssl` is off)",
            ),
            (b"H", Answer::Fail, "what answers is no PostgreSQL server"),
        ] {
            let server = at(says).await;
            let seen = Tls {
                start: Start::Postgres,
                ..probe(&server, &authority)
            };
            let seen = seen.check(within(10.0)).await;
            assert_eq!(seen.answer, answer, "{}", seen.seen);
            assert!(seen.seen.contains(words), "{}", seen.seen);
        }
    });
}
