//! What is asked.

use std::{fmt, sync::Arc};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{
    Method, Url,
    header::{
        ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, USER_AGENT,
    },
};

use super::{HttpError, body::Still};

/// Who asks; some servers refuse requests without it.
const AGENT: &str = concat!("baton/", env!("CARGO_PKG_VERSION"));

/// What a request proves itself with. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// User and password (RFC 7617).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token (RFC 6750).
    Bearer(String),
}

impl Credentials {
    /// As people write them in one setting: `user:password`, or a token alone.
    pub fn of(text: &str) -> Credentials {
        match text.split_once(':') {
            Some((user, password)) => Credentials::Basic {
                user: user.to_owned(),
                password: password.to_owned(),
            },
            None => Credentials::Bearer(text.to_owned()),
        }
    }

    /// The value of the `Authorization` header.
    pub(crate) fn header(&self) -> Result<HeaderValue, HttpError> {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let text = match self {
            Credentials::Basic { user, password } => {
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Credentials::Bearer(token) => format!("Bearer {token}"),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| HttpError::Header {
            name: AUTHORIZATION.to_string(),
        })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// One request. It prints as method and place; headers, body, query and user information may hold secrets.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) still: Option<Still>,
    pub(super) head_suffices: bool,
}

impl Request {
    /// A request of `method` (`GET`, `POST`, …) to `url` (`http://…`, `https://…`). User and password in the address
    /// become a basic authorization.
    ///
    /// # Errors
    /// [`HttpError::Method`] and [`HttpError::Address`].
    pub fn new(method: &str, url: &str) -> Result<Request, HttpError> {
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| HttpError::Method {
            method: method.escape_debug().to_string(),
        })?;
        let url = Url::parse(url).map_err(|error| HttpError::Address {
            detail: error.to_string(),
        })?;
        Request::of(method, url)
    }

    /// A request to an address that was put together before.
    pub(crate) fn of(method: Method, url: Url) -> Result<Request, HttpError> {
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return Err(HttpError::Address {
                detail: "it must begin with http:// or https:// and name a host".to_owned(),
            });
        }
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Ok(Request {
            method,
            url,
            headers,
            body: Vec::new(),
            still: None,
            head_suffices: false,
        })
    }

    /// The request with one more header; one of the same name is replaced.
    ///
    /// # Errors
    /// [`HttpError::Header`], with the name and never the value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Request, HttpError> {
        let refused = || HttpError::Header {
            name: name.escape_debug().to_string(),
        };
        let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refused())?;
        let value = HeaderValue::from_str(value).map_err(|_| refused())?;
        self.headers.insert(parsed, value);
        Ok(self)
    }

    /// The request with an `Authorization` header.
    ///
    /// # Errors
    /// [`HttpError::Header`] for credentials that no header can carry.
    pub fn credentials(mut self, credentials: &Credentials) -> Result<Request, HttpError> {
        self.headers.insert(AUTHORIZATION, credentials.header()?);
        Ok(self)
    }

    /// The request with more cookies behind those that its header `Cookie` has.
    pub(super) fn with_cookies(mut self, more: &str) -> Result<Request, HttpError> {
        let refused = || HttpError::Header {
            name: COOKIE.to_string(),
        };
        let all = match self.headers.get(COOKIE).map(HeaderValue::to_str) {
            Some(own) => format!("{}; {more}", own.map_err(|_| refused())?),
            None => more.to_owned(),
        };
        let mut value = HeaderValue::from_str(&all).map_err(|_| refused())?;
        value.set_sensitive(true);
        self.headers.insert(COOKIE, value);
        Ok(self)
    }

    /// The request with a body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Request {
        self.body = body.into();
        self
    }

    /// The request with an answer that counts once its head has come: of its body is taken what comes within a second of
    /// that, and a body that ends early or not at all is marked as cut. For who asks what became of a request, and not
    /// for what the server has.
    pub fn head_suffices(mut self) -> Request {
        self.head_suffices = true;
        self
    }

    /// The request with a body that is out of date as soon as `still` says no. That is asked once the connection stands,
    /// right before the body goes out: however long a name, a connection or TLS took, and whatever held this process up
    /// meanwhile. A body that is out of date is not sent ([`HttpError::Outdated`]); the server sees a request without its
    /// end, which it does not carry out.
    pub fn body_while(
        mut self,
        body: impl Into<Vec<u8>>,
        still: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Request {
        self.body = body.into();
        self.still = Some(Still(Arc::new(still)));
        self
    }

    /// `pairs` as a body of `application/x-www-form-urlencoded` (WHATWG URL §5.2).
    pub fn form(pairs: &[(String, String)]) -> String {
        // RFC 3986's unreserved characters stay; a space may be written %20 as well as +.
        const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
            .remove(b'-')
            .remove(b'.')
            .remove(b'_')
            .remove(b'~');
        let encoded: Vec<String> = pairs
            .iter()
            .map(|(name, value)| {
                format!(
                    "{}={}",
                    utf8_percent_encode(name, RESERVED),
                    utf8_percent_encode(value, RESERVED)
                )
            })
            .collect();
        encoded.join("&")
    }

    /// The address as people may see it: without user, password, query and fragment.
    pub fn place(&self) -> String {
        place(&self.url)
    }

    /// Where `location` leads from here, as people may see it; nothing where it leads nowhere.
    pub(super) fn place_of(&self, location: &str) -> Option<String> {
        Some(place(&self.url.join(location).ok()?))
    }

    /// The host as the address names it.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Where it goes.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Whether it goes over TLS.
    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// `host:port`, for errors of the connection.
    pub(super) fn authority(&self) -> String {
        authority(&self.url)
    }

    /// The request that a redirect to `location` asks for (RFC 9110 §15.4), or none where it cannot be followed without
    /// giving away more than was meant: from https to http, or with a body to another server.
    pub(super) fn redirected(&self, status: u16, location: &str) -> Option<Request> {
        let mut url = self.url.join(location).ok()?;
        let same_origin = url.origin() == self.url.origin();
        let mut next = self.clone();
        let keeps_method = match status {
            307 | 308 => true,
            301..=303 => matches!(self.method, Method::GET | Method::HEAD),
            _ => return None,
        };
        if !keeps_method {
            next.method = Method::GET;
            next.body.clear();
            next.headers.remove(CONTENT_TYPE);
        }
        if self.url.scheme() == "https" && url.scheme() == "http" {
            return None;
        }
        if same_origin {
            // An origin has no user: a relative address would lose it.
            if url.username().is_empty() && url.password().is_none() {
                url.set_username(self.url.username()).ok()?;
                url.set_password(self.url.password()).ok()?;
            }
        } else if next.body.is_empty() {
            // Any header may be a key: only those that hold none go to another server.
            next.headers = self
                .headers
                .iter()
                .filter(|(name, _)| [ACCEPT, USER_AGENT].contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
        } else {
            return None;
        }
        next.url = url;
        matches!(next.url.scheme(), "http" | "https").then_some(next)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.place())
    }
}

/// `url` without user, password, query and fragment.
fn place(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // An address that can have no user has none to show.
    let _none = shown.set_username("");
    let _none = shown.set_password(None);
    shown.to_string()
}

/// `host:port` of `url`.
fn authority(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(url: &str) -> Request {
        Request::new("GET", url)
            .expect("a request")
            .header("X-Api-Key", "canary")
            .expect("a header")
            .credentials(&Credentials::Bearer("canary".to_owned()))
            .expect("a header")
    }

    #[test]
    fn a_request_prints_without_what_may_be_secret() {
        let request =
            request("https://me:canary@api.example:8443/a/b?key=canary#canary").body("canary");
        assert_eq!(request.place(), "https://api.example:8443/a/b");
        assert_eq!(format!("{request:?}"), "GET https://api.example:8443/a/b");
        let credentials = Credentials::Basic {
            user: "canary".to_owned(),
            password: "canary".to_owned(),
        };
        assert_eq!(format!("{credentials:?}"), "***");
    }

    #[test]
    fn a_redirect_to_another_server_loses_every_header_that_may_be_a_key() {
        let next = request("http://a.example/x")
            .redirected(302, "http://b.example/y")
            .expect("a redirect");
        let names: Vec<_> = next.headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["user-agent"]);
        let near = request("http://u:p@a.example/x")
            .redirected(302, "/y")
            .expect("a redirect");
        assert_eq!(near.url.as_str(), "http://u:p@a.example/y");
        assert_eq!(near.headers["x-api-key"], "canary");
    }

    #[test]
    fn a_redirect_that_would_give_away_a_body_or_leave_tls_is_not_followed() {
        let post = Request::new("POST", "https://a.example/x")
            .expect("a request")
            .body("canary");
        assert!(post.redirected(307, "https://b.example/").is_none());
        assert!(post.redirected(302, "http://a.example/").is_none());
        assert!(post.redirected(302, "ftp://a.example/").is_none());
        let seen = post.redirected(303, "/done").expect("a redirect");
        assert_eq!((seen.method.as_str(), seen.body.len()), ("GET", 0));
        let kept = post.redirected(308, "/other").expect("a redirect");
        assert_eq!((kept.method.as_str(), kept.body.len()), ("POST", 6));
    }

    #[test]
    fn an_address_that_is_not_http_is_refused_without_being_repeated() {
        for url in [
            "unix:///canary",
            "canary",
            "http://",
            "ftp://canary/",
            "http://me:canary@",
        ] {
            let error = Request::new("GET", url).expect_err(url);
            assert!(!error.to_string().contains("canary"), "{error}");
        }
        assert!(Request::new("G T", "http://a/").is_err());
        let error = Request::new("GET", "http://a/")
            .and_then(|r| r.header("X-Key", "canary\n"))
            .expect_err("a line break");
        assert_eq!(
            error.to_string(),
            "use the header X-Key: its name or value cannot be sent"
        );
    }
}
