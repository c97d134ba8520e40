//! Foreign text in one short line: bounded, and nothing in it that a terminal or a log would obey.

/// The longest piece of an answer that is shown, in characters.
const LONGEST: usize = 100;

/// `text` with everything unprintable escaped, and cut.
pub(super) fn bounded(text: &str) -> String {
    let mut shown = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == LONGEST {
            shown.push('…');
            break;
        }
        match c {
            '"' | '\'' | '\\' => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    shown
}

/// The same between quotation marks.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", bounded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_cut_and_cannot_steer_a_terminal() {
        assert_eq!(quoted("a\u{1b}[2J\r\n\"b\""), r#""a\u{1b}[2J\r\n"b"""#);
        assert_eq!(bounded("\u{202e}x"), r"\u{202e}x");
        assert_eq!(bounded(&"x".repeat(9999)).chars().count(), LONGEST + 1);
    }
}
