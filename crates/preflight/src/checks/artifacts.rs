//! `artifacts.images`: each image reference exists in its registry.

use std::sync::Arc;

use probes::{
    Answer,
    http::HttpError,
    registry::{Reference, Registry, RegistryError},
};
use tokio::{sync::Semaphore, task::JoinSet, time::Instant};

use crate::{Finding, Part, Status};

/// How many images are asked for at the same time: registries count questions.
const AT_ONCE: usize = 8;

const WANTED: &str = "every image exists in its registry";

/// Asks for every image.
pub async fn images(registry: Registry, images: &[Reference], deadline: Instant) -> Finding {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut asked = JoinSet::new();
    for image in images {
        let (registry, places, image) = (registry.clone(), Arc::clone(&places), image.clone());
        asked.spawn(async move {
            let _place = places.acquire_owned().await;
            let answer = registry.manifest(&image, deadline).await;
            part(&image, answer.map(|found| found.digest))
        });
    }
    judge(asked.join_all().await)
}

fn part(image: &Reference, answer: Result<Option<String>, RegistryError>) -> Part {
    let (status, seen, mend) = match &answer {
        Ok(Some(digest)) => (Status::Pass, format!("exists as {digest}"), ""),
        Ok(None) => (Status::Pass, "exists".to_owned(), ""),
        Err(error) => {
            let status = match error.answer() {
                Answer::Unknown => Status::Unknown,
                _ => Status::Fail,
            };
            (status, format!("failed to {error}"), mend(error))
        }
    };
    Part {
        subject: image.to_string(),
        status,
        seen,
        mend: mend.to_owned(),
    }
}

fn mend(error: &RegistryError) -> &'static str {
    match error {
        RegistryError::NoRepository { .. } => "correct the name, or push the image",
        RegistryError::NoManifest { .. }
        | RegistryError::NotFound { .. }
        | RegistryError::OtherDigest { .. } => "push the image, or correct its tag or digest",
        RegistryError::Unauthorized { .. } => {
            "log in before this step (`docker login`), with an account that may pull"
        }
        RegistryError::Denied { .. } => {
            "correct the name, or let the account that is logged in pull this image"
        }
        RegistryError::RateLimited { .. } => {
            "log in, which allows more questions, or wait and run again"
        }
        RegistryError::Server { .. } => "wait and run again; the registry is not well",
        RegistryError::NotARegistry { .. } | RegistryError::UnsafeRealm { .. } => {
            "correct the registry's name and port; name it in `insecure-registries` where it has no TLS"
        }
        RegistryError::Unreachable {
            source: HttpError::Name(error),
            ..
        } if error.is_definite() => "correct the registry's name",
        RegistryError::Unreachable {
            source: HttpError::Name(_),
            ..
        } => "look at the name servers of /etc/resolv.conf, which do not answer (see network.dns)",
        RegistryError::Unreachable { .. } => {
            "look whether the registry runs and this runner reaches it; name it in `insecure-registries` where it has no TLS"
        }
        RegistryError::Credentials(_) => {
            "run `docker login` again, or mend the credential helper that Docker's configuration names"
        }
    }
}

fn judge(parts: Vec<Part>) -> Finding {
    let count = |status: Status| parts.iter().filter(|part| part.status == status).count();
    let (failed, unknown, all) = (count(Status::Fail), count(Status::Unknown), parts.len());
    let finding = if failed > 0 {
        let rest = if unknown > 0 {
            format!(", {unknown} could not be asked for")
        } else {
            String::new()
        };
        Finding::fail(
            format!("{failed} of {all} images cannot be had{rest}"),
            WANTED,
            "",
        )
    } else if unknown > 0 {
        Finding::unknown(
            format!("{unknown} of {all} images could not be asked for"),
            WANTED,
            "",
        )
    } else {
        Finding::pass(format!("all {all} images exist"), WANTED)
    };
    finding.counted(parts)
}

#[cfg(test)]
mod tests {
    use probes::resolver::ResolveError;

    use super::*;

    fn answered(answers: Vec<Result<Option<String>, RegistryError>>) -> Finding {
        let image: Reference = "registry.example/app:1".parse().unwrap();
        judge(
            answers
                .into_iter()
                .map(|answer| part(&image, answer))
                .collect(),
        )
    }

    fn missing() -> RegistryError {
        RegistryError::NoManifest {
            host: "registry.example".to_owned(),
            repository: "app".to_owned(),
            wanted: "1".to_owned(),
        }
    }

    fn unreachable(source: HttpError) -> RegistryError {
        RegistryError::Unreachable {
            host: "registry.example".to_owned(),
            source,
        }
    }

    #[test]
    fn a_registry_that_says_nothing_is_unknown_and_one_that_does_not_exist_fails() {
        let server = std::net::SocketAddr::from(([192, 0, 2, 53], 53));
        let name = || "registry.example".to_owned();
        let finding = answered(vec![Err(unreachable(HttpError::Connect {
            at: "registry.example:443".to_owned(),
            kind: std::io::ErrorKind::ConnectionRefused,
            detail: "connection refused".to_owned(),
        }))]);
        assert_eq!(finding.status, Status::Unknown);
        assert!(finding.mend.contains("registry runs"), "{finding:?}");
        let silent = ResolveError::TimedOut {
            name: name(),
            servers: vec![server],
        };
        let finding = answered(vec![Err(unreachable(silent.into()))]);
        assert_eq!(finding.status, Status::Unknown);
        assert!(finding.mend.contains("name servers"), "{finding:?}");
        let absent = ResolveError::NoSuchName {
            name: name(),
            server,
        };
        let finding = answered(vec![Err(unreachable(absent.into()))]);
        assert_eq!(finding.status, Status::Fail);
        assert!(finding.mend.contains("correct"), "{finding:?}");
    }

    fn limited() -> RegistryError {
        RegistryError::RateLimited {
            host: "registry.example".to_owned(),
            retry_after: None,
        }
    }

    #[test]
    fn a_missing_image_fails_and_a_rate_limit_is_unknown() {
        assert_eq!(answered(vec![Ok(None)]).status, Status::Pass);
        assert_eq!(
            answered(vec![Ok(None), Err(limited())]).status,
            Status::Unknown
        );
        let finding = answered(vec![Err(limited()), Err(missing()), Ok(None)]);
        assert_eq!(finding.status, Status::Fail);
        assert_eq!(
            finding.seen,
            "1 of 3 images cannot be had, 1 could not be asked for"
        );
        assert!(
            finding.parts[0].mend.contains("push the image"),
            "{finding:?}"
        );
    }
}
