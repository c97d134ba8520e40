//! What a registry, or what stands in its place, says when something is wrong.

use std::time::Duration;

use probes::{
    Answer,
    docker::Environment,
    registry::{Registry, RegistryError, RegistryOptions},
};
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{method, path},
};

use super::{
    anonymous, basic, exists, names,
    scripted::{Says, Scripted, answer},
    tls_server,
};

async fn asked(says: Says) -> RegistryError {
    let server = Scripted::tcp(says).await;
    exists(&anonymous(), &format!("{}/app", server.address))
        .await
        .expect_err("no image")
}

#[tokio::test]
async fn a_rate_limit_and_an_ill_registry_are_no_answer() {
    let limited = Says::Text(
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
    );
    let error = asked(limited).await;
    assert!(
        matches!(&error, RegistryError::RateLimited { retry_after: Some(wait), .. } if wait.as_secs() == 7),
        "{error:?}"
    );
    assert_eq!(error.answer(), Answer::Unknown);
    for status in ["500 Internal Server Error", "503 Service Unavailable"] {
        let error = asked(answer(status, "text/html", "")).await;
        assert!(matches!(&error, RegistryError::Server { .. }), "{error:?}");
        assert!(error.to_string().ends_with(status), "{error}");
        assert_eq!(error.answer(), Answer::Unknown);
    }
}

#[tokio::test]
async fn a_refusal_is_told_from_a_missing_login() {
    let error = asked(answer("403 Forbidden", "text/plain", "")).await;
    assert!(matches!(&error, RegistryError::Denied { .. }), "{error:?}");
    assert_eq!(error.answer(), Answer::Fail);
    let error = asked(answer("401 Unauthorized", "text/plain", "")).await;
    assert!(
        matches!(&error, RegistryError::Unauthorized { tried: false, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_no_registry_is_said_to_be_that() {
    for says in [
        answer("200 OK", "text/html", ""),
        answer("200 OK", "application/json", ""),
        answer("200 OK", "application/problem+json", ""),
        answer("404 Not Found", "text/html", ""),
        answer("418 I'm a teapot", "text/plain", ""),
    ] {
        let error = asked(says.clone()).await;
        assert!(
            matches!(&error, RegistryError::NotARegistry { .. }),
            "{says:?} {error:?}"
        );
        assert_eq!(error.answer(), Answer::Fail);
    }
    let error = asked(answer("404 Not Found", "text/plain", "")).await;
    assert!(
        matches!(&error, RegistryError::NotFound { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_registry_that_is_away_or_hangs_is_unreachable_by_the_deadline() {
    let port = test_servers::free_port();
    let error = exists(&anonymous(), &format!("127.0.0.1:{port}/app"))
        .await
        .expect_err("away");
    assert!(
        matches!(&error, RegistryError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(error.answer(), Answer::Unknown);

    let hung = Scripted::tcp(Says::Drip("HTTP/1.1 200 OK\r\nX: ".to_owned())).await;
    let begun = Instant::now();
    let reference = format!("{}/app", hung.address)
        .parse()
        .expect("a reference");
    let error = anonymous()
        .manifest(&reference, begun + Duration::from_millis(200))
        .await
        .expect_err("it hangs");
    assert!(
        matches!(&error, RegistryError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_token_server_that_is_ill_is_named_in_place_of_the_registry() {
    for (says, wanted) in [
        (
            answer("200 OK", "application/json", r#"{"token":"can"#),
            "NotARegistry",
        ),
        (
            answer("200 OK", "application/json", r#"{"token":""}"#),
            "NotARegistry",
        ),
        (answer("200 OK", "text/html", "<html>"), "NotARegistry"),
        (answer("429 Too Many", "text/plain", ""), "RateLimited"),
        (answer("502 Bad Gateway", "text/plain", ""), "Server"),
        (answer("403 Forbidden", "text/plain", ""), "Unauthorized"),
    ] {
        let tokens = Scripted::tcp(says).await;
        let error = asked(challenge(&format!("http://{}/t", tokens.address))).await;
        assert!(
            format!("{error:?}").starts_with(wanted),
            "{wanted} {error:?}"
        );
        assert_eq!(tokens.heard(), 1);
    }
}

fn challenge(realm: &str) -> Says {
    Says::Text(format!(
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"{realm}\",service=\"s\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ))
}

#[tokio::test]
async fn a_registry_behind_tls_cannot_have_the_login_sent_in_the_clear() {
    let tokens = Scripted::tcp(answer("200 OK", "application/json", r#"{"token":"t"}"#)).await;
    let Says::Text(text) = challenge(&format!("http://{}/t", tokens.address)) else {
        unreachable!("it is a text");
    };
    let server = tls_server::serve("registry.test", 4000, &text).await;
    let folder = tempfile::tempdir().expect("a folder");
    let at = server.address.port();
    std::fs::write(
        folder.path().join("config.json"),
        format!(
            r#"{{"auths":{{"registry.test:{at}":{{"auth":"{}"}}}}}}"#,
            basic("u", "canary")
        ),
    )
    .expect("a file");
    let client = Registry::new(RegistryOptions {
        environment: Environment {
            config: Some(folder.path().to_owned()),
            ..Environment::default()
        },
        resolver: Some(names(folder.path(), "registry.test")),
        ca_file: Some(server.authority.clone()),
        ..RegistryOptions::default()
    })
    .expect("a client");
    let error = exists(&client, &format!("registry.test:{at}/app"))
        .await
        .expect_err("unsafe");
    assert!(
        matches!(&error, RegistryError::UnsafeRealm { .. }),
        "{error:?}"
    );
    assert_eq!(tokens.heard(), 0);
}

#[tokio::test]
async fn a_digest_that_nobody_confirms_is_not_taken_for_found() {
    let wanted = format!("sha256:{}", "a".repeat(64));
    for headers in ["", "Docker-Content-Digest: yes\r\n"] {
        let text = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n"
        );
        let server = Scripted::tcp(Says::Text(text)).await;
        let error = exists(&anonymous(), &format!("{}/app@{wanted}", server.address))
            .await
            .expect_err("nobody confirmed it");
        assert!(
            matches!(&error, RegistryError::NotARegistry { .. }),
            "{headers} {error:?}"
        );
    }
}

#[tokio::test]
async fn another_digest_than_the_wanted_one_is_no_match() {
    let digest = |digit: &str| format!("sha256:{}", digit.repeat(64));
    let server = MockServer::start().await;
    Mock::given(method("HEAD"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("docker-content-digest", digest("a"))
                .insert_header("content-type", "application/vnd.oci.image.manifest.v1+json"),
        )
        .mount(&server)
        .await;
    let reference = |digit| format!("{}/app@{}", server.address(), digest(digit));
    let found = exists(&anonymous(), &reference("a"))
        .await
        .expect("it exists");
    assert_eq!(found.digest, Some(digest("a")));
    let error = exists(&anonymous(), &reference("b"))
        .await
        .expect_err("another");
    assert!(
        matches!(&error, RegistryError::OtherDigest { .. }),
        "{error:?}"
    );
    assert_eq!(error.answer(), Answer::Fail);
}

#[tokio::test]
async fn a_registry_that_knows_no_head_is_asked_with_get() {
    let server = MockServer::start().await;
    Mock::given(method("HEAD"))
        .respond_with(ResponseTemplate::new(405))
        .mount(&server)
        .await;
    let kind = "application/vnd.oci.image.index.v1+json";
    Mock::given(method("GET"))
        .and(path("/v2/app/manifests/1"))
        .respond_with(ResponseTemplate::new(200).set_body_raw("{}", kind))
        .mount(&server)
        .await;
    let found = exists(&anonymous(), &format!("{}/app:1", server.address())).await;
    assert_eq!(found.expect("it exists").media_type, kind);
}
