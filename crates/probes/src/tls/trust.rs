//! Which authorities are trusted.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::pem;

/// The authorities whose certificates are good: the system's, and those of a file. Clones share them.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(crate) roots: Arc<RootCertStore>,
}

/// Why the authorities of a file cannot be used; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read, or holds what is no certificate.
    #[error("read CA certificates from {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file holds no certificate.
    #[error("read CA certificates from {}: there is none in it", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

impl Trust {
    /// The system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others), and those of `ca_file` besides. A
    /// system without any is no error: then nothing but `ca_file` is trusted.
    ///
    /// # Errors
    ///
    /// `ca_file` is not a PEM file with certificates.
    pub fn load(ca_file: Option<&Path>) -> Result<Trust, TrustError> {
        let system = Trust::system();
        let Some(path) = ca_file else {
            return Ok(system);
        };
        let mut roots = RootCertStore::clone(&system.roots);
        add(&mut roots, path)?;
        Ok(Trust {
            roots: Arc::new(roots),
        })
    }

    /// The authorities of `ca_file`, and no others.
    ///
    /// # Errors
    ///
    /// It is not a PEM file with certificates.
    pub fn of_file(ca_file: &Path) -> Result<Trust, TrustError> {
        let mut roots = RootCertStore::empty();
        add(&mut roots, ca_file)?;
        Ok(Trust {
            roots: Arc::new(roots),
        })
    }

    /// The system's authorities, read once in a process.
    fn system() -> Trust {
        static SYSTEM: LazyLock<Trust> = LazyLock::new(|| {
            let mut roots = RootCertStore::empty();
            // One that cannot be read hinders no other; what it would have proven is an unknown issuer then.
            let system = rustls_native_certs::load_native_certs();
            let _counts = roots.add_parsable_certificates(system.certs);
            Trust {
                roots: Arc::new(roots),
            }
        });
        SYSTEM.clone()
    }
}

fn add(roots: &mut RootCertStore, path: &Path) -> Result<(), TrustError> {
    let unreadable = |reason: String| TrustError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let before = roots.len();
    let bytes = pem::read(path).map_err(|error| unreadable(error.to_string()))?;
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.len() == before {
        return Err(TrustError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_that_is_missing_or_empty_is_named() {
        let error = Trust::load(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("read CA certificates from /nowhere/ca.pem: "),
            "{error}"
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Trust::load(Some(file.path())).unwrap_err();
        assert!(matches!(error, TrustError::Empty { .. }), "{error}");
        let error = Trust::load(Some(Path::new("/dev/zero"))).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read CA certificates from /dev/zero: it is no regular file"
        );
    }
}
