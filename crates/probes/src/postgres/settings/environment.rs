//! libpq's environment variables, for what a connection string leaves out (libpq, section 34.15).

use super::parse::Pairs;

/// Each variable that says whom to ask, as whom, or whom to trust, with the parameter that it stands for. Those that are
/// not supported stand here too: passing over them would trust more than was asked for.
const VARIABLES: [(&str, &str); 19] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGAPPNAME", "application_name"),
    ("PGOPTIONS", "options"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLCERT", "sslcert"),
    ("PGSSLKEY", "sslkey"),
    ("PGSSLCRL", "sslcrl"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGREQUIREAUTH", "require_auth"),
    ("PGREQUIREPEER", "requirepeer"),
    ("PGSERVICE", "service"),
];

/// What the environment says of parameters that `known` does not have.
pub(super) fn left_out(known: &Pairs, variable: impl Fn(&str) -> Option<String>) -> Pairs {
    VARIABLES
        .iter()
        .filter(|(_, key)| known.iter().all(|(other, _)| other != key))
        .filter_map(|(name, key)| Some(((*key).to_owned(), variable(name)?)))
        .filter(|(_, value)| !value.is_empty())
        .collect()
}
