//! Whether the hosts that a deployment needs can be reached: their names, and a TCP connection. Nothing is sent over it.

use std::time::Duration;

use http::Uri;
use probes::{resolver::Resolver, tcp};
use serde::Serialize;
use tokio::{task::JoinSet, time::Instant};

use crate::Part;

/// A host that the deployment cannot do without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reach {
    /// What it is: `the store`.
    pub what: String,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reached {
    /// What it is: `the store`.
    pub what: String,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The addresses of its name.
    pub addresses: Part<Vec<String>>,
    /// How long learning them took.
    pub resolved_ms: u64,
    /// The address that took a connection.
    pub connected: Part<String>,
    /// How long that took.
    pub connected_ms: u64,
}

impl Reach {
    /// The host of an `http`, `https` or `ssh` URL, or of git's short form `user@host:path`; nothing where it names none. No
    /// part of the URL but host and port is kept.
    pub fn of_url(what: &str, url: &str) -> Option<Reach> {
        let found = |host: &str, port| {
            (!host.is_empty()).then(|| Reach {
                what: what.to_owned(),
                host: host.trim_matches(['[', ']']).to_owned(),
                port,
            })
        };
        if !url.contains("://") {
            let (host, _path) = url.split_once(':')?;
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            return found(host, 22).filter(|reach| !reach.host.contains('/'));
        }
        let uri: Uri = url.parse().ok()?;
        let usual = match uri.scheme_str()? {
            "http" => 80,
            "https" => 443,
            "ssh" => 22,
            _ => return None,
        };
        found(uri.host()?, uri.port_u16().unwrap_or(usual))
    }
}

/// Tries all of them beside each other.
pub(crate) async fn reach(all: &[Reach], deadline: Instant) -> Vec<Reached> {
    let resolver = Resolver::system();
    let mut tried = JoinSet::new();
    for (place, one) in all.iter().cloned().enumerate() {
        let resolver = resolver.clone();
        tried.spawn(async move { (place, try_one(&resolver, one, deadline).await) });
    }
    let mut reached = tried.join_all().await;
    reached.sort_by_key(|(place, _)| *place);
    reached.into_iter().map(|(_, one)| one).collect()
}

async fn try_one(resolver: &Resolver, one: Reach, deadline: Instant) -> Reached {
    let begun = Instant::now();
    let addresses = resolver.addresses(&one.host, deadline).await;
    let resolved = begun.elapsed();
    let begun = Instant::now();
    let connected = match &addresses {
        // Known already: the second question is answered from memory.
        Ok(_) => tcp::connect(resolver, &one.host, one.port, deadline)
            .await
            .map(|connected| connected.address.to_string())
            .into(),
        Err(_) => Part::none("not tried: the name has no address"),
    };
    Reached {
        what: one.what,
        host: one.host,
        port: one.port,
        addresses: addresses
            .map(|all| all.iter().take(8).map(ToString::to_string).collect())
            .into(),
        resolved_ms: millis(resolved),
        connected,
        connected_ms: millis(begun.elapsed()),
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_only_host_and_port_are_kept() {
        for (url, wanted) in [
            ("https://github.com/octo/shop", Some(("github.com", 443))),
            (
                "https://me:canary@git.example:8443/x?t=canary",
                Some(("git.example", 8443)),
            ),
            ("http://[::1]:3000/x", Some(("::1", 3000))),
            ("ssh://git@git.example/x.git", Some(("git.example", 22))),
            ("git@git.example:octo/shop.git", Some(("git.example", 22))),
            ("/var/lib/store.git", None),
            ("file:///var/lib/store.git", None),
            ("", None),
        ] {
            let reach = Reach::of_url("the store", url);
            let seen = reach
                .as_ref()
                .map(|reach| (reach.host.as_str(), reach.port));
            assert_eq!(seen, wanted, "{url}");
        }
    }
}
