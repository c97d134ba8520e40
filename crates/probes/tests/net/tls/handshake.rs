//! What a handshake tells.

use super::*;

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
