//! GitHub-flavoured Markdown from text that is not ours: escaping, tables, code, Mermaid.
//!
//! Not responsible for secrets: [`Summary`](crate::Summary) redacts what is written.

use std::{borrow::Cow, fmt::Write};

/// `text` so that it reads as itself inside a paragraph or a table cell: no markup, no HTML, no end of the cell. Line
/// breaks become `<br>`, terminal colours are left out.
pub fn text(text: &str) -> String {
    let text = printable(text.trim());
    let mut escaped = String::with_capacity(text.len());
    for (position, letter) in text.chars().enumerate() {
        match letter {
            '\n' => escaped.push_str("<br>"),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '|' | '$' => escaped.extend(['\\', letter]),
            // A heading, list or rule only where a line starts.
            '#' | '+' | '-' | '=' if position == 0 => escaped.extend(['\\', letter]),
            // `@name` would wake a person where the text reaches an issue.
            '@' => escaped.push_str("&#64;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// `text` as a code span, in a paragraph or a table cell.
pub fn code(text: &str) -> String {
    let text = printable(text).replace('\n', " ").replace('|', "\\|");
    if text.trim().is_empty() {
        return String::new();
    }
    let fence = "`".repeat(longest_run(&text, '`') + 1);
    // A span that starts or ends with a backtick needs the space; GitHub takes it away again.
    let space = if text.starts_with('`') || text.ends_with('`') {
        " "
    } else {
        ""
    };
    format!("{fence}{space}{text}{space}{fence}")
}

/// Words of ours, in which backticks mark code, inside a paragraph or a table cell.
pub fn prose(text: &str) -> String {
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return self::text(text);
    }
    let told = pieces.iter().enumerate().map(|(at, piece)| match at % 2 {
        0 => spaced(piece),
        _ => code(piece),
    });
    told.collect()
}

/// The text, with the spaces that part it from the code beside it.
fn spaced(piece: &str) -> String {
    let space = |there: bool| if there { " " } else { "" };
    let words = text(piece);
    if words.is_empty() {
        return space(!piece.is_empty()).to_owned();
    }
    let (before, after) = (piece.starts_with(' '), piece.ends_with(' '));
    format!("{}{words}{}", space(before), space(after))
}

/// `text` as a code block that its own backticks cannot end.
pub fn code_block(language: &str, text: &str) -> String {
    let text = printable(text);
    let fence = "`".repeat((longest_run(&text, '`') + 1).max(3));
    format!(
        "{fence}{language}\n{}\n{fence}\n",
        text.trim_end_matches('\n')
    )
}

/// A table. Cells are Markdown already: pass foreign text through [`text`] or [`code`].
pub fn table<I>(header: &[&str], rows: I) -> String
where
    I: IntoIterator<Item = Vec<String>>,
{
    let mut markdown = format!(
        "| {} |\n|{}\n",
        header.join(" | "),
        " --- |".repeat(header.len())
    );
    for row in rows {
        let _ = writeln!(markdown, "| {} |", row.join(" | ").replace('\n', "<br>"));
    }
    markdown
}

/// A Mermaid diagram. Labels in `diagram` that are not ours must have gone through [`mermaid_label`].
pub fn mermaid(diagram: &str) -> String {
    format!(
        "```mermaid\n{}\n```\n",
        diagram.trim_end().replace("```", "'''")
    )
}

/// `text` as a label in any Mermaid diagram: what could be syntax becomes `#code;`, Mermaid's own escape.
pub fn mermaid_label(text: &str) -> String {
    let mut label = String::new();
    for letter in printable(text).chars() {
        match letter {
            letter if letter.is_alphanumeric() || " ._-/()".contains(letter) => label.push(letter),
            '\n' | '\t' => label.push(' '),
            letter => {
                let _ = write!(label, "#{};", u32::from(letter));
            }
        }
    }
    // The bare word ends a block in several kinds of diagrams.
    if label.trim() == "end" {
        label.replace('e', "#101;")
    } else {
        label
    }
}

/// Whether `letter` turns the direction of the text around it (Unicode Standard Annex #9 §2): what a person reads is then
/// another text than what a program does.
fn turns(letter: char) -> bool {
    matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `text` with the controls of direction shown (`\u{202e}`) instead of obeyed.
pub fn unturned(text: &str) -> Cow<'_, str> {
    if !text.contains(turns) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            letter if turns(letter) => shown.extend(letter.escape_unicode()),
            letter => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// `text` without terminal escape sequences and control characters, and with the controls of direction shown
/// ([`unturned`]); a carriage return is a line break.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\u{1b}' => skip_escape(&mut letters),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' => clean.push('\n'),
            '\n' | '\t' => clean.push(letter),
            letter if letter.is_control() => {}
            letter if turns(letter) => clean.extend(letter.escape_unicode()),
            letter => clean.push(letter),
        }
    }
    clean
}

/// ECMA-48: `ESC [ … letter` (colour, cursor), `ESC ] … BEL` or `ESC ] … ESC \` (title, link), or `ESC` and one more.
fn skip_escape(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match letters.peek() {
        Some('[') => {
            letters.next();
            // Parameters stand between space and `?`; a line break means the sequence was cut.
            while letters
                .next_if(|letter| (' '..='?').contains(letter))
                .is_some()
            {}
            letters.next_if(|letter| ('@'..='~').contains(letter));
        }
        Some(']') => {
            while let Some(letter) = letters.next_if(|letter| *letter != '\n') {
                if letter == '\u{7}' {
                    break;
                }
                if letter == '\u{1b}' {
                    letters.next_if_eq(&'\\');
                    break;
                }
            }
        }
        _ => {
            letters.next_if(|letter| ('('..='~').contains(letter));
        }
    }
}

/// The longest run of `letter` in `text`.
pub(crate) fn longest_run(text: &str, letter: char) -> usize {
    text.split(|other| other != letter)
        .map(str::len)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn foreign_text_is_no_markup() {
        for (foreign, escaped) in [
            ("a|b", "a\\|b"),
            ("a\nb\r\nc", "a<br>b<br>c"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("`x` *b* _i_ [l](u)", "\\`x\\` \\*b\\* \\_i\\_ \\[l\\](u)"),
            ("# head", "\\# head"),
            ("a # b", "a # b"),
            ("&lt;", "&amp;lt;"),
            ("@org/team", "&#64;org/team"),
            ("\u{1b}[31mred\u{1b}[0m\u{7}", "red"),
        ] {
            assert_eq!(text(foreign), escaped);
        }
    }

    #[test]
    fn code_survives_backticks_and_bars() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("`a``b`"), "``` `a``b` ```");
        assert_eq!(code(" "), "");
        assert_eq!(
            code_block("text", "a\n```\nb\n"),
            "````text\na\n```\nb\n````\n"
        );
    }

    #[test]
    fn code_within_words_is_shown_as_code() {
        assert_eq!(prose("run `a | b` <now>"), "run `a \\| b` &lt;now&gt;");
        assert_eq!(prose("a lone ` mark"), "a lone \\` mark");
    }

    #[test]
    fn a_table_has_one_line_for_each_row() {
        let markdown = table(&["a", "b"], [vec![text("1|2"), text("3\n4")]]);
        assert_eq!(markdown, "| a | b |\n| --- | --- |\n| 1\\|2 | 3<br>4 |\n");
    }

    #[test]
    fn mermaid_labels_hold_no_syntax() {
        assert_eq!(
            mermaid_label("a: b; \"c\" #1 %%"),
            "a#58; b#59; #34;c#34; #35;1 #37;#37;"
        );
        assert_eq!(mermaid_label("x\ny"), "x y");
        assert_eq!(mermaid_label("end"), "#101;nd");
        assert_eq!(mermaid("gantt\n```\n"), "```mermaid\ngantt\n'''\n```\n");
    }

    #[test]
    fn terminal_sequences_are_left_out_and_what_follows_stays() {
        for (raw, clean) in [
            ("\u{1b}[1;31mbad\u{1b}[m", "bad"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://x\u{1b}\\link", "link"),
            ("\u{1b}(Btext", "Btext"),
            ("cut \u{1b}[3\nnext", "cut \nnext"),
            ("10%\r20%\r\n", "10%\n20%\n"),
            ("a\tb\0c", "a\tbc"),
        ] {
            assert_eq!(printable(raw), clean, "{raw:?}");
        }
    }

    #[test]
    fn what_turns_the_text_around_is_shown_and_not_obeyed() {
        for turn in [
            '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
            '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
        ] {
            let (foreign, code) = (format!("a{turn}b"), turn.escape_unicode());
            assert_eq!(printable(&foreign), format!("a{code}b"));
            assert_eq!(unturned(&foreign), format!("a{code}b"));
            assert_eq!(text(&foreign), format!("a\\{code}b"));
            for shown in [
                self::code(&foreign),
                code_block("text", &foreign),
                mermaid_label(&foreign),
            ] {
                assert!(!shown.contains(turn), "{shown:?}");
            }
        }
        assert_eq!(unturned("\u{5e9}\u{5dc}"), "\u{5e9}\u{5dc}");
    }

    proptest! {
        #[test]
        fn no_foreign_text_leaves_its_cell(foreign in "[\\\\|`<>&a\n\r*_#]{0,20}") {
            for cell in [text(&foreign), code(&foreign)] {
                prop_assert!(!cell.contains(['\n', '\r']), "{}", cell);
                // An unescaped bar ends a cell: GFM looks for `\|` alone, whatever stands before the backslash.
                let bars = cell.match_indices('|').all(|(at, _)| cell[..at].ends_with('\\'));
                prop_assert!(bars, "{}", cell);
            }
            prop_assert!(!text(&foreign).replace("<br>", "").contains(['<', '>']));
        }

        #[test]
        fn a_mermaid_label_is_one_line_of_plain_letters_and_codes(foreign in "\\PC{0,20}|[\n:;#\"%{}]{0,9}") {
            let label = mermaid_label(&foreign);
            prop_assert!(label.chars().all(|l| l.is_alphanumeric() || " ._-/()#;".contains(l)), "{}", label);
        }
    }
}
