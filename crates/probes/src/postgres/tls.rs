//! TLS as `sslmode` wants it, through rustls.

use std::{io, path::Path, sync::Arc};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{
        CryptoProvider,
        hash::Hash,
        ring::{self, cipher_suite},
        verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
    server::ParsedCertificate,
};
use tokio_rustls::TlsConnector;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::{
    error::PostgresError,
    settings::{Settings, SslMode},
};
use crate::tls::{pem as pem_file, refusal};

/// What of the server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checked {
    Nothing,
    Trust,
    TrustAndName,
}

/// A connector that checks what `settings` want checked.
pub(super) fn connector(settings: &Settings) -> Result<TlsConnector, PostgresError> {
    let checked = match settings.ssl_mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer => Checked::Nothing,
        SslMode::Require if settings.ssl_root_cert.is_none() => Checked::Nothing,
        SslMode::Require | SslMode::VerifyCa => Checked::Trust,
        SslMode::VerifyFull => Checked::TrustAndName,
    };
    let provider = Arc::new(ring::default_provider());
    let (trusted, chains) = match checked {
        Checked::Nothing => (Vec::new(), None),
        Checked::Trust | Checked::TrustAndName => {
            let file = settings.ssl_root_cert.as_deref();
            let unreadable = |reason: String| PostgresError::RootCertificates {
                from: file.map_or_else(
                    || "this system's store".to_owned(),
                    |file| file.display().to_string(),
                ),
                reason,
            };
            let trusted = trusted(file).map_err(unreadable)?;
            let mut roots = RootCertStore::empty();
            // Certificates that cannot be an anchor still count where the server shows just that one.
            let _counts = roots.add_parsable_certificates(trusted.iter().cloned());
            let chains =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
                    .build()
                    .map_err(|error| unreadable(error.to_string()))?;
            (trusted, Some(chains))
        }
    };
    let verifier = Verifier {
        checked,
        trusted,
        chains,
        provider: provider.clone(),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| PostgresError::RootCertificates {
            from: "rustls".to_owned(),
            reason: error.to_string(),
        })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match (&settings.ssl_cert, &settings.ssl_key) {
        (Some(certificate), Some(key)) => {
            let unusable = |from: &Path, reason: String| PostgresError::ClientCertificate {
                from: from.display().to_string(),
                reason,
            };
            let chain = read(certificate).map_err(|reason| unusable(certificate, reason))?;
            let bytes = pem_file::read(key).map_err(|error| unusable(key, error.to_string()))?;
            let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
                let reason = match error {
                    pem::Error::NoItemsFound => "it holds no private key in the clear".to_owned(),
                    other => other.to_string(),
                };
                unusable(key, reason)
            })?;
            config
                .with_client_auth_cert(chain, private)
                .map_err(|error| unusable(certificate, error.to_string()))?
        }
        _ => config.with_no_client_auth(),
    };
    Ok(TlsConnector::from(Arc::new(config)))
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = pem_file::read(file).map_err(|error| error.to_string())?;
    let certificates = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    if certificates.is_empty() {
        return Err("there are none".to_owned());
    }
    Ok(certificates)
}

fn trusted(file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = match file {
        Some(file) => return read(file),
        None => rustls_native_certs::load_native_certs().certs,
    };
    if certificates.is_empty() {
        return Err("there are none".to_owned());
    }
    Ok(certificates)
}

/// libpq's three ways to look at a certificate. rustls itself knows only the last.
#[derive(Debug)]
struct Verifier {
    checked: Checked,
    trusted: Vec<CertificateDer<'static>>,
    chains: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A server that shows one of the trusted certificates itself: PostgreSQL's own manual makes self-signed ones, which
    /// are authorities by their form, and webpki takes no authority for a server.
    fn is_pinned(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<bool, Error> {
        if !self.trusted.iter().any(|trusted| trusted == certificate) {
            return Ok(false);
        }
        let (_, parsed) = X509Certificate::from_der(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let valid = parsed.validity();
        if now < valid.not_before.timestamp() {
            return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
        }
        if now > valid.not_after.timestamp() {
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(true)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chains) = &self.chains else {
            return Ok(ServerCertVerified::assertion());
        };
        if self.is_pinned(certificate, now)? {
            if self.checked == Checked::TrustAndName {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
            }
            return Ok(ServerCertVerified::assertion());
        }
        match chains.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // webpki looks at the name last: what fails there alone is trusted.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.checked == Checked::Trust => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.checked {
            // Any certificate will do, so a signature by it says nothing; and webpki refuses to read the version 1
            // certificates that many such servers have.
            Checked::Nothing => Ok(HandshakeSignatureValid::assertion()),
            Checked::Trust | Checked::TrustAndName => verify_tls12_signature(
                message,
                certificate,
                signed,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.checked {
            Checked::Nothing => Ok(HandshakeSignatureValid::assertion()),
            Checked::Trust | Checked::TrustAndName => verify_tls13_signature(
                message,
                certificate,
                signed,
                &self.provider.signature_verification_algorithms,
            ),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// The hash of a server's certificate that binds a password's proof to the connection (RFC 5929 §4.1:
/// tls-server-end-point): the certificate's own signature hash, with SHA-256 for MD5 and SHA-1. `None` where the RFC
/// defines none (Ed25519), or the hash is not at hand (SHA-512).
pub(super) fn server_end_point(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let suite = match parsed.signature_algorithm.algorithm.to_id_string().as_str() {
        // RSA with MD5, SHA-1, SHA-256; ECDSA with SHA-1, SHA-256.
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2" => cipher_suite::TLS13_AES_128_GCM_SHA256,
        // RSA and ECDSA with SHA-384.
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" => cipher_suite::TLS13_AES_256_GCM_SHA384,
        _ => return None,
    };
    let hash: &dyn Hash = suite.tls13()?.common.hash_provider;
    Some(hash.hash(certificate).as_ref().to_vec())
}

/// What a failed handshake means, without rustls' types.
pub(super) fn reason(error: &io::Error) -> String {
    match error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>())
    {
        Some(error) => refusal::words(error),
        None => error.to_string(),
    }
}
