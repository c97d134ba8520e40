//! Names: a wrong one is told from a name server that fails, lies or is away.

use std::{fs, path::Path, time::Duration};

use hickory_resolver::proto::{
    op::ResponseCode,
    rr::{
        Name, RData, RecordType,
        rdata::{A, AAAA, CNAME, MX, SRV, TXT},
    },
};
use probes::{
    Answer, Probe,
    dns::Dns,
    resolver::{ResolveError, Resolver, ServerFailure},
    tcp::connect,
};
use tokio::{net::UdpSocket, time::Instant};

use crate::{
    in_network,
    name_server::{NameServer, Says},
    within,
};

fn a(address: &str) -> RData {
    RData::A(A(address.parse().unwrap()))
}

async fn saying(says: Says) -> NameServer {
    NameServer::start("127.0.0.1:0", move |_, _| says.clone()).await
}

#[test]
fn a_name_that_does_not_exist_is_the_name_s_fault() {
    in_network("", async || {
        let server = saying(Says::Code(ResponseCode::NXDomain)).await;
        let resolver = Resolver::with_servers(&[server.address]);
        let error = connect(&resolver, "gone.example", 22, within(5.0))
            .await
            .unwrap_err();
        assert_eq!(error.answer(), Answer::Fail);
        assert_eq!(
            error.to_string(),
            format!(
                "resolve gone.example: no such name, says name server {}",
                server.address
            )
        );
    });
}

#[test]
fn a_server_failure_is_unknown_and_names_the_server() {
    in_network("", async || {
        let server = saying(Says::Code(ResponseCode::ServFail)).await;
        let resolver = Resolver::with_servers(&[server.address]);
        let error = connect(&resolver, "db.example", 22, within(5.0))
            .await
            .unwrap_err();
        assert_eq!(error.answer(), Answer::Unknown);
        assert_eq!(
            error.to_string(),
            format!(
                "resolve db.example: name server {} answered \"Server Failure\"",
                server.address
            )
        );
    });
}

#[test]
fn a_dead_name_server_is_unknown_within_the_deadline() {
    in_network("", async || {
        // Bound, so that no other process answers; never read.
        let dead = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = dead.local_addr().unwrap();
        let resolver = Resolver::with_servers(&[address]);
        let begun = Instant::now();
        let error = connect(&resolver, "db.example", 22, within(0.7))
            .await
            .unwrap_err();
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(error.answer(), Answer::Unknown);
        assert_eq!(
            error.to_string(),
            format!("resolve db.example: no answer in time from name server {address}")
        );
    });
}

#[test]
fn a_second_name_server_answers_for_a_dead_or_failing_first() {
    in_network("", async || {
        let alive = saying(Says::Records(vec![a("127.0.0.7")])).await;
        for first in [Says::Nothing, Says::Code(ResponseCode::ServFail)] {
            let bad = saying(first).await;
            let resolver = Resolver::with_servers(&[bad.address, alive.address]);
            let begun = Instant::now();
            let seen = resolver
                .addresses("db.example", within(20.0))
                .await
                .unwrap();
            assert_eq!(seen, ["127.0.0.7".parse::<std::net::IpAddr>().unwrap()]);
            assert!(
                begun.elapsed() < Duration::from_secs(4),
                "{:?}",
                begun.elapsed()
            );
        }
    });
}

#[test]
fn every_server_that_failed_is_named() {
    in_network("", async || {
        let silent = saying(Says::Nothing).await;
        let failing = saying(Says::Code(ResponseCode::Refused)).await;
        let resolver = Resolver::with_servers(&[silent.address, failing.address]);
        let error = resolver
            .addresses("db.example", within(1.5))
            .await
            .unwrap_err();
        let ResolveError::Servers { failures, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(
            failures,
            [
                (silent.address, ServerFailure::Silent),
                (
                    failing.address,
                    ServerFailure::Answered {
                        code: "Query Refused".to_owned()
                    }
                ),
            ]
        );
    });
}

#[test]
fn an_answer_is_asked_for_once() {
    in_network("", async || {
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::A => Says::Records(vec![a("127.0.0.7")]),
            _ => Says::Records(vec![RData::AAAA(AAAA("::1".parse().unwrap()))]),
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        for _ in 0..3 {
            let seen = resolver.addresses("db.example", within(5.0)).await.unwrap();
            assert_eq!(seen.len(), 2);
        }
        let mut asked = server.asked();
        asked.sort();
        assert_eq!(asked, ["A db.example.", "AAAA db.example."]);
    });
}

#[test]
fn a_lost_question_is_asked_again_in_time() {
    in_network("", async || {
        let lost = std::sync::atomic::AtomicBool::new(false);
        let server = NameServer::start("127.0.0.1:0", move |_, kind| match kind {
            RecordType::A if lost.swap(true, std::sync::atomic::Ordering::Relaxed) => {
                Says::Records(vec![a("127.0.0.7")])
            }
            RecordType::A => Says::Nothing,
            _ => Says::Records(vec![]),
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        // The timeout of a network check, in the example of its settings.
        let seen = resolver.addresses("db.example", within(5.0)).await.unwrap();
        assert_eq!(seen.len(), 1);
    });
}

#[test]
fn a_name_that_appears_is_seen_soon_whatever_its_absence_said() {
    in_network("", async || {
        let there = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let appears = std::sync::Arc::clone(&there);
        let server = NameServer::start("127.0.0.1:0", move |_, _| {
            if there.load(std::sync::atomic::Ordering::Relaxed) {
                Says::Records(vec![a("127.0.0.7")])
            } else {
                Says::Code(ResponseCode::NXDomain)
            }
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        let error = resolver
            .addresses("new.example", within(5.0))
            .await
            .unwrap_err();
        assert!(matches!(error, ResolveError::NoSuchName { .. }), "{error}");
        appears.store(true, std::sync::atomic::Ordering::Relaxed);
        let end = within(8.0);
        while let Err(error) = resolver.addresses("new.example", end).await {
            assert!(Instant::now() < end, "{error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn a_missing_family_does_not_hide_the_other() {
    in_network("", async || {
        for other in [
            Says::Nothing,
            Says::Code(ResponseCode::ServFail),
            Says::Records(vec![]),
        ] {
            let server = NameServer::start("127.0.0.1:0", move |_, family| match family {
                RecordType::A => Says::Records(vec![a("127.0.0.7")]),
                _ => other.clone(),
            })
            .await;
            let resolver = Resolver::with_servers(&[server.address]);
            let begun = Instant::now();
            let seen = resolver
                .addresses("db.example", within(20.0))
                .await
                .unwrap();
            assert_eq!(seen.len(), 1);
            assert!(
                begun.elapsed() < Duration::from_secs(4),
                "{:?}",
                begun.elapsed()
            );
        }
    });
}

#[test]
fn a_name_without_addresses_is_definite_unless_a_family_is_undecided() {
    in_network("", async || {
        let none = saying(Says::Records(vec![])).await;
        let resolver = Resolver::with_servers(&[none.address]);
        let error = resolver
            .addresses("mail.example", within(5.0))
            .await
            .unwrap_err();
        assert!(matches!(error, ResolveError::NoRecords { .. }), "{error}");
        assert!(error.is_definite());
        let half = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::A => Says::Records(vec![]),
            _ => Says::Code(ResponseCode::ServFail),
        })
        .await;
        let resolver = Resolver::with_servers(&[half.address]);
        let error = resolver
            .addresses("mail.example", within(5.0))
            .await
            .unwrap_err();
        assert!(!error.is_definite(), "{error}");
    });
}

#[test]
fn the_search_list_is_walked_and_a_failure_on_the_way_is_not_hidden() {
    in_network("", async || {
        let _server = NameServer::start("127.0.0.1:53", |name, family| match (name, family) {
            ("db.second.example", RecordType::A) => Says::Records(vec![a("127.0.0.7")]),
            ("db.second.example", _) => Says::Records(vec![]),
            ("web.first.example", _) => Says::Code(ResponseCode::ServFail),
            _ => Says::Code(ResponseCode::NXDomain),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        fs::write(
            &file,
            "search first.example second.example\nnameserver 127.0.0.1\n",
        )
        .unwrap();
        let resolver = Resolver::from_files(&file, Path::new("/nowhere"));
        assert_eq!(resolver.servers(), ["127.0.0.1:53".parse().unwrap()]);
        let seen = resolver.addresses("db", within(5.0)).await.unwrap();
        assert_eq!(seen, ["127.0.0.7".parse::<std::net::IpAddr>().unwrap()]);
        let error = resolver.addresses("web", within(5.0)).await.unwrap_err();
        assert!(!error.is_definite(), "{error}");
        assert!(
            error.to_string().starts_with("resolve web.first.example: "),
            "{error}"
        );
        let error = resolver.addresses("gone", within(5.0)).await.unwrap_err();
        assert!(error.is_definite(), "{error}");
    });
}

#[test]
fn records_of_every_kind_are_compared_as_a_zone_file_writes_them() {
    in_network("", async || {
        let name = |text: &str| Name::from_ascii(text).unwrap();
        let server = NameServer::start("127.0.0.1:0", move |_, kind| {
            Says::Records(vec![match kind {
                RecordType::A => a("192.0.2.7"),
                RecordType::AAAA => RData::AAAA(AAAA("2001:db8::7".parse().unwrap())),
                RecordType::CNAME => RData::CNAME(CNAME(name("Target.example."))),
                RecordType::TXT => RData::TXT(TXT::new(vec!["v=1 Strict".to_owned()])),
                RecordType::SRV => RData::SRV(SRV::new(1, 2, 5432, name("db.example."))),
                RecordType::MX => RData::MX(MX::new(10, name("mail.example."))),
                other => panic!("not asked for: {other}"),
            }])
        })
        .await;
        for (kind, right, wrong) in [
            (RecordType::A, "192.0.2.7", "192.0.2.8"),
            (RecordType::AAAA, "2001:DB8:0::7", "2001:db8::8"),
            (RecordType::CNAME, "target.example", "other.example"),
            (RecordType::TXT, "v=1 Strict", "v=1 strict"),
            (
                RecordType::SRV,
                "1 2 5432 db.example",
                "1 2 5433 db.example",
            ),
            (RecordType::MX, "10 mail.example.", "20 mail.example."),
        ] {
            let resolver = Resolver::from_files(Path::new("/nowhere"), Path::new("/nowhere"));
            let probe = Dns::new(&resolver, "name.example", kind).from_server(server.address);
            let wanting = |value: &str| probe.clone().expecting([value.to_owned()]);
            let seen = wanting(right).check(within(5.0)).await;
            assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
            let seen = wanting(wrong).check(within(5.0)).await;
            assert_eq!(seen.answer, Answer::Fail, "{}", seen.seen);
            assert!(
                seen.seen.ends_with(&format!("; not among them: {wrong}")),
                "{}",
                seen.seen
            );
            assert_eq!(
                probe.identity(),
                format!("dns {kind} name.example at {}", server.address)
            );
        }
    });
}

#[test]
fn a_record_with_a_line_break_stays_in_one_line() {
    in_network("", async || {
        let text = "one\n::error::two".to_owned();
        let server = saying(Says::Records(vec![RData::TXT(TXT::new(vec![text]))])).await;
        let resolver = Resolver::with_servers(&[server.address]);
        let probe = Dns::new(&resolver, "name.example", RecordType::TXT);
        let seen = probe.check(within(5.0)).await;
        assert_eq!(seen.seen, "name.example is one\\n::error::two");
    });
}

#[test]
fn the_dns_probe_tells_a_wrong_name_from_a_dead_server() {
    in_network("", async || {
        for (says, wanted) in [
            (Says::Code(ResponseCode::NXDomain), Answer::Fail),
            (Says::Records(vec![]), Answer::Fail),
            (Says::Code(ResponseCode::ServFail), Answer::Unknown),
            (Says::Nothing, Answer::Unknown),
        ] {
            let server = saying(says.clone()).await;
            let resolver = Resolver::with_servers(&[server.address]);
            let probe = Dns::new(&resolver, "name.example", RecordType::A);
            let seen = probe.check(within(1.0)).await;
            assert_eq!(seen.answer, wanted, "{says:?}: {}", seen.seen);
        }
    });
}

#[test]
fn a_server_that_was_named_is_itself_the_target() {
    in_network("", async || {
        for says in [Says::Code(ResponseCode::ServFail), Says::Nothing] {
            let server = saying(says.clone()).await;
            let resolver = Resolver::with_servers(&["127.0.0.1:9".parse().unwrap()]);
            let probe =
                Dns::new(&resolver, "name.example", RecordType::A).from_server(server.address);
            let seen = probe.check(within(1.0)).await;
            assert_eq!(seen.answer, Answer::Fail, "{says:?}: {}", seen.seen);
            assert!(
                seen.seen.contains(&server.address.to_string()),
                "{}",
                seen.seen
            );
        }
    });
}

#[test]
fn a_record_that_changes_is_seen_at_the_next_question() {
    in_network("", async || {
        let (tell, told) = tokio::sync::watch::channel("192.0.2.7");
        let server = NameServer::start("127.0.0.1:0", move |_, _| {
            Says::Records(vec![a(*told.borrow())])
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        let probe =
            Dns::new(&resolver, "name.example", RecordType::A).expecting(["192.0.2.8".to_owned()]);
        assert_eq!(probe.check(within(5.0)).await.answer, Answer::Fail);
        // The old record may be kept for a minute by its time to live.
        tell.send("192.0.2.8").unwrap();
        let seen = probe.check(within(5.0)).await;
        assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
        assert_eq!(server.asked().len(), 2);
    });
}

#[test]
fn addresses_are_what_a_program_of_this_machine_gets() {
    in_network("", async || {
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::A => Says::Records(vec![a("192.0.2.7")]),
            _ => Says::Records(vec![RData::AAAA(AAAA("2001:db8::7".parse().unwrap()))]),
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        let probe = Dns::addresses(&resolver, "db.example");
        assert_eq!(probe.identity(), "dns db.example");
        let seen = probe.check(within(5.0)).await;
        assert_eq!(
            (seen.answer, seen.seen.as_str()),
            (Answer::Pass, "db.example is 2001:db8::7, 192.0.2.7")
        );
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        fs::write(&hosts, "192.0.2.9 db.example\n").unwrap();
        let resolver = Resolver::from_files(Path::new("/nowhere"), &hosts);
        let seen = Dns::addresses(&resolver, "db.example")
            .check(within(5.0))
            .await;
        assert_eq!(seen.seen, "db.example is 192.0.2.9");
    });
}

#[test]
fn only_the_wanted_values_means_no_more_and_no_fewer() {
    in_network("", async || {
        let records = vec![a("192.0.2.7"), a("192.0.2.8")];
        let server = saying(Says::Records(records)).await;
        let resolver = Resolver::with_servers(&[server.address]);
        let wanting = async |values: &[&str]| {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            let probe = Dns::new(&resolver, "name.example", RecordType::A)
                .expecting(values)
                .only();
            probe.check(within(5.0)).await
        };
        let seen = wanting(&["192.0.2.8", "192.0.2.7"]).await;
        assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
        let seen = wanting(&["192.0.2.7", "192.0.2.9"]).await;
        assert_eq!(seen.answer, Answer::Fail);
        assert_eq!(
            seen.seen,
            "name.example is 192.0.2.7, 192.0.2.8; not among them: 192.0.2.9; not wanted: 192.0.2.8"
        );
    });
}
