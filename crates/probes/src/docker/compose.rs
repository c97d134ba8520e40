//! Whether `docker compose` is there.

use std::{io, path::PathBuf, time::Duration};

use tokio::time::Instant;

use super::{
    Environment, Version,
    process::{NotRun, Ran, run},
};
use crate::{Answer, foreign};

/// Which compose was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compose {
    /// The plugin: `docker compose` works.
    Plugin(Version),
    /// Only the stand-alone program, version 2 or later: `docker-compose` works, `docker compose` does not.
    Standalone(Version),
}

/// Why no compose was found. Texts fit "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// There is no `docker` on `PATH`, and no stand-alone compose.
    #[error("find the program docker on PATH")]
    NoDocker,
    /// `docker` is there and knows no `compose`.
    #[error("find the compose plugin of docker{}", old(.legacy.as_ref()))]
    NoPlugin {
        /// A stand-alone compose of version 1, which Docker no longer maintains.
        legacy: Option<Version>,
    },
    /// `docker compose version` did not end in time; it was killed.
    #[error("learn the version of docker compose within {} ms", after.as_millis())]
    Late {
        /// How long was waited.
        after: Duration,
    },
    /// `docker` could not be started.
    #[error("run {}: {kind}", program.display())]
    NotStarted {
        /// Which program.
        program: PathBuf,
        /// What the system says.
        kind: io::ErrorKind,
    },
    /// `docker compose version` failed in another way.
    #[error("learn the version of docker compose: {ended}: {words}")]
    Failed {
        /// `exit 1`, or `killed by a signal`.
        ended: String,
        /// The beginning of its complaint.
        words: String,
    },
    /// It ended well and printed no version.
    #[error("learn the version of docker compose: it printed {printed:?}")]
    Unreadable {
        /// What it printed.
        printed: String,
    },
}

impl ComposeError {
    /// What the error means for a probe.
    pub fn answer(&self) -> Answer {
        match self {
            ComposeError::NoDocker | ComposeError::NoPlugin { .. } => Answer::Fail,
            ComposeError::Late { .. }
            | ComposeError::NotStarted { .. }
            | ComposeError::Failed { .. }
            | ComposeError::Unreadable { .. } => Answer::Unknown,
        }
    }
}

/// The words about an old compose, if there is one.
fn old(legacy: Option<&Version>) -> String {
    legacy.map_or_else(String::new, |version| {
        format!(" (docker-compose {version} is there, which is no longer maintained)")
    })
}

/// Asks `docker compose version --short`, and `docker-compose version --short` where that knows no `compose`.
///
/// # Errors
/// [`ComposeError`].
pub async fn compose(
    environment: &Environment,
    deadline: Instant,
) -> Result<Compose, ComposeError> {
    let begun = Instant::now();
    let missing = match environment.program("docker") {
        Some(docker) => match ask(
            environment,
            docker,
            &["compose", "version", "--short"],
            begun,
            deadline,
        )
        .await?
        {
            ran if ran.code == Some(0) => return read(&ran).map(Compose::Plugin),
            ran if knows_no_compose(&ran) => ComposeError::NoPlugin { legacy: None },
            ran => return Err(failed(&ran)),
        },
        None => ComposeError::NoDocker,
    };
    let Some(standalone) = environment.program("docker-compose") else {
        return Err(missing);
    };
    // A broken stand-alone program is no better than none.
    let version = match ask(
        environment,
        standalone,
        &["version", "--short"],
        begun,
        deadline,
    )
    .await
    {
        Ok(ran) if ran.code == Some(0) => read(&ran).ok(),
        Ok(_) | Err(_) => None,
    };
    match version {
        Some(version) if version.number(0) >= 2 => Ok(Compose::Standalone(version)),
        legacy => Err(match missing {
            ComposeError::NoPlugin { .. } => ComposeError::NoPlugin { legacy },
            other => other,
        }),
    }
}

async fn ask(
    environment: &Environment,
    program: PathBuf,
    arguments: &[&str],
    begun: Instant,
    deadline: Instant,
) -> Result<Ran, ComposeError> {
    run(environment, &program, arguments, b"", deadline)
        .await
        .map_err(|not_run| match not_run {
            NotRun::Late => ComposeError::Late {
                after: begun.elapsed(),
            },
            NotRun::System(kind) => ComposeError::NotStarted { program, kind },
        })
}

/// Without the plugin, `docker` takes `--short` for its own flag and exits 125 (design §11); other versions say that
/// there is no such command.
fn knows_no_compose(ran: &Ran) -> bool {
    let said = String::from_utf8_lossy(&ran.stderr);
    ran.code.is_some_and(|code| code != 0)
        && [
            "unknown flag: --short",
            "is not a docker command",
            "unknown command: docker compose",
        ]
        .iter()
        .any(|words| said.contains(words))
}

fn read(ran: &Ran) -> Result<Version, ComposeError> {
    let printed = String::from_utf8_lossy(&ran.stdout);
    printed
        .trim()
        .parse()
        .map_err(|_| ComposeError::Unreadable {
            printed: foreign::words(&printed),
        })
}

fn failed(ran: &Ran) -> ComposeError {
    ComposeError::Failed {
        ended: match ran.code {
            Some(code) => format!("exit {code}"),
            None => "killed by a signal".to_owned(),
        },
        words: foreign::words(&String::from_utf8_lossy(&ran.stderr)),
    }
}
