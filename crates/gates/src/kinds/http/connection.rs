//! The keys that say how the server is reached and who it must prove to be.

use std::path::{Path, PathBuf};

use probes::http::{Client, ClientOptions, HttpError, Roots};

use super::shown;
use crate::{Fields, Key, Problems, Setting, Shape, Surroundings};

/// The keys.
pub(in crate::kinds) const KEYS: &[Key] = &[
    Key::new(
        "redirects",
        Shape::Count { least: 0 },
        "How many redirects are followed; with `0` the first answer itself is judged",
    )
    .with_default("0"),
    Key::new(
        "redirect-to",
        Shape::Choice(&["any-host", "same-host"]),
        "Where redirects are followed to; one that is not followed is judged itself",
    )
    .with_default("any-host"),
    Key::new(
        "resolve",
        Shape::Map(&Shape::Text),
        "By name, the address or other name that is asked in its place; `Host` and the name in the certificate stay",
    ),
    Key::new(
        "unix-socket",
        Shape::Text,
        "The path of a Unix socket that is asked in place of the address's host",
    ),
    Key::new(
        "ca-file",
        Shape::Text,
        "A PEM file: its authorities alone are trusted, in place of the host's",
    ),
    Key::new(
        "client-cert",
        Shape::Text,
        "A PEM file with the client's certificate; with `client-key`",
    ),
    Key::new(
        "client-key",
        Shape::Text,
        "A PEM file with its key, not encrypted",
    ),
    Key::new(
        "insecure-skip-verify",
        Shape::Flag,
        "Takes any certificate, so that anybody may have answered; every result says so",
    )
    .with_default("false"),
    Key::new(
        "max-body",
        Shape::Count { least: 1 },
        "How many bytes of a body are read; a longer one is no JSON, and is matched by what was read",
    )
    .with_default("1048576"),
];

/// The client that `fields` ask for; it is shared with every gate that asks for the same.
pub(in crate::kinds) fn read(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Client> {
    let options = options(fields, around, problems);
    shared(fields, options, problems)
}

/// The client of `options`. Where other keys of the connection were wrong, the authorities alone are looked at, so that
/// a wrong file of them is told together with those.
pub(in crate::kinds) fn shared(
    fields: &Fields,
    options: Result<ClientOptions, Roots>,
    problems: &mut Problems,
) -> Option<Client> {
    let is_whole = options.is_ok();
    let options = options.unwrap_or_else(|roots| ClientOptions {
        roots,
        ..ClientOptions::default()
    });
    match Client::shared(options) {
        Ok(client) => Some(client).filter(|_| is_whole),
        Err(error) => {
            tell(fields, &error, problems);
            None
        }
    }
}

/// What `fields` say of the connection; the authorities alone where the rest is wrong.
pub(in crate::kinds) fn options(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Result<ClientOptions, Roots> {
    let before = problems.len();
    let path = |key: &str| Some(around.workspace.join(fields.text(key)?));
    let identity = identity(fields, path("client-cert"), path("client-key"), problems);
    let roots = match (path("ca-file"), fields.flag("insecure-skip-verify")) {
        (Some(path), true) => {
            fields.wrong(
                "insecure-skip-verify",
                "`true` beside `ca-file`",
                "one of them",
                "leave it out: `ca-file` says who is trusted",
                problems,
            );
            Roots::File(path)
        }
        (Some(path), false) => Roots::File(path),
        (None, true) => Roots::Anyone,
        (None, false) => Roots::Host,
    };
    let resolve = resolve(fields, problems);
    let count = |key: &str, otherwise: usize| {
        fields.count(key).map_or(otherwise, |count| {
            usize::try_from(count).unwrap_or(usize::MAX)
        })
    };
    if problems.len() > before {
        return Err(roots);
    }
    Ok(ClientOptions {
        resolver: Some(around.resolver.clone()),
        roots,
        identity,
        redirects: count("redirects", 0),
        same_host: fields.text("redirect-to") == Some("same-host"),
        resolve,
        unix_socket: path("unix-socket"),
        body_limit: count("max-body", 1 << 20),
        ..ClientOptions::default()
    })
}

/// Says which key's file cannot be used.
pub(in crate::kinds) fn tell(fields: &Fields, error: &HttpError, problems: &mut Problems) {
    let (named, reason): (&Path, String) = match error {
        HttpError::File { path, kind } => (path, words(*kind)),
        HttpError::Certificates { path, detail } => (path, detail.clone()),
        other => (Path::new(""), format!("failed to {other}")),
    };
    let key = ["ca-file", "client-cert", "client-key"]
        .into_iter()
        .find(|key| fields.text(key).is_some_and(|text| named.ends_with(text)))
        .unwrap_or("url");
    let seen = match fields.text(key).filter(|_| key != "url") {
        Some(path) => format!("{}: {reason}", shown(path)),
        None => reason,
    };
    fields.wrong(
        key,
        &seen,
        "a PEM file that can be read",
        "mend the path or the file; a relative path starts in the workspace",
        problems,
    );
}

/// What the system says of a file, in its own words.
fn words(kind: std::io::ErrorKind) -> String {
    match kind {
        std::io::ErrorKind::NotFound => String::from("no such file"),
        std::io::ErrorKind::IsADirectory => String::from("a folder"),
        other => other.to_string(),
    }
}

fn identity(
    fields: &Fields,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    problems: &mut Problems,
) -> Option<(PathBuf, PathBuf)> {
    let (there, missing) = match (certificate, key) {
        (Some(certificate), Some(key)) => return Some((certificate, key)),
        (None, None) => return None,
        (Some(_), None) => ("client-cert", "client-key"),
        (None, Some(_)) => ("client-key", "client-cert"),
    };
    fields.wrong(
        there,
        &format!("no `{missing}` beside it"),
        "both",
        &format!("add `{missing}`; one file may hold both"),
        problems,
    );
    None
}

fn resolve(fields: &Fields, problems: &mut Problems) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for (name, setting) in fields.map("resolve") {
        let Setting::Text(target) = setting else {
            continue;
        };
        // An address that stands in the URL itself is asked without any look-up.
        let name_is_wrong = name.is_empty()
            || name.contains([':', '/', ' ', '@', '*'])
            || name.parse::<std::net::IpAddr>().is_ok();
        let bare = target.trim_start_matches('[').trim_end_matches(']');
        let target_is_wrong = bare.is_empty()
            || bare.contains(['/', ' ', '@'])
            || (bare.contains(':') && bare.parse::<std::net::Ipv6Addr>().is_err());
        if name_is_wrong {
            fields.wrong(
                "resolve",
                &shown(name),
                "a host's name as it stands in the address, without a port",
                "write `resolve: {shop.example.com: 192.0.2.7}`",
                problems,
            );
        }
        if target_is_wrong {
            fields.wrong(
                "resolve",
                "a target that is no address and no name",
                "an IP address or a name without a port",
                "write `resolve: {shop.example.com: 192.0.2.7}`; the port is that of the URL",
                problems,
            );
        }
        pairs.push((name.to_ascii_lowercase(), bare.to_owned()));
    }
    pairs
}
