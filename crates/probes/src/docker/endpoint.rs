//! Where the daemon is asked.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{DockerError, Environment, environment::set};
use crate::http::{ClientOptions, Roots};

/// The socket that is asked where nothing else is named.
const SOCKET: &str = "/var/run/docker.sock";

/// What TLS to a daemon needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates that are trusted; the host's where there is no such file.
    pub ca: Option<PathBuf>,
    /// The client's certificate and key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether the daemon's certificate is checked.
    pub verify: bool,
}

impl TlsFiles {
    /// The files as Docker names them, where they are in `folder`.
    fn in_folder(folder: &Path, verify: bool) -> TlsFiles {
        let there = |name: &str| Some(folder.join(name)).filter(|path| path.is_file());
        TlsFiles {
            ca: there("ca.pem"),
            identity: there("cert.pem").zip(there("key.pem")),
            verify,
        }
    }
}

/// Where a daemon listens. Prints as `DOCKER_HOST` would name it, without a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this host.
    Unix(PathBuf),
    /// A port.
    Tcp {
        /// Host, port and a path before the API's own: `192.0.2.7:2375`, `[::1]:2375/docker`.
        authority: String,
        /// TLS, where it is spoken.
        tls: Option<TlsFiles>,
    },
}

impl Endpoint {
    /// The endpoint that the `docker` command would ask: `DOCKER_HOST`, else `DOCKER_CONTEXT`, else the configuration's
    /// `currentContext`, else the usual socket (<https://docs.docker.com/engine/manage-resources/contexts/>).
    ///
    /// # Errors
    /// [`DockerError::Transport`], [`DockerError::Host`], [`DockerError::Configuration`] and [`DockerError::Context`].
    pub fn of(environment: &Environment) -> Result<Endpoint, DockerError> {
        if let Some(host) = set(environment.host.as_ref()) {
            let verify = set(environment.tls_verify.as_ref()).is_some();
            let tls = (verify || set(environment.tls.as_ref()).is_some()).then(|| {
                let folder = environment
                    .cert_path
                    .clone()
                    .filter(|path| !path.as_os_str().is_empty())
                    .or_else(|| environment.config_folder())
                    .unwrap_or_default();
                TlsFiles::in_folder(&folder, verify)
            });
            return Endpoint::read(host, tls);
        }
        let folder = environment.config_folder();
        let named = match set(environment.context.as_ref()) {
            Some(context) => Some(context.to_owned()),
            None => match &folder {
                Some(folder) => current_context(folder)?,
                None => None,
            },
        };
        match named.filter(|name| !name.is_empty() && name != "default") {
            Some(name) => in_context(&folder.unwrap_or_default(), &name),
            None => Ok(Endpoint::Unix(PathBuf::from(SOCKET))),
        }
    }

    /// Reads an address as `DOCKER_HOST` holds it.
    fn read(host: &str, tls: Option<TlsFiles>) -> Result<Endpoint, DockerError> {
        let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
        match scheme {
            "unix" => Ok(Endpoint::Unix(PathBuf::from(match rest {
                "" => SOCKET,
                path => path,
            }))),
            "tcp" | "http" | "https" => {
                let tls = tls.or_else(|| {
                    (scheme == "https").then(|| TlsFiles {
                        verify: true,
                        ..TlsFiles::default()
                    })
                });
                let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
                // Whoever wrote a password here: it is not Docker's, and it is not repeated.
                let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
                let host = if host.is_empty() { "127.0.0.1" } else { host };
                let port = if tls.is_some() { 2376 } else { 2375 };
                let has_port = host
                    .rsplit_once(':')
                    .is_some_and(|(before, _)| !before.contains(':') || before.ends_with(']'));
                let mut authority = if has_port {
                    host.to_owned()
                } else {
                    format!("{host}:{port}")
                };
                let path = path.split(['?', '#']).next().unwrap_or_default();
                if !path.trim_matches('/').is_empty() {
                    authority = format!("{authority}/{}", path.trim_matches('/'));
                }
                Ok(Endpoint::Tcp { authority, tls })
            }
            "ssh" | "npipe" | "fd" => Err(DockerError::Transport {
                scheme: scheme.to_owned(),
            }),
            _ => Err(DockerError::Host),
        }
    }

    /// How a client reaches it, and the address of `path` there.
    pub(super) fn client(&self, path: &str) -> (ClientOptions, String) {
        match self {
            Endpoint::Unix(socket) => (
                ClientOptions {
                    roots: Roots::None,
                    unix_socket: Some(socket.clone()),
                    ..ClientOptions::default()
                },
                // The daemon takes any host's name here.
                format!("http://docker{path}"),
            ),
            Endpoint::Tcp {
                authority,
                tls: None,
            } => (
                ClientOptions {
                    roots: Roots::None,
                    ..ClientOptions::default()
                },
                format!("http://{authority}{path}"),
            ),
            Endpoint::Tcp {
                authority,
                tls: Some(tls),
            } => {
                let roots = match &tls.ca {
                    _ if !tls.verify => Roots::Anyone,
                    Some(file) => Roots::File(file.clone()),
                    None => Roots::Host,
                };
                (
                    ClientOptions {
                        roots,
                        identity: tls.identity.clone(),
                        ..ClientOptions::default()
                    },
                    format!("https://{authority}{path}"),
                )
            }
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Unix(path) => write!(f, "unix://{}", path.display()),
            Endpoint::Tcp { authority, .. } => write!(f, "tcp://{authority}"),
        }
    }
}

/// The context that `docker context use` chose.
fn current_context(folder: &Path) -> Result<Option<String>, DockerError> {
    #[derive(Deserialize)]
    struct Config {
        #[serde(rename = "currentContext")]
        current_context: Option<String>,
    }
    let path = folder.join("config.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(DockerError::Configuration {
                detail: error.kind().to_string(),
                path,
            });
        }
    };
    match serde_json::from_slice::<Config>(&text) {
        Ok(config) => Ok(config.current_context),
        // The parser's own words could hold a piece of the file, which holds passwords.
        Err(error) => Err(DockerError::Configuration {
            detail: format!("no JSON of the right shape at line {}", error.line()),
            path,
        }),
    }
}

/// What the context `name` names. Docker keys its folders by a hash of the name; the name stands inside as well.
fn in_context(folder: &Path, name: &str) -> Result<Endpoint, DockerError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Meta {
        name: String,
        endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct MetaEndpoint {
        #[serde(default)]
        host: String,
        #[serde(default, rename = "SkipTLSVerify")]
        skip_tls_verify: bool,
    }
    let unknown = || DockerError::Context {
        name: name.to_owned(),
    };
    let contexts = folder.join("contexts");
    let entries = std::fs::read_dir(contexts.join("meta")).map_err(|_| unknown())?;
    for entry in entries.flatten() {
        let Some(meta) = std::fs::read(entry.path().join("meta.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<Meta>(&text).ok())
            .filter(|meta| meta.name == name)
        else {
            continue;
        };
        let docker = meta.endpoints.get("docker").ok_or_else(unknown)?;
        if docker.host.is_empty() {
            return Ok(Endpoint::Unix(PathBuf::from(SOCKET)));
        }
        let files = contexts.join("tls").join(entry.file_name()).join("docker");
        let tls = (docker.skip_tls_verify || files.is_dir())
            .then(|| TlsFiles::in_folder(&files, !docker.skip_tls_verify));
        return Endpoint::read(&docker.host, tls);
    }
    Err(unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(host: &str) -> String {
        let environment = Environment {
            host: Some(host.to_owned()),
            ..Environment::default()
        };
        match Endpoint::of(&environment) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_host_is_read_as_docker_reads_it() {
        for (host, endpoint) in [
            ("", "unix:///var/run/docker.sock"),
            ("unix://", "unix:///var/run/docker.sock"),
            (
                "unix:///run/user/1000/docker.sock",
                "unix:///run/user/1000/docker.sock",
            ),
            ("tcp://192.0.2.7", "tcp://192.0.2.7:2375"),
            ("tcp://", "tcp://127.0.0.1:2375"),
            ("192.0.2.7:99", "tcp://192.0.2.7:99"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("tcp://[::1]:99/a/b/", "tcp://[::1]:99/a/b"),
            (
                "tcp://me:canary@a.example/?x=canary",
                "tcp://a.example:2375",
            ),
            ("https://a.example", "tcp://a.example:2376"),
        ] {
            assert_eq!(named(host), endpoint, "{host}");
        }
    }

    #[test]
    fn a_transport_that_is_not_spoken_here_is_named() {
        assert_eq!(
            named("ssh://me:canary@host"),
            "ask Docker over ssh: only unix:// and tcp:// can be asked from here"
        );
        assert_eq!(
            named("npipe:////./pipe/docker_engine"),
            "ask Docker over npipe: only unix:// and tcp:// can be asked from here"
        );
        assert!(!named("canary://x").contains("canary"));
    }

    #[test]
    fn a_context_is_followed_to_its_endpoint_and_its_keys() {
        let folder = tempfile::tempdir().expect("a folder");
        let meta = folder.path().join("contexts/meta/abc");
        let tls = folder.path().join("contexts/tls/abc/docker");
        std::fs::create_dir_all(&meta).expect("folders");
        std::fs::create_dir_all(&tls).expect("folders");
        for name in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(tls.join(name), "x").expect("a file");
        }
        std::fs::write(
            meta.join("meta.json"),
            r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://192.0.2.7:2376","SkipTLSVerify":false}}}"#,
        )
        .expect("a file");
        let config = folder.path().join("config.json");
        std::fs::write(&config, r#"{"auths":{},"currentContext":"far"}"#).expect("a file");
        let mut environment = Environment {
            config: Some(folder.path().to_owned()),
            ..Environment::default()
        };
        let far = Endpoint::Tcp {
            authority: "192.0.2.7:2376".to_owned(),
            tls: Some(TlsFiles {
                ca: Some(tls.join("ca.pem")),
                identity: Some((tls.join("cert.pem"), tls.join("key.pem"))),
                verify: true,
            }),
        };
        assert_eq!(Endpoint::of(&environment), Ok(far.clone()));

        // DOCKER_CONTEXT goes before the file, DOCKER_HOST before both.
        environment.context = Some("default".to_owned());
        assert_eq!(
            Endpoint::of(&environment),
            Ok(Endpoint::Unix(SOCKET.into()))
        );
        environment.context = Some("away".to_owned());
        assert_eq!(
            Endpoint::of(&environment)
                .expect_err("no such context")
                .to_string(),
            "find the Docker context \"away\""
        );
        environment.host = Some("unix:///x".to_owned());
        assert_eq!(Endpoint::of(&environment), Ok(Endpoint::Unix("/x".into())));

        std::fs::write(&config, r#"{"auths":{"canary":"#).expect("a file");
        environment.host = None;
        environment.context = None;
        let error = Endpoint::of(&environment).expect_err("broken");
        assert!(
            matches!(&error, DockerError::Configuration { .. }),
            "{error}"
        );
        assert!(!error.to_string().contains("canary"), "{error}");
    }

    #[test]
    fn tls_is_spoken_when_asked_for_and_checked_when_asked_to() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), "x").expect("a file");
        let mut environment = Environment {
            host: Some("tcp://a.example".to_owned()),
            tls_verify: Some("1".to_owned()),
            cert_path: Some(folder.path().to_owned()),
            ..Environment::default()
        };
        let tls = |verify| {
            Ok(Endpoint::Tcp {
                authority: "a.example:2376".to_owned(),
                tls: Some(TlsFiles {
                    ca: Some(folder.path().join("ca.pem")),
                    identity: None,
                    verify,
                }),
            })
        };
        assert_eq!(Endpoint::of(&environment), tls(true));
        environment.tls_verify = Some(String::new());
        environment.tls = Some("1".to_owned());
        assert_eq!(Endpoint::of(&environment), tls(false));
        environment.tls = None;
        assert_eq!(
            Endpoint::of(&environment).map(|endpoint| endpoint.to_string()),
            Ok("tcp://a.example:2375".to_owned())
        );
    }
}
