//! What a server or a program said, for people: one line, bounded, and nothing in it that a terminal or a log obeys.

/// How much of foreign text is shown, in characters.
pub(crate) const SHOWN: usize = 200;

/// `text` in one line of at most [`SHOWN`] characters: control characters escaped, colours left out.
pub(crate) fn line(text: &str) -> String {
    bounded(text, SHOWN)
}

/// As [`line`], with another bound.
pub(crate) fn bounded(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut length = 0;
    let mut rest = text.trim();
    while let Some(c) = rest.chars().next() {
        if let Some(behind) = colour(rest) {
            rest = behind;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        let piece: String = match c {
            // Quotation marks are harmless, and escaped hard to read.
            '"' | '\'' | '\\' => c.into(),
            c => c.escape_debug().collect(),
        };
        let wide = piece.chars().count();
        if length + wide > most {
            shown.push('…');
            break;
        }
        shown.push_str(&piece);
        length += wide;
    }
    shown
}

/// What follows a colour's escape sequence at the front of `text` (ECMA-48 §8.3.117), if there is one.
fn colour(text: &str) -> Option<&str> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    parameters
        .trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
        .strip_prefix('m')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_one_bounded_line_that_steers_no_terminal() {
        assert_eq!(
            line(" a\r\n\"b\"\t\u{1b}[2Jc "),
            "a\\r\\n\"b\"\\t\\u{1b}[2Jc"
        );
        assert_eq!(line("\u{1b}[1;31mfailed\u{1b}[0m badly"), "failed badly");
        assert_eq!(line("\u{202e}x"), "\\u{202e}x");
        assert_eq!(line(&"é".repeat(9999)), format!("{}…", "é".repeat(SHOWN)));
        assert_eq!(line(&"x".repeat(SHOWN)), "x".repeat(SHOWN));
    }
}
