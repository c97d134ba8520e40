//! TLS as a client of HTTP speaks it: on ring, HTTP/1.1 only, and without a file read before it is needed.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};

use super::{HttpError, Roots};
use crate::tls::{
    Trust,
    pem::{self as pem_file, PemFileError},
};

/// A configuration; reads the files that are named, and the host's certificates not before [`host_is_trusted`].
///
/// # Errors
/// [`HttpError::File`], [`HttpError::Certificates`] and [`HttpError::Client`].
pub(super) fn config(
    roots: &Roots,
    identity: Option<&(PathBuf, PathBuf)>,
) -> Result<ClientConfig, HttpError> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Client {
            detail: error.to_string(),
        })?;
    let builder = match roots {
        Roots::Host => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::Host)),
        Roots::Anyone => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Verifier::Anyone)),
        Roots::None => builder.with_root_certificates(RootCertStore::empty()),
        Roots::File(path) => builder.with_root_certificates(authorities(path)?),
    };
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = certificates(certificate)?;
            // The cause is not told: it could hold a line of the key.
            let refused = || HttpError::Certificates {
                path: key.clone(),
                detail: "they are no certificate with its unencrypted key in PEM form".to_owned(),
            };
            let key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|_| refused())?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|_| refused())?
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would not show the certificate that a server has today.
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// Reads the host's certificates, once a process.
///
/// # Errors
/// [`HttpError::Client`] where there is none: no server could prove itself, and that is not its fault.
pub(super) async fn host_is_trusted() -> Result<(), HttpError> {
    let known = match HOST.get() {
        Some(known) => known,
        None => tokio::task::spawn_blocking(host)
            .await
            .map_err(|error| HttpError::Client {
                detail: error.to_string(),
            })?,
    };
    match known {
        Some(_) => Ok(()),
        None => Err(HttpError::Client {
            detail: "this host has no trusted certificates (package ca-certificates)".to_owned(),
        }),
    }
}

static HOST: OnceLock<Option<Arc<WebPkiServerVerifier>>> = OnceLock::new();

fn host() -> &'static Option<Arc<WebPkiServerVerifier>> {
    HOST.get_or_init(|| {
        let trust = Trust::load(None).ok()?;
        WebPkiServerVerifier::builder_with_provider(trust.roots, provider())
            .build()
            .ok()
    })
}

fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// Who a server must prove to be.
#[derive(Debug)]
enum Verifier {
    /// The owner of the name, by an authority that the host trusts.
    Host,
    /// The owner of the certificate that it shows, whoever that is.
    Anyone,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self {
            Verifier::Anyone => Ok(ServerCertVerified::assertion()),
            Verifier::Host => match host() {
                Some(verifier) => verifier.verify_server_cert(
                    end_entity,
                    intermediates,
                    server_name,
                    ocsp_response,
                    now,
                ),
                None => Err(rustls::CertificateError::UnknownIssuer.into()),
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}

fn read(path: &Path) -> Result<Vec<u8>, HttpError> {
    pem_file::read(path).map_err(|error| match error {
        PemFileError::Io(error) => HttpError::File {
            path: path.to_owned(),
            kind: error.kind(),
        },
        unfit => HttpError::Certificates {
            path: path.to_owned(),
            detail: unfit.to_string(),
        },
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, HttpError> {
    let refused = |detail: &str| HttpError::Certificates {
        path: path.to_owned(),
        detail: detail.to_owned(),
    };
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    let all = all.map_err(|_| refused("they are not in PEM form"))?;
    if all.is_empty() {
        return Err(refused("there is no certificate in it"));
    }
    Ok(all)
}

fn authorities(path: &Path) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|_| HttpError::Certificates {
                path: path.to_owned(),
                detail: "one of them cannot be trusted as an authority".to_owned(),
            })?;
    }
    Ok(roots)
}
