//! Image references.

use std::{fmt, str::FromStr};

/// Docker Hub's name in references; its API lives on another host.
const HUB: &str = "docker.io";

/// The host of Docker Hub's API.
const HUB_API: &str = "registry-1.docker.io";

/// An image reference as Docker means it (<https://github.com/distribution/reference>): `nginx`, `nginx:1.27`,
/// `ghcr.io/owner/image@sha256:…`, `localhost:5000/x:y`. Prints in full: `docker.io/library/nginx:latest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a text is no reference. The text is not repeated: somebody may have put a password before an `@`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing is there.
    #[error("read an image reference: it is empty")]
    Empty,
    /// The registry's name has other characters than a host and a port.
    #[error("read an image reference: the part before the first slash is no registry")]
    Registry,
    /// The repository's name is not allowed.
    #[error(
        "read an image reference: the repository's name must be lower-case letters, digits and single separators between them"
    )]
    Repository,
    /// The tag is not allowed.
    #[error(
        "read an image reference: the tag must be at most 128 letters, digits, dots, dashes and underscores"
    )]
    Tag,
    /// The digest is not allowed.
    #[error("read an image reference: the digest must look like sha256: and 64 hexadecimal digits")]
    Digest,
}

impl Reference {
    /// The registry's name in the reference: `docker.io`, `ghcr.io`, `localhost:5000`.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Where the registry's API is: `registry-1.docker.io` for Docker Hub, else the name.
    pub fn host(&self) -> &str {
        if self.registry == HUB {
            HUB_API
        } else {
            &self.registry
        }
    }

    /// The repository: `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag; `latest` where the text had neither tag nor digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest: `sha256:…`.
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// What the registry is asked for: the digest, which a tag beside it does not change, else the tag.
    pub(super) fn wanted(&self) -> &str {
        self.digest
            .as_deref()
            .or(self.tag.as_deref())
            .unwrap_or("latest")
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Reference, ReferenceError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        if !digest.is_none_or(is_digest) {
            return Err(ReferenceError::Digest);
        }
        let (registry, path) = match rest.split_once('/') {
            // A first part without any of these is a folder of Docker Hub.
            Some((first, path))
                if first.contains(['.', ':'])
                    || first == "localhost"
                    || first.chars().any(|c| c.is_ascii_uppercase()) =>
            {
                (first, path)
            }
            _ => (HUB, rest),
        };
        if !is_host(registry) {
            return Err(ReferenceError::Registry);
        }
        let (repository, tag) = match path.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (path, None),
        };
        if !tag.is_none_or(is_tag) {
            return Err(ReferenceError::Tag);
        }
        let registry = match registry {
            "index.docker.io" => HUB,
            other => other,
        };
        let repository = if registry == HUB && !repository.contains('/') {
            // Docker refuses a bare image id, which would be taken for a name.
            if repository.len() == 64 && repository.bytes().all(is_hex) {
                return Err(ReferenceError::Repository);
            }
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if repository.len() + registry.len() + 1 > 255 || !repository.split('/').all(is_component) {
            return Err(ReferenceError::Repository);
        }
        let tag = match (tag, digest) {
            (None, None) => Some("latest"),
            (tag, _) => tag,
        };
        Ok(Reference {
            registry: registry.to_owned(),
            repository,
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// `algorithm:hex`, as both distribution's and OCI's grammar allow.
fn is_digest(text: &str) -> bool {
    let Some((algorithm, hex)) = text.split_once(':') else {
        return false;
    };
    let length = match algorithm {
        "sha256" => 64..=64,
        "sha384" => 96..=96,
        "sha512" => 128..=128,
        _ => 32..=256,
    };
    length.contains(&hex.len())
        && hex.bytes().all(is_hex)
        && algorithm.starts_with(|c: char| c.is_ascii_lowercase())
        && algorithm.split(['+', '.', '_', '-']).all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

/// Lower-case letters and digits, with `.`, `_`, `__` or dashes between them.
fn is_component(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends =
        bytes.first().copied().is_some_and(plain) && bytes.last().copied().is_some_and(plain);
    ends && text
        .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|b| b == b'-')
        })
}

/// A host's name or address, with an optional port.
fn is_host(text: &str) -> bool {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        match rest.split_once(']') {
            Some((inside, "")) => return inside.parse::<std::net::Ipv6Addr>().is_ok(),
            Some((inside, port)) if inside.parse::<std::net::Ipv6Addr>().is_ok() => {
                return port.strip_prefix(':').is_some_and(is_port);
            }
            _ => return false,
        }
    } else {
        text.split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port)))
    };
    port.is_none_or(is_port)
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

    #[test]
    fn references_mean_what_docker_takes_them_for() {
        for (text, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            (" nginx:1.27 ", "docker.io/library/nginx:1.27"),
            ("library/nginx", "docker.io/library/nginx:latest"),
            ("owner/image", "docker.io/owner/image:latest"),
            ("docker.io/nginx", "docker.io/library/nginx:latest"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("localhost/x", "localhost/x:latest"),
            ("localhost:5000/x:y", "localhost:5000/x:y"),
            ("ghcr.io/o/i", "ghcr.io/o/i:latest"),
            ("Host/x", "Host/x:latest"),
            ("[::1]:5000/x", "[::1]:5000/x:latest"),
            ("a.example/a__b/c-_d", ""),
            ("a.example/a__b/c--d.e", "a.example/a__b/c--d.e:latest"),
        ] {
            let read = text
                .parse::<Reference>()
                .map_or(String::new(), |r| r.to_string());
            assert_eq!(read, full, "{text}");
        }
        let both: Reference = format!("registry.example:443/a/b/c:tag@{DIGEST}")
            .parse()
            .expect("one");
        assert_eq!(both.registry(), "registry.example:443");
        assert_eq!(both.repository(), "a/b/c");
        assert_eq!((both.tag(), both.digest()), (Some("tag"), Some(DIGEST)));
        assert_eq!(both.wanted(), DIGEST);
        let digest: Reference = format!("ghcr.io/o/i@{DIGEST}").parse().expect("one");
        assert_eq!((digest.tag(), digest.wanted()), (None, DIGEST));
        let hub: Reference = "nginx".parse().expect("one");
        assert_eq!(
            (hub.host(), hub.wanted()),
            ("registry-1.docker.io", "latest")
        );
    }

    #[test]
    fn what_docker_refuses_is_refused_and_not_repeated() {
        use ReferenceError::{Digest, Empty, Registry, Repository, Tag};
        for (text, error) in [
            ("", Empty),
            ("Nginx", Repository),
            ("a//b", Repository),
            ("a/b/", Repository),
            ("nginx:", Tag),
            ("nginx:-x", Tag),
            ("nginx:a b", Tag),
            ("nginx@sha256:canary", Digest),
            ("me:canary@host.example/x", Digest),
            ("a_b.example/x", Registry),
            ("a.example:99999/x", Registry),
            ("https://ghcr.io/o/i", Registry),
            (&DIGEST["sha256:".len()..], Repository),
            (&"x".repeat(300), Repository),
            ("../../v2", Registry),
            ("a.example/../x", Repository),
        ] {
            assert_eq!(text.parse::<Reference>(), Err(error), "{text}");
        }
        assert_eq!(
            format!("a:{}", "x".repeat(129)).parse::<Reference>(),
            Err(Tag)
        );
    }
}
