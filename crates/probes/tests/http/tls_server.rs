//! An HTTPS server with an authority of its own.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
        server::WebPkiClientVerifier,
    },
};

/// An HTTPS server with a certificate of an authority of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The authority's certificate, a PEM file.
    pub(crate) authority: PathBuf,
    /// Certificate and key of a client that the same authority knows, PEM files.
    #[allow(dead_code, reason = "each test file needs some of them")]
    pub(crate) client: (PathBuf, PathBuf),
    _folder: TempDir,
    task: tokio::task::AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Answers every request with `text`, under a certificate for `name` that ends with `year`.
pub(crate) async fn serve(name: &str, year: i32, text: &str) -> Server {
    start(name, year, text, Kind::Plain).await
}

/// The same, for clients with a certificate alone.
#[allow(dead_code, reason = "each test file needs some of them")]
pub(crate) async fn serve_known_clients(name: &str, text: &str) -> Server {
    start(name, 4000, text, Kind::KnownClients).await
}

/// The same for anybody, under a certificate that is its own authority, as `openssl req -x509` makes it.
#[allow(dead_code, reason = "each test file needs some of them")]
pub(crate) async fn serve_as_authority(name: &str, text: &str) -> Server {
    start(name, 4000, text, Kind::Authority).await
}

#[derive(PartialEq)]
enum Kind {
    Plain,
    KnownClients,
    Authority,
}

async fn start(name: &str, year: i32, text: &str, kind: Kind) -> Server {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::new([name.to_owned()]).expect("a name");
    leaf.not_before = date_time_ymd(2000, 1, 1);
    leaf.not_after = date_time_ymd(year, 1, 1);
    let certificate = if kind == Kind::Authority {
        leaf.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        leaf.self_signed(&key).expect("a certificate")
    } else {
        leaf.signed_by(&key, &issuer).expect("a certificate")
    };
    let folder = TempDir::new().expect("a folder");
    let authority = folder.path().join("ca.pem");
    let trusted = match kind {
        Kind::Authority => certificate.pem(),
        Kind::Plain | Kind::KnownClients => issuer.pem(),
    };
    std::fs::write(&authority, trusted).expect("a file");

    let client_key = KeyPair::generate().expect("a key");
    let client_certificate = CertificateParams::new(["client".to_owned()])
        .expect("a name")
        .signed_by(&client_key, &issuer)
        .expect("a certificate");
    let client = (
        folder.path().join("client.pem"),
        folder.path().join("client.key"),
    );
    std::fs::write(&client.0, client_certificate.pem()).expect("a file");
    std::fs::write(&client.1, client_key.serialize_pem()).expect("a file");

    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let builder = ServerConfig::builder();
    let builder = if kind == Kind::KnownClients {
        let mut roots = RootCertStore::empty();
        roots.add(issuer.der().clone()).expect("an authority");
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots));
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let config = builder
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let text = text.to_owned();
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One that does not trust us hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await;
            let _gone = stream.write_all(text.as_bytes()).await;
            let _gone = stream.shutdown().await;
        }
    });
    Server {
        address,
        authority,
        client,
        _folder: folder,
        task: task.abort_handle(),
    }
}
