//! The kind `tls`: a server's certificate, and how long it is good.

use std::sync::Arc;

use probes::{
    Probe,
    tls::{Start, Tls, Trust},
};

use super::{Kind, authority};
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// The port where an address names none.
const PORT: u16 = 443;

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "tls",
    help: "a server's certificate is trusted, named right and valid for long enough",
    keys: &[
        Key::new("address", Shape::Address, "`host` or `host:port`; port 443 where unset").required(),
        Key::new(
            "server-name",
            Shape::Text,
            "The name that the certificate must prove, and that the server is asked for; the host of `address` where unset",
        ),
        Key::new(
            "ca-file",
            Shape::Text,
            "A PEM file with the authorities to trust in the place of the machine's; a relative path begins at the workspace",
        ),
        Key::new("days-left", Shape::Count { least: 0 }, "So many days it must still be valid, at least")
            .with_default("14"),
        Key::new("min-version", Shape::Choice(&["1.2", "1.3"]), "The oldest TLS version that will do")
            .with_default("1.2"),
        Key::new(
            "start",
            Shape::Choice(&["tls", "postgres"]),
            "How TLS begins: with the connection, or as PostgreSQL does, which is asked for it first",
        )
        .with_default("tls"),
    ],
    short: Some("address"),
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let start = match fields.text("start") {
        Some("postgres") => Start::Postgres,
        _ => Start::AtOnce,
    };
    let default = match start {
        Start::AtOnce => PORT,
        Start::Postgres => 5432,
    };
    let address = authority::of(fields, "address", Some(default), problems);
    let ca_file = fields
        .text("ca-file")
        .map(|path| around.workspace.join(path));
    let trust = match &ca_file {
        Some(path) => Trust::of_file(path),
        None => Trust::load(None),
    };
    let trust = match trust {
        Ok(trust) => Some(trust),
        Err(error) => {
            fields.wrong(
                "ca-file",
                &format!("failed to {error}"),
                "a PEM file with certificates",
                "correct the path, or write the authority's certificate to it before this step",
                problems,
            );
            None
        }
    };
    let days = fields.count("days-left").unwrap_or_default();
    let days = u32::try_from(days).unwrap_or(u32::MAX);
    let (host, port) = address?;
    Some(Arc::new(Tls {
        resolver: around.resolver.clone(),
        host,
        port,
        server_name: fields.text("server-name").map(str::to_owned),
        trust: trust?,
        days,
        newest_only: fields.text("min-version") == Some("1.3"),
        start,
    }))
}
