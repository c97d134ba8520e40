//! TLS with a server, and what its failures mean.

use std::{
    fmt, io,
    path::Path,
    sync::{Arc, OnceLock},
};

use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, InvalidMessage,
    RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use tokio_rustls::TlsConnector;

use super::{error::RedisError, settings::TlsSettings};
use crate::tls::{Trust, pem as pem_file, refusal};

/// A connector that is made when it is first needed: reading the system's authorities takes longer than a `PING`. Clones
/// share it.
#[derive(Clone, Default)]
pub struct Connector(Arc<OnceLock<TlsConnector>>);

/// Shows nothing of the keys.
impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

impl Connector {
    /// The connector that `settings` want; always the same settings.
    pub(super) fn get(&self, settings: &TlsSettings) -> Result<&TlsConnector, RedisError> {
        if let Some(made) = self.0.get() {
            return Ok(made);
        }
        let made = connector(settings)?;
        Ok(self.0.get_or_init(|| made))
    }
}

fn connector(settings: &TlsSettings) -> Result<TlsConnector, RedisError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisError::TlsSettings {
            reason: error.to_string(),
        })?;
    let builder = if settings.unverified {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone(provider)))
    } else {
        builder.with_root_certificates(roots(settings.ca_file.as_deref())?)
    };
    let config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, key) = (chain(certificate)?, private_key(key)?);
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|error| RedisError::TlsSettings {
                    reason: error.to_string(),
                })?
        }
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn roots(file: Option<&Path>) -> Result<Arc<RootCertStore>, RedisError> {
    let Some(file) = file else {
        return Ok(Trust::load(None)?.roots);
    };
    let mut roots = RootCertStore::empty();
    for certificate in chain(file)? {
        roots.add(certificate).map_err(|error| RedisError::File {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
    }
    Ok(Arc::new(roots))
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, RedisError> {
    let bytes = pem_file::read(path).map_err(|error| unreadable(path, &error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unreadable(path, &error.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable(path, "there is no certificate in it"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, RedisError> {
    let bytes = pem_file::read(path).map_err(|error| unreadable(path, &error.to_string()))?;
    // The words of the cause may quote a line of the key.
    PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|_| unreadable(path, "there is no unencrypted private key in it"))
}

fn unreadable(path: &Path, reason: &str) -> RedisError {
    RedisError::File {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The names alone, of `DnsName("db.example")` and `IpAddress(192.0.2.7)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name
            .split_once('(')
            .map_or(name.as_str(), |(_, inner)| inner);
        inner.trim_end_matches(')').trim_matches('"').to_owned()
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// What an error on a TLS connection means, shorter than the library's own words. A server that wants a client's
/// certificate says so only after the handshake (RFC 8446 §4.4.2.4).
pub(super) fn reason(error: &io::Error) -> String {
    use CertificateError as Bad;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let bad = match inner {
        Some(Error::InvalidCertificate(bad)) => bad,
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            return "what answers there does not speak TLS".to_owned();
        }
        Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
            return "it wants a client's certificate".to_owned();
        }
        Some(Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::DecryptError,
        )) => return "it does not trust the client's certificate".to_owned(),
        Some(other) => return other.to_string(),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            return "it hung up during the handshake".to_owned();
        }
        None => return error.to_string(),
    };
    let days =
        |from: &UnixTime, to: &UnixTime| to.as_secs().saturating_sub(from.as_secs()) / 86_400;
    match bad {
        Bad::ExpiredContext { time, not_after } => {
            format!("its certificate expired {} days ago", days(not_after, time))
        }
        Bad::NotValidYetContext { time, not_before } => format!(
            "its certificate is not valid before {} days from now",
            days(time, not_before)
        ),
        // The second: another authority of the same name is trusted.
        Bad::UnknownIssuer | Bad::BadSignature => {
            "its certificate was issued by no authority that is trusted here".to_owned()
        }
        Bad::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "its certificate is not for {} but for {}",
            expected.to_str(),
            names(presented).escape_debug()
        ),
        other => match refusal::reason(other) {
            Some(words) => words.to_owned(),
            None => other.to_string(),
        },
    }
}

/// Takes any certificate, and wants it to be the server's own all the same.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
