//! What a certificate says, and what is wrong with it.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

const DAY: i64 = 86_400;

/// The facts of a server's own certificate, read whether or not it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it was made for: `CN=db.example`.
    pub subject: String,
    /// Who made it: `CN=Example CA`.
    pub issuer: String,
    /// The names and addresses it proves (RFC 6125 §6.4: the subject is not one of them).
    pub names: Vec<String>,
    /// Seconds since 1970: not before.
    pub not_before: i64,
    /// Seconds since 1970: not after.
    pub not_after: i64,
}

/// One thing that is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its time is over.
    Expired {
        /// Whole days since.
        days_ago: i64,
    },
    /// Its time has not come, or this host's clock is behind.
    NotYetValid {
        /// Whole days until.
        days_ahead: i64,
    },
    /// No trusted authority stands at the end of the chain.
    UnknownIssuer {
        /// Who made it, by its own words.
        issuer: String,
        /// How many authorities were trusted.
        authorities: usize,
    },
    /// It proves other names.
    WrongName {
        /// What should have been proven.
        wanted: String,
        /// What it proves.
        names: Vec<String>,
    },
    /// A certificate between it and the authority is expired.
    ChainExpired,
    /// It is refused for another reason.
    Refused {
        /// What the verifier says.
        reason: String,
    },
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateFault::Expired { days_ago } => write!(f, "expired {days_ago} days ago"),
            CertificateFault::NotYetValid { days_ahead } => {
                write!(f, "not valid before {days_ahead} days from now")
            }
            CertificateFault::UnknownIssuer {
                issuer,
                authorities,
            } => write!(
                f,
                "unknown issuer \"{issuer}\", not among the {authorities} trusted authorities"
            ),
            CertificateFault::WrongName { wanted, names } if names.is_empty() => {
                write!(f, "not for {wanted}: it names no host")
            }
            CertificateFault::WrongName { wanted, names } => {
                write!(f, "not for {wanted} but for {}", names.join(", "))
            }
            CertificateFault::ChainExpired => f.write_str("a certificate of its chain is expired"),
            CertificateFault::Refused { reason } => f.write_str(reason),
        }
    }
}

impl Certificate {
    /// Reads the facts; the reason where it is no certificate.
    pub(super) fn read(der: &CertificateDer<'_>) -> Result<Certificate, String> {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        let names = match parsed.subject_alternative_name() {
            Ok(Some(extension)) => extension
                .value
                .general_names
                .iter()
                .filter_map(named)
                .collect(),
            _ => Vec::new(),
        };
        Ok(Certificate {
            // Foreign text: no line break of it reaches a log.
            subject: parsed.subject().to_string().escape_debug().to_string(),
            issuer: parsed.issuer().to_string().escape_debug().to_string(),
            names,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
        })
    }

    /// Whole days until it expires, by this host's clock; negative once it has.
    pub fn days_left(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.days_left_at(now.map_or(0, |since| since.as_secs().cast_signed()))
    }

    pub(super) fn days_left_at(&self, now: i64) -> i64 {
        (self.not_after - now).div_euclid(DAY)
    }

    /// What its dates have against `now`, in seconds since 1970.
    pub(super) fn out_of_date(&self, now: i64) -> Option<CertificateFault> {
        if now > self.not_after {
            Some(CertificateFault::Expired {
                days_ago: (now - self.not_after) / DAY,
            })
        } else if now < self.not_before {
            Some(CertificateFault::NotYetValid {
                days_ahead: (self.not_before - now) / DAY,
            })
        } else {
            None
        }
    }
}

fn named(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.escape_debug().to_string()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes)
                .ok()
                .map(|four| std::net::Ipv4Addr::from(four).to_string()),
            16 => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|six| std::net::Ipv6Addr::from(six).to_string()),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn listed(faults: &[CertificateFault]) -> String {
    let parts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    parts.join("; ")
}
