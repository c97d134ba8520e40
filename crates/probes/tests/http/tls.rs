//! HTTPS: who is trusted.

use std::time::Duration;

use probes::{
    Answer,
    http::{Client, ClientOptions, HttpError, Request, Response, Roots},
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
}
