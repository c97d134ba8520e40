//! Where a step goes: an address with places for captured values.

use std::fmt;

use reqwest::Url;

use super::template::{Captured, Placement, Template, TemplateError, plain};

/// Where a step goes. It prints without user, password and query, its places as they were written.
#[derive(Clone)]
pub struct Address {
    /// All of it; where `whole` is set, the base.
    template: Template,
    /// The name of the captured value that is the address itself, or a reference that starts at the base.
    whole: Option<String>,
    /// As people see it: what was written.
    shown: String,
    /// The same with its host.
    with_host: String,
}

/// Why a text is no address of a step; reads after "failed to …". The address is not repeated: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It holds a place that is none.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It is not whole, and there is no base.
    #[error("use the address: it must begin with http:// or https://, as there is no base")]
    NoBase,
    /// The base is no address, or has a query.
    #[error(
        "use the base: it must begin with http:// or https://, name a host and end before any ? or #"
    )]
    Base,
    /// It is none.
    #[error("use the address: {0}")]
    Url(String),
    /// A captured value stands where scheme, user, host or port are written.
    #[error(
        "use the address: a captured value may stand in the path and in the query, or be all of it"
    )]
    Host,
}

/// Why a captured value cannot be placed; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PlaceError {
    /// Nothing was captured under this name.
    #[error("place `{0}`: it was not captured")]
    Missing(String),
    /// It would name another folder.
    #[error("place a captured value in the path: it is . or ..")]
    Dots,
    /// It is no address.
    #[error("go to the address captured as `{0}`: it is none")]
    NoAddress(String),
    /// It names another server, which must not get what is meant for this one.
    #[error("go to the address captured as `{0}`: it leads to another server")]
    OtherServer(String),
}

impl Address {
    /// The address that `text` writes: a whole one, or one below `base`, whose path it is put behind.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(base: Option<&str>, text: &str) -> Result<Address, AddressError> {
        let base = base.map(checked_base).transpose()?;
        let written = Template::parse(text)?;
        if let Some(name) = written.only_place() {
            let base = base.ok_or(AddressError::NoBase)?;
            return Ok(Address {
                whole: Some(name.to_owned()),
                shown: written.to_string(),
                with_host: format!("{} {written}", without_secrets(base)),
                template: literal(base)?,
            });
        }
        let is_whole = is_http(&written.beginning());
        let full = match base {
            _ if is_whole => text.to_owned(),
            None => return Err(AddressError::NoBase),
            Some(base) if text.is_empty() || text.starts_with('?') => format!("{base}{text}"),
            Some(base) => format!(
                "{}/{}",
                base.trim_end_matches('/'),
                text.trim_start_matches('/')
            ),
        };
        // The base is the writer's own text: it holds no place.
        let template = if is_whole {
            written.clone()
        } else {
            let base = base.unwrap_or_default();
            let below = full
                .get(base.trim_end_matches('/').len()..)
                .unwrap_or_default();
            literal(base.trim_end_matches('/'))?.followed_by(Template::parse(below)?)
        };
        let begins = template.beginning();
        let authority = begins.split_once("://").map_or("", |(_, rest)| rest);
        if template.places().next().is_some() && !authority.contains(['/', '?', '#']) {
            return Err(AddressError::Host);
        }
        let sample: Captured = template
            .places()
            .map(|name| (name.to_owned(), "x".into()))
            .collect();
        let sample = template
            .fill(&sample, Placement::Address)
            .unwrap_or_default();
        let url = Url::parse(&sample).map_err(|error| AddressError::Url(error.to_string()))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(AddressError::Url("it names no host".to_owned()));
        }
        let with_host = without_secrets(&template.to_string());
        Ok(Address {
            shown: if is_whole {
                with_host.clone()
            } else {
                without_secrets(&written.to_string())
            },
            with_host,
            template,
            whole: None,
        })
    }

    /// The names of its places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.whole
            .as_deref()
            .into_iter()
            .chain(self.template.places())
    }

    /// As it prints, with scheme and host also where they come from the base.
    pub fn with_host(&self) -> &str {
        &self.with_host
    }

    /// The address with its captured values.
    pub(super) fn fill(&self, captured: &Captured) -> Result<Url, PlaceError> {
        let text = self
            .template
            .fill(captured, Placement::Address)
            .map_err(PlaceError::Missing)?;
        if let Some(name) = &self.whole {
            let value = captured
                .get(name)
                .ok_or_else(|| PlaceError::Missing(name.clone()))?;
            let base = Url::parse(&text).map_err(|_| PlaceError::NoAddress(name.clone()))?;
            let url = base
                .join(&plain(value))
                .map_err(|_| PlaceError::NoAddress(name.clone()))?;
            return if url.origin() == base.origin() {
                Ok(url)
            } else {
                Err(PlaceError::OtherServer(name.clone()))
            };
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        let has_places = self.template.places().next().is_some();
        if has_places && path.split('/').any(|part| matches!(part, "." | "..")) {
            return Err(PlaceError::Dots);
        }
        Url::parse(&text).map_err(|_| PlaceError::NoAddress(self.shown.clone()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// A template of `text` without places.
fn literal(text: &str) -> Result<Template, AddressError> {
    Ok(Template::parse(&text.replace("{{", "{{{{"))?)
}

fn checked_base(base: &str) -> Result<&str, AddressError> {
    let url = Url::parse(base).map_err(|_| AddressError::Base)?;
    let well = is_http(base) && url.host_str().is_some_and(|host| !host.is_empty());
    if !well || base.contains(['?', '#']) {
        return Err(AddressError::Base);
    }
    Ok(base)
}

fn is_http(text: &str) -> bool {
    let beginning = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    beginning.starts_with("http://") || beginning.starts_with("https://")
}

/// `address` without user, password, query and fragment.
fn without_secrets(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let address = &address[..end];
    let Some((scheme, rest)) = address.split_once("://").filter(|_| is_http(address)) else {
        return address.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    fn filled(base: Option<&str>, text: &str, value: &str) -> Result<String, PlaceError> {
        let captured = Captured::from([("v".to_owned(), Json::from(value))]);
        let address = Address::parse(base, text).expect("an address");
        address.fill(&captured).map(String::from)
    }

    #[test]
    fn an_address_goes_behind_the_path_of_its_base() {
        for (base, text, wanted) in [
            ("http://a.example", "/x", "http://a.example/x"),
            (
                "http://a.example/v1/",
                "/x?y=1",
                "http://a.example/v1/x?y=1",
            ),
            ("http://a.example/v1", "x", "http://a.example/v1/x"),
            ("http://a.example/v1", "?y=1", "http://a.example/v1?y=1"),
            ("http://a.example/v1", "", "http://a.example/v1"),
            (
                "http://a.example/v1",
                "https://b.example/",
                "https://b.example/",
            ),
            ("http://u:p@a.example", "/x", "http://u:p@a.example/x"),
        ] {
            assert_eq!(filled(Some(base), text, "").expect(text), wanted);
        }
        assert_eq!(Address::parse(None, "/x").err(), Some(AddressError::NoBase));
        for base in [
            "a.example",
            "ftp://a.example",
            "http://a.example/?k=canary",
            "http://",
        ] {
            assert_eq!(
                Address::parse(Some(base), "/x").err(),
                Some(AddressError::Base),
                "{base}"
            );
        }
    }

    #[test]
    fn a_captured_value_stays_one_part_of_the_path_or_of_the_query() {
        let base = Some("http://a.example/v1");
        assert_eq!(
            filled(base, "/u/{{v}}/x?q={{v}}", "a/../b?c#d%2F").expect("an address"),
            "http://a.example/v1/u/a%2F..%2Fb%3Fc%23d%252F/x?q=a%2F..%2Fb%3Fc%23d%252F"
        );
        assert_eq!(filled(base, "/u/{{v}}", ".."), Err(PlaceError::Dots));
        assert_eq!(filled(base, "/u/.{{v}}", "."), Err(PlaceError::Dots));
    }

    #[test]
    fn a_captured_value_never_chooses_the_server() {
        for text in [
            "http://{{v}}/",
            "http://a.example:{{v}}/",
            "https://{{v}}@a.example",
        ] {
            assert_eq!(
                Address::parse(None, text).err(),
                Some(AddressError::Host),
                "{text}"
            );
        }
        let base = Some("https://a.example/v1");
        assert_eq!(
            filled(base, "{{v}}", "/courses/17?x=1").expect("an address"),
            "https://a.example/courses/17?x=1"
        );
        let same = filled(base, "{{v}}", "https://a.example:443/x").expect("an address");
        assert_eq!(same, "https://a.example/x");
        for away in [
            "https://b.example/",
            "//b.example/",
            "http://a.example/",
            "file:///etc",
        ] {
            let error = filled(base, "{{v}}", away).expect_err(away);
            assert_eq!(error, PlaceError::OtherServer("v".to_owned()), "{away}");
        }
        assert_eq!(
            Address::parse(None, "{{v}}").err(),
            Some(AddressError::NoBase)
        );
    }

    #[test]
    fn an_address_prints_without_password_and_query() {
        let base = Some("http://me:canary@a.example/v1");
        let address = Address::parse(base, "/u/{{id}}?k=canary").expect("an address");
        assert_eq!(address.to_string(), "/u/{{id}}");
        assert_eq!(address.with_host(), "http://a.example/v1/u/{{id}}");
        let whole = Address::parse(None, "http://me:canary@a.example?canary").expect("an address");
        assert_eq!(whole.to_string(), "http://a.example");
        assert!(!format!("{whole:?}{address:?}").contains("canary"));
    }
}
