//! An image registry.

use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{Process, free_port, plain_http, program};

/// The digest of the blob `{}`.
const EMPTY: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Who may ask a registry.
#[derive(Clone, Debug)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// [`Registry::USER`] with [`Registry::PASSWORD`] (RFC 7617).
    Basic,
    /// Who brings a token of another server.
    Token {
        /// That server's address.
        realm: String,
        /// The certificate of the key that signs its tokens, a PEM file.
        certificate: PathBuf,
    },
}

/// A registry of its own, over plain HTTP on 127.0.0.1.
#[derive(Debug)]
pub struct Registry {
    /// Where it listens.
    pub address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Registry {
    /// Who may ask under [`Access::Basic`].
    pub const USER: &str = "reader";
    /// With which password.
    pub const PASSWORD: &str = "canary-password";
    /// What tokens of [`Access::Token`] must be for.
    pub const SERVICE: &str = "registry.test";
    /// Who must have signed them.
    pub const ISSUER: &str = "issuer.test";

    /// Starts one, empty.
    pub fn start(access: &Access) -> Registry {
        let binary = program("docker-registry", &[], "registry");
        let folder = TempDir::new().expect("a folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn}}\nhttp: {{addr: \"{address}\"}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n",
            folder.path().join("data").display(),
        );
        match access {
            Access::Anyone => (),
            Access::Basic => {
                let file = folder.path().join("htpasswd");
                // The registry takes bcrypt alone; this is PASSWORD.
                let line = "reader:$2y$05$abcdefghijklmnopqrstuuTvmw3qcMpAvEgQGhbFMhqjD3R/evDDW\n";
                std::fs::write(&file, line).expect("a file");
                let _infallible = writeln!(
                    config,
                    "auth: {{htpasswd: {{realm: test, path: {}}}}}",
                    file.display()
                );
            }
            Access::Token { realm, certificate } => {
                let _infallible = writeln!(
                    config,
                    "auth: {{token: {{realm: \"{realm}\", service: {}, issuer: {}, rootcertbundle: {}}}}}",
                    Registry::SERVICE,
                    Registry::ISSUER,
                    certificate.display()
                );
            }
        }
        let file = folder.path().join("config.yml");
        std::fs::write(&file, config).expect("a file");
        let mut process = Process::start(
            Command::new(binary).arg("serve").arg(file),
            &folder.path().join("log"),
        );
        process.await_ready(Duration::from_secs(30), || {
            plain_http::exchange(address, "GET /v2/", &[], "").is_ok()
        });
        Registry {
            address,
            _process: process,
            _folder: folder,
        }
    }

    /// Puts an image without layers to `name:tag` and returns its digest. `authorization` is that header's value, where
    /// one is needed.
    pub fn push(&self, name: &str, tag: &str, authorization: Option<&str>) -> String {
        let allowed: Vec<(&str, &str)> = authorization
            .map(|value| ("Authorization", value))
            .into_iter()
            .collect();
        let begun = plain_http::exchange(
            self.address,
            &format!("POST /v2/{name}/blobs/uploads/"),
            &allowed,
            "",
        )
        .expect("an answer");
        assert_eq!(begun.status, 202, "the upload begins");
        let upload = begun.header("location").expect("where to").to_owned();
        let path = upload
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').map(|slash| rest[slash..].to_owned()))
            .unwrap_or(upload);
        let blob = plain_http::exchange(
            self.address,
            &format!("PUT {path}&digest={EMPTY}"),
            &allowed,
            "{}",
        )
        .expect("an answer");
        assert_eq!(blob.status, 201, "the blob is taken");
        let kind = "application/vnd.docker.distribution.manifest.v2+json";
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{{"mediaType":"application/vnd.docker.container.image.v1+json","size":2,"digest":"{EMPTY}"}},"layers":[]}}"#
        );
        let mut headers = allowed.clone();
        headers.push(("Content-Type", kind));
        let put = plain_http::exchange(
            self.address,
            &format!("PUT /v2/{name}/manifests/{tag}"),
            &headers,
            &manifest,
        )
        .expect("an answer");
        assert_eq!(put.status, 201, "the manifest is taken");
        put.header("docker-content-digest")
            .expect("its digest")
            .to_owned()
    }
}
