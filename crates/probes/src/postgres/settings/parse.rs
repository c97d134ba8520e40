//! From text to libpq's parameters: the pairs of a URL, or of key=value text.

use super::SettingsError;
use crate::percent;

/// Names and values, in the order of the text.
pub(super) type Pairs = Vec<(String, String)>;

/// What `text` says, in its order; nothing where it is empty.
pub(super) fn pairs(text: &str) -> Result<Pairs, SettingsError> {
    match of_url(text) {
        Some(rest) => url(rest),
        None => key_values(text.trim()),
    }
}

fn of_url(text: &str) -> Option<&str> {
    let text = text.trim();
    text.strip_prefix("postgresql://")
        .or_else(|| text.strip_prefix("postgres://"))
}

/// Whether the name of an unknown parameter can be no part of a password: one that a sign of the URL's cut up goes on to its
/// `@`, or stands among the parameters itself. Key=value text is cut up by a mere space.
pub(super) fn may_name(text: &str) -> bool {
    let Some((_, query)) = of_url(text).and_then(|rest| rest.split_once('?')) else {
        return false;
    };
    !query.contains('@') && !query.contains("password")
}

/// `[user[:password]@][host[:port][,…]][/database][?key=value&…]`
fn url(rest: &str) -> Result<Pairs, SettingsError> {
    let mut pairs = Pairs::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    if is_cut_up(authority, database, query) {
        return Err(SettingsError::Reserved);
    }
    let hosts = match authority.split_once('@') {
        None => authority,
        Some((who, hosts)) => {
            let (user, password) = who.split_once(':').unwrap_or((who, ""));
            put(&mut pairs, "user", decoded(user, "user")?);
            put(&mut pairs, "password", decoded(password, "password")?);
            hosts
        }
    };
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',') {
        let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, after)) => (name, after.strip_prefix(':').unwrap_or(after)),
            None => host.split_once(':').unwrap_or((host, "")),
        };
        names.push(decoded(name, "host")?);
        ports.push(decoded(port, "port")?);
    }
    put(&mut pairs, "host", names.join(","));
    if ports.iter().any(|port| !port.is_empty()) {
        put(&mut pairs, "port", ports.join(","));
    }
    put(&mut pairs, "dbname", decoded(database, "database")?);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').ok_or(SettingsError::Form)?;
        let (key, value) = (decoded(key, "query")?, decoded(value, "query")?);
        match (key.as_str(), value.as_str()) {
            // JDBC's spelling, which libpq takes too.
            ("ssl", "true") => put(&mut pairs, "sslmode", "require".to_owned()),
            _ => pairs.push((key, value)),
        }
    }
    Ok(pairs)
}

/// Whether a password (or user) with a sign of the URL's own in it has been cut up by that sign: then the `@` behind it
/// stands where none can be. libpq would go on, and ask a host that nobody meant.
fn is_cut_up(authority: &str, database: &str, query: &str) -> bool {
    let (who, hosts) = authority.split_once('@').unwrap_or(("", authority));
    let port = hosts.rsplit_once(':').map_or("", |(_, port)| port);
    let no_port = !port.bytes().all(|byte| byte.is_ascii_digit()) && !port.ends_with(']');
    hosts.contains('@')
        || database.contains('@')
        || (who.is_empty() && no_port && query.contains('@'))
        || query
            .split('&')
            .any(|pair| pair.split('=').next().is_some_and(|key| key.contains('@')))
}

fn put(pairs: &mut Pairs, key: &str, value: String) {
    if !value.is_empty() {
        pairs.push((key.to_owned(), value));
    }
}

fn decoded(text: &str, part: &'static str) -> Result<String, SettingsError> {
    percent::decoded(text)
        .filter(|text| !text.contains('\0'))
        .ok_or(SettingsError::Encoding { part })
}

/// `host = a password = 'it\'s'`: spaces around the sign, quotation marks around values with spaces.
fn key_values(text: &str) -> Result<Pairs, SettingsError> {
    let mut pairs = Pairs::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').ok_or(SettingsError::Form)?;
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(SettingsError::Form);
        }
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('\'') {
            Some(quoted) => {
                let ends = |c| c == '\'';
                let (value, end) = unescaped(quoted, ends);
                let end = end.ok_or_else(|| SettingsError::Unquoted {
                    position: pairs.len() + 1,
                })?;
                (value, &quoted[end + 1..])
            }
            None => {
                let (value, end) = unescaped(after, char::is_whitespace);
                (value, &after[end.unwrap_or(after.len())..])
            }
        };
        pairs.push((key.to_owned(), value));
        rest = after.trim_start();
    }
    Ok(pairs)
}

/// The value up to the first character that `ends` it and has no backslash before it, and where that character is.
fn unescaped(text: &str, ends: impl Fn(char) -> bool) -> (String, Option<usize>) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => value.extend(characters.next().map(|(_, c)| c)),
            c if ends(c) => return (value, Some(at)),
            c => value.push(c),
        }
    }
    (value, None)
}
