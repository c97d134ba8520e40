//! What a certificate says, and what is wrong with it.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::pki_types::CertificateDer;
use x509_parser::{
    oid_registry::OidRegistry,
    prelude::{ASN1Time, FromDer, GeneralName, X509Certificate, X509Name},
};

use crate::foreign;

const DAY: i64 = 86_400;

/// How much of a name is shown, in characters.
const LONGEST: usize = 100;

/// Of how many names, where it is not for the wanted one: a large site's has a hundred.
const SHOWN: usize = 5;

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
    /// The names as they stand in the certificate: what is shown of two may be the same.
    subject_name: Vec<u8>,
    issuer_name: Vec<u8>,
    self_signed: bool,
}

/// One thing that is wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// Its time is over.
    Expired {
        /// Whole days since.
        days_ago: i64,
        /// Since when, in seconds since 1970.
        since: i64,
    },
    /// Its time has not come, or this host's clock is behind.
    NotYetValid {
        /// Whole days until.
        days_ahead: i64,
        /// From when on, in seconds since 1970.
        from: i64,
    },
    /// It is its own issuer, and not a trusted authority.
    SelfSigned {
        /// How many authorities were trusted.
        authorities: usize,
    },
    /// No trusted authority stands at the end of the chain.
    UnknownIssuer {
        /// Who made the last certificate of the chain, by its own words.
        issuer: String,
        /// Whether that authority's own certificate was sent: then it is not trusted. Otherwise it may as well be a
        /// certificate between that the server fails to send.
        sent: bool,
        /// How many authorities were trusted.
        authorities: usize,
    },
    /// A trusted authority has the name of its issuer and another key: one of them was made anew.
    OtherKey {
        /// The name of both.
        issuer: String,
    },
    /// It proves other names.
    WrongName {
        /// What should have been proven.
        wanted: String,
        /// What it proves.
        names: Vec<String>,
    },
    /// A certificate between it and the authority is out of date.
    ChainExpired {
        /// Whose, and until when, in seconds since 1970; `None` where it is not one that the server sent.
        whose: Option<(String, i64)>,
    },
    /// It is refused for another reason.
    Refused {
        /// What the verifier says.
        reason: String,
    },
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateFault::Expired { days_ago, since } => {
                write!(f, "expired on {}, {days_ago} days ago", date(*since))
            }
            CertificateFault::NotYetValid { days_ahead, from } => write!(
                f,
                "not valid before {}, {days_ahead} days from now",
                date(*from)
            ),
            CertificateFault::SelfSigned { authorities } => {
                write!(f, "self-signed, and {}", untrusted(*authorities))
            }
            CertificateFault::UnknownIssuer {
                issuer,
                sent,
                authorities,
            } => {
                write!(
                    f,
                    "unknown issuer \"{issuer}\", {}",
                    untrusted(*authorities)
                )?;
                if !sent {
                    f.write_str(
                        " (or its chain is incomplete: the server sent no certificate of it)",
                    )?;
                }
                Ok(())
            }
            CertificateFault::OtherKey { issuer } => write!(
                f,
                "signed by another \"{issuer}\" than the trusted one: was that made anew?"
            ),
            CertificateFault::WrongName { wanted, names } if names.is_empty() => {
                write!(f, "not for {wanted}: it names no host")
            }
            CertificateFault::WrongName { wanted, names } => {
                let shown = &names[..names.len().min(SHOWN)];
                write!(f, "not for {wanted} but for {}", shown.join(", "))?;
                match names.len() - shown.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            CertificateFault::ChainExpired { whose: None } => {
                f.write_str("a certificate of its chain is expired")
            }
            CertificateFault::ChainExpired {
                whose: Some((subject, since)),
            } => write!(f, "\"{subject}\" of its chain expired on {}", date(*since)),
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
            subject: distinguished(parsed.subject()),
            issuer: distinguished(parsed.issuer()),
            names,
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            subject_name: parsed.subject().as_raw().to_vec(),
            issuer_name: parsed.issuer().as_raw().to_vec(),
            self_signed: parsed.issuer() == parsed.subject()
                && parsed.verify_signature(None).is_ok(),
        })
    }

    /// Whether its own key signed it; its name alone may be its issuer's, too.
    pub(super) fn is_self_signed(&self) -> bool {
        self.self_signed
    }

    /// Whether this is its subject: the content of the name, without the outermost tag and length.
    pub(super) fn is_named(&self, content: &[u8]) -> bool {
        !content.is_empty() && self.subject_name.ends_with(content)
    }

    /// The last certificate of the chain that begins here, as far as `sent` has it: each issuer's own one, by its name.
    pub(super) fn end_of_chain<'a>(&'a self, sent: &'a [Certificate]) -> &'a Certificate {
        let mut last = self;
        // Each can be there once: a server may send a circle.
        for _ in sent {
            let next = sent
                .iter()
                .find(|next| !last.is_self_signed() && next.subject_name == last.issuer_name);
            match next {
                Some(next) => last = next,
                None => break,
            }
        }
        last
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
                since: self.not_after,
            })
        } else if now < self.not_before {
            Some(CertificateFault::NotYetValid {
                days_ahead: (self.not_before - now) / DAY,
                from: self.not_before,
            })
        } else {
            None
        }
    }
}

fn untrusted(authorities: usize) -> String {
    match authorities {
        0 => "no authority is trusted here: is ca-certificates installed?".to_owned(),
        1 => "not the one trusted authority".to_owned(),
        more => format!("not among the {more} trusted authorities"),
    }
}

/// The day of a moment in seconds since 1970, in UTC: `2026-11-21`.
pub(super) fn date(seconds: i64) -> String {
    match ASN1Time::from_timestamp(seconds) {
        Ok(time) => time.to_datetime().date().to_string(),
        // No year that a certificate can name.
        Err(_) => format!("second {seconds}"),
    }
}

/// A distinguished name as people write it, `CN=db.example, O=Example`. The usual attributes have their abbreviations
/// without a registry; the parser's own, of a thousand identifiers that no name has, would be 30 KB of the binary.
fn distinguished(name: &X509Name<'_>) -> String {
    let text = name
        .to_string_with_registry(&OidRegistry::default())
        .unwrap_or_else(|_| "a name that cannot be read".to_owned());
    // Foreign text: no line break of it reaches a log.
    foreign::bounded(&text, LONGEST)
}

fn named(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(foreign::bounded(name, LONGEST)),
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
