//! Handshakes with good and bad certificates.

mod chain;
mod handshake;
mod probe;

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
