//! Whether a server's certificate is good, and for how long.
//!
//! Responsible for: one handshake, the facts of the certificate, and every fault of it by name, also where it is
//! refused. Not responsible for what is spoken inside, for revocation, or for protocols that begin in the clear
//! (STARTTLS).

mod certificate;
mod inspector;
mod trust;

use std::{sync::Arc, time::Duration};

use rustls::{ClientConfig, crypto::ring, pki_types::ServerName};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;

pub use certificate::{Certificate, CertificateFault};
use inspector::Inspector;
pub use trust::{Trust, TrustError};

use crate::{
    probe::{Answer, Observation, Probe, ProbeFuture},
    resolver::Resolver,
    tcp::{self, TcpError},
};

/// A handshake that came to its end with a good certificate.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// The address that answered.
    pub address: std::net::SocketAddr,
    /// The server's own certificate.
    pub certificate: Certificate,
    /// The protocol's version: `TLSv1_3`.
    pub protocol: String,
    /// From the connection to the end of the handshake.
    pub took: Duration,
}

/// Why there is no good handshake; reads after "failed to …".
#[derive(Clone, Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no connection to begin with.
    #[error(transparent)]
    Tcp(#[from] TcpError),
    /// The name to be proven cannot stand in a certificate.
    #[error("ask for a certificate of \"{name}\": not a host name")]
    ServerName {
        /// What was given, with what cannot be printed escaped.
        name: String,
    },
    /// The certificate is not good: all that is wrong with it.
    #[error("accept the certificate of {host}: {}", certificate::listed(faults))]
    Certificate {
        /// The host as it was named, with the port.
        host: String,
        /// Never empty.
        faults: Vec<CertificateFault>,
        /// The facts all the same.
        certificate: Box<Certificate>,
    },
    /// The server answers, but not with a handshake that can be ended: no TLS, an alert, a connection that was closed.
    #[error("shake hands with {host}: {reason}")]
    Handshake {
        /// The host as it was named, with the port.
        host: String,
        /// What the TLS library says.
        reason: String,
    },
    /// The server took the connection and said nothing in time.
    #[error("shake hands with {host}: no answer in {:.1} s", waited.as_secs_f64())]
    TimedOut {
        /// The host as it was named, with the port.
        host: String,
        /// Since the connection stood.
        waited: Duration,
    },
}

impl TlsError {
    /// What is known of the target: [`Answer::Unknown`] where it was not really asked.
    pub fn answer(&self) -> Answer {
        match self {
            TlsError::Tcp(error) => error.answer(),
            _ => Answer::Fail,
        }
    }
}

/// Shakes hands with `host:port` and holds the certificate against `server_name`, or `host` where that is `None`.
///
/// # Errors
///
/// See [`TlsError`].
pub async fn handshake(
    resolver: &Resolver,
    host: &str,
    port: u16,
    server_name: Option<&str>,
    trust: &Trust,
    deadline: Instant,
) -> Result<Handshake, TlsError> {
    let wanted = server_name.unwrap_or(host);
    let bare = wanted.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName {
        name: wanted.escape_debug().to_string(),
    })?;
    let connected = tcp::connect(resolver, host, port, deadline).await?;
    let begun = Instant::now();
    let host = tcp::authority(host, port);
    let failed = |reason: String| TlsError::Handshake {
        host: host.clone(),
        reason,
    };
    let provider = Arc::new(ring::default_provider());
    let inspector = Arc::new(Inspector::new(trust.clone(), &provider));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::<Inspector>::clone(&inspector))
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let ended = timeout_at(deadline, connector.connect(name, connected.stream)).await;
    let took = begun.elapsed();
    let inspected = inspector.take();
    match (ended, inspected) {
        (_, Some((certificate, faults))) if !faults.is_empty() => Err(TlsError::Certificate {
            host,
            faults,
            certificate: Box::new(certificate),
        }),
        (Ok(Ok(mut stream)), Some((certificate, _))) => {
            let protocol = stream.get_ref().1.protocol_version();
            // A polite end; the server's opinion of it changes nothing.
            let _closed = timeout_at(deadline, stream.shutdown()).await;
            Ok(Handshake {
                address: connected.address,
                certificate,
                protocol: protocol
                    .and_then(|version| version.as_str())
                    .unwrap_or("an unnamed version")
                    .to_owned(),
                took,
            })
        }
        (Ok(Ok(_)), None) => Err(failed("the server showed no certificate".to_owned())),
        (Ok(Err(error)), _) => Err(failed(error.to_string())),
        (Err(_elapsed), _) => Err(TlsError::TimedOut { host, waited: took }),
    }
}

/// Whether a server's certificate is good, and stays so for some days.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Shared by the probes of a process.
    pub resolver: Resolver,
    /// A name or a literal.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name to be proven, where it is not `host`.
    pub server_name: Option<String>,
    /// The authorities.
    pub trust: Trust,
    /// How many days must be left, at least.
    pub days: u32,
}

impl Probe for Tls {
    fn identity(&self) -> String {
        let target = tcp::authority(&self.host, self.port);
        match &self.server_name {
            Some(name) => format!("tls {target} as {name}"),
            None => format!("tls {target}"),
        }
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let ended = handshake(
                &self.resolver,
                &self.host,
                self.port,
                self.server_name.as_deref(),
                &self.trust,
                deadline,
            )
            .await;
            let (answer, seen) = match ended {
                Ok(done) => {
                    let left = done.certificate.days_left();
                    let seen = format!("{}, valid for {left} more days", done.protocol);
                    if left >= i64::from(self.days) {
                        (Answer::Pass, seen)
                    } else {
                        (
                            Answer::Fail,
                            format!("{seen}, fewer than the {} wanted", self.days),
                        )
                    }
                }
                Err(error) => (error.answer(), format!("failed to {error}")),
            };
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
