//! Handshakes with good and bad certificates.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use probes::{
    Answer, Probe,
    tls::{CertificateFault, Tls, TlsError, Trust, handshake},
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio::{io::AsyncWriteExt, task::JoinHandle, time::Instant};
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
            certificate: certificate.der().clone(),
            key,
        }
    }
}

/// What a server shows.
struct Server {
    certificate: CertificateDer<'static>,
    key: KeyPair,
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
    async fn start(self) -> Running {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (listening, address) = listener("127.0.0.1:0").await;
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listening.accept().await.unwrap();
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
            matches!(seen[..], [CertificateFault::Expired { days_ago }] if days_ago > 2000),
            "{seen:?}"
        );

        let early = authority.sign(&["db.example"], (2990, 2999)).start().await;
        let seen = faults(shake(&early, "db.example", &trust).await);
        assert!(
            matches!(seen[..], [CertificateFault::NotYetValid { days_ahead }] if days_ahead > 300_000),
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
            matches!(&seen[..], [CertificateFault::UnknownIssuer { issuer, authorities }]
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
            let _end = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
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
            };
            assert_eq!(
                probe.identity(),
                format!("tls {} as db.example", server.address)
            );
            let seen = probe.check(within(10.0)).await;
            assert_eq!(seen.answer, wanted, "{}", seen.seen);
        }
    });
}
