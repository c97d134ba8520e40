//! TLS, by the parameters of the address.

use std::fs;

use lease::{store::Store, testing::writes::claim};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tempfile::TempDir;
use test_servers::{Redis, RedisSetup};

use crate::places::{CANARY, clean, lock, store, won};

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "an authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Authority { issuer, folder }
    }

    /// Certificate and key in PEM.
    fn certificate(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// The parameters of an address that trusts it.
    fn parameters(&self) -> String {
        format!("ca-file={}/ca.pem", self.folder.path().display())
    }
}

fn start(tls: (String, String), clients_of: Option<String>) -> Redis {
    Redis::start_with(&RedisSetup {
        tls: Some(tls),
        clients_of,
        config: format!("requirepass {CANARY}\n"),
        ..RedisSetup::default()
    })
}

fn address(host: &str, server: &Redis, parameters: &str) -> String {
    format!("rediss://:{CANARY}@{host}:{}?{parameters}", server.port)
}

#[tokio::test]
async fn the_certificate_is_held_against_the_named_authority_and_the_right_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = start(authority.certificate("localhost"), None);
    let well = store(&address("localhost", &server, &authority.parameters()));
    won(&well, claim(&lock(), &well.read().await.unwrap())).await;
    for (host, parameters, says) in [
        (
            "127.0.0.1",
            authority.parameters(),
            "is not for 127.0.0.1 but for localhost; name the server as its certificate does",
        ),
        (
            "localhost",
            other.parameters(),
            "issued by no authority that is trusted here; name the certificate of the authority",
        ),
        (
            "localhost",
            "ca-file=/no/such/file".to_owned(),
            "/no/such/file",
        ),
        (
            "localhost",
            format!("{}&server-name=other.example", authority.parameters()),
            "not for other.example",
        ),
    ] {
        let error = store(&address(host, &server, &parameters)).read().await;
        let error = clean(error.unwrap_err());
        assert!(error.to_string().contains(says), "{error}");
    }
    let named = format!("{}&server-name=localhost", authority.parameters());
    let named = store(&address("127.0.0.1", &server, &named));
    assert_eq!(named.read().await.unwrap(), well.read().await.unwrap());
}

#[tokio::test]
async fn a_clients_own_certificate_is_shown_where_the_server_wants_one() {
    let authority = Authority::new();
    let server = start(
        authority.certificate("localhost"),
        Some(authority.issuer.pem()),
    );
    let error = store(&address("localhost", &server, &authority.parameters()))
        .read()
        .await;
    let error = clean(error.unwrap_err());
    assert!(
        error
            .to_string()
            .contains("it wants a client's certificate; name this runner's certificate and key"),
        "{error}"
    );
    let (certificate, key) = authority.certificate("runner.example");
    let folder = authority.folder.path();
    fs::write(folder.join("own.pem"), certificate).unwrap();
    fs::write(folder.join("own.key"), key).unwrap();
    let own = format!(
        "cert-file={0}/own.pem&key-file={0}/own.key",
        folder.display()
    );
    let store = store(&address(
        "localhost",
        &server,
        &format!("{}&{own}", authority.parameters()),
    ));
    won(&store, claim(&lock(), &store.read().await.unwrap())).await;
    let seen = store.read().await.unwrap();
    assert_eq!(seen.record.unwrap().token, 1);
}

#[tokio::test]
async fn a_port_that_speaks_something_else_is_named() {
    let authority = Authority::new();
    let server = start(authority.certificate("localhost"), None);
    let plain = store(&format!("redis://:{CANARY}@localhost:{}", server.port));
    let error = clean(plain.read().await.unwrap_err());
    assert!(error.to_string().contains("TLS (rediss://)"), "{error}");
}
