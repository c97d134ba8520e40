//! What is wrong with a connection string.

/// What is wrong with a connection string; reads after "failed to …". Never quotes a value: a slip of one character
/// makes any part of it the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Neither a URL nor key=value pairs.
    #[error(
        "read the connection string: it is neither a postgres:// URL nor a list of key=value pairs"
    )]
    Form,
    /// A quotation mark is opened and not closed.
    #[error(
        "read the connection string: the value of parameter {position} has no closing quotation mark"
    )]
    Unquoted {
        /// Which parameter, counted from 1.
        position: usize,
    },
    /// A `%` without two hexadecimal digits, or of something that is no UTF-8 text.
    #[error(
        "read the connection string: its {part} holds a `%` that encodes nothing; write %25 for the sign itself"
    )]
    Encoding {
        /// Which part of the URL.
        part: &'static str,
    },
    /// Not a parameter of libpq's, mostly a typing error.
    #[error("read the connection string: {} is none of libpq's{}", named(name.as_deref(), *position), near.map(|key| format!("; is {key} meant?")).unwrap_or_default())]
    UnknownKey {
        /// Its name; nothing where that could be a part of a password.
        name: Option<String>,
        /// Which parameter, counted from 1 in the order of the text, user and password of a URL included.
        position: usize,
        /// One that begins alike.
        near: Option<&'static str>,
    },
    /// A parameter of libpq's that is not supported here, and that would change what happens.
    #[error("read the connection string: the parameter {key} is not supported")]
    Unsupported {
        /// Its name.
        key: &'static str,
    },
    /// A value of another kind.
    #[error("read the connection string: {key} wants {wanted}")]
    Value {
        /// Which parameter.
        key: &'static str,
        /// What it wants.
        wanted: &'static str,
    },
    /// The lists of hosts, addresses and ports do not go together.
    #[error(
        "read the connection string: it lists {ports} ports and {addresses} addresses for {hosts} hosts"
    )]
    Lists {
        /// How many hosts.
        hosts: usize,
        /// How many values in `hostaddr`.
        addresses: usize,
        /// How many ports.
        ports: usize,
    },
    /// A sign of the URL's own grammar stands where it can only be part of a user's name or password.
    #[error(
        "read the connection string: its user or password holds a sign that must be percent-encoded (`@` is %40, `/` is %2F, `?` is %3F, `%` is %25)"
    )]
    Reserved,
    /// What the connection string leaves out is wrong in libpq's environment variables (PGPORT, PGSSLMODE, …).
    #[error(
        "take from the environment's PG* variables what the connection string leaves out: {}",
        unprefixed(source)
    )]
    Environment {
        /// What.
        source: Box<SettingsError>,
    },
    /// Everything that is wrong with its parameters; never fewer than two.
    #[error("read the connection string: {}", listed(.0))]
    Several(Vec<SettingsError>),
}

impl SettingsError {
    /// One error for several; nothing where there is none.
    pub(super) fn of(mut wrong: Vec<SettingsError>) -> Option<SettingsError> {
        match wrong.len() {
            0 | 1 => wrong.pop(),
            _ => Some(SettingsError::Several(wrong)),
        }
    }
}

fn named(name: Option<&str>, position: usize) -> String {
    match name {
        Some(name) => format!("the parameter {name}"),
        None => format!("parameter {position}"),
    }
}

fn listed(wrong: &[SettingsError]) -> String {
    let each: Vec<String> = wrong.iter().map(unprefixed).collect();
    each.join("; ")
}

fn unprefixed(error: &SettingsError) -> String {
    let text = error.to_string();
    match text.strip_prefix("read the connection string: ") {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}
