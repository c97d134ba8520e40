//! A POST of JSON that may be sent again: it carries what makes the second one the same news.

use std::time::Duration;

use probes::http::{Client, ClientOptions, Credentials, HttpError, Request, Response, Roots};
use tokio::time::Instant;

use crate::retry::Try;

/// How long one try may take.
const ONE_TRY: Duration = Duration::from_secs(10);

/// How much of an answer is read.
const ANSWER: usize = 4096;

/// Where it goes, and with what.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// The whole address.
    pub(crate) url: String,
    pub(crate) credentials: Option<Credentials>,
    /// Tried in this order; the next only where the one before does not trust the server, so that nothing was sent.
    pub(crate) roots: Vec<Roots>,
}

/// What is known of a status beyond its own words: what to do about it.
pub(crate) type Mend = fn(&Response) -> Option<String>;

impl Endpoint {
    /// Sends `body` once.
    pub(crate) async fn post(&self, headers: &[(&str, &str)], body: Vec<u8>, mend: Mend) -> Posted {
        match self.ask(headers, body).await {
            Ok(answer) if (200..300).contains(&answer.status) => Posted::Taken(answer),
            Ok(answer) => Posted::Not(refused(&answer, mend)),
            Err(error) => Posted::Not(broken(&error)),
        }
    }

    async fn ask(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Result<Response, HttpError> {
        let mut request =
            Request::new("POST", &self.url)?.header("content-type", "application/json")?;
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        if let Some(credentials) = &self.credentials {
            request = request.credentials(credentials)?;
        }
        let request = request.body(body);
        let mut result = Err(HttpError::Client {
            detail: "no certificates are trusted".to_owned(),
        });
        for roots in &self.roots {
            let client = Client::shared(ClientOptions {
                roots: roots.clone(),
                proxies: true,
                body_limit: ANSWER,
                ..ClientOptions::default()
            })?;
            result = client.ask(&request, Instant::now() + ONE_TRY).await;
            if !matches!(result, Err(HttpError::Tls { .. })) {
                break;
            }
        }
        result
    }
}

/// What became of a POST.
pub(crate) enum Posted {
    Taken(Response),
    Not(Try),
}

fn refused(answer: &Response, mend: Mend) -> Try {
    let mut trouble = format!("it answered {}", answer.status_line());
    if let Some(words) = answer.beginning() {
        trouble.push_str(&format!(": {words}"));
    }
    if let Some(mend) = mend(answer) {
        trouble.push_str(&format!("; {mend}"));
    }
    let may_pass = matches!(answer.status, 408 | 425 | 429 | 500..=599);
    if !may_pass {
        return Try::Never(trouble);
    }
    let wait = answer
        .header("retry-after")
        .and_then(|seconds| seconds.trim().parse().ok())
        .map(Duration::from_secs);
    Try::Later { trouble, wait }
}

fn broken(error: &HttpError) -> Try {
    let trouble = format!("failed to {error}");
    match error {
        HttpError::Method { .. }
        | HttpError::Address { .. }
        | HttpError::Header { .. }
        | HttpError::File { .. }
        | HttpError::Certificates { .. }
        | HttpError::Client { .. } => Try::Never(trouble),
        HttpError::Tls { .. } => Try::Never(format!(
            "{trouble}; where an authority of your own signed its certificate, name that one's file in `alert-ca-file`"
        )),
        _ => Try::Later {
            trouble,
            wait: None,
        },
    }
}
