//! A token server that a real registry trusts.

use std::path::PathBuf;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rcgen::{CertificateParams, KeyPair, SigningKey};
use serde_json::json;
use tempfile::TempDir;
use test_servers::Registry;

/// Signs tokens (<https://distribution.github.io/distribution/spec/auth/jwt/>).
pub(crate) struct Signer {
    key: KeyPair,
    der: String,
    folder: TempDir,
}

impl Signer {
    pub(crate) fn new() -> Signer {
        let key = KeyPair::generate().expect("a key");
        let certificate = CertificateParams::new(["issuer.test".to_owned()])
            .expect("a name")
            .self_signed(&key)
            .expect("a certificate");
        let folder = TempDir::new().expect("a folder");
        std::fs::write(folder.path().join("issuer.pem"), certificate.pem()).expect("a file");
        Signer {
            key,
            der: STANDARD.encode(certificate.der()),
            folder,
        }
    }

    /// The certificate that the registry must trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("issuer.pem")
    }

    /// A token that allows `actions` on `repository`; none where `actions` is empty.
    pub(crate) fn token(&self, repository: &str, actions: &[&str]) -> String {
        let access = if actions.is_empty() {
            json!([])
        } else {
            json!([{"type": "repository", "name": repository, "actions": actions}])
        };
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.der]});
        let claims = json!({
            "iss": Registry::ISSUER, "aud": Registry::SERVICE, "sub": "test", "jti": "1",
            "nbf": 0, "iat": 0, "exp": 4_000_000_000_u64, "access": access,
        });
        let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(fixed(&signature)))
    }
}

/// An ASN.1 signature as JWT wants it: both numbers at 32 bytes (RFC 7518 §3.4).
fn fixed(der: &[u8]) -> Vec<u8> {
    let mut rest = &der[2..];
    let mut numbers = Vec::new();
    for _ in 0..2 {
        let length = usize::from(rest[1]);
        let number = &rest[2..2 + length];
        let bare = &number[number.len().saturating_sub(32)..];
        numbers.extend(std::iter::repeat_n(0, 32 - bare.len()));
        numbers.extend_from_slice(bare);
        rest = &rest[2 + length..];
    }
    numbers
}
