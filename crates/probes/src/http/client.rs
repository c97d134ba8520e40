//! Who asks: a client for one kind of connection.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Certificate, Identity, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};

use super::{HttpError, Request, Response};
use crate::resolver::Resolver;

/// Whose certificates are trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Roots {
    /// The host's.
    #[default]
    Host,
    /// Those in a PEM file alone, as `curl --cacert` takes them.
    File(PathBuf),
    /// Nobody's: no TLS is spoken. Spares the reading of the host's certificates, which a small host may not have.
    None,
    /// Everybody's: the server is not known to be who it says it is.
    Anyone,
}

/// How connections are made.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// Who knows the addresses of names; as this host is configured where none is given.
    pub resolver: Option<Resolver>,
    /// Whose certificates are trusted.
    pub roots: Roots,
    /// The client's own certificate and key: PEM files, the key unencrypted.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// How many redirects are followed; none unless told.
    pub redirects: usize,
    /// A Unix socket that every request goes to, whatever its address names.
    pub unix_socket: Option<PathBuf>,
    /// How many bytes of a body are read; the rest is left and the answer marked as cut.
    pub body_limit: usize,
    /// Whether the proxy variables (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, in both cases) are obeyed. Not
    /// unless told: what stands between here and a target would answer for it.
    pub proxies: bool,
    /// How long a connection stays open for the next question; zero closes each after its answer. For questions that
    /// follow each other at once: a longer time would ask a server that is being replaced over the old connection.
    pub keep_alive: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        ClientOptions {
            resolver: None,
            roots: Roots::Host,
            identity: None,
            redirects: 0,
            unix_socket: None,
            body_limit: 1 << 20,
            proxies: false,
            keep_alive: Duration::ZERO,
        }
    }
}

/// A client. Keeps connections open between questions, and asks a proxy, only where its [`ClientOptions`] say so.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    resolver: Resolver,
    redirects: usize,
    unix_socket: Option<PathBuf>,
    body_limit: usize,
    /// Which proxy stands before an address, as the client within decides it too.
    proxies: Option<Arc<Matcher>>,
}

impl Client {
    /// A client; reads the files that `options` names.
    ///
    /// # Errors
    /// [`HttpError::File`], [`HttpError::Certificates`] and [`HttpError::Client`].
    pub fn new(options: ClientOptions) -> Result<Client, HttpError> {
        // An error means that another part of the process has chosen a provider already: then it is that one.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let resolver = options.resolver.unwrap_or_else(Resolver::system);
        let mut builder = reqwest::Client::builder()
            .dns_resolver(Names(resolver.clone()))
            .redirect(Policy::none())
            .referer(false)
            .pool_max_idle_per_host(usize::from(!options.keep_alive.is_zero()))
            .pool_idle_timeout(options.keep_alive);
        if !options.proxies {
            builder = builder.no_proxy();
        }
        builder = match &options.roots {
            Roots::Host => builder,
            Roots::None => builder.tls_certs_only([]),
            Roots::Anyone => builder
                .tls_certs_only([])
                .tls_danger_accept_invalid_certs(true),
            Roots::File(path) => builder.tls_certs_only(certificates(path)?),
        };
        if let Some((certificate, key)) = &options.identity {
            builder = builder.identity(identity(certificate, key)?);
        }
        if let Some(path) = &options.unix_socket {
            builder = builder.unix_socket(path.as_path());
        }
        let inner = builder
            .build()
            .map_err(|error| HttpError::of(&error, String::new()))?;
        Ok(Client {
            inner,
            resolver,
            redirects: options.redirects,
            unix_socket: options.unix_socket,
            body_limit: options.body_limit,
            proxies: options.proxies.then(|| Arc::new(Matcher::from_env())),
        })
    }

    /// Sends `request` and reads the whole answer by `deadline`. Any status is an answer.
    ///
    /// # Errors
    /// Those of [`HttpError`] that concern a connection.
    pub async fn ask(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        let begun = Instant::now();
        let mut redirects = self.redirects;
        let mut current = request.clone();
        loop {
            let response = self.once(&current, begun, deadline).await?;
            let next = response
                .header("location")
                .filter(|_| redirects > 0)
                .and_then(|location| current.redirected(response.status, location));
            match next {
                Some(next) => current = next,
                None => return Ok(response),
            }
            redirects -= 1;
        }
    }

    /// Host and port of the proxy that stands before `url`: nothing else of its address, which may hold a password.
    fn proxy(&self, url: &Url) -> Option<(String, u16)> {
        let proxies = self.proxies.as_ref()?;
        let proxy = proxies.intercept(&url.as_str().parse().ok()?)?;
        let uri = proxy.uri();
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        Some((uri.host()?.to_owned(), uri.port_u16().unwrap_or(usual)))
    }

    async fn once(
        &self,
        request: &Request,
        begun: Instant,
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let proxy = self.proxy(&request.url);
        let at = match (&self.unix_socket, &proxy) {
            (Some(path), _) => path.display().to_string(),
            (None, Some((host, port))) => {
                format!("{} through the proxy {host}:{port}", request.authority())
            }
            (None, None) => request.authority(),
        };
        if self.unix_socket.is_none() {
            // Asked here first, with the deadline that the connection's own question cannot have; that one is then
            // answered from memory. Behind a proxy only the proxy need know the target's name.
            let host = match &proxy {
                Some((host, _)) => host,
                None => request.url.host_str().unwrap_or_default(),
            };
            self.resolver.addresses(host, deadline).await?;
        }
        let broken = |error: reqwest::Error| HttpError::of(&error, at.clone());
        let sent = self
            .inner
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send();
        let mut answer = timeout_at(deadline, sent)
            .await
            .map_err(|_elapsed| HttpError::NoAnswer {
                at: at.clone(),
                after: begun.elapsed(),
            })?
            .map_err(broken)?;
        let mut body = Vec::new();
        let mut cut = false;
        while !cut {
            let chunk = timeout_at(deadline, answer.chunk())
                .await
                .map_err(|_elapsed| HttpError::Slow {
                    at: at.clone(),
                    got: body.len(),
                    after: begun.elapsed(),
                })?
                .map_err(broken)?;
            let Some(chunk) = chunk else { break };
            let room = self.body_limit - body.len();
            cut = chunk.len() > room;
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        Ok(Response {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body,
            cut,
            took: begun.elapsed(),
        })
    }
}

/// Our resolver as connections ask it: the C library's would hold a thread beyond the deadline where no name server
/// answers.
struct Names(Resolver);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        const LONGEST: Duration = Duration::from_secs(60);
        let resolver = self.0.clone();
        Box::pin(async move {
            let addresses = resolver
                .addresses(name.as_str(), Instant::now() + LONGEST)
                .await?;
            let sockets = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, HttpError> {
    std::fs::read(path).map_err(|error| HttpError::File {
        path: path.to_owned(),
        kind: error.kind(),
    })
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, HttpError> {
    let refused = |detail: &str| HttpError::Certificates {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let all = Certificate::from_pem_bundle(&read(path)?)
        .map_err(|_| refused("they are not in PEM form"))?;
    if all.is_empty() {
        return Err(refused("there are none"));
    }
    Ok(all)
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, HttpError> {
    let mut pem = read(key)?;
    pem.push(b'\n');
    pem.extend(read(certificate)?);
    // The cause is not told: it could hold a line of the key.
    Identity::from_pem(&pem).map_err(|_| HttpError::Certificates {
        path: key.to_owned(),
        detail: "they are no certificate with its unencrypted key in PEM form".to_owned(),
    })
}
