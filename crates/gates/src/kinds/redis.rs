//! The kind `redis`: a server, a node of a cluster, or the master that sentinels name.

mod keys;

use std::{path::PathBuf, sync::Arc};

use actions_kit::Secret;
use probes::{
    Probe,
    redis::{
        Endpoint, PORT, Question, RedisProbe, Sentinels, Settings, SettingsError, Source,
        TlsSettings, Wanted, WantedCluster, WantedRole,
    },
};

use super::Kind;
use crate::{Fields, Problems, Surroundings};

/// The port of a sentinel that names none.
const SENTINEL_PORT: u16 = 26379;

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "redis",
    help: "Redis answers this user's `PING`, and is the master, replica or node that it should be",
    keys: keys::KEYS,
    short: Some("url"),
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let before = problems.len();
    let source = source(fields, around, problems);
    let wanted = wanted(fields, problems);
    if problems.len() > before {
        return None;
    }
    let probe = RedisProbe::new(source?, wanted, around.resolver.clone());
    Some(Arc::new(probe))
}

fn source(fields: &Fields, around: &Surroundings, problems: &mut Problems) -> Option<Source> {
    let url = fields.text("url").filter(|url| !url.trim().is_empty());
    match (url, fields.object("sentinel")) {
        (Some(url), None) => {
            settings(fields, "url", url, PORT, around, problems).map(Source::Server)
        }
        (None, Some(sentinel)) => {
            let sentinels: Option<Vec<Settings>> = sentinel
                .texts("at")
                .into_iter()
                .map(|at| settings(sentinel, "at", at, SENTINEL_PORT, around, problems))
                .collect();
            // This host is never asked: the sentinels name another.
            let master = settings(fields, "url", "master", PORT, around, problems)?;
            let sentinels = sentinels?;
            if sentinels.is_empty() {
                let mend = "name every sentinel, such as [sentinel-1, sentinel-2, sentinel-3]";
                sentinel.wrong("at", "no sentinel", "one at least", mend, problems);
                return None;
            }
            Some(Source::Sentinels(Sentinels {
                service: sentinel.text("master")?.to_owned(),
                sentinels,
                master,
            }))
        }
        (Some(_), Some(_)) => {
            let mend = "take `url` away: user, password, database and TLS of the master have keys of their own";
            fields.wrong(
                "url",
                "`url` beside `sentinel`",
                "one of them",
                mend,
                problems,
            );
            None
        }
        (None, None) => {
            let mend = "give the server's address, such as redis://cache.internal:6379";
            fields.wrong("url", "nothing", "`url` or `sentinel`", mend, problems);
            None
        }
    }
}

/// What an address and the keys beside it give.
fn settings(
    fields: &Fields,
    key: &str,
    address: &str,
    port: u16,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Settings> {
    around.redactor.add_credentials_in(address);
    let url = match address.contains("://") {
        true => address.to_owned(),
        false => format!("redis://{}", address.trim()),
    };
    let mut settings = match Settings::read(&url, port) {
        Ok(settings) => settings,
        Err(error) => {
            let (seen, mend) = match error {
                SettingsError::Form => (
                    "an address that cannot be read",
                    "percent-encode user and password, or give them with the keys `username` and `password`",
                ),
                SettingsError::Insecure => (
                    "an address with #insecure",
                    "name the authority's certificate with `ca-file`",
                ),
                SettingsError::Encoding => (
                    "an address with a `%` that encodes nothing",
                    "write %25 for the sign itself, or give user and password with the keys `username` and `password`",
                ),
                SettingsError::Port => (
                    "an address with the port 0",
                    "name the port that the server listens on",
                ),
            };
            let wanted = "redis://host:6379/0, with user:password@ before the host; rediss:// for TLS; or host:port";
            fields.wrong(key, seen, wanted, mend, problems);
            return None;
        }
    };
    if let Endpoint::Tcp { tls, .. } = &mut settings.endpoint {
        *tls |= fields.flag("tls");
    }
    let text = |key: &str| fields.text(key).filter(|text| !text.is_empty());
    if let Some(user) = text("username") {
        settings.user = Some(user.to_owned());
    }
    if let Some(password) = text("password") {
        settings.password = Some(password.to_owned());
    }
    match settings.password.as_deref().map(Secret::new) {
        Some(Ok(secret)) => around.redactor.add(&secret),
        // Asking as the user `default` instead would prove nothing of this one.
        _ if text("username").is_some() => {
            let mend = "add `password`";
            fields.wrong(
                "username",
                "no password",
                "a password beside it",
                mend,
                problems,
            );
        }
        _ => {}
    }
    if let Some(database) = fields.count("database") {
        match u32::try_from(database) {
            Ok(database) => settings.database = database,
            Err(_) => {
                let seen = database.to_string();
                let mend = "they count from 0, and end at 15 where nobody configured more";
                fields.wrong("database", &seen, "a database's number", mend, problems);
            }
        }
    }
    settings.tls = tls(fields, around, problems);
    Some(settings)
}

fn tls(fields: &Fields, around: &Surroundings, problems: &mut Problems) -> TlsSettings {
    let text = |key: &str| fields.text(key).filter(|text| !text.is_empty());
    let file = |key: &str| -> Option<PathBuf> { Some(around.workspace.join(text(key)?)) };
    let identity = match (file("certificate"), file("key")) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (Some(_), None) => {
            let mend = "name the file with the certificate's key";
            fields.wrong(
                "key",
                "nothing",
                "`key` beside `certificate`",
                mend,
                problems,
            );
            None
        }
        (None, Some(_)) => {
            let mend = "name the file with the key's certificate";
            fields.wrong(
                "certificate",
                "nothing",
                "`certificate` beside `key`",
                mend,
                problems,
            );
            None
        }
    };
    TlsSettings {
        ca_file: file("ca-file"),
        identity,
        server_name: text("server-name").map(str::to_owned),
        unverified: fields.flag("skip-verify"),
    }
}

fn wanted(fields: &Fields, problems: &mut Problems) -> Wanted {
    let behind_sentinels = fields.object("sentinel").is_some();
    let min_replicas = fields.count("min-replicas");
    let role = match fields.text("role") {
        Some("replica" | "slave") if behind_sentinels => {
            let mend = "give the replica's own address as `url`";
            fields.wrong(
                "role",
                "a replica behind `sentinel`",
                "a master: sentinels name no other",
                mend,
                problems,
            );
            None
        }
        Some("replica" | "slave") if min_replicas.is_some() => {
            let mend = "take one of them away";
            fields.wrong(
                "min-replicas",
                "`min-replicas` of a replica",
                "`role: master`",
                mend,
                problems,
            );
            None
        }
        Some("replica" | "slave") => Some(WantedRole::Replica),
        Some(_) => Some(WantedRole::Master {
            min_replicas: min_replicas.unwrap_or(0),
        }),
        None => min_replicas.map(|min_replicas| WantedRole::Master { min_replicas }),
    };
    let (min_masters, min_nodes) = (fields.count("min-masters"), fields.count("min-nodes"));
    let cluster = fields.flag("cluster").then(|| WantedCluster {
        min_masters: min_masters.unwrap_or(0),
        min_nodes: min_nodes.unwrap_or(0),
    });
    for (key, set) in [("min-masters", min_masters), ("min-nodes", min_nodes)] {
        if set.is_some() && cluster.is_none() {
            let mend = "add `cluster: true`";
            fields.wrong(
                key,
                "no `cluster`",
                "`cluster: true` beside it",
                mend,
                problems,
            );
        }
    }
    let command: Vec<String> = fields
        .texts("command")
        .into_iter()
        .map(str::to_owned)
        .collect();
    let value = fields.text("value").map(str::to_owned);
    if command.is_empty() && value.is_some() {
        let mend = "say which command must answer it, such as `command: [GET, deploy:version]`";
        fields.wrong(
            "value",
            "no `command`",
            "`command` beside it",
            mend,
            problems,
        );
    }
    let question = (!command.is_empty()).then_some(Question { command, value });
    Wanted {
        role,
        cluster,
        question,
    }
}
