//! Foreign text in places that would obey it: GitHub's Markdown, Slack's and Mattermost's.

use actions_kit::markdown;

/// Parts a sign from what would follow it, and is not seen.
const NOTHING: char = '\u{200b}';

/// `text` so that it wakes nobody and refers to no issue: `@name` and `#1` are read, and not obeyed. An entity would not
/// do: GitHub looks for names in what the Markdown has become.
pub(crate) fn calm(text: &str) -> String {
    let mut calm = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        calm.push(letter);
        let next = letters.peek().copied().unwrap_or(' ');
        if letter == '@' || (letter == '#' && next.is_ascii_digit()) {
            calm.push(NOTHING);
        }
    }
    calm
}

/// `text` inside a paragraph or a table's cell of GitHub's Markdown.
pub(crate) fn words(text: &str) -> String {
    calm(&markdown::text(text).replace("&#64;", "@"))
}

/// Words of ours, in which backticks mark code.
pub(crate) fn prose(text: &str) -> String {
    calm(&markdown::prose(&uncommented(text)).replace("&#64;", "@"))
}

/// `text` as a code span in a table's cell.
pub(crate) fn code(text: &str) -> String {
    markdown::code(&uncommented(text))
}

/// Lines as a code block.
pub(crate) fn block(lines: &[String]) -> String {
    markdown::code_block("text", &uncommented(&lines.join("\n")))
}

/// `text` in a message of Slack's (<https://docs.slack.dev/messaging/formatting-message-text#escaping>).
pub(crate) fn slack(text: &str) -> String {
    let text = calm(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace("```", "'''")
}

/// `text` for whoever may hand it on to Slack as it stands, as Alertmanager does: nothing in it wakes a room or names a
/// user (<https://docs.slack.dev/messaging/formatting-message-text#special-mentions>).
pub(crate) fn quiet(text: &str) -> String {
    let mut quiet = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        quiet.push(letter);
        if letter == '<' && matches!(letters.peek(), Some('!' | '@' | '#')) {
            quiet.push(NOTHING);
        }
    }
    quiet
}

/// Without the beginning of a comment: what we look for in an issue stands in one.
fn uncommented(text: &str) -> String {
    text.replace("<!--", &format!("<!{NOTHING}--"))
}

/// A comment that no reader sees and that `value` cannot end: letters, digits, `/`, `.` and `_` stand for themselves,
/// every other byte as `%2D`.
pub(crate) fn marker(name: &str, value: &str) -> String {
    let mut told = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._".contains(&byte) {
            told.push(char::from(byte));
        } else {
            told.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("<!-- baton:{name}={told} -->")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_wake_nobody() {
        for text in ["@octocat", "a @org/team b", "mail@host", "@@x", "&#64;x"] {
            for shown in [words(text), prose(text), slack(text)] {
                let pings = shown
                    .match_indices('@')
                    .any(|(at, _)| !shown[at + 1..].starts_with(NOTHING));
                assert!(!pings, "{shown:?}");
                assert!(!shown.contains("&#64;"), "{shown}");
            }
        }
        assert_eq!(words("fixes #12"), "fixes #\u{200b}12");
    }

    #[test]
    fn a_marker_holds_any_value_and_ends_where_it_should() {
        let hostile = marker("incident lock", "a/b--> <b>x</b>\n<!-- ü");
        assert_eq!(
            hostile,
            "<!-- baton:incident lock=a/b%2D%2D%3E%20%3Cb%3Ex%3C/b%3E%0A%3C%21%2D%2D%20%C3%BC -->"
        );
        assert_ne!(marker("x", "a b"), marker("x", "a%20b"));
    }

    #[test]
    fn foreign_text_makes_no_marker() {
        let forged = marker("incident lock", "other");
        for shown in [
            words(&forged),
            prose(&format!("`{forged}`")),
            code(&forged),
            block(std::slice::from_ref(&forged)),
        ] {
            assert!(!shown.contains(&forged), "{shown}");
        }
    }

    #[test]
    fn slack_gets_its_three_signs_escaped() {
        assert_eq!(slack("<!here> a & b ```"), "&lt;!here&gt; a &amp; b '''");
    }
}
