//! What git proves itself with. It reaches git through its environment alone: never argv, never a file, never text.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};

/// The name that GitHub wants beside a token; other forges take any.
const TOKEN_USER: &str = "x-access-token";

/// A user and a password or token for HTTP basic authentication (RFC 7617). It prints as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl Credentials {
    /// A token, as GitHub gives it to a job.
    pub fn token(token: impl Into<String>) -> Self {
        Self::basic(TOKEN_USER, token)
    }

    /// A user and a password.
    pub fn basic(user: impl Into<String>, password: impl Into<String>) -> Self {
        Credentials {
            user: user.into(),
            password: password.into(),
        }
    }

    /// The value of the `Authorization` header.
    pub(super) fn header(&self) -> String {
        format!("Authorization: Basic {}", self.encoded())
    }

    fn encoded(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.user, self.password))
    }

    /// `text` without the password, plain or encoded: git does not repeat it, but a server's answer might.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut hidden = text.replace(&self.encoded(), "***");
        if !self.password.is_empty() {
            hidden = hidden.replace(&self.password, "***");
        }
        hidden
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_print_as_stars() {
        assert_eq!(
            format!(
                "{:?} {:#?}",
                Credentials::token("canary-1"),
                Credentials::token("canary-1")
            ),
            "*** ***"
        );
    }

    #[test]
    fn a_servers_answer_that_repeats_the_token_is_cleaned() {
        let credentials = Credentials::token("canary-1");
        let echoed = format!("no user canary-1 ({})", credentials.header());
        assert_eq!(
            credentials.hide(&echoed),
            "no user *** (Authorization: Basic ***)"
        );
    }
}
