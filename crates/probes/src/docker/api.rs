//! One question to the Engine API, and how its refusals are told.

use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::Instant;

use super::{DockerError, Endpoint};
use crate::{
    foreign,
    http::{Client, ClientOptions, HttpError, Request, Response},
};

/// How much of an answer is read: a list of a hundred containers is a few hundred kilobytes.
const BODY: usize = 4 << 20;

/// `GET path`, whatever the status of the answer is.
pub(super) async fn ask(
    endpoint: &Endpoint,
    path: &str,
    deadline: Instant,
) -> Result<Response, DockerError> {
    let (options, url) = endpoint.client(path);
    let told = async {
        let request = Request::new("GET", &url)?;
        let client = Client::new(ClientOptions {
            body_limit: BODY,
            ..options
        })?;
        client.ask(&request, deadline).await
    };
    told.await
        .map_err(|error: HttpError| DockerError::of(error, endpoint))
}

/// The body of an answer that is well; `what` is what was asked for: `the version`.
pub(super) fn body<T: DeserializeOwned>(
    response: &Response,
    endpoint: &Endpoint,
    what: &'static str,
) -> Result<T, DockerError> {
    #[derive(Deserialize)]
    struct Words {
        message: String,
    }
    if response.status != 200 {
        // The API's errors are JSON with a message; a web server's are not.
        return Err(match response.json::<Words>() {
            Ok(words) => DockerError::Refused {
                what,
                at: endpoint.to_string(),
                status: response.status_line(),
                words: foreign::words(&words.message),
            },
            Err(_) => not_docker(response, endpoint),
        });
    }
    response.json().map_err(|_| not_docker(response, endpoint))
}

/// What answers is no Docker Engine API.
pub(super) fn not_docker(response: &Response, endpoint: &Endpoint) -> DockerError {
    DockerError::NotDocker {
        at: endpoint.to_string(),
        seen: response.outline(),
    }
}
