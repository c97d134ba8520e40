//! Percent-encoding in addresses (RFC 3986 §2.1), read strictly: what a slip of the hand makes of it is refused, since it is
//! mostly a part of a password, which would be another one without a word.

use percent_encoding::percent_decode_str;

/// `text` without percent-encoding; nothing where a `%` in it has no two hexadecimal digits behind it, or where it is no
/// UTF-8 text.
pub fn decoded(text: &str) -> Option<String> {
    let whole = text.split('%').skip(1).all(|escape| {
        let digits = escape.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    let text = percent_decode_str(text).decode_utf8().ok();
    text.filter(|_| whole).map(|text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_encodes_something_is_read() {
        assert_eq!(decoded("a%40%c3%A4b").as_deref(), Some("a@äb"));
        assert_eq!(decoded("").as_deref(), Some(""));
        for broken in ["%", "%4", "a%zz", "%%40", "%ff", "%4é"] {
            assert_eq!(decoded(broken), None, "{broken}");
        }
    }
}
