//! Docker over TCP and TLS, against a real daemon that wants a client's certificate.

use std::path::Path;

use probes::{
    docker::{Daemon, DockerError, Endpoint, Environment, daemon},
    http::HttpError,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::soon;

/// Writes an authority, and keys for a server and a client of it, under the names that Docker gives them.
fn keys(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"))
        .expect("an authority");
    std::fs::write(folder.join("ca.pem"), issuer.pem()).expect("a file");
    for (name, host) in [("server-", "127.0.0.1"), ("", "client")] {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new([host.to_owned()])
            .expect("a name")
            .signed_by(&key, &issuer)
            .expect("a certificate");
        let write = |end: &str, text: String| {
            std::fs::write(folder.join(format!("{name}{end}")), text).expect("a file");
        };
        write("cert.pem", certificate.pem());
        write("key.pem", key.serialize_pem());
    }
}

async fn ask(environment: &Environment) -> Result<Daemon, DockerError> {
    daemon(&Endpoint::of(environment)?, soon()).await
}

#[tokio::test]
async fn a_daemon_behind_tls_is_asked_with_the_keys_that_the_environment_names() {
    let folder = TempDir::new().expect("a folder");
    keys(folder.path());
    let port = test_servers::free_port();
    let _docker = test_servers::Docker::start_with_tls(folder.path(), port);
    let mut environment = Environment {
        host: Some(format!("tcp://127.0.0.1:{port}")),
        tls_verify: Some("1".to_owned()),
        cert_path: Some(folder.path().to_owned()),
        ..Environment::default()
    };
    assert_eq!(ask(&environment).await.expect("an answer").os, "linux");

    let refused = |error: &DockerError| {
        matches!(
            error,
            DockerError::Unreachable {
                source: HttpError::Tls { .. },
                ..
            }
        )
    };
    // An authority that has not signed the daemon's certificate.
    let other = TempDir::new().expect("a folder");
    keys(other.path());
    environment.cert_path = Some(other.path().to_owned());
    let error = ask(&environment).await.expect_err("not trusted");
    assert!(refused(&error), "{error:?}");
    // No certificate of the client's own.
    std::fs::copy(folder.path().join("ca.pem"), other.path().join("ca.pem")).expect("a copy");
    std::fs::remove_file(other.path().join("key.pem")).expect("it was there");
    let error = ask(&environment).await.expect_err("not let in");
    assert!(refused(&error), "{error:?}");
    // No TLS at all.
    environment.tls_verify = None;
    let error = ask(&environment).await.expect_err("not understood");
    assert!(matches!(&error, DockerError::NotDocker { .. }), "{error:?}");
    // A key that is none; it is not repeated.
    environment.tls_verify = Some("1".to_owned());
    std::fs::write(other.path().join("key.pem"), "canary").expect("a file");
    let error = ask(&environment).await.expect_err("no key");
    assert!(
        matches!(
            &error,
            DockerError::Unreachable {
                source: HttpError::Certificates { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!error.to_string().contains("canary"), "{error}");
}
