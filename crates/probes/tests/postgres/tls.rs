//! TLS as `sslmode` wants it.

use std::{fs::Permissions, os::unix::fs::PermissionsExt};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};

use super::*;

/// An authority, and a certificate of its for `name`; all in PEM.
struct Papers {
    authority: String,
    server: (String, String),
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn papers(name: &str) -> Papers {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    Papers {
        authority: authority.pem(),
        server: (certificate.pem(), key.serialize_pem()),
    }
}

/// As PostgreSQL's manual makes one: an authority by its form, and the server's own certificate.
fn self_signed(name: &str) -> (String, String) {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

const OVER_TLS: &str = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

#[tokio::test]
async fn a_certificate_is_checked_as_far_as_sslmode_says() {
    let papers = papers("localhost");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let trusted = file("ca.pem", &papers.authority);
    let other = file("other.pem", &authority().pem());
    let empty = file("empty.pem", "");
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some(papers.server),
        ..PostgresSetup::default()
    });
    let at = |name: &str, more: &str| {
        format!(
            "host={name} hostaddr=127.0.0.1 port={} user=postgres {PASSWORD} {more}",
            server.port
        )
    };

    // Unchecked, and over TLS all the same.
    for mode in [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "sslmode=require channel_binding=require",
    ] {
        let session = ask_login(&at("elsewhere", mode)).await.unwrap();
        assert_eq!(
            value(&session, OVER_TLS).await.as_deref(),
            Some("t"),
            "{mode}"
        );
        assert!(ask_ready(&at("elsewhere", mode)).await.unwrap().tls);
    }
    for mode in ["sslmode=disable", "sslmode=allow"] {
        let session = ask_login(&at("localhost", mode)).await.unwrap();
        assert_eq!(
            value(&session, OVER_TLS).await.as_deref(),
            Some("f"),
            "{mode}"
        );
    }

    let full = |ca: &str| format!("sslmode=verify-full sslrootcert={ca}");
    ask_login(&at("localhost", &full(&trusted))).await.unwrap();
    assert!(
        ask_ready(&at("localhost", &full(&trusted)))
            .await
            .unwrap()
            .tls
    );
    // Trusted, with another name.
    let error = ask_login(&at("elsewhere", &full(&trusted)))
        .await
        .unwrap_err();
    assert!(matches!(error, PostgresError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("elsewhere"), "{error}");
    for checked in ["verify-ca", "require"] {
        let mode = format!("sslmode={checked} sslrootcert={trusted}");
        ask_login(&at("elsewhere", &mode)).await.unwrap();
        let mode = format!("sslmode={checked} sslrootcert={other}");
        let error = ask_login(&at("localhost", &mode)).await.unwrap_err();
        assert!(
            error.to_string().contains("invalid peer certificate"),
            "{error}"
        );
    }
    // The system trusts no authority of a test's.
    let error = ask_ready(&at("localhost", "sslmode=verify-full"))
        .await
        .unwrap_err();
    assert_eq!(error.answer(), Answer::Fail, "{error}");

    for ca in [empty.as_str(), "/no/such/file"] {
        let error = ask_login(&at("localhost", &full(ca))).await.unwrap_err();
        assert!(
            matches!(error, PostgresError::RootCertificates { .. }),
            "{error}"
        );
        assert_eq!(error.answer(), Answer::Unknown);
    }
}

#[tokio::test]
async fn a_self_signed_certificate_is_trusted_where_it_is_the_one_that_is_named() {
    let (certificate, key) = self_signed("localhost");
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("server.crt");
    std::fs::write(&trusted, &certificate).unwrap();
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some((certificate, key)),
        // What does not come over TLS is turned away.
        access: "hostssl all all all scram-sha-256\n".to_owned(),
        ..PostgresSetup::default()
    });
    let at = |name: &str, mode: &str| {
        format!(
            "host={name} hostaddr=127.0.0.1 port={} user=postgres {PASSWORD} sslrootcert={} sslmode={mode}",
            server.port,
            trusted.display()
        )
    };
    ask_login(&at("localhost", "verify-full")).await.unwrap();
    ask_login(&at("elsewhere", "verify-ca")).await.unwrap();
    let error = ask_login(&at("elsewhere", "verify-full"))
        .await
        .unwrap_err();
    assert!(matches!(error, PostgresError::Tls { .. }), "{error}");

    let error = ask_login(&at("localhost", "disable")).await.unwrap_err();
    assert_eq!(error.sqlstate(), Some("28000"));
    // It takes connections, though not this one.
    let answer = ask_ready(&at("localhost", "disable")).await.unwrap();
    assert_eq!(answer.sqlstate.as_deref(), Some("28000"));
    let session = ask_login(&at("localhost", "allow")).await.unwrap();
    assert_eq!(value(&session, OVER_TLS).await.as_deref(), Some("t"));
}

#[tokio::test]
async fn where_only_plain_connections_are_let_in_prefer_goes_without_tls() {
    let papers = papers("localhost");
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some(papers.server),
        access: "hostnossl all all all scram-sha-256\n".to_owned(),
        ..PostgresSetup::default()
    });
    let at = format!(
        "host=127.0.0.1 port={} user=postgres {PASSWORD}",
        server.port
    );
    let session = ask_login(&at).await.unwrap();
    assert_eq!(value(&session, OVER_TLS).await.as_deref(), Some("f"));
    let error = ask_login(&format!("{at} channel_binding=require"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("channel binding"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_named_as_such_where_certificates_are_checked() {
    let authority = authority();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    let certificate = params.signed_by(&key, &authority).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.pem");
    std::fs::write(&trusted, authority.pem()).unwrap();
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some((certificate.pem(), key.serialize_pem())),
        ..PostgresSetup::default()
    });
    let at = |mode: &str| {
        format!(
            "host=localhost hostaddr=127.0.0.1 port={} user=postgres {PASSWORD} sslmode={mode}",
            server.port
        )
    };
    for mode in ["verify-full", "verify-ca", "require"] {
        let text = format!("{} sslrootcert={}", at(mode), trusted.display());
        let error = ask_login(&text).await.unwrap_err();
        assert_eq!(error.answer(), Answer::Fail);
        assert!(error.seen().contains("expired"), "{}", error.seen());
    }
    ask_login(&at("require")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_of_its_clients_gets_it() {
    let (papers, authority) = (papers("localhost"), authority());
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    // Read by the server's own user.
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let clients = file("clients.pem", &authority.pem());
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "postgres");
    let certificate = params.signed_by(&key, &authority).unwrap();
    let own = format!(
        "sslcert={} sslkey={}",
        file("client.crt", &certificate.pem()),
        file("client.key", &key.serialize_pem())
    );
    let server = Postgres::start_with(&PostgresSetup {
        tls: Some(papers.server),
        access: "hostssl all all all cert\n".to_owned(),
        settings: vec![format!("ssl_ca_file={clients}")],
        ..PostgresSetup::default()
    });
    let at = |more: &str| {
        format!(
            "host=127.0.0.1 port={} user=postgres sslmode=require {more}",
            server.port
        )
    };
    ask_login(&at(&own)).await.unwrap();
    let error = ask_login(&at("")).await.unwrap_err();
    assert_eq!(
        error.seen(),
        "connection requires a valid client certificate (28000)"
    );
    let swapped = format!(
        "sslcert={} sslkey={}",
        file("empty.crt", ""),
        file("no.key", "")
    );
    let error = ask_login(&at(&swapped)).await.unwrap_err();
    assert!(
        matches!(error, PostgresError::ClientCertificate { .. }),
        "{error}"
    );
    assert_eq!(error.answer(), Answer::Unknown);
}
