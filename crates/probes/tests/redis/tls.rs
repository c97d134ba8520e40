//! TLS: certificates of both sides, and ports that speak something else.

use std::{fs, path::PathBuf};

use probes::{
    Answer, Probe,
    redis::{Settings, TlsSettings, Wanted},
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use tempfile::TempDir;
use test_servers::{Redis, RedisSetup};
use tokio::time::Instant;

use crate::{CANARY, ENCODED, SHORT, fail, pass, probe_of, seen, settings};

/// An authority with a certificate for `localhost`, and files of what a client needs.
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
    fn certificate(&self, expired: bool) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        if expired {
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn trusted(&self) -> TlsSettings {
        TlsSettings {
            ca_file: Some(self.folder.path().join("ca.pem")),
            ..TlsSettings::default()
        }
    }
}

fn start(tls: (String, String), clients_of: Option<String>) -> Redis {
    Redis::start_with(&RedisSetup {
        tls: Some(tls),
        clients_of,
        config: format!("requirepass \"{CANARY}\"\n"),
        ..RedisSetup::default()
    })
}

fn at(host: &str, server: &Redis, tls: TlsSettings) -> Settings {
    Settings {
        tls,
        ..settings(&format!("rediss://:{ENCODED}@{host}:{}", server.port))
    }
}

async fn seen_with(settings: Settings) -> (Answer, String) {
    seen(&probe_of(settings, Wanted::default())).await
}

#[tokio::test]
async fn the_certificate_is_checked_against_the_named_authority_and_the_hosts_name() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = start(authority.certificate(false), None);
    let port = server.port;
    let trusted = at("localhost", &server, authority.trusted());
    assert_eq!(seen_with(trusted).await, pass("PONG"));
    let unknown = fail(&format!(
        "failed to speak TLS with localhost:{port}: its certificate was issued by no authority that is trusted here"
    ));
    for tls in [TlsSettings::default(), other.trusted()] {
        assert_eq!(seen_with(at("localhost", &server, tls)).await, unknown);
    }
    assert_eq!(
        seen_with(at("127.0.0.1", &server, authority.trusted())).await,
        fail(&format!(
            "failed to speak TLS with 127.0.0.1:{port}: its certificate is not for 127.0.0.1 but for localhost"
        ))
    );
    let named = TlsSettings {
        server_name: Some("localhost".to_owned()),
        ..authority.trusted()
    };
    assert_eq!(
        seen_with(at("127.0.0.1", &server, named)).await,
        pass("PONG")
    );
    let unread = TlsSettings {
        ca_file: Some("/no/such/file".into()),
        ..TlsSettings::default()
    };
    let (answer, told) = seen_with(at("localhost", &server, unread)).await;
    assert_eq!(answer, Answer::Unknown);
    assert!(told.starts_with("failed to read /no/such/file: "), "{told}");
    let endless = TlsSettings {
        ca_file: Some("/dev/zero".into()),
        ..TlsSettings::default()
    };
    assert_eq!(
        seen_with(at("localhost", &server, endless)).await,
        (
            Answer::Unknown,
            "failed to read /dev/zero: it is no regular file".to_owned()
        )
    );
}

#[tokio::test]
async fn an_expired_certificate_is_refused_and_taken_only_loudly() {
    let authority = Authority::new();
    let server = start(authority.certificate(true), None);
    let (answer, told) = seen_with(at("localhost", &server, authority.trusted())).await;
    assert_eq!(answer, Answer::Fail);
    assert!(
        told.contains("its certificate expired ") && told.ends_with(" days ago"),
        "{told}"
    );
    let blind = TlsSettings {
        unverified: true,
        ..TlsSettings::default()
    };
    assert_eq!(
        seen_with(at("127.0.0.1", &server, blind)).await,
        pass("PONG (certificate not verified)")
    );
}

#[tokio::test]
async fn a_server_that_wants_a_clients_certificate_gets_one() {
    let authority = Authority::new();
    let server = start(authority.certificate(false), Some(authority.issuer.pem()));
    let (certificate, key) = authority.certificate(false);
    let identity = (
        authority.file("client.crt", &certificate),
        authority.file("client.key", &key),
    );
    let shown = TlsSettings {
        identity: Some(identity.clone()),
        ..authority.trusted()
    };
    assert_eq!(
        seen_with(at("localhost", &server, shown)).await,
        pass("PONG")
    );
    let (answer, told) = seen_with(at("localhost", &server, authority.trusted())).await;
    assert_eq!(answer, Answer::Fail, "{told}");
    assert!(told.ends_with("it wants a client's certificate"), "{told}");
    let (certificate, key) = Authority::new().certificate(false);
    let strange = TlsSettings {
        identity: Some((
            authority.file("strange.crt", &certificate),
            authority.file("strange.key", &key),
        )),
        ..authority.trusted()
    };
    let (answer, told) = seen_with(at("localhost", &server, strange)).await;
    assert_eq!(answer, Answer::Fail, "{told}");
    assert!(
        told.ends_with("it does not trust the client's certificate"),
        "{told}"
    );
    let swapped = TlsSettings {
        identity: Some((identity.0, authority.file("no.key", "canary"))),
        ..authority.trusted()
    };
    let (answer, told) = seen_with(at("localhost", &server, swapped)).await;
    assert_eq!(answer, Answer::Unknown, "{told}");
    assert!(
        told.ends_with("no.key: there is no unencrypted private key in it"),
        "{told}"
    );
}

#[tokio::test]
async fn a_plain_client_at_a_tls_port_is_told_to_speak_tls() {
    let authority = Authority::new();
    let server = start(authority.certificate(false), None);
    let plain = settings(&format!("redis://:{ENCODED}@127.0.0.1:{}", server.port));
    let (answer, told) = seen_with(plain).await;
    assert_eq!(answer, Answer::Fail);
    assert!(told.contains("TLS (rediss://)"), "{told}");
}

#[tokio::test]
async fn a_tls_client_at_a_plain_port_is_told_that_none_is_spoken() {
    let server = Redis::start();
    // The server waits for the end of a line, which random bytes may have or not.
    let probe = probe_of(
        at("localhost", &server, TlsSettings::default()),
        Wanted::default(),
    );
    let seen = probe.check(Instant::now() + SHORT).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen.ends_with("does this port speak TLS at all?)")
            || seen.seen.ends_with("what answers there does not speak TLS"),
        "{}",
        seen.seen
    );
}
