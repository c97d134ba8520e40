//! The questions to a registry.

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Reference, RegistryError,
    challenge::Challenge,
    credentials::{Login, login},
};
use crate::{
    docker::Environment,
    http::{Client, ClientOptions, Credentials, HttpError, Request, Response, Roots},
    resolver::Resolver,
};

/// Every kind of manifest that a reference may name: without an index's kinds, a registry that has one says 404.
const KINDS: &str = "application/vnd.oci.image.index.v1+json, \
     application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, \
     application/vnd.docker.distribution.manifest.v2+json";

/// Who asks a token server.
const CLIENT_ID: &str = "baton";

/// How registries are asked.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Where Docker's configuration and its credential helpers are.
    pub environment: Environment,
    /// Registries that speak plain HTTP, as references name them: `registry.lan:5000`. Those of this host do so anyway.
    pub insecure: BTreeSet<String>,
    /// Who knows the addresses of names; as this host is configured where none is given.
    pub resolver: Option<Resolver>,
    /// Certificates to trust in place of the host's, a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// What a registry says of an image that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest, where the registry tells it: `sha256:…`.
    pub digest: Option<String>,
    /// What it is: `application/vnd.oci.image.index.v1+json`.
    pub media_type: String,
    /// The manifest's own size in bytes, where the registry tells it.
    pub size: Option<u64>,
}

/// A client of registries.
#[derive(Clone, Debug)]
pub struct Registry {
    secure: Client,
    plain: Client,
    /// For those of this host, which no proxy can reach.
    local: Client,
    options: RegistryOptions,
}

/// A question about one reference.
struct Question<'a> {
    registry: &'a Registry,
    reference: &'a Reference,
    plain: bool,
    deadline: Instant,
}

impl Registry {
    /// A client that has not asked anything yet.
    ///
    /// # Errors
    /// Those of [`Client::new`].
    pub fn new(options: RegistryOptions) -> Result<Registry, HttpError> {
        // As Docker does: a runner behind a proxy reaches a public registry through it alone.
        let client = |roots, proxies| {
            Client::new(ClientOptions {
                roots,
                resolver: options.resolver.clone(),
                // Some registries keep manifests elsewhere.
                redirects: 3,
                proxies,
                ..ClientOptions::default()
            })
        };
        let roots = match &options.ca_file {
            Some(path) => Roots::File(path.clone()),
            None => Roots::Host,
        };
        Ok(Registry {
            secure: client(roots, true)?,
            plain: client(Roots::None, true)?,
            local: client(Roots::None, false)?,
            options,
        })
    }

    /// Whether `reference` exists: `HEAD /v2/<repository>/manifests/<tag or digest>`, with what the registry wants for
    /// it.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn manifest(
        &self,
        reference: &Reference,
        deadline: Instant,
    ) -> Result<Manifest, RegistryError> {
        let question = Question {
            registry: self,
            reference,
            plain: is_local(reference.registry())
                || self.options.insecure.contains(reference.registry()),
            deadline,
        };
        question.manifest().await
    }
}

/// Whether `registry` is this host, where Docker speaks plain HTTP too.
fn is_local(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl Question<'_> {
    async fn manifest(&self) -> Result<Manifest, RegistryError> {
        let mut authorization = None;
        let mut response = self.ask(Method::HEAD, None).await?;
        if response.status == 401 {
            authorization = self.authorization(&response).await?;
            response = self.ask(Method::HEAD, authorization.as_ref()).await?;
        }
        if response.status == 405 {
            response = self.ask(Method::GET, authorization.as_ref()).await?;
        }
        match response.status {
            200 => self.found(&response),
            404 => {
                // An answer to HEAD has no body, and some registries call an unknown repository an unknown manifest
                // too: the list of tags tells the two apart.
                let tags = self
                    .send(Method::GET, "tags/list?n=1", authorization.as_ref())
                    .await?;
                Err(self.missing(&tags))
            }
            401 | 403 => Err(match (&authorization, response.status) {
                (None | Some(Credentials::Basic { .. }), 401) => RegistryError::Unauthorized {
                    host: self.host(),
                    tried: authorization.is_some(),
                },
                _ => RegistryError::Denied {
                    host: self.host(),
                    repository: self.reference.repository().to_owned(),
                },
            }),
            _ => Err(unwell(self.host(), &response)),
        }
    }

    fn host(&self) -> String {
        self.reference.host().to_owned()
    }

    /// Asks for the manifest itself.
    async fn ask(
        &self,
        method: Method,
        authorization: Option<&Credentials>,
    ) -> Result<Response, RegistryError> {
        let path = format!("manifests/{}", self.reference.wanted());
        self.send(method, &path, authorization).await
    }

    /// Asks for something of the repository.
    async fn send(
        &self,
        method: Method,
        path: &str,
        authorization: Option<&Credentials>,
    ) -> Result<Response, RegistryError> {
        let scheme = if self.plain { "http" } else { "https" };
        let url = format!(
            "{scheme}://{}/v2/{}/{path}",
            self.reference.host(),
            self.reference.repository(),
        );
        let asked = async {
            let mut request = Request::new(method.as_str(), &url)?.header("Accept", KINDS)?;
            if let Some(credentials) = authorization {
                request = request.credentials(credentials)?;
            }
            self.client().ask(&request, self.deadline).await
        };
        asked.await.map_err(|source| RegistryError::Unreachable {
            host: self.host(),
            source,
        })
    }

    fn client(&self) -> &Client {
        if is_local(self.reference.registry()) {
            &self.registry.local
        } else if self.plain {
            &self.registry.plain
        } else {
            &self.registry.secure
        }
    }

    /// What the registry wants for the question that it refused; none where nothing can be given.
    async fn authorization(
        &self,
        refusal: &Response,
    ) -> Result<Option<Credentials>, RegistryError> {
        let lines = refusal
            .headers
            .get_all("www-authenticate")
            .iter()
            .filter_map(|value| value.to_str().ok());
        let challenge = Challenge::read(lines);
        let login = login(
            &self.registry.options.environment,
            self.reference.registry(),
            self.deadline,
        )
        .await?;
        match (challenge, login) {
            (_, Some(Login::Password(token @ Credentials::Bearer(_)))) => Ok(Some(token)),
            (Some(Challenge::Basic), Some(Login::Password(basic))) => Ok(Some(basic)),
            (
                Some(Challenge::Bearer {
                    realm,
                    service,
                    scope,
                    ..
                }),
                login,
            ) => {
                let scope = scope
                    .unwrap_or_else(|| format!("repository:{}:pull", self.reference.repository()));
                let token = self
                    .token(&realm, service.as_deref(), &scope, login)
                    .await?;
                Ok(Some(Credentials::Bearer(token)))
            }
            (Some(Challenge::Basic) | None, _) => Ok(None),
        }
    }

    /// Gets a token for pulling (<https://distribution.github.io/distribution/spec/auth/token/>), anonymous where there
    /// is no login; with an identity token, by the exchange of
    /// <https://distribution.github.io/distribution/spec/auth/oauth/>.
    async fn token(
        &self,
        realm: &str,
        service: Option<&str>,
        scope: &str,
        login: Option<Login>,
    ) -> Result<String, RegistryError> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            token: String,
            #[serde(default)]
            access_token: String,
        }
        let mut url =
            Url::parse(realm).map_err(|_| RegistryError::UnsafeRealm { host: self.host() })?;
        // The registry must not have credentials sent in the clear where it is not itself reached that way.
        if url.scheme() != "https" && !self.plain {
            return Err(RegistryError::UnsafeRealm { host: self.host() });
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let tried = login.is_some();
        let unreachable = |source| RegistryError::Unreachable {
            host: host.clone(),
            source,
        };
        let request = match login {
            Some(Login::Identity(refresh)) => {
                let form = form(&[
                    ("grant_type", "refresh_token"),
                    ("client_id", CLIENT_ID),
                    ("service", service.unwrap_or_default()),
                    ("scope", scope),
                    ("refresh_token", &refresh),
                ]);
                Request::of(Method::POST, url)
                    .and_then(|request| {
                        request.header("Content-Type", "application/x-www-form-urlencoded")
                    })
                    .map(|request| request.body(form))
            }
            login => {
                if let Some(service) = service {
                    url.query_pairs_mut().append_pair("service", service);
                }
                url.query_pairs_mut()
                    .append_pair("scope", scope)
                    .append_pair("client_id", CLIENT_ID);
                let request = Request::of(Method::GET, url);
                match login {
                    Some(Login::Password(basic)) => {
                        request.and_then(|request| request.credentials(&basic))
                    }
                    _ => request,
                }
            }
        }
        .map_err(unreachable)?;
        let client = if request.is_tls() {
            &self.registry.secure
        } else if is_local(&host) {
            &self.registry.local
        } else {
            &self.registry.plain
        };
        let response = client
            .ask(&request, self.deadline)
            .await
            .map_err(unreachable)?;
        match response.status {
            200 => {
                let answer: Answer = response
                    .json()
                    .map_err(|_| not_a_registry(host.clone(), &response))?;
                match [answer.token, answer.access_token]
                    .into_iter()
                    .find(|token| !token.is_empty())
                {
                    Some(token) => Ok(token),
                    None => Err(not_a_registry(host, &response)),
                }
            }
            // An exchange that fails says 400 (RFC 6749 §5.2).
            400 | 401 | 403 if tried || response.status != 400 => {
                Err(RegistryError::Unauthorized { host, tried })
            }
            _ => Err(unwell(host, &response)),
        }
    }

    fn found(&self, response: &Response) -> Result<Manifest, RegistryError> {
        let media_type = response.media_type();
        let digest = response
            .header("docker-content-digest")
            .filter(|digest| is_digest(digest))
            .map(str::to_owned);
        // A portal or a plain web server says 200 to everything.
        if !is_manifest(&media_type) && digest.is_none() {
            return Err(not_a_registry(self.host(), response));
        }
        if let (Some(wanted), Some(digest)) = (self.reference.digest(), &digest)
            && wanted != digest
            && wanted.split(':').next() == digest.split(':').next()
        {
            return Err(RegistryError::OtherDigest {
                host: self.host(),
                wanted: wanted.to_owned(),
            });
        }
        Ok(Manifest {
            digest,
            media_type,
            size: response
                .header("content-length")
                .and_then(|length| length.parse().ok()),
        })
    }

    /// Which part of the reference is not there, from the answer to the question for the repository's tags (OCI
    /// distribution spec, "Content Discovery").
    fn missing(&self, tags: &Response) -> RegistryError {
        let host = self.host();
        let repository = self.reference.repository().to_owned();
        let wanted = self.reference.wanted().to_owned();
        match tags.status {
            200 => RegistryError::NoManifest {
                host,
                repository,
                wanted,
            },
            404 if tags.media_type() == "text/html" => not_a_registry(host, tags),
            404 if is_error(tags) => RegistryError::NoRepository { host, repository },
            _ => RegistryError::NotFound {
                host,
                repository,
                wanted,
            },
        }
    }
}

/// Whether a media type is one that only a manifest has: <https://github.com/opencontainers/image-spec/blob/main/media-types.md>
/// and Docker's own, of which a registry may still have the oldest.
fn is_manifest(media_type: &str) -> bool {
    let of_oci = media_type
        .strip_prefix("application/vnd.oci.")
        .is_some_and(|rest| rest.starts_with("image.index.") || rest.contains("manifest."));
    of_oci || media_type.starts_with("application/vnd.docker.distribution.manifest.")
}

/// Whether `text` is a digest: `algorithm:encoded` (OCI image spec, "Digests").
fn is_digest(text: &str) -> bool {
    text.split_once(':').is_some_and(|(algorithm, encoded)| {
        !algorithm.is_empty()
            && encoded.len() >= 32
            && encoded
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"=_-".contains(&b))
    })
}

/// Whether a body is an error as registries write it, and not some server's own page.
fn is_error(response: &Response) -> bool {
    #[derive(Deserialize)]
    struct Body {
        errors: Vec<serde::de::IgnoredAny>,
    }
    response
        .json::<Body>()
        .is_ok_and(|body| !body.errors.is_empty())
}

/// A status that is no answer to the question.
fn unwell(host: String, response: &Response) -> RegistryError {
    match response.status {
        429 => RegistryError::RateLimited {
            host,
            retry_after: response
                .header("retry-after")
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        },
        500..=599 => RegistryError::Server {
            host,
            status: response.status_line(),
        },
        _ => not_a_registry(host, response),
    }
}

fn not_a_registry(host: String, response: &Response) -> RegistryError {
    RegistryError::NotARegistry {
        host,
        seen: response.outline(),
    }
}

/// A form's body.
fn form(pairs: &[(&str, &str)]) -> String {
    let mut url = Url::parse("http://form").ok();
    if let Some(url) = &mut url {
        url.query_pairs_mut().extend_pairs(pairs);
    }
    url.and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_spoken_to_this_host_alone() {
        for registry in [
            "localhost",
            "localhost:5000",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
            "[::1]",
        ] {
            assert!(is_local(registry), "{registry}");
        }
        for registry in [
            "docker.io",
            "ghcr.io",
            "localhost.example:5000",
            "128.0.0.1",
            "[2001:db8::1]:5000",
        ] {
            assert!(!is_local(registry), "{registry}");
        }
    }

    #[test]
    fn a_form_escapes_what_would_be_another_field() {
        assert_eq!(form(&[("a", "x&b=y z")]), "a=x%26b%3Dy+z");
    }
}
