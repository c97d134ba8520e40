//! Where the refs are: the forms of the `store` input that name a git repository.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::Credentials;

/// A git repository that a store can live in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitRemote {
    pub(super) kind: Kind,
    /// What a URL carried as `user:password@`; it is in no text.
    pub(super) credentials: Option<Credentials>,
}

/// How git reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An `http://` or `https://` URL without user information.
    Http(String),
    /// An `ssh://` URL or the short form `user@host:path`.
    Ssh(String),
    /// A repository on a disk of this host.
    Local(PathBuf),
}

/// A text that names no git repository baton can use. No text of these holds the URL: it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GitRemoteError {
    /// It does not begin with `git+`.
    #[error("the address of a git store begins with git+, as in git+https://host/owner/repository")]
    NotGit,
    /// A scheme that is none of ours.
    #[error("git+{0}:// is not supported; https, http, ssh and file are")]
    Scheme(String),
    /// No host.
    #[error("the address of the git store names no host")]
    NoHost,
    /// No path.
    #[error("the address of the git store names no repository")]
    NoPath,
    /// `file://` with a host or a relative path.
    #[error(
        "a git store on disk is named by an absolute path, as in git+file:///var/lib/baton/store.git"
    )]
    RelativeFile,
    /// White space, control characters, or a part that a command could take for an option.
    #[error("the address of the git store holds a character that does not belong there")]
    Malformed,
    /// A server URL of GitHub's context that is not an HTTP URL.
    #[error("the server's URL is neither http nor https")]
    Server,
}

impl GitRemote {
    /// Reads `git+https://…`, `git+http://…`, `git+ssh://…`, `git+file:///…` or `git+user@host:path`. User information
    /// of an HTTP URL becomes credentials.
    ///
    /// # Errors
    /// What is wrong with the text, without repeating it.
    pub fn parse(text: &str) -> Result<Self, GitRemoteError> {
        let address = text
            .trim()
            .strip_prefix("git+")
            .ok_or(GitRemoteError::NotGit)?;
        if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(GitRemoteError::Malformed);
        }
        match address.split_once("://") {
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                scheme @ ("http" | "https") => Self::http(scheme, rest),
                "ssh" => Self::ssh(rest),
                "file" => Self::file(rest),
                other
                    if other
                        .chars()
                        .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) =>
                {
                    Err(GitRemoteError::Scheme(other.to_owned()))
                }
                _ => Err(GitRemoteError::Malformed),
            },
            None => Self::short_ssh(address),
        }
    }

    /// The run's own repository, for `store: git`: `server_url` and `repository` as GitHub's context gives them.
    ///
    /// # Errors
    /// A server URL that is not HTTP, or an empty repository.
    pub fn github(server_url: &str, repository: &str) -> Result<Self, GitRemoteError> {
        let server = server_url.trim().trim_end_matches('/');
        let repository = repository.trim().trim_matches('/');
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err(GitRemoteError::Server);
        }
        if repository.is_empty() {
            return Err(GitRemoteError::NoPath);
        }
        Self::parse(&format!("git+{server}/{repository}"))
    }

    /// A bare repository at `path`, made when absent.
    ///
    /// # Errors
    /// A relative path.
    pub fn local(path: impl Into<PathBuf>) -> Result<Self, GitRemoteError> {
        let path = path.into();
        if !path.is_absolute() {
            return Err(GitRemoteError::RelativeFile);
        }
        if path.parent().is_none() {
            return Err(GitRemoteError::NoPath);
        }
        Ok(GitRemote {
            kind: Kind::Local(path),
            credentials: None,
        })
    }

    /// For people, without credentials: `git https://github.com/o/r`.
    pub fn place(&self) -> String {
        match &self.kind {
            Kind::Http(url) | Kind::Ssh(url) => format!("git {url}"),
            Kind::Local(path) => format!("git {}", path.display()),
        }
    }

    /// As git's argument.
    pub(super) fn url(&self) -> String {
        match &self.kind {
            Kind::Http(url) | Kind::Ssh(url) => url.clone(),
            Kind::Local(path) => path.to_string_lossy().into_owned(),
        }
    }

    /// The path, where it is on a disk of this host.
    pub fn local_path(&self) -> Option<&Path> {
        match &self.kind {
            Kind::Local(path) => Some(path),
            Kind::Http(_) | Kind::Ssh(_) => None,
        }
    }

    fn http(scheme: &str, rest: &str) -> Result<Self, GitRemoteError> {
        let (authority, path) = split_path(rest)?;
        let (user_info, host) = match authority.rsplit_once('@') {
            Some((user_info, host)) => (Some(user_info), host),
            None => (None, authority),
        };
        check_host(host)?;
        let credentials = user_info.filter(|u| !u.is_empty()).map(|user_info| {
            let decode = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
            match user_info.split_once(':') {
                Some((user, password)) => Credentials::basic(decode(user), decode(password)),
                // `https://TOKEN@host/…` is how tokens are often pasted; git would ask for a password.
                None => Credentials::token(decode(user_info)),
            }
        });
        Ok(GitRemote {
            kind: Kind::Http(format!("{scheme}://{host}/{path}")),
            credentials,
        })
    }

    fn ssh(rest: &str) -> Result<Self, GitRemoteError> {
        let (authority, path) = split_path(rest)?;
        let (user, host) = authority.rsplit_once('@').unwrap_or(("git", authority));
        check_host(host)?;
        if user.is_empty() || user.starts_with('-') || user.contains(':') {
            return Err(GitRemoteError::Malformed);
        }
        Ok(GitRemote {
            kind: Kind::Ssh(format!("ssh://{authority}/{path}")),
            credentials: None,
        })
    }

    /// `user@host:path`. The user is wanted: `host:path` looks too much like a scheme that was meant otherwise.
    fn short_ssh(address: &str) -> Result<Self, GitRemoteError> {
        let (authority, path) = address.split_once(':').ok_or(GitRemoteError::NoHost)?;
        let (user, host) = authority.split_once('@').ok_or(GitRemoteError::NoHost)?;
        check_host(host)?;
        if user.is_empty() || user.starts_with('-') || authority.contains('/') {
            return Err(GitRemoteError::Malformed);
        }
        if path.trim_matches('/').is_empty() {
            return Err(GitRemoteError::NoPath);
        }
        Ok(GitRemote {
            kind: Kind::Ssh(address.to_owned()),
            credentials: None,
        })
    }

    fn file(rest: &str) -> Result<Self, GitRemoteError> {
        let path = rest
            .strip_prefix("localhost")
            .filter(|p| p.starts_with('/'))
            .unwrap_or(rest);
        let path = percent_decode_str(path)
            .decode_utf8()
            .map_err(|_| GitRemoteError::Malformed)?;
        match path.trim_end_matches('/') {
            "" if path.is_empty() => Err(GitRemoteError::RelativeFile),
            "" => Err(GitRemoteError::NoPath),
            path => Self::local(path),
        }
    }
}

fn split_path(rest: &str) -> Result<(&str, &str), GitRemoteError> {
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    match (authority, path) {
        ("", _) => Err(GitRemoteError::NoHost),
        (_, "") => Err(GitRemoteError::NoPath),
        found => Ok(found),
    }
}

fn check_host(host: &str) -> Result<(), GitRemoteError> {
    if host.is_empty() || host.starts_with(':') {
        return Err(GitRemoteError::NoHost);
    }
    // A host that begins with a dash would reach ssh as an option.
    let belongs = |c: char| c.is_alphanumeric() || "-._:[]~".contains(c);
    if host.starts_with('-') || !host.chars().all(belongs) {
        return Err(GitRemoteError::Malformed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Kind {
        GitRemote::parse(text).unwrap().kind
    }

    #[test]
    fn every_form_of_the_store_input_is_read() {
        assert_eq!(
            kind("git+https://h/o/r.git"),
            Kind::Http("https://h/o/r.git".into())
        );
        assert_eq!(
            kind("git+http://h:8080/r/"),
            Kind::Http("http://h:8080/r".into())
        );
        assert_eq!(
            kind("git+ssh://git@h:22/o/r"),
            Kind::Ssh("ssh://git@h:22/o/r".into())
        );
        assert_eq!(kind("git+git@h:o/r.git"), Kind::Ssh("git@h:o/r.git".into()));
        assert_eq!(
            kind("git+file:///a%20b/x.git/"),
            Kind::Local("/a b/x.git".into())
        );
    }

    #[test]
    fn user_information_is_split_off_and_shown_nowhere() {
        let remote = GitRemote::parse("git+https://me:can%40ary@h/o/r").unwrap();
        assert_eq!(
            remote.credentials,
            Some(Credentials::basic("me", "can@ary"))
        );
        assert_eq!(remote.place(), "git https://h/o/r");
        assert!(!format!("{remote:?}").contains("ary"));
        let pasted = GitRemote::parse("git+https://canary@h/o/r").unwrap();
        assert_eq!(pasted.credentials, Some(Credentials::token("canary")));
    }

    #[test]
    fn what_names_no_repository_is_refused_without_being_repeated() {
        for (text, error) in [
            ("https://h/o/r", GitRemoteError::NotGit),
            ("git+ext::sh -c canary", GitRemoteError::Malformed),
            ("git+ext::canary", GitRemoteError::NoHost),
            ("git+git://h/canary", GitRemoteError::Scheme("git".into())),
            ("git+https:///canary", GitRemoteError::NoHost),
            ("git+https://canary", GitRemoteError::NoPath),
            ("git+file://canary", GitRemoteError::RelativeFile),
            ("git+file:///", GitRemoteError::NoPath),
            (
                "git+ssh://-oProxyCommand=canary/x",
                GitRemoteError::Malformed,
            ),
            ("git+me@-oProxyCommand=canary:x", GitRemoteError::Malformed),
            ("git+https://h/can\nary", GitRemoteError::Malformed),
            ("git+canary", GitRemoteError::NoHost),
        ] {
            let seen = GitRemote::parse(text).unwrap_err();
            assert_eq!(seen, error, "{text}");
            assert!(!seen.to_string().contains("canary"), "{text}");
        }
    }

    #[test]
    fn the_runs_own_repository_is_found_from_githubs_context() {
        let remote = GitRemote::github("https://github.example/", "o/r").unwrap();
        assert_eq!(remote.kind, Kind::Http("https://github.example/o/r".into()));
        assert_eq!(GitRemote::github("", "o/r"), Err(GitRemoteError::Server));
    }
}
