//! HTTPS: who is trusted.

use std::time::Duration;

use probes::{
    Answer, Probe,
    http::{Client, ClientOptions, Expectation, HttpError, HttpProbe, Request, Response, Roots},
};
use tokio::time::Instant;

use super::tls_server::{self, Server};

const SAFE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nsafe";

async fn serve(name: &str, year: i32) -> Server {
    tls_server::serve(name, year, SAFE).await
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
    assert_eq!(
        ask(&server, Roots::Anyone).await.expect("an answer").text(),
        "safe"
    );

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
    let error = ask(&server, Roots::File(missing))
        .await
        .expect_err("no file");
    assert!(
        error.to_string().ends_with("none.pem: entity not found"),
        "{error}"
    );
    let empty = server.authority.with_file_name("empty.pem");
    std::fs::write(&empty, "canary").expect("a file");
    let error = ask(&server, Roots::File(empty))
        .await
        .expect_err("no certificate");
    assert!(matches!(&error, HttpError::Certificates { .. }), "{error}");
    assert!(!error.to_string().contains("canary"), "{error}");
    assert_eq!(error.answer(), Answer::Unknown);
    let error = ask(&server, Roots::File("/dev/zero".into()))
        .await
        .expect_err("no end");
    assert_eq!(
        error.to_string(),
        "use the certificates or the key in /dev/zero: it is no regular file"
    );
}

#[tokio::test]
async fn an_authority_that_serves_itself_is_told_how_to_mend_it() {
    let server = tls_server::serve_as_authority("127.0.0.1", SAFE).await;
    let error = ask(&server, Roots::File(server.authority.clone()))
        .await
        .expect_err("no server's certificate");
    assert!(
        error.to_string().ends_with(
            "the server's certificate is an authority itself; make a server certificate, or one without CA:TRUE"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_that_must_prove_itself_does_so_with_its_certificate() {
    let server = tls_server::serve_known_clients("127.0.0.1", SAFE).await;
    let options = |identity| ClientOptions {
        roots: Roots::File(server.authority.clone()),
        identity,
        ..ClientOptions::default()
    };
    let request = || Request::new("GET", &format!("https://{}/", server.address));
    let soon = || Instant::now() + Duration::from_secs(5);
    let known = Client::new(options(Some(server.client.clone()))).expect("a client");
    let response = known.ask(&request().expect("a request"), soon()).await;
    assert_eq!(response.expect("an answer").text(), "safe");

    let unknown = Client::new(options(None)).expect("a client");
    let error = unknown
        .ask(&request().expect("a request"), soon())
        .await
        .expect_err("not let in");
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
    assert_eq!(error.answer(), Answer::Fail);

    let (certificate, _) = server.client.clone();
    let error = Client::new(options(Some((certificate.clone(), certificate))))
        .expect_err("no key in that file");
    assert!(matches!(&error, HttpError::Certificates { .. }), "{error}");
}

#[tokio::test]
async fn an_answer_of_a_server_that_need_not_prove_itself_says_so_loudly() {
    let server = serve("other.example", 2001).await;
    for (roots, loud) in [
        (Roots::Anyone, true),
        (Roots::File(server.authority.clone()), false),
    ] {
        let client = Client::new(ClientOptions {
            roots,
            ..ClientOptions::default()
        });
        let probe = HttpProbe {
            client: client.expect("a client"),
            request: Request::new("GET", &format!("https://{}/", server.address))
                .expect("a request"),
            expectation: Expectation::default(),
        };
        let seen = probe.check(Instant::now() + Duration::from_secs(5)).await;
        const WORDS: &str = "(the server's certificate is not verified)";
        assert_eq!(seen.seen.ends_with(WORDS), loud, "{}", seen.seen);
        assert_eq!(probe.identity().ends_with(WORDS), loud);
        assert_eq!(seen.answer == Answer::Pass, loud);
    }
}

/// Runs itself with the host's certificates taken to stand elsewhere: they are read once a process.
#[tokio::test]
async fn the_hosts_certificates_are_needed_for_tls_alone_and_their_lack_is_not_the_servers_fault() {
    const TARGET: &str = "PROBES_TEST_TLS_TARGET";
    const PLAIN: &str = "PROBES_TEST_PLAIN_TARGET";
    if let (Ok(target), Ok(plain)) = (std::env::var(TARGET), std::env::var(PLAIN)) {
        let client = Client::new(ClientOptions::default()).expect("a client");
        let ask = async |url: &str| {
            let request = Request::new("GET", url).expect("a request");
            client
                .ask(&request, Instant::now() + Duration::from_secs(5))
                .await
        };
        assert_eq!(ask(&plain).await.expect("an answer").text(), "plain");
        match std::env::var("PROBES_TEST_TRUSTED").as_deref() {
            Ok("yes") => assert_eq!(ask(&target).await.expect("an answer").text(), "safe"),
            _ => {
                let error = ask(&target).await.expect_err("nobody is trusted");
                assert!(
                    error.to_string().contains("no trusted certificates"),
                    "{error}"
                );
                assert_eq!(error.answer(), Answer::Unknown);
            }
        }
        return;
    }
    let server = serve("127.0.0.1", 4000).await;
    let plain = super::Scripted::tcp(super::answer("200 OK", "text/plain", "plain")).await;
    for (file, trusted) in [
        (server.authority.clone(), "yes"),
        (server.authority.with_file_name("none.pem"), "no"),
    ] {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
        child
            .args([
                "--exact",
                "tls::the_hosts_certificates_are_needed_for_tls_alone_and_their_lack_is_not_the_servers_fault",
            ])
            .env(TARGET, format!("https://{}/", server.address))
            .env(PLAIN, format!("http://{}/", plain.address))
            .env("PROBES_TEST_TRUSTED", trusted)
            .env("SSL_CERT_FILE", file)
            .env("SSL_CERT_DIR", server.authority.with_file_name("nowhere"));
        let output = tokio::task::spawn_blocking(move || child.output())
            .await
            .expect("it ran")
            .expect("it ran");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}
