//! `docker.daemon` and `docker.compose`: whether Docker is there, new enough, and has its compose plugin.

use probes::{
    Answer,
    docker::{self, Compose, ComposeError, Endpoint, Engine, Environment, Version},
};
use tokio::time::Instant;

use crate::Finding;

/// `docker.daemon`: whether the daemon that the `docker` command would ask answers by `deadline`, and is of `min_version`
/// (`20.10`) or later.
pub async fn daemon(min_version: &str, environment: &Environment, deadline: Instant) -> Finding {
    let wanted = format!("Docker {min_version} or later");
    let Ok(least) = min_version.parse::<Version>() else {
        return Finding::unknown(
            "the version that is wanted is none",
            wanted,
            "write `docker_version_min` as `20.10`",
        );
    };
    let asked = async {
        let endpoint = Endpoint::of(environment)?;
        let daemon = docker::daemon(&endpoint, deadline).await?;
        Ok::<_, docker::DockerError>((endpoint, daemon))
    };
    match asked.await {
        Ok((endpoint, daemon)) => {
            let seen = format!("{} at {endpoint}", daemon.version);
            match daemon.engine {
                Engine::Podman => Finding::unknown(
                    format!("Podman {seen}, whose versions count differently"),
                    wanted,
                    "install Docker, or name docker.daemon in `ignore` where Podman will do",
                ),
                Engine::Docker if daemon.version < least => Finding::fail(
                    format!("Docker {seen}"),
                    wanted,
                    "upgrade Docker (`apt-get install --only-upgrade docker-ce`, or the distribution's docker.io)",
                ),
                Engine::Docker => Finding::pass(format!("Docker {seen}"), wanted),
            }
        }
        Err(error) => of(
            error.answer(),
            format!("failed to {error}"),
            wanted,
            error.mend(),
        ),
    }
}

/// `docker.compose`: whether `docker compose` works; `docker-compose` alone is a warning, since scripts must call it by
/// that name.
pub async fn compose(environment: &Environment, deadline: Instant) -> Finding {
    let wanted = "docker compose works";
    match docker::compose(environment, deadline).await {
        Ok(Compose::Plugin(version)) => Finding::pass(format!("docker compose {version}"), wanted),
        Ok(Compose::Standalone(version)) => Finding::warn(
            format!("docker-compose {version}, and no plugin of docker"),
            wanted,
            "install the plugin (`apt-get install docker-compose-plugin`), or call `docker-compose`",
        ),
        Err(error) => of(
            error.answer(),
            format!("failed to {error}"),
            wanted.to_owned(),
            mend(&error),
        ),
    }
}

fn of(answer: Answer, seen: String, wanted: String, mend: &str) -> Finding {
    match answer {
        Answer::Unknown => Finding::unknown(seen, wanted, mend),
        // An error passes nothing.
        Answer::Fail | Answer::Pass => Finding::fail(seen, wanted, mend),
    }
}

fn mend(error: &ComposeError) -> &'static str {
    match error {
        ComposeError::NoDocker => {
            "install Docker's command with its plugin: `apt-get install docker-ce-cli docker-compose-plugin`"
        }
        ComposeError::NoPlugin { .. } => {
            "install the plugin: `apt-get install docker-compose-plugin` (Docker's packages) or `docker-compose-v2` (Ubuntu's)"
        }
        ComposeError::Late { .. }
        | ComposeError::NotStarted { .. }
        | ComposeError::Failed { .. }
        | ComposeError::Unreadable { .. } => {
            "run `docker compose version` as the runner's user, and follow what it says"
        }
    }
}

#[cfg(test)]
mod tests;
