//! The kind `postgres`: a server takes connections, lets a user in, or answers a query as wanted.

mod statement;

use std::{path::Path, sync::Arc};

use actions_kit::Secret;
use probes::{
    Probe,
    postgres::{
        Expectation, LoginProbe, QueryProbe, ReadyProbe, Settings, SettingsError, TargetSession,
    },
};

use super::Kind;
use crate::{Fields, Key, Problems, Setting, Shape, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "postgres",
    help: "PostgreSQL takes connections, lets this user in and answers a query as wanted",
    keys: KEYS,
    short: Some("url"),
    build,
};

const KEYS: &[Key] = &[
    Key::new(
        "url",
        Shape::Address,
        "libpq's connection string: `postgres://user:password@host:5432/database?sslmode=verify-full`, or `host=… user=…`; \
         several hosts are separated by commas",
    ),
    Key::new(
        "host",
        Shape::Text,
        "name, address, or the folder of a socket; several are separated by commas. Like every key below it wins over `url`",
    ),
    Key::new(
        "port",
        Shape::Text,
        "one port, or one for each host, separated by commas; 5432 where nothing says otherwise",
    ),
    Key::new("user", Shape::Text, "as whom"),
    Key::new(
        "password",
        Shape::Secret,
        "that user's password, as it is: nothing in it needs encoding",
    ),
    Key::new(
        "database",
        Shape::Text,
        "which database; that of the user's name where nothing says otherwise",
    ),
    Key::new(
        "ready",
        Shape::Flag,
        "only whether the server takes connections, as `pg_isready` asks: no password is needed or sent",
    )
    .with_default("false"),
    Key::new(
        "query",
        Shape::Text,
        "one SQL statement; without it, and without `ready`, the gate logs in and asks `SELECT 1`",
    ),
    Key::new(
        "value",
        Shape::Text,
        "what the first column of the first row must be: a text, `!=` and a text, or `<`, `<=`, `>`, `>=` and a number",
    ),
    Key::new(
        "rows",
        Shape::Text,
        "how many rows there must be: `3`, `>= 1`, or `1..5`",
    ),
    Key::new(
        "read-only",
        Shape::Flag,
        "`query` runs in a transaction that refuses to write and is rolled back; `false` commits what it changes, at every \
         try",
    )
    .with_default("true"),
    Key::new(
        "role",
        Shape::Choice(&["primary", "standby"]),
        "what the server must be; of several hosts, the first that is",
    ),
    Key::new(
        "target-session-attrs",
        Shape::Choice(&[
            "any",
            "read-write",
            "read-only",
            "primary",
            "standby",
            "prefer-standby",
        ]),
        "which of several hosts will do, as libpq means it",
    ),
    Key::new(
        "sslmode",
        Shape::Choice(&[
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ]),
        "whether TLS is spoken and what of the certificate is checked, as libpq means it; `prefer` where nothing says \
         otherwise",
    ),
    Key::new(
        "sslrootcert",
        Shape::Text,
        "the PEM file with the authorities to trust; `system`, or nothing, means those of this machine",
    ),
    Key::new(
        "sslcert",
        Shape::Text,
        "the PEM file with this client's certificate",
    ),
    Key::new(
        "sslkey",
        Shape::Text,
        "the PEM file with its private key, not encrypted",
    ),
];

/// Keys that are libpq's parameters under the same or another name.
const PARAMETERS: [(&str, &str); 10] = [
    ("host", "host"),
    ("port", "port"),
    ("user", "user"),
    ("password", "password"),
    ("database", "dbname"),
    ("target-session-attrs", "target_session_attrs"),
    ("sslmode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("sslcert", "sslcert"),
    ("sslkey", "sslkey"),
];

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let before = problems.len();
    let settings = settings(fields, around, problems);
    let expectation = expectation(fields, problems);
    combinations(fields, problems);
    for key in ["host", "user", "password", "database", "query"] {
        fields.refuse_nul(key, problems);
    }
    if problems.len() > before {
        return None;
    }
    let settings = settings?;
    let resolver = around.resolver.clone();
    Some(match fields.text("query") {
        Some(query) => Arc::new(QueryProbe {
            settings,
            query: query.to_owned(),
            read_only: fields.settings.get("read-only") != Some(&Setting::Flag(false)),
            expectation,
            resolver,
        }),
        None if fields.flag("ready") => Arc::new(ReadyProbe { settings, resolver }),
        None => Arc::new(LoginProbe { settings, resolver }),
    })
}

fn settings(fields: &Fields, around: &Surroundings, problems: &mut Problems) -> Option<Settings> {
    let url = fields.text("url");
    if let Some(password) = fields.text("password") {
        learn(password, around);
    }
    if url.is_some_and(|url| url.trim().is_empty()) {
        fields.wrong(
            "url",
            "an empty text",
            "a connection string",
            "set the variable that it comes from",
            problems,
        );
        return None;
    }
    let variable = |name: &str| around.environment.raw(name).map(str::to_owned);
    let named = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if url.is_none() && fields.text("host").is_none() && !named("PGHOST") && !named("PGHOSTADDR") {
        fields.wrong(
            "url",
            "nothing that names a server",
            "a connection string, or `host`",
            "write `url` or `host`, or set PGHOST",
            problems,
        );
        return None;
    }
    let apart: Vec<(&str, &str)> = PARAMETERS
        .into_iter()
        .filter_map(|(key, parameter)| Some((parameter, fields.text(key)?)))
        .collect();
    match Settings::read(url.unwrap_or_default(), &apart, variable) {
        Ok(mut settings) => {
            if let Some(password) = &settings.password {
                learn(password, around);
            }
            match fields.text("role") {
                Some("primary") => settings.target_session = TargetSession::Primary,
                Some(_) => settings.target_session = TargetSession::Standby,
                None => {}
            }
            for file in [
                &mut settings.ssl_root_cert,
                &mut settings.ssl_cert,
                &mut settings.ssl_key,
            ]
            .into_iter()
            .flatten()
            {
                *file = Path::join(&around.workspace, &*file);
            }
            Some(settings)
        }
        Err(error) => {
            // How many hosts and ports there are cannot be said where one of the lists could not be read.
            let is_known = !fields.is_unread("host") && !fields.is_unread("port");
            let each = match &error {
                SettingsError::Several(errors) => errors,
                one => std::slice::from_ref(one),
            };
            for error in each {
                if is_known || !matches!(error, SettingsError::Lists { .. }) {
                    wrong(fields, error, problems);
                }
            }
            None
        }
    }
}

fn learn(password: &str, around: &Surroundings) {
    // An empty one is none.
    if let Ok(secret) = Secret::new(password) {
        around.redactor.add(&secret);
    }
}

/// Says what is wrong at the key where it stands.
fn wrong(fields: &Fields, error: &SettingsError, problems: &mut Problems) {
    let text = error.to_string();
    let reason = text
        .split_once(": ")
        .map_or(text.as_str(), |(_, reason)| reason);
    let seen = match error {
        SettingsError::Environment { .. } => format!("the environment's PG* variables: {reason}"),
        _ => reason.to_owned(),
    };
    let key = match error {
        SettingsError::Value { key, .. } => PARAMETERS
            .into_iter()
            .find(|(own, parameter)| parameter == key && fields.text(own).is_some())
            .map_or("url", |(own, _)| own),
        SettingsError::Lists { .. } if fields.text("host").is_some() => "host",
        SettingsError::Lists { .. } if fields.text("port").is_some() => "port",
        _ => "url",
    };
    let mend = match error {
        SettingsError::Reserved | SettingsError::Encoding { .. } => {
            "percent-encode the sign, or leave the password out of the URL and use the key `password`, where nothing needs \
             encoding"
        }
        SettingsError::Environment { .. } => "write it in the gate, or set the variable right",
        SettingsError::Form => {
            "write `postgres://host:5432/database` with `user:password@` before the host, or `host=… port=… user=… dbname=…`"
        }
        _ => "see the chapter Connection Strings of libpq's documentation",
    };
    let wanted = match key {
        "url" => "a connection string as libpq reads it",
        _ => "what libpq takes",
    };
    fields.wrong(key, &seen, wanted, mend, problems);
}

fn expectation(fields: &Fields, problems: &mut Problems) -> Expectation {
    let mut expectation = Expectation::default();
    if let Some(text) = fields.text("value") {
        match text.parse() {
            Ok(value) => expectation.value = Some(value),
            Err(_) => fields.wrong(
                "value",
                "a comparison with something that is no number",
                "a text, or `<`, `<=`, `>`, `>=` and a decimal number",
                "write `= ` in front of a text that begins with such a sign",
                problems,
            ),
        }
    }
    if let Some(text) = fields.text("rows") {
        match text.parse() {
            Ok(rows) => expectation.rows = Some(rows),
            Err(_) => fields.wrong(
                "rows",
                "no number of rows",
                "`3`, `>= 1`, or `1..5`",
                "write one of these forms, in quotation marks where it begins with `>`",
                problems,
            ),
        }
    }
    expectation
}

/// Keys that do not go together.
fn combinations(fields: &Fields, problems: &mut Problems) {
    let has = |key: &str| fields.settings.contains_key(key);
    match fields.text("query") {
        Some(query) => {
            let (seen, mend) = match statement::count(query) {
                1 => ("", ""),
                0 => ("no statement", "write `SELECT …`, or leave the key out"),
                _ => (
                    "more than one statement",
                    "write one gate for each, or join them into one `SELECT`",
                ),
            };
            if !seen.is_empty() {
                fields.wrong("query", seen, "one SQL statement", mend, problems);
            }
        }
        None => {
            for key in ["value", "rows"].into_iter().filter(|key| has(key)) {
                let mend = "write the `query` that it is about";
                fields.wrong(key, "no `query`", "a `query` beside it", mend, problems);
            }
        }
    }
    if fields.flag("ready") {
        for key in ["query", "role", "target-session-attrs"]
            .into_iter()
            .filter(|key| has(key))
        {
            fields.wrong(
                key,
                "`ready` beside it",
                "one of the two",
                "leave `ready` out: whoever is let in and answered finds the server ready",
                problems,
            );
        }
    }
    if has("role") && has("target-session-attrs") {
        fields.wrong(
            "role",
            "`target-session-attrs` beside it",
            "one of the two",
            "leave one out: they say the same",
            problems,
        );
    }
}
