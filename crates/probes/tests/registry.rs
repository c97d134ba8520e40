//! Registries: a real one open, with passwords and with tokens, and everything else that may be at its address.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "registry/ill.rs"]
mod ill;
#[path = "registry/logins.rs"]
mod logins;
#[path = "http/scripted.rs"]
mod scripted;
#[path = "docker/scripts.rs"]
mod scripts;
#[path = "http/tls_server.rs"]
mod tls_server;
#[path = "registry/token_server.rs"]
mod token_server;

use std::{collections::BTreeSet, net::SocketAddr, path::Path, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use probes::{
    Answer, Probe,
    docker::Environment,
    registry::{ImageProbe, Manifest, Registry, RegistryError, RegistryOptions},
    resolver::Resolver,
};
use test_servers::Access;
use token_server::Signer;
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, Request, ResponseTemplate,
    matchers::{method, path},
};

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Without any login.
fn anonymous() -> Registry {
    Registry::new(RegistryOptions::default()).expect("a client")
}

/// With what the `config.json` in `folder` has.
fn logged_in(folder: &Path, path: Option<&Path>) -> Registry {
    Registry::new(RegistryOptions {
        environment: Environment {
            config: Some(folder.to_owned()),
            path: path.map(|path| path.as_os_str().to_owned()),
            ..Environment::default()
        },
        ..RegistryOptions::default()
    })
    .expect("a client")
}

async fn exists(registry: &Registry, reference: &str) -> Result<Manifest, RegistryError> {
    let reference = reference.parse().expect("a reference");
    registry.manifest(&reference, soon()).await
}

fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

/// A resolver that knows one name, as this host.
fn names(folder: &Path, name: &str) -> Resolver {
    let hosts = folder.join("hosts");
    std::fs::write(&hosts, format!("127.0.0.1 {name}\n")).expect("a file");
    Resolver::from_files(Path::new("/dev/null"), &hosts)
}

#[tokio::test]
async fn an_image_is_found_by_tag_and_by_digest_and_what_is_missing_is_named() {
    let server = test_servers::Registry::start(&Access::Anyone);
    let digest = server.push("team/app", "1.0", None);
    server.push("team/app", "latest", None);
    let at = server.address;
    let client = anonymous();

    let found = exists(&client, &format!("{at}/team/app:1.0"))
        .await
        .expect("it exists");
    assert_eq!(found.digest.as_deref(), Some(digest.as_str()));
    assert_eq!(
        found.media_type,
        "application/vnd.docker.distribution.manifest.v2+json"
    );
    assert!(found.size.is_some_and(|size| size > 100), "{found:?}");
    for reference in [
        "team/app".to_owned(),
        format!("team/app@{digest}"),
        format!("team/app:gone@{digest}"),
    ] {
        let found = exists(&client, &format!("{at}/{reference}"))
            .await
            .expect("it exists");
        assert_eq!(
            found.digest.as_deref(),
            Some(digest.as_str()),
            "{reference}"
        );
    }

    let other = format!("sha256:{}", "0".repeat(64));
    for wanted in ["team/app:2.0".to_owned(), format!("team/app@{other}")] {
        let error = exists(&client, &format!("{at}/{wanted}"))
            .await
            .expect_err("it is not there");
        assert!(
            matches!(&error, RegistryError::NoManifest { .. }),
            "{error:?}"
        );
        assert_eq!(error.answer(), Answer::Fail);
    }
    let error = exists(&client, &format!("{at}/team/none"))
        .await
        .expect_err("it is not there");
    assert_eq!(
        error,
        RegistryError::NoRepository {
            host: at.to_string(),
            repository: "team/none".to_owned(),
        }
    );

    let probe = ImageProbe {
        registry: client,
        reference: format!("{at}/team/app:1.0").parse().expect("a reference"),
    };
    let seen = probe.check(soon()).await;
    assert_eq!(
        (seen.answer, seen.seen),
        (Answer::Pass, format!("exists, {digest}"))
    );
    assert_eq!(probe.identity(), format!("image {at}/team/app:1.0"));
}

#[tokio::test]
async fn plain_http_is_spoken_to_a_named_registry_and_no_other() {
    let server = test_servers::Registry::start(&Access::Anyone);
    server.push("app", "latest", None);
    let folder = tempfile::tempdir().expect("a folder");
    let name = format!("registry.test:{}", server.address.port());
    let client = |insecure: &[&str]| {
        Registry::new(RegistryOptions {
            insecure: insecure
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<BTreeSet<_>>(),
            resolver: Some(names(folder.path(), "registry.test")),
            ..RegistryOptions::default()
        })
        .expect("a client")
    };
    let reference = format!("{name}/app");
    exists(&client(&[&name]), &reference)
        .await
        .expect("it exists");
    let error = exists(&client(&[]), &reference)
        .await
        .expect_err("it speaks no TLS");
    assert!(
        matches!(&error, RegistryError::Unreachable { .. }),
        "{error:?}"
    );
    assert_eq!(error.answer(), Answer::Unknown);
}

#[tokio::test]
async fn a_registry_with_passwords_is_asked_with_the_login_that_docker_has() {
    let server = test_servers::Registry::start(&Access::Basic);
    let right = basic(
        test_servers::Registry::USER,
        test_servers::Registry::PASSWORD,
    );
    server.push("app", "1", Some(&format!("Basic {right}")));
    let reference = format!("{}/app:1", server.address);
    let refused = |tried| {
        Err(RegistryError::Unauthorized {
            host: server.address.to_string(),
            tried,
        })
    };
    assert_eq!(exists(&anonymous(), &reference).await, refused(false));

    let folder = tempfile::tempdir().expect("a folder");
    let config =
        |text: String| std::fs::write(folder.path().join("config.json"), text).expect("a file");
    let at = server.address;
    config(format!(
        r#"{{"auths":{{"{at}":{{"auth":"{}"}}}}}}"#,
        basic("reader", "canary")
    ));
    let client = logged_in(folder.path(), None);
    let error = exists(&client, &reference).await;
    assert_eq!(error, refused(true));
    assert!(!format!("{error:?} {client:?}").contains("canary"));

    for entry in [
        format!(r#""{at}":{{"auth":"{right}"}}"#),
        format!(r#""http://{at}/v2/":{{"username":"reader","password":"canary-password"}}"#),
    ] {
        config(format!(
            r#"{{"auths":{{"other.example":{{"auth":"eDp5"}},{entry}}}}}"#
        ));
        exists(&client, &reference).await.expect("it exists");
    }
}

#[tokio::test]
async fn a_registry_with_tokens_is_asked_with_one_of_its_token_server() {
    let signer = Signer::new();
    let pull = signer.token("team/app", &["pull"]);
    let nothing = signer.token("team/app", &[]);
    let right = format!("Basic {}", basic("reader", "canary-password"));
    let tokens = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/token"))
        .respond_with(move |request: &Request| {
            let asked: Vec<_> = request.url.query_pairs().collect();
            let has = |key: &str, value: &str| asked.iter().any(|(k, v)| k == key && v == value);
            if !has("service", test_servers::Registry::SERVICE)
                || !has("scope", "repository:team/app:pull")
            {
                return ResponseTemplate::new(400);
            }
            match request.headers.get("authorization") {
                None => {
                    ResponseTemplate::new(200).set_body_json(serde_json::json!({"token": nothing}))
                }
                Some(value) if *value == *right => ResponseTemplate::new(200)
                    .set_body_json(serde_json::json!({"access_token": pull})),
                Some(_) => ResponseTemplate::new(401),
            }
        })
        .mount(&tokens)
        .await;
    let server = test_servers::Registry::start(&Access::Token {
        realm: format!("{}/token", tokens.uri()),
        certificate: signer.certificate(),
    });
    let push = signer.token("team/app", &["pull", "push"]);
    server.push("team/app", "1", Some(&format!("Bearer {push}")));
    let at: SocketAddr = server.address;
    let reference = format!("{at}/team/app:1");

    let error = exists(&anonymous(), &reference).await.expect_err("private");
    assert_eq!(
        error,
        RegistryError::Denied {
            host: at.to_string(),
            repository: "team/app".to_owned(),
        }
    );
    let folder = tempfile::tempdir().expect("a folder");
    let login = |password: &str| {
        let text = format!(
            r#"{{"auths":{{"{at}":{{"auth":"{}"}}}}}}"#,
            basic("reader", password)
        );
        std::fs::write(folder.path().join("config.json"), text).expect("a file");
    };
    let client = logged_in(folder.path(), None);
    login("canary-password");
    exists(&client, &reference).await.expect("it exists");
    let error = exists(&client, &format!("{at}/team/app:2"))
        .await
        .expect_err("no such tag");
    assert!(
        matches!(&error, RegistryError::NoManifest { .. }),
        "{error:?}"
    );
    login("canary");
    assert_eq!(
        exists(&client, &reference).await,
        Err(RegistryError::Unauthorized {
            host: "127.0.0.1".to_owned(),
            tried: true,
        })
    );
}
