//! The token that requests carry.

use std::fmt;

/// A GitHub token. It prints as `***`; only this crate's client sees its content.
#[derive(Clone)]
pub struct Token(String);

/// The text cannot be sent as a token: it is empty, or holds something else than visible ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use the GitHub token: it is empty or holds blanks, line breaks or non-ASCII characters")]
pub struct InvalidToken;

impl Token {
    /// Takes `text` as a token.
    ///
    /// # Errors
    /// [`InvalidToken`], without the text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidToken> {
        let text = text.into();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        Ok(Self(text))
    }

    /// The value of the `Authorization` header.
    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// `text` without the token, where it is a foreign text that may repeat it.
    pub(crate) fn out_of(&self, text: &str) -> String {
        text.replace(&self.0, "***")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_prints_as_stars() {
        let token = Token::new("ghs_canary").expect("a token");
        assert_eq!(format!("{token:?} {token:#?}"), "*** ***");
    }

    #[test]
    fn a_text_that_cannot_stand_in_a_header_is_refused_without_being_repeated() {
        for text in ["", "ghs canary", "ghs_canary\n", "ghs_canarü"] {
            let error = Token::new(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("canar"), "{error}");
        }
    }
}
