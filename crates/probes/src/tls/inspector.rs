//! The verifier that looks on after the first fault: dates, name and chain are judged one by one.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::{Certificate, CertificateFault, Trust, refusal};

/// Facts and faults of the certificate that a server showed.
type Inspected = (Certificate, Vec<CertificateFault>);

#[derive(Debug)]
pub(super) struct Inspector {
    trust: Trust,
    algorithms: WebPkiSupportedAlgorithms,
    inspected: Mutex<Option<Inspected>>,
}

impl Inspector {
    pub(super) fn new(trust: Trust, provider: &Arc<CryptoProvider>) -> Inspector {
        Inspector {
            trust,
            algorithms: provider.signature_verification_algorithms,
            inspected: Mutex::new(None),
        }
    }

    /// What was seen, once.
    pub(super) fn take(&self) -> Option<Inspected> {
        self.inspected
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn faults(
        &self,
        facts: &Certificate,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: i64,
    ) -> Vec<CertificateFault> {
        let mut faults: Vec<CertificateFault> = facts.out_of_date(now).into_iter().collect();
        let sent: Vec<Certificate> = intermediates
            .iter()
            .filter_map(|der| Certificate::read(der).ok())
            .collect();
        let parsed = match ParsedCertificate::try_from(end_entity) {
            Ok(parsed) => parsed,
            Err(error) => {
                faults.push(self.fault(facts, &sent, now, &error));
                return faults;
            }
        };
        if verify_server_name(&parsed, server_name).is_err() {
            faults.push(CertificateFault::WrongName {
                wanted: server_name.to_str().into_owned(),
                names: facts.names.clone(),
            });
        }
        // At a time when its own dates are right, so that they do not hide what the chain has against it.
        let (earliest, latest) = (facts.not_before, facts.not_after.max(facts.not_before));
        let at = u64::try_from(now.clamp(earliest, latest)).unwrap_or(0);
        let chain = verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.trust.roots,
            intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(at)),
            self.algorithms.all,
        );
        if let Err(error) = chain {
            faults.push(self.fault(facts, &sent, now, &error));
        }
        faults
    }

    fn fault(
        &self,
        facts: &Certificate,
        sent: &[Certificate],
        now: i64,
        error: &Error,
    ) -> CertificateFault {
        let authorities = self.trust.roots.len();
        match error {
            // One that may sign others (`openssl req -x509` makes such) is refused by that before anybody asks for its
            // issuer.
            Error::InvalidCertificate(_) if facts.is_self_signed() && !self.trusts(facts) => {
                CertificateFault::SelfSigned { authorities }
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
                let last = facts.end_of_chain(sent);
                CertificateFault::UnknownIssuer {
                    issuer: last.issuer.clone(),
                    sent: last.is_self_signed(),
                    authorities,
                }
            }
            Error::InvalidCertificate(CertificateError::BadSignature) => {
                CertificateFault::OtherKey {
                    issuer: facts.end_of_chain(sent).issuer.clone(),
                }
            }
            Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            ) => CertificateFault::ChainExpired {
                whose: sent
                    .iter()
                    .find(|one| one.out_of_date(now).is_some())
                    .map(|one| (one.subject.clone(), one.not_after)),
            },
            error => CertificateFault::Refused {
                reason: refusal::words(error),
            },
        }
    }

    /// Whether an authority of this one's name is trusted.
    fn trusts(&self, facts: &Certificate) -> bool {
        self.trust
            .roots
            .roots
            .iter()
            .any(|anchor| facts.is_named(anchor.subject.as_ref()))
    }
}

impl ServerCertVerifier for Inspector {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let facts = Certificate::read(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        let now = now.as_secs().cast_signed();
        let faults = self.faults(&facts, end_entity, intermediates, server_name, now);
        let accepted = faults.is_empty();
        *self
            .inspected
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some((facts, faults));
        if accepted {
            Ok(ServerCertVerified::assertion())
        } else {
            // Nothing is ever sent over a connection whose certificate is not good.
            Err(Error::InvalidCertificate(
                CertificateError::ApplicationVerificationFailure,
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
