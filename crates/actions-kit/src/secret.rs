//! A value that must not be seen.
//!
//! Not responsible for finding the value in other text: [`Redactor`](crate::Redactor) does that.

use std::fmt;

/// A secret. It prints as `***`, cannot be serialised, and gives its content only to [`Secret::expose`], so that every
/// place where a secret leaves this type can be found by that name.
#[derive(Clone)]
pub struct Secret(String);

/// The text was empty: an empty secret is an unset one, and masking it would mask everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("take an empty text as a secret")]
pub struct EmptySecret;

impl Secret {
    /// Takes `text` as a secret.
    ///
    /// # Errors
    /// [`EmptySecret`] where there is nothing to hide.
    pub fn new(text: impl Into<String>) -> Result<Self, EmptySecret> {
        let text = text.into();
        if text.is_empty() {
            Err(EmptySecret)
        } else {
            Ok(Self(text))
        }
    }

    /// The content. For the request, header or child's environment that needs it; never for text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_as_stars_in_every_form() {
        let secret = Secret::new("canary-7f3a").expect("a secret");
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?} {secret:>20}"),
            "*** *** *** ***"
        );
        assert_eq!(secret.expose(), "canary-7f3a");
    }

    #[test]
    fn an_empty_secret_is_refused() {
        assert_eq!(Secret::new("").expect_err("refused"), EmptySecret);
    }
}
