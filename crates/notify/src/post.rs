//! A POST of JSON that may be sent again: it carries what makes the second one the same news.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use probes::http::{Client, ClientOptions, Credentials, HttpError, Request, Response, Roots};
use tokio::time::Instant;

use crate::retry::Try;

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
    /// How long one try may take.
    pub(crate) one_try: Duration,
    /// Whether the head of an answer says all: then it does not matter whether its body ever ends.
    pub(crate) head_suffices: bool,
}

/// What is known of a status beyond its own words: what to do about it.
pub(crate) type Mend = fn(&Response) -> Option<String>;

impl Endpoint {
    /// Sends `body` once, and waits for the answer until `deadline` at most.
    pub(crate) async fn post(
        &self,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        mend: Mend,
        deadline: Instant,
    ) -> Posted {
        // The one who waits beyond the deadline would not hear whether it was sent.
        let last = deadline - Duration::from_millis(50).min(deadline - Instant::now());
        let until = last.min(Instant::now() + self.one_try);
        let sent = Arc::new(AtomicBool::new(false));
        match self.ask(headers, body, until, &sent).await {
            Ok(answer) if (200..300).contains(&answer.status) => Posted::Taken(answer),
            Ok(answer) => Posted::Not(refused(&answer, mend)),
            Err(error) => Posted::Not(broken(&error, sent.load(Ordering::Relaxed))),
        }
    }

    async fn ask(
        &self,
        headers: &[(&str, &str)],
        body: Vec<u8>,
        until: Instant,
        sent: &Arc<AtomicBool>,
    ) -> Result<Response, HttpError> {
        let mut request =
            Request::new("POST", &self.url)?.header("content-type", "application/json")?;
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        if let Some(credentials) = &self.credentials {
            request = request.credentials(credentials)?;
        }
        let sent = Arc::clone(sent);
        // Asked right before the body goes out over a connection that stands.
        let mut request = request.body_while(body, move || {
            sent.store(true, Ordering::Relaxed);
            true
        });
        if self.head_suffices {
            request = request.head_suffices();
        }
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
            result = client.ask(&request, until).await;
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

/// What an error means; `sent` where the body went out before it.
fn broken(error: &HttpError, sent: bool) -> Try {
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
        HttpError::NoAnswer { at, after } if sent => Try::Unsure(format!(
            "perhaps told: no answer from {at} within {:.1} s",
            after.as_secs_f64()
        )),
        HttpError::Slow { .. } | HttpError::Exchange { .. } if sent => {
            Try::Unsure(format!("perhaps told: {trouble}"))
        }
        _ => Try::Later {
            trouble,
            wait: None,
        },
    }
}
