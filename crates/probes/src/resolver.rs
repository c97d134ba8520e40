//! Names to addresses and records, for all probes of a process.
//!
//! Responsible for: literals, `/etc/hosts`, the search list, asking every name server, and telling "there is no such
//! name" from "nobody could say". Not responsible for connecting.

mod error;
mod servers;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use hickory_resolver::{
    Hosts,
    proto::{
        op::Query,
        rr::{Name, RData},
    },
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout, timeout_at},
};

pub use error::{ResolveError, ServerFailure};
pub use hickory_resolver::proto::rr::RecordType;
use servers::NameServers;

/// Names asked about at once; each takes a socket a family and name server.
const LOOKUPS: usize = 64;

/// How long an answer for one family waits for the other's. RFC 8305 §3 lets a user wait 50 ms; a probe has the time to
/// hear a slow name server out, so that every address is tried.
const OTHER_FAMILY: Duration = Duration::from_millis(500);

/// Answers for names, shared by all probes of a process: clones share cache, sockets and limits. Answers are kept as
/// long as their time to live says and no longer than 10 s, a name's absence 1 s; equal questions asked at the same time
/// are asked once.
#[derive(Clone)]
pub struct Resolver {
    inner: Arc<Inner>,
}

struct Inner {
    hosts: Arc<Hosts>,
    // An unreadable configuration hinders names alone, not literals and not /etc/hosts.
    servers: Result<NameServers, ResolveError>,
    lookups: Semaphore,
}

impl std::fmt::Debug for Resolver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Resolver")
            .field("servers", &self.servers())
            .finish_non_exhaustive()
    }
}

impl Resolver {
    /// As this host is configured: `/etc/resolv.conf` and `/etc/hosts`. Where the first cannot be read, each name that
    /// needs it fails with [`ResolveError::Configuration`]; literals and names of `/etc/hosts` still work.
    pub fn system() -> Resolver {
        Resolver::from_files(Path::new("/etc/resolv.conf"), Path::new("/etc/hosts"))
    }

    /// As [`Resolver::system`], with other files. A missing hosts file is an empty one (hosts(5)).
    pub fn from_files(resolv_conf: &Path, hosts: &Path) -> Resolver {
        let mut known = Hosts::default();
        if let Ok(file) = fs::File::open(hosts) {
            // A line that cannot be read is passed over, as the C library does.
            let _unreadable = known.read_hosts_conf(file);
        }
        Resolver::new(Arc::new(known), NameServers::from_file(resolv_conf))
    }

    /// These name servers alone: no `/etc/hosts`, no search list.
    pub fn with_servers(servers: &[SocketAddr]) -> Resolver {
        Resolver::new(Arc::default(), NameServers::these(servers))
    }

    /// The same, without a memory of answers: for a question that waits for an answer to change.
    pub fn forgetful(&self) -> Resolver {
        let servers = self.inner.servers.as_ref().map_err(Clone::clone);
        Resolver::new(
            Arc::clone(&self.inner.hosts),
            servers.and_then(NameServers::forgetful),
        )
    }

    fn new(hosts: Arc<Hosts>, servers: Result<NameServers, ResolveError>) -> Resolver {
        Resolver {
            inner: Arc::new(Inner {
                hosts,
                servers,
                lookups: Semaphore::new(LOOKUPS),
            }),
        }
    }

    /// Whether both share what they know.
    pub(crate) fn is(&self, other: &Resolver) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    /// The name servers in their order; none where the configuration could not be read.
    pub fn servers(&self) -> Vec<SocketAddr> {
        self.inner
            .servers
            .as_ref()
            .map_or_else(|_| Vec::new(), NameServers::addresses)
    }

    /// Every address of `host`: IPv6 and IPv4 by turns, IPv6 first (RFC 8305 §4), never empty. A literal, with or
    /// without the brackets of a URL, is its own address.
    ///
    /// # Errors
    ///
    /// See [`ResolveError`]; [`ResolveError::is_definite`] tells a wrong name from a resolver that is away.
    pub async fn addresses(
        &self,
        host: &str,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, ResolveError> {
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .unwrap_or(host);
        if let Ok(literal) = bare.parse() {
            return Ok(vec![literal]);
        }
        let name = parse(host)?;
        let mut known = self.known(&name);
        if name.is_localhost() {
            known.extend([
                IpAddr::V6(Ipv6Addr::LOCALHOST),
                IpAddr::V4(Ipv4Addr::LOCALHOST),
            ]);
        }
        if !known.is_empty() {
            return Ok(by_turns(known));
        }
        let answers = self
            .ask(&name, &[RecordType::A, RecordType::AAAA], deadline)
            .await?;
        Ok(by_turns(answers.iter().filter_map(RData::ip_addr)))
    }

    /// The records of one type, as a zone file writes their data: `10 mail.example.`, `192.0.2.7`. `/etc/hosts` is not
    /// asked.
    ///
    /// # Errors
    ///
    /// As [`Resolver::addresses`].
    pub async fn records(
        &self,
        name: &str,
        record_type: RecordType,
        deadline: Instant,
    ) -> Result<Vec<String>, ResolveError> {
        let answers = self.ask(&parse(name)?, &[record_type], deadline).await?;
        Ok(answers.iter().map(RData::to_string).collect())
    }

    /// What `/etc/hosts` says of the name as it is written: before any search list, and for both families at once, so
    /// that a name with one address there asks no name server for the other.
    fn known(&self, name: &Name) -> Vec<IpAddr> {
        let mut absolute = name.clone();
        absolute.set_fqdn(true);
        [RecordType::AAAA, RecordType::A]
            .into_iter()
            .filter_map(|family| {
                let query = Query::query(absolute.clone(), family);
                self.inner.hosts.lookup_static_host(&query)
            })
            .flat_map(|lookup| {
                let answers = lookup.answers().iter();
                answers
                    .filter_map(|record| record.data.ip_addr())
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    async fn ask(
        &self,
        name: &Name,
        types: &[RecordType],
        deadline: Instant,
    ) -> Result<Vec<RData>, ResolveError> {
        let servers = self.inner.servers.as_ref().map_err(Clone::clone)?;
        let Ok(permit) = timeout_at(deadline, self.inner.lookups.acquire()).await else {
            return Err(servers.timed_out(name));
        };
        let _permit = permit;
        // As the C library: a server that fails for one name of the search list does not end the search, silence does;
        // and a failure on the way is not hidden by a last "no such name".
        let mut undecided = None;
        let mut absent = None;
        for candidate in servers.candidates(name) {
            match both(servers, &candidate, types, deadline).await {
                Ok(records) => return Ok(records),
                Err(error @ ResolveError::NoRecords { .. }) => absent = Some(error),
                Err(error @ ResolveError::NoSuchName { .. }) => {
                    absent.get_or_insert(error);
                }
                Err(error) if error.was_answered() => undecided = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(undecided
            .or(absent)
            .unwrap_or_else(|| ResolveError::BadName {
                name: name.to_string(),
            }))
    }
}

/// One candidate, one or two types: the records of both.
async fn both(
    servers: &NameServers,
    name: &Name,
    types: &[RecordType],
    deadline: Instant,
) -> Result<Vec<RData>, ResolveError> {
    let &[one, other] = types else {
        let only = types.first().copied().unwrap_or(RecordType::A);
        return servers.ask(name, only, deadline).await;
    };
    let (one, other) = (
        servers.ask(name, one, deadline),
        servers.ask(name, other, deadline),
    );
    tokio::pin!(one, other);
    let (first, second) = tokio::select! {
        first = &mut one => { let second = after(&first, other).await; (first, second) }
        first = &mut other => { let second = after(&first, one).await; (first, second) }
    };
    match (first, second) {
        (Ok(mut records), Some(Ok(more))) => {
            records.extend(more);
            Ok(records)
        }
        (Ok(records), _) | (Err(_), Some(Ok(records))) => Ok(records),
        // That the name does not exist is said of all its records; that one type is missing is not.
        (Err(error @ ResolveError::NoSuchName { .. }), _) => Err(error),
        (Err(ResolveError::NoRecords { .. }), Some(Err(error))) | (Err(error), _) => Err(error),
    }
}

async fn after<T>(
    first: &Result<T, ResolveError>,
    second: impl Future<Output = Result<T, ResolveError>>,
) -> Option<Result<T, ResolveError>> {
    if first.is_ok() {
        timeout(OTHER_FAMILY, second).await.ok()
    } else {
        Some(second.await)
    }
}

fn parse(name: &str) -> Result<Name, ResolveError> {
    let bad = || ResolveError::BadName {
        name: name.escape_debug().to_string(),
    };
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad());
    }
    Name::from_str_relaxed(name).map_err(|_| bad())
}

/// IPv6 first, then by turns: a dead family costs one distance and not one an address (RFC 8305 §4).
fn by_turns(addresses: impl IntoIterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut seen = Vec::new();
    for address in addresses {
        if !seen.contains(&address) {
            seen.push(address);
        }
    }
    let (six, four): (Vec<IpAddr>, Vec<IpAddr>) = seen.into_iter().partition(IpAddr::is_ipv6);
    let mut turns = Vec::with_capacity(six.len() + four.len());
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    loop {
        let before = turns.len();
        turns.extend(six.next());
        turns.extend(four.next());
        if turns.len() == before {
            return turns;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split(' ').map(|one| one.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_doubles_are_dropped() {
        let given = addresses("192.0.2.1 192.0.2.2 192.0.2.1 2001:db8::1 192.0.2.3");
        assert_eq!(
            by_turns(given),
            addresses("2001:db8::1 192.0.2.1 192.0.2.2 192.0.2.3")
        );
    }

    #[tokio::test]
    async fn literals_need_no_configuration() {
        let resolver = Resolver::from_files(Path::new("/nowhere"), Path::new("/nowhere"));
        let deadline = Instant::now();
        for (text, wanted) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::1", "::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            let seen = resolver.addresses(text, deadline).await.unwrap();
            assert_eq!(seen, addresses(wanted));
        }
    }

    #[tokio::test]
    async fn a_missing_resolv_conf_is_named() {
        let resolver =
            Resolver::from_files(Path::new("/nowhere/resolv.conf"), Path::new("/nowhere"));
        let error = resolver
            .addresses("db.example", Instant::now())
            .await
            .unwrap_err();
        assert!(!error.is_definite());
        assert_eq!(
            error.to_string(),
            "read the name servers from /nowhere/resolv.conf: No such file or directory (os error 2)"
        );
    }

    #[tokio::test]
    async fn a_resolv_conf_without_a_server_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        fs::write(&file, "search example\n").unwrap();
        let resolver = Resolver::from_files(&file, Path::new("/nowhere"));
        let error = resolver
            .addresses("db.example", Instant::now())
            .await
            .unwrap_err();
        assert!(
            error.to_string().contains("no nameservers found"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_name_of_the_hosts_file_asks_no_name_server() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        fs::write(
            &hosts,
            "192.0.2.7 db db.example\n2001:db8::7 db\n# 192.0.2.8 web\n",
        )
        .unwrap();
        let resolver = Resolver::from_files(Path::new("/nowhere"), &hosts);
        let seen = resolver.addresses("DB", Instant::now()).await.unwrap();
        assert_eq!(seen, addresses("2001:db8::7 192.0.2.7"));
        let seen = resolver
            .addresses("db.example", Instant::now())
            .await
            .unwrap();
        assert_eq!(seen, addresses("192.0.2.7"));
    }

    #[tokio::test]
    async fn localhost_is_both_loopbacks_whatever_the_hosts_file_says() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = folder.path().join("hosts");
        for (text, name, wanted) in [
            ("", "localhost", "::1 127.0.0.1"),
            ("127.0.0.1 localhost\n", "localhost", "::1 127.0.0.1"),
            ("::1 localhost\n", "LOCALHOST.", "::1 127.0.0.1"),
            ("", "api.localhost", "::1 127.0.0.1"),
            (
                "192.0.2.7 localhost\n",
                "localhost",
                "::1 192.0.2.7 127.0.0.1",
            ),
        ] {
            fs::write(&hosts, text).unwrap();
            let resolver = Resolver::from_files(Path::new("/nowhere"), &hosts);
            let seen = resolver.addresses(name, Instant::now()).await.unwrap();
            assert_eq!(seen, addresses(wanted), "{text:?}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_a_name_is_a_definite_error() {
        let resolver = Resolver::with_servers(&["127.0.0.1:9".parse().unwrap()]);
        for name in ["", "a b", "a..b", &"x".repeat(64), "line\nbreak"] {
            let error = resolver.addresses(name, Instant::now()).await.unwrap_err();
            assert!(
                matches!(error, ResolveError::BadName { .. }),
                "{name:?}: {error}"
            );
            assert!(error.is_definite());
            assert!(!error.to_string().contains('\n'));
        }
    }
}
