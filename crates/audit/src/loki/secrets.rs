//! What must stand in no error, even where a server repeats it.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use probes::http::Credentials;

/// The secrets of a client's requests, in the forms in which they are sent.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of an address and of credentials.
    pub(super) fn of(url: &str, credentials: Option<&Credentials>) -> Secrets {
        let mut all = Vec::new();
        match credentials {
            Some(Credentials::Basic { user, password }) => basic(user, password, &mut all),
            Some(Credentials::Bearer(token)) => all.push(token.clone()),
            None => {}
        }
        if let Some((_, rest)) = url.split_once("://") {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            if let Some((user_info, _)) = rest[..end].rsplit_once('@') {
                let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
                all.push(password.to_owned());
                let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
                basic(&decoded(user), &decoded(password), &mut all);
            }
            // A gateway's key may stand there.
            if let Some((_, query)) = rest.split_once('?') {
                all.extend(
                    query
                        .split(['&', '#'])
                        .filter_map(|pair| Some(pair.split_once('=')?.1.to_owned())),
                );
            }
        }
        all.retain(|secret| !secret.is_empty());
        // A longer one may hold a shorter one.
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(all)
    }

    /// `text` without them.
    pub(super) fn hidden(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), "***")
        })
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

fn basic(user: &str, password: &str, all: &mut Vec<String>) {
    all.push(password.to_owned());
    all.push(STANDARD.encode(format!("{user}:{password}")));
}
