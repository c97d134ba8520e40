//! The kind `dns`: a name has addresses or records, and the wanted ones.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use probes::{Probe, dns::Dns, resolver::RecordType};

use super::{Kind, authority};
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// The types that can be asked for, as they are written.
const TYPES: &[&str] = &["A", "AAAA", "CNAME", "MX", "NS", "SRV", "TXT"];

/// Where a name server listens.
const PORT: u16 = 53;

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "dns",
    help: "a name has addresses",
    keys: &[
        Key::new(
            "name",
            Shape::Text,
            "The name; a dot at its end keeps the search list of the machine away",
        )
        .required(),
        Key::new(
            "type",
            Shape::Choice(TYPES),
            "The type of record. Unset: addresses of either family, as a program of this machine gets them, `/etc/hosts` \
             included",
        ),
        Key::new(
            "contains",
            Shape::List(&Shape::Text),
            "Each must be among the answers, as a zone file writes it: `192.0.2.7`, `10 mail.example`",
        ),
        Key::new(
            "equals",
            Shape::List(&Shape::Text),
            "These must be the answers, all and no others, in any order",
        ),
        Key::new(
            "server",
            Shape::Address,
            "The address of the name server to ask, `192.0.2.53` or `192.0.2.53:5353`; the machine's own where unset",
        ),
    ],
    short: Some("name"),
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let before = problems.len();
    let name = fields.text("name");
    fields.refuse_nul("name", problems);
    let record_type = fields.text("type").and_then(|text| text.parse().ok());
    let (contains, equals) = (fields.texts("contains"), fields.texts("equals"));
    if !contains.is_empty() && !equals.is_empty() {
        fields.wrong(
            "contains",
            "`equals` beside it",
            "one of both",
            "keep `equals` where no other answer may be there",
            problems,
        );
    }
    let family: fn(&IpAddr) -> bool = match record_type {
        None => |_| true,
        Some(RecordType::A) => IpAddr::is_ipv4,
        Some(RecordType::AAAA) => IpAddr::is_ipv6,
        Some(_) => |_| false,
    };
    for (key, values) in [("contains", &contains), ("equals", &equals)] {
        let addresses = matches!(record_type, None | Some(RecordType::A | RecordType::AAAA));
        let fits = |value: &&str| value.parse().is_ok_and(|address| family(&address));
        if addresses && let Some(wrong) = values.iter().copied().find(|value| !fits(value)) {
            let wanted = match record_type {
                Some(RecordType::A) => "IPv4 addresses",
                Some(RecordType::AAAA) => "IPv6 addresses",
                _ => "addresses",
            };
            fields.wrong(
                key,
                &format!("`{}`", wrong.escape_debug()),
                wanted,
                "no answer can be that: correct it, or set `type`",
                problems,
            );
        }
    }
    let server = server(fields, problems);
    if problems.len() > before {
        return None;
    }
    let mut probe = match record_type {
        Some(record_type) => Dns::new(&around.resolver, name?, record_type),
        None => Dns::addresses(&around.resolver, name?),
    };
    if let Some(server) = server {
        probe = probe.from_server(server);
    }
    if !equals.is_empty() {
        probe = probe.only();
    }
    let expected = contains.into_iter().chain(equals).map(str::to_owned);
    Some(Arc::new(probe.expecting(expected)))
}

fn server(fields: &Fields, problems: &mut Problems) -> Option<SocketAddr> {
    // An IPv6 address alone needs no brackets: it has no port behind it.
    if let Some(address) = fields.text("server").and_then(|text| text.parse().ok()) {
        return Some(SocketAddr::new(address, PORT));
    }
    let (host, port) = authority::of(fields, "server", Some(PORT), problems)?;
    match host.parse() {
        Ok(address) => Some(SocketAddr::new(address, port)),
        Err(_) => {
            fields.wrong(
                "server",
                "a name",
                "an IP address",
                "write the name server's address: its name would be asked of another one",
                problems,
            );
            None
        }
    }
}
