//! Logins: credential helpers and identity tokens.

use std::time::Duration;

use probes::{
    Answer,
    registry::{CredentialsError, Manifest, Registry, RegistryError},
};
use tempfile::TempDir;
use test_servers::Access;
use tokio::time::Instant;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{body_string, header, method, path},
};

use super::{basic, exists, logged_in, scripts::script};

/// A client whose configuration is `config` and whose PATH has `helper` as `docker-credential-test`.
fn client(config: &str, helper: &str) -> (TempDir, Registry) {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("config.json"), config).expect("a file");
    script(&folder.path().join("docker-credential-test"), helper);
    let registry = logged_in(folder.path(), Some(folder.path()));
    (folder, registry)
}

#[tokio::test]
async fn a_credential_helper_is_asked_for_the_registry_by_its_name() {
    let server = test_servers::Registry::start(&Access::Basic);
    let right = basic(
        test_servers::Registry::USER,
        test_servers::Registry::PASSWORD,
    );
    server.push("app", "1", Some(&format!("Basic {right}")));
    let at = server.address;
    let helper = format!(
        r#"read -r server
[ "$1 $server" = "get {at}" ] || {{ echo 'credentials not found in native keychain'; exit 1; }}
echo '{{"ServerURL":"{at}","Username":"reader","Secret":"canary-password"}}'"#
    );
    let reference = format!("{at}/app:1");
    for config in [
        format!(r#"{{"credHelpers":{{"{at}":"test"}},"credsStore":"none"}}"#),
        format!(r#"{{"credsStore":"test","auths":{{"{at}":{{}}}}}}"#),
    ] {
        let (_folder, client) = client(&config, &helper);
        exists(&client, &reference).await.expect("it exists");
    }

    let asked = async |helper: &str| -> Result<Manifest, RegistryError> {
        let (_folder, client) = client(r#"{"credsStore":"test"}"#, helper);
        exists(&client, &reference).await
    };
    let none = "echo 'credentials not found in native keychain'; exit 1";
    assert_eq!(
        asked(none).await,
        Err(RegistryError::Unauthorized {
            host: at.to_string(),
            tried: false,
        })
    );
    for helper in [
        "echo canary; echo canary >&2; exit 3",
        "echo canary",
        "echo '{\"Username\":\"canary\"}'",
    ] {
        let error = asked(helper).await.expect_err("no credentials");
        assert!(
            matches!(
                &error,
                RegistryError::Credentials(CredentialsError::Helper { .. })
            ),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
        assert_eq!(error.answer(), Answer::Unknown);
    }
}

#[tokio::test]
async fn a_helper_that_is_not_there_or_hangs_is_named() {
    let server = test_servers::Registry::start(&Access::Basic);
    let reference = format!("{}/app:1", server.address);
    for name in ["none", "../docker-credential-test", "x/y"] {
        let (_folder, client) = client(&format!(r#"{{"credsStore":"{name}"}}"#), "exit 0");
        let error = exists(&client, &reference).await.expect_err("no helper");
        assert!(
            matches!(
                &error,
                RegistryError::Credentials(CredentialsError::NoHelper { .. })
            ),
            "{name}: {error:?}"
        );
    }
    let (_folder, client) = client(r#"{"credsStore":"test"}"#, "exec /bin/sleep 1000");
    let error = client
        .manifest(
            &reference.parse().expect("a reference"),
            Instant::now() + Duration::from_millis(500),
        )
        .await
        .expect_err("it hangs");
    assert!(
        matches!(
            &error,
            RegistryError::Credentials(CredentialsError::Late { .. })
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_broken_configuration_is_named_and_not_repeated() {
    let server = test_servers::Registry::start(&Access::Basic);
    let reference = format!("{}/app:1", server.address);
    let at = server.address;
    for config in [
        r#"{"auths":{"canary":"#.to_owned(),
        r#"{"auths":{"x":"canary"}}"#.to_owned(),
        format!(r#"{{"auths":{{"{at}":{{"auth":"canary%"}}}}}}"#),
    ] {
        let (_folder, client) = client(&config, "exit 0");
        let error = exists(&client, &reference).await.expect_err("broken");
        assert!(
            matches!(
                &error,
                RegistryError::Credentials(CredentialsError::Configuration { .. })
            ),
            "{error:?}"
        );
        assert!(!format!("{error} {error:?}").contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn an_identity_token_is_exchanged_for_a_token() {
    let server = MockServer::start().await;
    let at = server.address();
    let realm =
        format!(r#"Bearer realm="http://{at}/token",service="s",scope="repository:app:pull""#);
    Mock::given(path("/token"))
        .and(method("POST"))
        .and(body_string(
            "grant_type=refresh_token&client_id=baton&service=s&scope=repository%3Aapp%3Apull&refresh_token=canary%26",
        ))
        .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({"access_token": "t"})))
        .mount(&server)
        .await;
    Mock::given(path("/v2/app/manifests/latest"))
        .and(header("authorization", "Bearer t"))
        .respond_with(
            ResponseTemplate::new(200)
                .insert_header("content-type", "application/vnd.oci.image.index.v1+json"),
        )
        .mount(&server)
        .await;
    Mock::given(path("/v2/app/manifests/latest"))
        .respond_with(ResponseTemplate::new(401).insert_header("www-authenticate", realm.as_str()))
        .mount(&server)
        .await;
    let reference = format!("{at}/app");
    for (config, helper) in [
        (
            format!(r#"{{"auths":{{"{at}":{{"identitytoken":"canary&"}}}}}}"#),
            "exit 1",
        ),
        (
            r#"{"credsStore":"test"}"#.to_owned(),
            r#"echo '{"ServerURL":"x","Username":"<token>","Secret":"canary&"}'"#,
        ),
    ] {
        let (_folder, client) = client(&config, helper);
        let found = exists(&client, &reference).await.expect("it exists");
        assert_eq!(found.media_type, "application/vnd.oci.image.index.v1+json");
        assert_eq!(found.digest, None);
    }
    let (_folder, client) = client(
        &format!(r#"{{"auths":{{"{at}":{{"identitytoken":"canary"}}}}}}"#),
        "exit 1",
    );
    let error = exists(&client, &reference)
        .await
        .expect_err("no such token");
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "{error:?}"
    );
}
