//! The gates `tcp`, `tls` and `dns`, from their YAML to what they see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};

use actions_kit::{Environment, Redactor};
use gates::{Gate, Problem, Surroundings, file};
use probes::{Answer, Observation, resolver::Resolver};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
    time::Instant,
};

fn around(workspace: &Path) -> Surroundings {
    Surroundings {
        workspace: workspace.to_owned(),
        environment: Environment::from([("DB", "127.0.0.1")]),
        redactor: Redactor::new(),
        // Nobody: the targets here are literals.
        resolver: Resolver::with_servers(&["127.0.0.1:9".parse().unwrap()]),
    }
}

fn read(text: &str, workspace: &Path) -> Result<Gate, Vec<Problem>> {
    let mut gates = file::read(text, &around(workspace))?;
    assert_eq!(gates.len(), 1);
    Ok(gates.remove(0))
}

async fn observed(gate: &str) -> Observation {
    observed_in(gate, Path::new("/")).await
}

async fn observed_in(gate: &str, workspace: &Path) -> Observation {
    let gate = read(gate, workspace).unwrap_or_else(|wrong| panic!("{gate}: {wrong:?}"));
    gate.probe
        .check(Instant::now() + Duration::from_secs(10))
        .await
}

/// What is wrong: the key's place and what was seen.
fn wrong(gate: &str) -> Vec<(String, String)> {
    let Err(problems) = read(gate, Path::new("/")) else {
        panic!("nothing is wrong with {gate}");
    };
    for problem in &problems {
        assert!(problem.line.is_some(), "{problem:?}");
        assert!(!problem.wanted.is_empty() && !problem.mend.is_empty());
    }
    let pair = |problem: Problem| (problem.place, problem.seen);
    problems.into_iter().map(pair).collect()
}

fn pair(place: &str, seen: &str) -> (String, String) {
    (place.to_owned(), seen.to_owned())
}

#[tokio::test]
async fn a_tcp_gate_is_an_address_alone_or_with_a_first_word() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 6];
            if stream.read_exact(&mut asked).await.is_ok() && &asked == b"PING\r\n" {
                stream.write_all(b"+PONG\r\n").await.unwrap();
            }
        }
    });
    let port = address.port();
    let seen = observed(&format!("- {{name: db, tcp: \"${{DB}}:{port}\"}}")).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (Answer::Pass, format!("connected to {address}"))
    );
    let gate = format!(
        r#"- {{name: db, tcp: {{address: "{address}", send: "PING\r\n", expect: +PONG}}}}"#
    );
    let seen = observed(&gate).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (Answer::Pass, format!("{address} said \"+PONG\""))
    );
}

#[test]
fn what_is_wrong_with_a_tcp_gate_is_told_by_its_key() {
    assert_eq!(
        wrong("- {name: db, tcp: {address: db.internal, send: hello}}"),
        [
            pair("gate db, tcp, `address`", "no port"),
            pair("gate db, tcp, `send`", "nothing that is expected"),
        ]
    );
    assert_eq!(
        wrong("- {name: db, tcp: \"tcp://db.internal:5432\"}"),
        [pair("gate db, tcp, `address`", "a URL")]
    );
    assert_eq!(
        wrong("- {name: db, tcp: {address: \"db:1\", expect: ''}}")[0].0,
        "gate db, tcp, `expect`"
    );
}

/// A TLS server for `db.example` until 2999, whose authority stands in `ca.pem` of the folder.
async fn tls_server(folder: &Path) -> (SocketAddr, JoinSet<()>) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap();
    std::fs::write(folder.join("ca.pem"), authority.pem()).unwrap();
    let issuer = rcgen::Issuer::from_params(&params, &key);
    let mut params = rcgen::CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2999, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that refuses the certificate is what half of this is about.
            let _refused = acceptor.accept(stream).await;
        }
    });
    (address, server)
}

#[tokio::test]
async fn a_tls_gate_wants_a_name_a_trusted_issuer_and_days_left() {
    let folder = tempfile::tempdir().unwrap();
    let (address, _server) = tls_server(folder.path()).await;
    let gate = |more: &str| format!("- {{name: db, tls: {{address: \"{address}\", {more}}}}}");

    let named = "server-name: db.example, ca-file: ca.pem";
    let seen = observed_in(&gate(&format!("{named}, min-version: 1.3")), folder.path()).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert!(
        seen.seen.starts_with("TLS 1.3, valid until 2999-01-01, "),
        "{}",
        seen.seen
    );
    let late = gate(&format!("{named}, days-left: 9999999"));
    let seen = observed_in(&late, folder.path()).await;
    assert_eq!(seen.answer, Answer::Fail, "{}", seen.seen);
    assert!(
        seen.seen.ends_with(", wanted at least 9999999 days"),
        "{}",
        seen.seen
    );

    let seen = observed_in(&gate("ca-file: ca.pem"), folder.path()).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (
            Answer::Fail,
            format!(
                "failed to accept the certificate of {address}: not for 127.0.0.1 but for db.example"
            )
        )
    );
    // Another authority's file stands in the place of the machine's.
    let other = folder.path().join("other");
    std::fs::create_dir(&other).unwrap();
    let _other = tls_server(&other).await;
    let seen = observed_in(
        &gate("server-name: db.example, ca-file: other/ca.pem"),
        folder.path(),
    )
    .await;
    assert!(
        seen.seen.contains(": signed by another \"CN=")
            && seen
                .seen
                .ends_with("than the trusted one: was that made anew?"),
        "{}",
        seen.seen
    );
    let seen = observed_in(&gate("server-name: db.example"), folder.path()).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(seen.seen.contains(": unknown issuer \""), "{}", seen.seen);
}

#[test]
fn what_is_wrong_with_a_tls_gate_is_told_by_its_key() {
    let seen = wrong("- {name: db, tls: {address: \"db:x\", ca-file: no/such.pem}}");
    assert_eq!(
        seen[0],
        pair("gate db, tls, `address`", "a port that is none")
    );
    assert_eq!(seen[1].0, "gate db, tls, `ca-file`");
    assert!(
        seen[1]
            .1
            .starts_with("failed to read CA certificates from /no/such.pem: "),
        "{}",
        seen[1].1
    );
}

/// A name server that answers every question with these IPv4 addresses (RFC 1035 §4.1).
async fn name_server(addresses: &'static [[u8; 4]]) -> (SocketAddr, JoinSet<()>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut buffer = [0; 512];
        loop {
            let (_, from) = socket.recv_from(&mut buffer).await.unwrap();
            let name = buffer[12..].iter().position(|byte| *byte == 0).unwrap();
            let question = &buffer[12..12 + name + 5];
            let mut reply = buffer[..2].to_vec();
            reply.extend([0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0]);
            reply.extend(question);
            for address in addresses {
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
                reply.extend(address);
            }
            socket.send_to(&reply, from).await.unwrap();
        }
    });
    (address, server)
}

#[tokio::test]
async fn a_dns_gate_asks_its_server_and_compares_the_answers() {
    let (server, _running) = name_server(&[[192, 0, 2, 7], [192, 0, 2, 8]]).await;
    let gate = |more: &str| {
        format!("- {{name: names, dns: {{name: db.example, server: \"{server}\", {more}}}}}")
    };
    for (more, answer) in [
        ("type: A", Answer::Pass),
        ("type: A, contains: 192.0.2.8", Answer::Pass),
        ("type: A, contains: [192.0.2.8, 192.0.2.9]", Answer::Fail),
        ("type: A, equals: [192.0.2.8, 192.0.2.7]", Answer::Pass),
        ("type: A, equals: 192.0.2.8", Answer::Fail),
        ("contains: 192.0.2.7", Answer::Pass),
        ("type: MX", Answer::Fail),
    ] {
        let seen = observed(&gate(more)).await;
        assert_eq!(seen.answer, answer, "{more}: {}", seen.seen);
    }
    let seen = observed(&gate("type: A, equals: 192.0.2.8")).await;
    assert_eq!(
        seen.seen,
        "db.example is 192.0.2.7, 192.0.2.8; not wanted: 192.0.2.7"
    );
}

#[tokio::test]
async fn a_dns_gate_without_a_server_that_answers_is_unknown() {
    let gate = read("- {name: names, dns: db.example}", Path::new("/")).unwrap();
    let soon = Instant::now() + Duration::from_millis(500);
    let seen = gate.probe.check(soon).await;
    assert_eq!(seen.answer, Answer::Unknown, "{}", seen.seen);
}

#[test]
fn what_is_wrong_with_a_dns_gate_is_told_by_its_key() {
    assert_eq!(
        wrong(
            "- {name: names, dns: {name: x, type: A, contains: [\"::1\"], equals: 192.0.2.7, server: ns.example}}"
        ),
        [
            pair("gate names, dns, `contains`", "`equals` beside it"),
            pair("gate names, dns, `contains`", "`::1`"),
            pair("gate names, dns, `server`", "a name"),
        ]
    );
    assert_eq!(
        wrong("- {name: names, dns: {name: x, equals: target.example}}"),
        [pair("gate names, dns, `equals`", "`target.example`")]
    );
}

/// The examples of the pages about the kinds that ask no server of their own protocol.
#[test]
fn every_example_of_the_pages_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("deploy")).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    let authority = params.self_signed(&key).unwrap();
    std::fs::write(folder.path().join("deploy/ca.pem"), authority.pem()).unwrap();
    for page in [
        include_str!("../../../docs/gates/tcp.md"),
        include_str!("../../../docs/gates/tls.md"),
        include_str!("../../../docs/gates/dns.md"),
        include_str!("../../../docs/gates/host.md"),
        include_str!("../../../docs/gates/command.md"),
    ] {
        let examples: Vec<&str> = page
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .collect();
        assert!(!examples.is_empty());
        for example in examples {
            let gates = file::read(example, &around(folder.path()));
            let gates = gates.unwrap_or_else(|wrong| panic!("{example}: {wrong:?}"));
            assert!(!gates.is_empty());
        }
    }
}
