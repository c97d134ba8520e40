//! Certificates.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

/// An authority, and a certificate of its for one name with its key; all in PEM.
pub(crate) struct Papers {
    pub(crate) authority: String,
    pub(crate) server: (String, String),
}

pub(crate) fn papers(name: &str) -> Papers {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec![name.to_owned()])
        .unwrap()
        .signed_by(&key, &authority)
        .unwrap();
    Papers {
        authority: authority.pem(),
        server: (certificate.pem(), key.serialize_pem()),
    }
}
