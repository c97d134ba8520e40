//! Who asks: a client for one kind of connection.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::HeaderMap,
    redirect::Policy,
};
use tokio::time::{Instant, timeout_at};

use super::{HttpError, Request, Response, body::While, coding, tls};
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
    /// Whether redirects are followed only within the host that was asked.
    pub same_host: bool,
    /// Names, in lower case, each with the address or other name that is asked in its place, as `curl --connect-to`
    /// does: the port, the `Host` header and the name in the certificate stay.
    pub resolve: Vec<(String, String)>,
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
            same_host: false,
            resolve: Vec::new(),
            unix_socket: None,
            body_limit: 1 << 20,
            proxies: false,
            keep_alive: Duration::ZERO,
        }
    }
}

/// How long the body of an answer may take whose head suffices.
const BODY_BEHIND_HEAD: Duration = Duration::from_secs(1);

/// A client. Keeps connections open between questions, and asks a proxy, only where its [`ClientOptions`] say so.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    resolver: Resolver,
    roots: Roots,
    redirects: usize,
    same_host: bool,
    resolve: Arc<[(String, String)]>,
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
        let resolver = options.resolver.unwrap_or_else(Resolver::system);
        let resolve: Arc<[(String, String)]> = options.resolve.into();
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(&options.roots, options.identity.as_ref())?)
            .dns_resolver(Names {
                resolver: resolver.clone(),
                resolve: Arc::clone(&resolve),
            })
            .redirect(Policy::none())
            .referer(false)
            // Every question ends by a deadline of its own, so nobody need probe a connection that fell silent: five
            // system calls less each.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None)
            .tcp_user_timeout(None)
            .pool_max_idle_per_host(usize::from(!options.keep_alive.is_zero()))
            .pool_idle_timeout(options.keep_alive);
        if !options.proxies {
            builder = builder.no_proxy();
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
            roots: options.roots,
            redirects: options.redirects,
            same_host: options.same_host,
            resolve,
            unix_socket: options.unix_socket,
            body_limit: options.body_limit,
            proxies: options.proxies.then(|| Arc::new(Matcher::from_env())),
        })
    }

    /// The client with what `options` say beyond the kind of connection.
    pub(super) fn with(mut self, options: &ClientOptions) -> Client {
        self.redirects = options.redirects;
        self.same_host = options.same_host;
        self.body_limit = options.body_limit;
        self
    }

    /// Why an answer to `request` does not prove who gave it, in words that follow what was seen.
    pub fn doubt(&self, request: &Request) -> Option<&'static str> {
        // A redirect may lead to TLS.
        (self.roots == Roots::Anyone && (request.is_tls() || self.redirects > 0))
            .then_some(" (the server's certificate is not verified)")
    }

    /// Sends `request` and reads the whole answer by `deadline`. Any status is an answer.
    ///
    /// # Errors
    /// Those of [`HttpError`] that concern a connection.
    pub async fn ask(&self, request: &Request, deadline: Instant) -> Result<Response, HttpError> {
        self.ask_with(request, self.redirects, &mut NoCookies, deadline)
            .await
    }

    /// [`Client::ask`], with a number of redirects of its own, and with cookies: those of every answer on the way are
    /// kept, and each request carries its own beside what the request's header `Cookie` says.
    pub(crate) async fn ask_with(
        &self,
        request: &Request,
        redirects: usize,
        cookies: &mut (dyn Cookies + Send),
        deadline: Instant,
    ) -> Result<Response, HttpError> {
        let begun = Instant::now();
        let mut current = request.clone();
        let mut followed = 0;
        loop {
            let sent = match cookies.fetch(&current.url) {
                Some(more) => &current.clone().with_cookies(&more)?,
                None => &current,
            };
            let mut response = self
                .once(sent, begun, deadline)
                .await
                .map_err(|error| error.behind(followed))?;
            cookies.keep(&current.url, &response.headers);
            response.redirects = followed;
            let Some(location) = response.header("location") else {
                return Ok(response);
            };
            let next = current
                .redirected(response.status, location)
                .filter(|next| !self.same_host || next.url().host() == request.url().host())
                .filter(|_| followed < redirects);
            match next {
                Some(next) => current = next,
                None => {
                    response.points_to = (300..400)
                        .contains(&response.status)
                        .then(|| current.place_of(location))
                        .flatten();
                    return Ok(response);
                }
            }
            followed += 1;
        }
    }

    /// How many redirects are followed.
    pub(crate) fn redirects(&self) -> usize {
        self.redirects
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
            (None, None) => match elsewhere(&self.resolve, request.host()) {
                Some(target) => format!("{} at {target}", request.authority()),
                None => request.authority(),
            },
        };
        if request.is_tls() && self.roots == Roots::Host {
            tls::host_is_trusted().await?;
        }
        if self.unix_socket.is_none() {
            // Asked here first, with the deadline that the connection's own question cannot have; that one is then
            // answered from memory. Behind a proxy only the proxy need know the target's name.
            let host = match &proxy {
                Some((host, _)) => host,
                None => elsewhere(&self.resolve, request.host()).unwrap_or(request.host()),
            };
            self.resolver.addresses(host, deadline).await?;
        }
        let broken = |error: reqwest::Error| HttpError::of(&error, at.clone());
        let whole = reqwest::Body::from(request.body.clone());
        let body = match request.still.clone() {
            Some(still) => reqwest::Body::wrap(While {
                inner: whole,
                still,
            }),
            None => whole,
        };
        let sent = self
            .inner
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(body)
            .send();
        let mut answer = timeout_at(deadline, sent)
            .await
            .map_err(|_elapsed| HttpError::NoAnswer {
                at: at.clone(),
                after: allowed(begun, deadline),
            })?
            .map_err(broken)?;
        let patience = match request.head_suffices {
            true => deadline.min(Instant::now() + BODY_BEHIND_HEAD),
            false => deadline,
        };
        let mut body = Vec::new();
        let mut cut = false;
        while !cut {
            let chunk = match timeout_at(patience, answer.chunk()).await {
                Ok(Ok(chunk)) => chunk,
                Ok(Err(_)) | Err(_) if request.head_suffices => {
                    cut = true;
                    break;
                }
                Ok(Err(error)) => return Err(broken(error)),
                Err(_elapsed) => {
                    return Err(HttpError::Slow {
                        at: at.clone(),
                        got: body.len(),
                        after: allowed(begun, deadline),
                    });
                }
            };
            let Some(chunk) = chunk else { break };
            let room = self.body_limit - body.len();
            cut = chunk.len() > room;
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        }
        let decoded = coding::decoded(answer.headers(), body, cut, self.body_limit)
            .map_err(|detail| HttpError::Exchange { at, detail })?;
        Ok(Response {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: decoded.body,
            cut: decoded.cut,
            unread_coding: decoded.unread,
            redirects: 0,
            points_to: None,
            took: begun.elapsed(),
        })
    }
}

/// Keeps cookies between requests.
pub(crate) trait Cookies {
    /// The value of the header `Cookie` for a request to `url`.
    fn fetch(&self, url: &Url) -> Option<String>;

    /// Hears of an answer of `url`.
    fn keep(&mut self, url: &Url, headers: &HeaderMap);
}

/// Keeps none.
struct NoCookies;

impl Cookies for NoCookies {
    fn fetch(&self, _url: &Url) -> Option<String> {
        None
    }

    fn keep(&mut self, _url: &Url, _headers: &HeaderMap) {}
}

/// Our resolver as connections ask it: the C library's would hold a thread beyond the deadline where no name server
/// answers.
struct Names {
    resolver: Resolver,
    resolve: Arc<[(String, String)]>,
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        const LONGEST: Duration = Duration::from_secs(60);
        let resolver = self.resolver.clone();
        let host = elsewhere(&self.resolve, name.as_str())
            .unwrap_or(name.as_str())
            .to_owned();
        Box::pin(async move {
            let addresses = resolver.addresses(&host, Instant::now() + LONGEST).await?;
            let sockets = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(sockets) as Addrs)
        })
    }
}

/// What is asked in the place of `host`.
fn elsewhere<'a>(resolve: &'a [(String, String)], host: &str) -> Option<&'a str> {
    let (_, target) = resolve.iter().find(|(name, _)| name == host)?;
    Some(target)
}

/// How long an answer was waited for, rounded up: the same in words for every try of one length, whatever the clock's
/// last digits.
fn allowed(begun: Instant, deadline: Instant) -> Duration {
    let waited = deadline.saturating_duration_since(begun).as_micros();
    let step = if waited > 1_000_000 { 100_000 } else { 1_000 };
    let rounded = waited.div_ceil(step) * step;
    Duration::from_micros(u64::try_from(rounded).unwrap_or(u64::MAX))
}
