//! Whether a server's certificate is good, and for how long.
//!
//! Responsible for: one handshake, the facts of the certificate, and every fault of it by name, also where it is
//! refused. Not responsible for what is spoken inside, for revocation, or for protocols that begin in the clear, but for
//! PostgreSQL's.

mod certificate;
mod inspector;
pub(crate) mod pem;
mod probe;
pub(crate) mod refusal;
mod start;
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
pub use probe::Tls;
pub use start::{Start, StartFailure};
pub use trust::{Trust, TrustError};

use crate::{
    probe::Answer,
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
    /// The server does not go over to TLS.
    #[error("begin TLS with {host}: {failure}")]
    Start {
        /// The host as it was named, with the port.
        host: String,
        /// Why.
        failure: StartFailure,
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
    let start = Start::AtOnce;
    handshake_after(resolver, host, port, server_name, trust, start, deadline).await
}

/// [`handshake`], after what a protocol says in the clear.
pub(crate) async fn handshake_after(
    resolver: &Resolver,
    host: &str,
    port: u16,
    server_name: Option<&str>,
    trust: &Trust,
    start: Start,
    deadline: Instant,
) -> Result<Handshake, TlsError> {
    let wanted = server_name.unwrap_or(host);
    let bare = wanted.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::ServerName {
        name: wanted.escape_debug().to_string(),
    })?;
    let mut connected = tcp::connect(resolver, host, port, deadline).await?;
    let begun = Instant::now();
    let host = tcp::authority(host, port);
    if let Err(failure) = start.begin(&mut connected.stream, deadline).await {
        return Err(TlsError::Start { host, failure });
    }
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
