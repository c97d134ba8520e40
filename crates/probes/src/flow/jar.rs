//! The cookies of one try (RFC 6265, as far as a log-in needs).
//!
//! Responsible for: which cookie goes to which address, and when it ends. Not responsible for lists of public suffixes:
//! a jar lives for one try and knows only the hosts of one flow, so a domain must merely have a dot inside. A jar is
//! bounded: what a server sets beyond it is not kept.

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use reqwest::{
    Url,
    header::{HeaderMap, SET_COOKIE},
};

use super::date::cookie_date;

/// RFC 6265 §6.1: at least 50 a host. A try that needs more is no test of a log-in.
const MOST: usize = 100;
/// RFC 6265 §6.1: at least 4096 bytes each.
const LONGEST: usize = 8192;

/// The cookies of one try.
#[derive(Default)]
pub(super) struct Jar {
    /// In the order of their creation.
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    /// The host, or the domain whose hosts get it, in lower case.
    domain: String,
    host_only: bool,
    path: String,
    secure: bool,
    /// Nothing where it lives as long as the jar.
    ends: Option<SystemTime>,
}

impl Jar {
    /// Keeps what the answer of `url` sets (RFC 6265 §5.3).
    pub(super) fn take(&mut self, url: &Url, headers: &HeaderMap, now: SystemTime) {
        for value in headers.get_all(SET_COOKIE) {
            // Bytes that are no ASCII could not be sent back by our requests.
            let cookie = value
                .to_str()
                .ok()
                .and_then(|text| Cookie::read(text, url, now));
            let Some(cookie) = cookie else { continue };
            let same = |known: &Cookie| {
                known.name == cookie.name
                    && known.domain == cookie.domain
                    && known.path == cookie.path
            };
            match self.cookies.iter().position(same) {
                Some(known) => self.cookies[known] = cookie,
                None if self.cookies.len() < MOST => self.cookies.push(cookie),
                None => (),
            }
        }
        self.cookies.retain(|cookie| !cookie.is_over(now));
    }

    /// The value of the `Cookie` header for a request to `url` (RFC 6265 §5.4).
    pub(super) fn header(&self, url: &Url, now: SystemTime) -> Option<String> {
        let secure = url.scheme() == "https";
        let mut fit: Vec<&Cookie> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.fits(url) && !cookie.is_over(now) && (secure || !cookie.secure))
            .collect();
        if fit.is_empty() {
            return None;
        }
        // Stable: among paths of one length the older cookie stays first.
        fit.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = fit.iter().map(|cookie| cookie.pair()).collect();
        Some(pairs.join("; "))
    }

    /// The names of cookies that would go to `url` if it were asked over TLS.
    pub(super) fn held_back(&self, url: &Url, now: SystemTime) -> Vec<&str> {
        if url.scheme() == "https" {
            return Vec::new();
        }
        self.cookies
            .iter()
            .filter(|cookie| cookie.secure && cookie.fits(url) && !cookie.is_over(now))
            .map(|cookie| cookie.name.as_str())
            .collect()
    }

    /// The value of the cookie `name`; the newest where several have it.
    pub(super) fn value(&self, name: &str, now: SystemTime) -> Option<&str> {
        self.cookies
            .iter()
            .rev()
            .find(|cookie| cookie.name == name && !cookie.is_over(now))
            .map(|cookie| cookie.value.as_str())
    }

    /// Every value, for taking them out of what people are shown.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        self.cookies.iter().map(|cookie| cookie.value.as_str())
    }
}

impl Cookie {
    /// Reads one `Set-Cookie` (RFC 6265 §5.2) of an answer of `url`; nothing where it is none or not for that host.
    fn read(text: &str, url: &Url, now: SystemTime) -> Option<Cookie> {
        if text.len() > LONGEST {
            return None;
        }
        let host = url.host_str()?.to_ascii_lowercase();
        let mut attributes = text.split(';');
        let (name, value) = attributes.next()?.split_once('=')?;
        let name = name.trim();
        if name.is_empty() {
            return None;
        }
        let mut cookie = Cookie {
            name: name.to_owned(),
            value: value.trim().to_owned(),
            domain: host.clone(),
            host_only: true,
            path: default_path(url.path()),
            secure: false,
            ends: None,
        };
        let mut max_age = None;
        for attribute in attributes {
            let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match key.trim().to_ascii_lowercase().as_str() {
                "expires" => cookie.ends = cookie_date(value).or(cookie.ends),
                "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
                "domain" => {
                    let domain = value
                        .strip_prefix('.')
                        .unwrap_or(value)
                        .to_ascii_lowercase();
                    if domain.is_empty() {
                        continue;
                    }
                    if !domain_matches(&host, &domain) {
                        return None;
                    }
                    cookie.host_only = false;
                    cookie.domain = domain;
                }
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                _ => (),
            }
        }
        // `Max-Age` has precedence over `Expires`.
        if let Some(seconds) = max_age {
            cookie.ends = match u64::try_from(seconds) {
                Ok(seconds) => now.checked_add(Duration::from_secs(seconds)),
                Err(_) => Some(now),
            };
        }
        Some(cookie)
    }

    fn is_over(&self, now: SystemTime) -> bool {
        self.ends.is_some_and(|ends| ends <= now)
    }

    fn fits(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default().to_ascii_lowercase();
        let on_host = if self.host_only {
            host == self.domain
        } else {
            domain_matches(&host, &self.domain)
        };
        on_host && path_matches(url.path(), &self.path)
    }

    fn pair(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// RFC 6265 §5.1.3; a domain that is not the host itself must have a dot inside.
fn domain_matches(host: &str, domain: &str) -> bool {
    if host == domain {
        return true;
    }
    let is_address = host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    !is_address
        && domain.contains('.')
        && host
            .strip_suffix(domain)
            .is_some_and(|before| before.ends_with('.'))
}

/// RFC 6265 §5.1.4.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        Some(0) | None => "/".to_owned(),
        Some(at) => path[..at].to_owned(),
    }
}

/// RFC 6265 §5.1.4.
fn path_matches(path: &str, cookie: &str) -> bool {
    path.strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("an address")
    }

    fn set(jar: &mut Jar, from: &str, lines: &[&str], now: SystemTime) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(line).expect("a value"));
        }
        jar.take(&url(from), &headers, now);
    }

    /// What a jar sends to `to` after `from` has set `line`.
    fn sent(from: &str, line: &str, to: &str) -> Option<String> {
        let now = SystemTime::now();
        let mut jar = Jar::default();
        set(&mut jar, from, &[line], now);
        jar.header(&url(to), now)
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_and_to_no_other() {
        let yes = Some("s=1".to_owned());
        let from = "http://api.example.com/login";
        assert_eq!(sent(from, "s=1", "http://api.example.com/x"), yes);
        assert_eq!(sent(from, "s=1", "http://API.example.com:81/x"), yes);
        assert_eq!(sent(from, "s=1", "http://www.api.example.com/"), None);
        assert_eq!(sent(from, "s=1", "http://example.com/"), None);
        for domain in ["example.com", ".Example.com"] {
            let line = format!("s=1; Domain={domain}");
            assert_eq!(sent(from, &line, "http://www.example.com/"), yes);
            assert_eq!(sent(from, &line, "http://badexample.com/"), None);
        }
    }

    #[test]
    fn a_cookie_for_a_foreign_domain_a_bare_suffix_or_a_part_of_an_address_is_not_kept() {
        for domain in ["other.com", "www.api.example.com", "com", "ample.com"] {
            let line = format!("s=1; Domain={domain}");
            let back = "http://api.example.com/";
            assert_eq!(sent(back, &line, back), None, "{domain}");
        }
        let back = "http://127.0.0.1/";
        assert_eq!(sent(back, "s=1; Domain=0.0.1", back), None);
        assert!(sent(back, "s=1; Domain=127.0.0.1", back).is_some());
    }

    #[test]
    fn a_path_covers_itself_and_what_is_below() {
        for (set_at, line, to, wanted) in [
            ("/api/login", "s=1", "/api/courses", true),
            ("/api/login", "s=1", "/api", true),
            ("/api/login", "s=1", "/apix", false),
            ("/api/login", "s=1", "/", false),
            ("/login", "s=1", "/any/where", true),
            ("/api/login", "s=1; Path=/", "/", true),
            ("/api/login", "s=1; Path=/api/", "/api/x", true),
            ("/api/login", "s=1; Path=/api/", "/api", false),
            ("/api/login", "s=1; Path=relative", "/api/x", true),
        ] {
            let host = "http://a.example";
            let got = sent(&format!("{host}{set_at}"), line, &format!("{host}{to}"));
            assert_eq!(got.is_some(), wanted, "{set_at} {line} {to}");
        }
    }

    #[test]
    fn a_secure_cookie_goes_over_tls_alone_and_is_named_where_it_was_held_back() {
        let now = SystemTime::now();
        let mut jar = Jar::default();
        set(
            &mut jar,
            "http://a.example/",
            &["s=1; Secure; HttpOnly; SameSite=Lax"],
            now,
        );
        assert_eq!(jar.header(&url("http://a.example/"), now), None);
        assert_eq!(jar.held_back(&url("http://a.example/"), now), ["s"]);
        assert!(jar.header(&url("https://a.example/"), now).is_some());
        assert!(jar.held_back(&url("https://a.example/"), now).is_empty());
    }

    #[test]
    fn an_expired_cookie_is_not_sent_and_an_old_date_removes_it() {
        let now = SystemTime::now();
        let home = url("http://a.example/");
        let mut jar = Jar::default();
        set(
            &mut jar,
            "http://a.example/",
            &["s=1; Max-Age=10", "t=2"],
            now,
        );
        assert_eq!(jar.header(&home, now).as_deref(), Some("s=1; t=2"));
        let later = now + Duration::from_secs(10);
        assert_eq!(jar.header(&home, later).as_deref(), Some("t=2"));
        assert_eq!(jar.value("s", later), None);
        set(
            &mut jar,
            "http://a.example/",
            &["t=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
            now,
        );
        assert_eq!(jar.header(&home, now).as_deref(), Some("s=1"));
        let both = [
            "s=3; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
            "u=1; max-age=0",
        ];
        set(&mut jar, "http://a.example/", &both, now);
        assert_eq!(jar.header(&home, now).as_deref(), Some("s=3"));
        set(
            &mut jar,
            "http://a.example/",
            &["s=4; Max-Age=99999999999999999"],
            now,
        );
        assert_eq!(jar.header(&home, later).as_deref(), Some("s=4"));
    }

    #[test]
    fn a_new_value_replaces_the_old_one_and_the_longest_path_comes_first() {
        let now = SystemTime::now();
        let mut jar = Jar::default();
        let lines = [
            "a=1; Path=/",
            "b=1; Path=/api",
            "a=2; Path=/",
            "c=x=y; Path=/",
            "=no",
            "no",
        ];
        set(&mut jar, "http://a.example/api/login", &lines, now);
        let header = jar.header(&url("http://a.example/api/x"), now);
        assert_eq!(header.as_deref(), Some("b=1; a=2; c=x=y"));
        assert_eq!(jar.value("a", now), Some("2"));
    }

    #[test]
    fn a_server_that_sets_cookies_without_end_fills_no_more_than_a_jar() {
        let now = SystemTime::now();
        let mut jar = Jar::default();
        for number in 0..1000 {
            set(
                &mut jar,
                "http://a.example/",
                &[&format!("c{number}=1")],
                now,
            );
        }
        set(
            &mut jar,
            "http://a.example/",
            &[&format!("c0={}", "x".repeat(9000))],
            now,
        );
        assert_eq!(jar.cookies.len(), MOST);
        assert_eq!(jar.value("c0", now), Some("1"));
    }
}
