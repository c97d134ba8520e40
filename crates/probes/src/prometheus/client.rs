//! The question to a Prometheus.

use std::{fmt, path::PathBuf};

use reqwest::{Method, Url};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Answered, PrometheusError, reading::Data};
use crate::{
    foreign,
    http::{Client, ClientOptions, Credentials, HttpError, Request, Response, Roots},
    resolver::Resolver,
};

/// Where a Prometheus is and how it is asked.
#[derive(Clone)]
pub struct PrometheusOptions {
    /// Its address with its base path: `https://metrics.example/prometheus`. A query in it is kept, as some proxies
    /// want one; user and password in it are credentials.
    pub url: String,
    /// What it asks for, where it does.
    pub credentials: Option<Credentials>,
    /// Who knows the addresses of names; as this host is configured where none is given.
    pub resolver: Option<Resolver>,
    /// Certificates to trust in place of the host's, a PEM file.
    pub ca_file: Option<PathBuf>,
}

/// A client of one Prometheus, or of what speaks its API (Thanos, Mimir, VictoriaMetrics). Prints as its address without
/// credentials.
#[derive(Clone)]
pub struct Prometheus {
    client: Client,
    url: Url,
    credentials: Option<Credentials>,
    at: String,
}

impl fmt::Debug for Prometheus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Prometheus({})", self.at)
    }
}

impl Prometheus {
    /// A client that has not asked anything yet.
    ///
    /// # Errors
    /// [`PrometheusError::Setup`].
    pub fn new(options: PrometheusOptions) -> Result<Prometheus, PrometheusError> {
        let prepared = || -> Result<Prometheus, HttpError> {
            // Read as a request first: what cannot be asked is refused here and not at the first query.
            let base = Request::new("GET", &options.url)?;
            let mut url = base.url().clone();
            let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
            url.set_path(&path);
            url.set_fragment(None);
            if let Some(credentials) = &options.credentials {
                credentials.header()?;
            }
            let roots = match options.ca_file {
                _ if !base.is_tls() => Roots::None,
                Some(file) => Roots::File(file),
                None => Roots::Host,
            };
            let client = Client::new(ClientOptions {
                roots,
                resolver: options.resolver,
                // A vector of every runner is well below it.
                body_limit: 8 << 20,
                ..ClientOptions::default()
            })?;
            Ok(Prometheus {
                client,
                url,
                credentials: options.credentials,
                at: base.place(),
            })
        };
        prepared().map_err(PrometheusError::Setup)
    }

    /// The address, without credentials.
    pub fn place(&self) -> &str {
        &self.at
    }

    /// Evaluates `query` now, by the clock of Prometheus
    /// (<https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>).
    ///
    /// # Errors
    /// [`PrometheusError`]; an empty result is none of them.
    pub async fn query(&self, query: &str, deadline: Instant) -> Result<Answered, PrometheusError> {
        let mut url = self.url.clone();
        url.query_pairs_mut().append_pair("query", query);
        let asked = async {
            let mut request =
                Request::of(Method::GET, url)?.header("Accept", "application/json")?;
            if let Some(credentials) = &self.credentials {
                request = request.credentials(credentials)?;
            }
            self.client.ask(&request, deadline).await
        };
        let response = asked.await.map_err(|source| PrometheusError::Unreachable {
            at: self.at.clone(),
            source,
        })?;
        self.read(&response)
    }

    /// How old the newest values of `selector` are, in seconds, one sample a series: both ends of the difference are
    /// read from the clock of Prometheus, so this host's own clock does not matter.
    ///
    /// # Errors
    /// As [`Prometheus::query`].
    pub async fn ages(
        &self,
        selector: &str,
        deadline: Instant,
    ) -> Result<Answered, PrometheusError> {
        self.query(&format!("time() - timestamp({selector})"), deadline)
            .await
    }

    fn read(&self, response: &Response) -> Result<Answered, PrometheusError> {
        #[derive(Deserialize)]
        struct Body {
            status: String,
            #[serde(default)]
            data: serde_json::Value,
            #[serde(default, rename = "errorType")]
            kind: String,
            #[serde(default)]
            error: String,
            #[serde(default)]
            warnings: Vec<String>,
        }
        let at = self.at.clone();
        let status = response.status_line();
        if matches!(response.status, 401 | 403) {
            return Err(PrometheusError::Denied { at, status });
        }
        let body = match response.json::<Body>() {
            Ok(body) => body,
            Err(_) if response.status == 200 => {
                return Err(PrometheusError::NotPrometheus {
                    at,
                    seen: response.outline(),
                });
            }
            Err(_) => return Err(PrometheusError::Status { at, status }),
        };
        if body.status != "success" || response.status != 200 {
            return Err(PrometheusError::Refused {
                at,
                kind: foreign::words(&body.kind),
                words: foreign::words(&body.error),
            });
        }
        let samples = serde_json::from_value::<Data>(body.data)
            .ok()
            .and_then(Data::samples)
            .ok_or(PrometheusError::NotNumbers { at })?;
        Ok(Answered {
            samples,
            warnings: body
                .warnings
                .iter()
                .map(|words| foreign::words(words))
                .collect(),
        })
    }
}
