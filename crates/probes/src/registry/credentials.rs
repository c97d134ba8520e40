//! The credentials that `docker login` left.

use std::{collections::BTreeMap, fmt, io, path::PathBuf, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    docker::{
        Environment,
        process::{NotRun, run},
    },
    http::Credentials,
};

/// The key of Docker Hub in Docker's configuration.
const HUB_KEY: &str = "https://index.docker.io/v1/";

/// The user name under which a helper gives an identity token.
const TOKEN_USER: &str = "<token>";

/// What the configuration has for a registry. Prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// User and password.
    Password(Credentials),
    /// A refresh token, to be exchanged at the token server.
    Identity(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Why the credentials could not be read. No text holds a piece of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Docker's configuration cannot be read.
    #[error("read {}: {detail}", path.display())]
    Configuration {
        /// Which file.
        path: PathBuf,
        /// Why not.
        detail: String,
    },
    /// The program that keeps the credentials is not on `PATH`.
    #[error("find the credential helper {program} on PATH")]
    NoHelper {
        /// Its name.
        program: String,
    },
    /// The program that keeps the credentials cannot be run.
    #[error("run the credential helper {program}: {kind}")]
    NotStarted {
        /// Its name.
        program: String,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// The program that keeps the credentials did not end in time; it was killed.
    #[error("get credentials from {program} within {} ms", after.as_millis())]
    Late {
        /// Its name.
        program: String,
        /// How long was waited.
        after: Duration,
    },
    /// The program that keeps the credentials failed, or printed something else. Its words are not repeated.
    #[error("get credentials from {program}: {detail}")]
    Helper {
        /// Its name.
        program: String,
        /// How it ended.
        detail: String,
    },
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
    #[serde(default)]
    creds_store: String,
}

#[derive(Default, Deserialize)]
struct Auth {
    #[serde(default)]
    auth: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    identitytoken: String,
    #[serde(default)]
    registrytoken: String,
}

/// What Docker's configuration has for `registry` (`docker.io`, `ghcr.io`, `localhost:5000`): a helper of its own, else
/// the common helper, else the file itself
/// (<https://docs.docker.com/reference/cli/docker/login/#credential-stores>).
pub(super) async fn login(
    environment: &Environment,
    registry: &str,
    deadline: Instant,
) -> Result<Option<Login>, CredentialsError> {
    let Some(folder) = environment.config_folder() else {
        return Ok(None);
    };
    let path = folder.join("config.json");
    let refused = |detail: String| CredentialsError::Configuration {
        path: path.clone(),
        detail,
    };
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(refused(error.kind().to_string())),
    };
    // The parser's own words could hold a piece of the file.
    let mut config: Config = serde_json::from_slice(&text).map_err(|error| {
        refused(format!(
            "no JSON of the right shape at line {}",
            error.line()
        ))
    })?;
    let key = if registry == "docker.io" {
        HUB_KEY
    } else {
        registry
    };
    let own = config
        .cred_helpers
        .iter()
        .find(|(name, _)| host(name) == host(key))
        .map(|(_, helper)| helper.clone());
    let helper = own.unwrap_or(config.creds_store);
    if !helper.is_empty() {
        return ask(environment, &helper, key, deadline).await;
    }
    let exact = config.auths.remove(key);
    let auth = exact.or_else(|| {
        config
            .auths
            .into_iter()
            .find(|(name, _)| host(name) == host(key))
            .map(|(_, auth)| auth)
    });
    match auth {
        Some(auth) => auth.login().map_err(|()| {
            refused(format!(
                "the entry for {registry} is no base64 of user and password"
            ))
        }),
        None => Ok(None),
    }
}

impl Auth {
    fn login(self) -> Result<Option<Login>, ()> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::Identity(self.identitytoken)));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Login::Password(Credentials::Bearer(
                self.registrytoken,
            ))));
        }
        let (user, password) = if self.auth.is_empty() {
            (self.username, self.password)
        } else {
            let text = STANDARD
                .decode(self.auth.trim())
                .ok()
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .ok_or(())?;
            let (user, password) = text.split_once(':').ok_or(())?;
            (user.to_owned(), password.trim_end_matches('\0').to_owned())
        };
        Ok((!user.is_empty()).then_some(Login::Password(Credentials::Basic { user, password })))
    }
}

/// The host in a key of the configuration, which may be a whole address.
fn host(key: &str) -> &str {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Asks a helper (<https://github.com/docker/docker-credential-helpers#development>).
async fn ask(
    environment: &Environment,
    helper: &str,
    key: &str,
    deadline: Instant,
) -> Result<Option<Login>, CredentialsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let program = format!("docker-credential-{helper}");
    let begun = Instant::now();
    // A name with a slash would be a path: helpers come from PATH alone.
    let file = Some(program.as_str())
        .filter(|name| !name.contains('/'))
        .and_then(|name| environment.program(name))
        .ok_or_else(|| CredentialsError::NoHelper {
            program: program.escape_debug().to_string(),
        })?;
    let ran = match run(environment, &file, &["get"], key.as_bytes(), deadline).await {
        Ok(ran) => ran,
        Err(NotRun::Late) => {
            return Err(CredentialsError::Late {
                program,
                after: begun.elapsed(),
            });
        }
        Err(NotRun::System(kind)) => return Err(CredentialsError::NotStarted { program, kind }),
    };
    if ran.code != Some(0) {
        if String::from_utf8_lossy(&ran.stdout).contains("credentials not found") {
            return Ok(None);
        }
        let detail = match ran.code {
            Some(code) => format!("exit {code}"),
            None => "killed by a signal".to_owned(),
        };
        return Err(CredentialsError::Helper { program, detail });
    }
    let answer: Answer =
        serde_json::from_slice(&ran.stdout).map_err(|_| CredentialsError::Helper {
            program,
            detail: "what it printed is not the JSON of a credential".to_owned(),
        })?;
    Ok(Some(if answer.username == TOKEN_USER {
        Login::Identity(answer.secret)
    } else {
        Login::Password(Credentials::Basic {
            user: answer.username,
            password: answer.secret,
        })
    }))
}
