//! What is told of dates and of those who signed.

use super::*;

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

        // One that is trusted as an authority proves no server all the same.
        let own = Authority::new("Own CA");
        let own_trust = own.trust();
        let server = Server {
            chain: vec![own.own()],
            key: own.key,
            versions: rustls::ALL_VERSIONS,
        };
        let text = refused(&server.start().await, &own_trust).await;
        assert!(
            text.ends_with(
                "is an authority itself; make a server certificate, or one without CA:TRUE"
            ),
            "{text}"
        );

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
