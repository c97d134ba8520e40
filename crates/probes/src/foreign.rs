//! What a server or a program said, for people: one line, bounded, and nothing in it that a terminal or a log obeys.

/// How much of foreign text is shown, in characters.
pub(crate) const SHOWN: usize = 200;

/// `text` in one line of at most [`SHOWN`] characters: control characters escaped, colours left out.
pub(crate) fn line(text: &str) -> String {
    bounded(text, SHOWN)
}

/// As [`line`], with every run of spaces, line breaks and control characters as one space: prose of a server's.
pub(crate) fn words(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    line(&words.join(" "))
}

/// A piece of an answer, such as one value of many: as [`line`], of at most 100 characters.
pub(crate) fn piece(text: &str) -> String {
    bounded(text, 100)
}

/// A [`piece`] between quotation marks.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", piece(text))
}

/// `text` in one line of at most `most` characters: control characters escaped, colours left out, and a `…` where it was cut.
pub fn bounded(text: &str, most: usize) -> String {
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
        for turn in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}".chars() {
            assert_eq!(
                line(&format!("{turn}x")),
                format!("{}x", turn.escape_unicode())
            );
        }
        assert_eq!(line(&"é".repeat(9999)), format!("{}…", "é".repeat(SHOWN)));
        assert_eq!(line(&"x".repeat(SHOWN)), "x".repeat(SHOWN));
    }

    #[test]
    fn a_page_of_foreign_words_becomes_one_line_of_them() {
        assert_eq!(words(" a\n\tb\r\n::error::c\u{7} "), "a b ::error::c");
        assert_eq!(words("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(words(&"x ".repeat(999)).chars().count(), SHOWN + 1);
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
    }
}
