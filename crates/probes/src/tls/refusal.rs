//! Why a certificate was refused, in words of ours where the library's own say nothing to a person.

use rustls::{CertificateError, Error};

/// What `error` means.
pub(crate) fn words(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(refused) => {
            reason(refused).map_or_else(|| error.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}

/// What a refusal means that the library has no name for.
pub(crate) fn reason(refused: &CertificateError) -> Option<&'static str> {
    match refused {
        // webpki's own error has this name, and no other words.
        CertificateError::Other(other) if other.0.to_string() == "CaUsedAsEndEntity" => Some(
            "the server's certificate is an authority itself; make a server certificate, or one without CA:TRUE",
        ),
        _ => None,
    }
}
