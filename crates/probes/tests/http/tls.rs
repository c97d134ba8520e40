//! HTTPS: who is trusted.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use probes::{
    Answer,
    http::{Client, ClientOptions, HttpError, Request, Response, Roots},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::Instant,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// An HTTPS server with a certificate of an authority of its own.
struct Server {
    address: SocketAddr,
    authority: PathBuf,
    _folder: TempDir,
    task: tokio::task::AbortHandle,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A certificate for `name` that ends with `year`.
async fn serve(name: &str, year: i32) -> Server {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let mut leaf = CertificateParams::new([name.to_owned()]).expect("a name");
    leaf.not_before = date_time_ymd(2000, 1, 1);
    leaf.not_after = date_time_ymd(year, 1, 1);
    let certificate = leaf.signed_by(&key, &issuer).expect("a certificate");
    let folder = TempDir::new().expect("a folder");
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, issuer.pem()).expect("a file");

    let _chosen = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .expect("a configuration");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // One that does not trust us hangs up.
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _read = stream.read(&mut request).await;
            let _gone = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe")
                .await;
            let _gone = stream.shutdown().await;
        }
    });
    Server {
        address,
        authority,
        _folder: folder,
        task: task.abort_handle(),
    }
}

async fn ask(server: &Server, roots: Roots) -> Result<Response, HttpError> {
    let client = Client::new(ClientOptions {
        roots,
        ..ClientOptions::default()
    })?;
    let request = Request::new("GET", &format!("https://{}/?token=canary", server.address))?;
    client
        .ask(&request, Instant::now() + Duration::from_secs(5))
        .await
}

#[tokio::test]
async fn a_certificate_of_the_named_authority_is_trusted_and_no_other() {
    let server = serve("127.0.0.1", 4000).await;
    let roots = Roots::File(server.authority.clone());
    assert_eq!(ask(&server, roots).await.expect("an answer").text(), "safe");
    assert_eq!(ask(&server, Roots::Anyone).await.expect("an answer").text(), "safe");

    let other = serve("127.0.0.1", 4000).await;
    for roots in [Roots::File(other.authority.clone()), Roots::None] {
        let error = ask(&server, roots).await.expect_err("not trusted");
        let text = error.to_string();
        assert!(matches!(&error, HttpError::Tls { .. }), "{error:?}");
        assert!(text.contains("invalid peer certificate"), "{text}");
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(error.answer(), Answer::Fail);
    }
}

#[tokio::test]
async fn an_expired_certificate_and_one_for_another_name_are_told_apart() {
    for (name, year, reason) in [
        ("127.0.0.1", 2001, "expired"),
        ("other.example", 4000, "not valid for name"),
    ] {
        let server = serve(name, year).await;
        let error = ask(&server, Roots::File(server.authority.clone()))
            .await
            .expect_err("not trusted");
        assert!(matches!(&error, HttpError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_file_that_cannot_be_used_is_named() {
    let server = serve("127.0.0.1", 4000).await;
    let missing = server.authority.with_file_name("none.pem");
    let error = ask(&server, Roots::File(missing)).await.expect_err("no file");
    assert!(error.to_string().ends_with("none.pem: entity not found"), "{error}");
    let empty = server.authority.with_file_name("empty.pem");
    std::fs::write(&empty, "canary").expect("a file");
    let error = ask(&server, Roots::File(empty)).await.expect_err("no certificate");
    assert!(matches!(&error, HttpError::Certificates { .. }), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    assert_eq!(error.answer(), Answer::Unknown);
}
