//! The name servers: one client each, so that an error can name who was asked, and one that fails hinders no other.

use std::{fs, io, net::SocketAddr, path::Path, time::Duration};

use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    lookup::Lookup,
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::{
        op::ResponseCode,
        rr::{Name, RData, RecordType},
    },
    system_conf::parse_resolv_conf,
};
use tokio::time::{Instant, timeout_at};

use super::{ResolveError, ServerFailure};
use crate::stagger::staggered;

/// Before the next server is asked beside a silent one.
const NEXT_SERVER: Duration = Duration::from_millis(500);

/// How long an answer is used at most, whatever its time to live: one run of checks asks once, and a caller that asks
/// again and again sees a change.
const REMEMBERED: Duration = Duration::from_secs(10);

/// As [`REMEMBERED`], for names that do not exist: somebody may be waiting for one to appear.
const ABSENCE_REMEMBERED: Duration = Duration::from_secs(1);

/// The servers of one configuration, and how names become absolute.
pub(super) struct NameServers {
    servers: Vec<(SocketAddr, TokioResolver)>,
    search: Vec<Name>,
    ndots: usize,
    options: ResolverOpts,
}

/// What one server said for sure.
enum Said {
    Records(Vec<RData>),
    NoSuchName,
    NoRecords,
}

impl NameServers {
    pub(super) fn from_file(path: &Path) -> Result<NameServers, ResolveError> {
        let unusable = |reason: String| ResolveError::Configuration {
            path: path.to_owned(),
            reason,
        };
        let text = fs::read(path).map_err(|error| unusable(error.to_string()))?;
        let (config, options) = parse_resolv_conf(text).map_err(|error| match error {
            NetError::Io(error) => unusable(error.to_string()),
            error => unusable(error.to_string()),
        })?;
        let (domain, mut search, servers) = config.into_parts();
        if search.is_empty() {
            search.extend(domain);
        }
        let ndots = options.ndots;
        let servers: Vec<SocketAddr> = servers
            .iter()
            .map(|server| SocketAddr::new(server.ip, 53))
            .collect();
        NameServers::new(&servers, search, ndots, &options)
            .map_err(|error| unusable(error.to_string()))
    }

    pub(super) fn these(servers: &[SocketAddr]) -> Result<NameServers, ResolveError> {
        let options = ResolverOpts::default();
        NameServers::new(servers, Vec::new(), options.ndots, &options).map_err(|error| {
            ResolveError::Configuration {
                path: "the given list".into(),
                reason: error.to_string(),
            }
        })
    }

    fn new(
        servers: &[SocketAddr],
        search: Vec<Name>,
        ndots: usize,
        options: &ResolverOpts,
    ) -> Result<NameServers, NetError> {
        if servers.is_empty() {
            return Err(io::Error::other("no nameservers found in it").into());
        }
        let servers = servers
            .iter()
            .map(|&server| Ok((server, client(server, options)?)))
            .collect::<Result<Vec<_>, NetError>>()?;
        Ok(NameServers {
            servers,
            search,
            ndots,
            options: options.clone(),
        })
    }

    /// The same servers, asked anew each time.
    pub(super) fn forgetful(&self) -> Result<NameServers, ResolveError> {
        let mut options = self.options.clone();
        options.cache_size = 0;
        NameServers::new(&self.addresses(), self.search.clone(), self.ndots, &options).map_err(
            |error| ResolveError::Configuration {
                path: "the given list".into(),
                reason: error.to_string(),
            },
        )
    }

    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.servers.iter().map(|(server, _)| *server).collect()
    }

    pub(super) fn timed_out(&self, name: &Name) -> ResolveError {
        ResolveError::TimedOut {
            name: shown(name),
            servers: self.addresses(),
        }
    }

    /// The absolute names that `name` may mean, in order (resolv.conf(5), `search` and `ndots`).
    pub(super) fn candidates(&self, name: &Name) -> Vec<Name> {
        let mut absolute = name.clone();
        absolute.set_fqdn(true);
        if name.is_fqdn() {
            return vec![absolute];
        }
        let searched = self
            .search
            .iter()
            .filter_map(|domain| name.clone().append_domain(domain).ok());
        // `ndots` counts dots, and a name has one label more.
        if usize::from(name.num_labels()) > self.ndots || name.is_localhost() {
            std::iter::once(absolute.clone()).chain(searched).collect()
        } else {
            searched.chain([absolute.clone()]).collect()
        }
    }

    /// Asks for one type of an absolute name; the first server with an answer decides.
    pub(super) async fn ask(
        &self,
        name: &Name,
        record_type: RecordType,
        deadline: Instant,
    ) -> Result<Vec<RData>, ResolveError> {
        let attempts = self
            .servers
            .iter()
            .map(|(server, client)| {
                ask_one(*server, client.clone(), name.clone(), record_type, deadline)
            })
            .collect();
        match staggered(attempts, NEXT_SERVER).await {
            Ok((_, Said::Records(records))) => Ok(records),
            Ok((server, Said::NoSuchName)) => Err(ResolveError::NoSuchName {
                name: shown(name),
                server,
            }),
            Ok((server, Said::NoRecords)) => Err(ResolveError::NoRecords {
                name: shown(name),
                wanted: record_type.to_string(),
                server,
            }),
            Err(failures) => {
                let silent = failures.iter().all(|(_, f)| *f == ServerFailure::Silent);
                if silent && Instant::now() >= deadline {
                    Err(self.timed_out(name))
                } else {
                    Err(ResolveError::Servers {
                        name: shown(name),
                        failures,
                    })
                }
            }
        }
    }
}

async fn ask_one(
    server: SocketAddr,
    client: TokioResolver,
    name: Name,
    record_type: RecordType,
    deadline: Instant,
) -> Result<(SocketAddr, Said), (SocketAddr, ServerFailure)> {
    match timeout_at(deadline, client.lookup(name, record_type)).await {
        Ok(Ok(lookup)) => Ok((server, records(&lookup, record_type))),
        Ok(Err(error)) => match said(error) {
            Ok(said) => Ok((server, said)),
            Err(failure) => Err((server, failure)),
        },
        Err(_elapsed) => Err((server, ServerFailure::Silent)),
    }
}

fn client(server: SocketAddr, options: &ResolverOpts) -> Result<TokioResolver, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let mut builder = TokioResolver::builder_with_config(
        ResolverConfig::from_name_servers(vec![server]),
        TokioRuntimeProvider::default(),
    );
    let own = builder.options_mut();
    *own = options.clone();
    // /etc/hosts is read once, by the resolver around.
    own.use_hosts_file = ResolveHosts::Never;
    own.positive_max_ttl = Some(REMEMBERED);
    own.negative_max_ttl = Some(ABSENCE_REMEMBERED);
    builder.build()
}

fn records(lookup: &Lookup, wanted: RecordType) -> Said {
    // Aliases on the way to the record stand in the answer too.
    let records: Vec<RData> = lookup
        .answers()
        .iter()
        .filter(|record| record.record_type() == wanted)
        .map(|record| record.data.clone())
        .collect();
    if records.is_empty() {
        Said::NoRecords
    } else {
        Said::Records(records)
    }
}

fn said(error: NetError) -> Result<Said, ServerFailure> {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
            ResponseCode::NXDomain => Ok(Said::NoSuchName),
            _ => Ok(Said::NoRecords),
        },
        NetError::Dns(DnsError::ResponseCode(code)) => Err(ServerFailure::Answered {
            code: code.to_str().to_owned(),
        }),
        NetError::Timeout => Err(ServerFailure::Silent),
        NetError::Io(error) => Err(ServerFailure::Unusable {
            reason: error.to_string(),
        }),
        error => Err(ServerFailure::Unusable {
            reason: error.to_string(),
        }),
    }
}

fn shown(name: &Name) -> String {
    let text = name.to_string();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_puts_the_name_itself_before_the_search_list() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("resolv.conf");
        let of = |text: &str, name: &str| -> Vec<String> {
            fs::write(&file, text).unwrap();
            let servers = NameServers::from_file(&file).unwrap();
            let name = Name::from_ascii(name).unwrap();
            let all = servers.candidates(&name);
            assert!(all.iter().all(Name::is_fqdn));
            all.iter().map(shown).collect()
        };
        let text = "nameserver 192.0.2.1\nsearch a.example b.example\n";
        assert_eq!(of(text, "db"), ["db.a.example", "db.b.example", "db"]);
        assert_eq!(
            of(text, "db.c"),
            ["db.c", "db.c.a.example", "db.c.b.example"]
        );
        assert_eq!(of(text, "db.c."), ["db.c"]);
        let text = "nameserver 192.0.2.1\nsearch a.example\noptions ndots:2\n";
        assert_eq!(of(text, "db.c"), ["db.c.a.example", "db.c"]);
    }
}
