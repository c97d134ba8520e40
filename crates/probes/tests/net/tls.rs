//! Handshakes with good and bad certificates.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use probes::{
    Answer, Probe,
    tls::{CertificateFault, Start, Tls, TlsError, Trust, handshake},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
    time::Instant,
};
use tokio_rustls::TlsAcceptor;

use crate::{in_network, listener, literals, within};

/// An authority, and the file that makes it trusted.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    file: tempfile::NamedTempFile,
}

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), certificate.pem()).unwrap();
        Authority { params, key, file }
    }

    fn trust(&self) -> Trust {
        Trust::load(Some(self.file.path())).unwrap()
    }

    /// A certificate for `names`, valid within these years.
    fn sign(&self, names: &[&str], years: (i32, i32)) -> Server {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "server");
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = params.signed_by(&key, &issuer).unwrap();
        Server {
            chain: vec![certificate.der().clone()],
            key,
            versions: rustls::ALL_VERSIONS,
        }
    }

    /// Another authority, vouched for by this one, and its certificate.
    fn intermediate(&self, name: &str, years: (i32, i32)) -> (Authority, CertificateDer<'static>) {
        let mut below = Authority::new(name);
        below.params.not_before = date_time_ymd(years.0, 1, 1);
        below.params.not_after = date_time_ymd(years.1, 1, 1);
        let issuer = Issuer::from_params(&self.params, &self.key);
        let certificate = below.params.signed_by(&below.key, &issuer).unwrap();
        (below, certificate.der().clone())
    }

    /// This authority's own certificate.
    fn own(&self) -> CertificateDer<'static> {
        self.params.self_signed(&self.key).unwrap().der().clone()
    }
}

/// What a server shows.
struct Server {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    versions: &'static [&'static rustls::SupportedProtocolVersion],
}

/// A TLS server on loopback; ends when dropped.
struct Running {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Shows these besides its own.
    fn with(mut self, chain: &[&CertificateDer<'static>]) -> Server {
        self.chain.extend(chain.iter().copied().cloned());
        self
    }

    async fn start(self) -> Running {
        self.start_after(b"", b"").await
    }

    /// Begins TLS when it has heard and said this in the clear.
    async fn start_after(self, hears: &'static [u8], says: &'static [u8]) -> Running {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(self.chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listening, address) = listener("127.0.0.1:0").await;
        let task = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listening.accept().await.unwrap();
                let mut heard = vec![0; hears.len()];
                stream.read_exact(&mut heard).await.unwrap();
                assert_eq!(heard, hears);
                stream.write_all(says).await.unwrap();
                // A client that refuses the certificate is what most tests are about.
                let _refused = acceptor.accept(stream).await;
            }
        });
        Running { address, task }
    }
}

async fn shake(
    server: &Running,
    name: &str,
    trust: &Trust,
) -> Result<probes::tls::Handshake, TlsError> {
    let (host, port) = (server.address.ip().to_string(), server.address.port());
    handshake(&literals(), &host, port, Some(name), trust, within(10.0)).await
}

fn faults(ended: Result<probes::tls::Handshake, TlsError>) -> Vec<CertificateFault> {
    match ended.unwrap_err() {
        TlsError::Certificate {
            faults,
            certificate,
            ..
        } => {
            assert_eq!(
                certificate.names,
                ["db.example"],
                "the facts are read all the same"
            );
            faults
        }
        other => panic!("not about the certificate: {other}"),
    }
}

#[test]
fn a_good_certificate_is_accepted_with_its_facts() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let server = authority
            .sign(&["db.example", "127.0.0.1"], (2020, 2999))
            .start()
            .await;
        let done = shake(&server, "db.example", &authority.trust())
            .await
            .unwrap();
        assert_eq!(done.address, server.address);
        assert_eq!(done.protocol, "TLSv1_3");
        assert_eq!(done.certificate.names, ["db.example", "127.0.0.1"]);
        assert!(
            done.certificate.issuer.contains("Example CA"),
            "{}",
            done.certificate.issuer
        );
        assert_eq!(done.certificate.not_before, 1_577_836_800);
        assert!(done.certificate.days_left() > 300_000);
        // An address is proven by itself too.
        shake(&server, "127.0.0.1", &authority.trust())
            .await
            .unwrap();
    });
}

#[test]
fn each_fault_is_told_by_its_name() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let trust = authority.trust();
        let expired = authority.sign(&["db.example"], (2019, 2020)).start().await;
        let seen = faults(shake(&expired, "db.example", &trust).await);
        assert!(
            matches!(seen[..], [CertificateFault::Expired { days_ago, since: 1_577_836_800 }] if days_ago > 2000),
            "{seen:?}"
        );

        let early = authority.sign(&["db.example"], (2990, 2999)).start().await;
        let seen = faults(shake(&early, "db.example", &trust).await);
        assert!(
            matches!(seen[..], [CertificateFault::NotYetValid { days_ahead, .. }] if days_ahead > 300_000),
            "{seen:?}"
        );

        let good = authority.sign(&["db.example"], (2020, 2999)).start().await;
        let seen = faults(shake(&good, "web.example", &trust).await);
        assert_eq!(
            seen,
            [CertificateFault::WrongName {
                wanted: "web.example".to_owned(),
                names: vec!["db.example".to_owned()],
            }]
        );

        let other = Authority::new("Other CA");
        let seen = faults(shake(&good, "db.example", &other.trust()).await);
        assert!(
            matches!(&seen[..], [CertificateFault::UnknownIssuer { issuer, authorities, sent: false }]
                if issuer.contains("Example CA") && *authorities >= 1),
            "{seen:?}"
        );
    });
}

#[test]
fn all_faults_are_told_at_once() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let server = authority.sign(&["db.example"], (2019, 2020)).start().await;
        let trust = Authority::new("Other CA").trust();
        let ended = shake(&server, "web.example", &trust).await;
        let text = ended.as_ref().unwrap_err().to_string();
        let seen = faults(ended);
        assert!(
            matches!(
                seen[..],
                [
                    CertificateFault::Expired { .. },
                    CertificateFault::WrongName { .. },
                    CertificateFault::UnknownIssuer { .. }
                ]
            ),
            "{seen:?}"
        );
        let beginning = format!("accept the certificate of {}: expired ", server.address);
        assert!(text.starts_with(&beginning), "{text}");
        assert!(
            text.contains("not for web.example but for db.example; unknown issuer"),
            "{text}"
        );
    });
}

#[test]
fn a_server_that_speaks_no_tls_is_told_from_one_that_says_nothing() {
    in_network("", async || {
        let trust = Trust::load(None).unwrap();
        let (listening, plain) = listener("127.0.0.1:0").await;
        let task = tokio::spawn(async move {
            let (mut stream, _) = listening.accept().await.unwrap();
            stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").await.unwrap();
            // Kept open until the client goes.
            let _end = stream.read_to_end(&mut Vec::new()).await;
        });
        let host = plain.ip().to_string();
        let error = handshake(&literals(), &host, plain.port(), None, &trust, within(5.0))
            .await
            .unwrap_err();
        assert!(matches!(error, TlsError::Handshake { .. }), "{error}");
        task.abort();

        let (_silent, address) = listener("127.0.0.1:0").await;
        let begun = Instant::now();
        let error = handshake(
            &literals(),
            &host,
            address.port(),
            None,
            &trust,
            within(0.5),
        )
        .await
        .unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(3));
        assert!(matches!(error, TlsError::TimedOut { .. }), "{error}");
        assert_eq!(error.answer(), Answer::Fail);
    });
}

#[test]
fn a_closed_port_is_no_tls_error() {
    in_network("", async || {
        let address = crate::closed_port("127.0.0.1:0").await;
        let trust = Trust::load(None).unwrap();
        let host = address.ip().to_string();
        let error = handshake(
            &literals(),
            &host,
            address.port(),
            None,
            &trust,
            within(5.0),
        )
        .await
        .unwrap_err();
        assert!(
            matches!(&error, TlsError::Tcp(error) if error.is_refused()),
            "{error}"
        );
    });
}

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

/// The words for the certificate of a server that a client with this trust sees.
async fn refused(server: &Running, trust: &Trust) -> String {
    let text = shake(server, "db.example", trust)
        .await
        .unwrap_err()
        .to_string();
    let front = format!("accept the certificate of {}: ", server.address);
    text.strip_prefix(&front).expect(&text).to_owned()
}

#[test]
fn dates_are_told_as_dates() {
    in_network("", async || {
        let authority = Authority::new("Example CA");
        let trust = authority.trust();
        let expired = authority.sign(&["db.example"], (2019, 2020)).start().await;
        let text = refused(&expired, &trust).await;
        assert!(text.starts_with("expired on 2020-01-01, 2"), "{text}");
        assert!(text.ends_with(" days ago"), "{text}");
        let early = authority.sign(&["db.example"], (2990, 2999)).start().await;
        let text = refused(&early, &trust).await;
        assert!(text.starts_with("not valid before 2990-01-01, 3"), "{text}");
        assert!(text.ends_with(" days from now"), "{text}");
    });
}

#[test]
fn self_signed_is_told_from_an_authority_that_is_not_trusted_and_from_an_incomplete_chain() {
    in_network("", async || {
        let trusted = Authority::new("Trusted CA");
        let trust = trusted.trust();

        // As `openssl req -x509` makes it: its own authority, and one that may sign others.
        for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
            let mut params = CertificateParams::new(vec!["db.example".to_owned()]).unwrap();
            params.distinguished_name.push(DnType::CommonName, "db");
            params.is_ca = is_ca;
            let key = KeyPair::generate().unwrap();
            let certificate = params.self_signed(&key).unwrap();
            let server = Server {
                chain: vec![certificate.der().clone()],
                key,
                versions: rustls::ALL_VERSIONS,
            };
            let text = refused(&server.start().await, &trust).await;
            assert!(
                text.starts_with("self-signed, and not among the "),
                "{text}"
            );
        }

        let (between, certificate) = trusted.intermediate("Between CA", (2020, 2999));
        let complete = between
            .sign(&["db.example"], (2020, 2999))
            .with(&[&certificate])
            .start()
            .await;
        shake(&complete, "db.example", &trust).await.unwrap();

        let incomplete = between.sign(&["db.example"], (2020, 2999)).start().await;
        let text = refused(&incomplete, &trust).await;
        assert!(
            text.starts_with("unknown issuer \"CN=Between CA\", not among the ")
                && text.ends_with(
                    " (or its chain is incomplete: the server sent no certificate of it)"
                ),
            "{text}"
        );

        let other = Authority::new("Other CA");
        let own = other.own();
        let (between, certificate) = other.intermediate("Between CA", (2020, 2999));
        let untrusted = between
            .sign(&["db.example"], (2020, 2999))
            .with(&[&certificate, &own])
            .start()
            .await;
        let text = refused(&untrusted, &trust).await;
        assert!(
            text.starts_with("unknown issuer \"CN=Other CA\", not among the ")
                && text.ends_with(" trusted authorities"),
            "{text}"
        );
    });
}

#[test]
fn an_authority_that_was_made_anew_under_its_old_name_is_told() {
    in_network("", async || {
        let old = Authority::new("Example CA");
        let new = Authority::new("Example CA");
        let server = new.sign(&["db.example"], (2020, 2999)).start().await;
        let trust = Trust::of_file(old.file.path()).unwrap();
        assert_eq!(
            refused(&server, &trust).await,
            "signed by another \"CN=Example CA\" than the trusted one: was that made anew?"
        );
        let other = Authority::new("Other CA");
        let trust = Trust::of_file(other.file.path()).unwrap();
        assert_eq!(
            refused(&server, &trust).await,
            "unknown issuer \"CN=Example CA\", not the one trusted authority (or its chain is incomplete: the server sent \
             no certificate of it)"
        );
    });
}

#[test]
fn an_expired_certificate_between_is_named_with_its_date() {
    in_network("", async || {
        let trusted = Authority::new("Trusted CA");
        let (between, certificate) = trusted.intermediate("Between CA", (2019, 2021));
        let server = between
            .sign(&["db.example"], (2020, 2999))
            .with(&[&certificate])
            .start()
            .await;
        assert_eq!(
            refused(&server, &trusted.trust()).await,
            "\"CN=Between CA\" of its chain expired on 2021-01-01"
        );
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
