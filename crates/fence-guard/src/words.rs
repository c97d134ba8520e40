//! What the guard says on its error output, where it never disturbs the command's own output.

use std::io::Write;

/// The longest piece of foreign text that is shown, in characters.
const SHOWN: usize = 200;

/// Says one line. Nobody may be listening any more (the connection is gone): that stops nothing.
pub(crate) fn say(line: &str) {
    let line = format!("fence-guard: {line}\n");
    // One write, so that lines of two processes do not mix.
    let _gone = std::io::stderr().write_all(line.as_bytes());
}

/// Foreign text on one line, bounded, with what a terminal would obey escaped.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|c| {
            let escape =
                c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let escaped = escape.then(|| c.escape_unicode());
            let plain = (!escape).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_on_one_short_line_and_commands_no_terminal() {
        assert_eq!(
            shown("v1\n\u{1b}[2J\u{202e}"),
            "v1\\u{a}\\u{1b}[2J\\u{202e}"
        );
        assert_eq!(shown(&"x".repeat(300)).chars().count(), SHOWN + 1);
    }
}
