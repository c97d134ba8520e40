//! Splits a host line into words, as a shell would: quotes, backslashes, and a comment to the end of the line.

/// Why a line has no words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsplit {
    /// A quote is never closed.
    OpenQuote,
    /// The line ends with a backslash.
    LoneBackslash,
}

/// The words of `line` by the rules of Python's `shlex.split(line, comments=True)`, which Ansible uses: a `#` starts a
/// comment in the middle of a word too, unless it is quoted.
pub(crate) fn split(line: &str) -> Result<Vec<String>, Unsplit> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '#' => break,
            '\\' => word
                .get_or_insert_default()
                .push(letters.next().ok_or(Unsplit::LoneBackslash)?),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next().ok_or(Unsplit::OpenQuote)? {
                        '\'' => break,
                        other => word.push(other),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next().ok_or(Unsplit::OpenQuote)? {
                        '"' => break,
                        '\\' => {
                            let next = letters.next().ok_or(Unsplit::LoneBackslash)?;
                            // Within quotes a backslash stands for itself, except before these two.
                            if next != '"' && next != '\\' {
                                word.push('\\');
                            }
                            word.push(next);
                        }
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together_and_a_hash_ends_the_line() {
        let words = split(r#"web1 a='x y'z b="1\"2\n" c=d\ e f#g h=i"#).unwrap();
        assert_eq!(words, ["web1", "a=x yz", r#"b=1"2\n"#, "c=d e", "f"]);
        assert_eq!(split("a '' b").unwrap(), ["a", "", "b"]);
        assert_eq!(split("a='#1'").unwrap(), ["a=#1"]);
    }

    #[test]
    fn what_is_left_open_is_no_line() {
        assert_eq!(split("a 'b"), Err(Unsplit::OpenQuote));
        assert_eq!(split("a \"b\\"), Err(Unsplit::LoneBackslash));
        assert_eq!(split("a \\"), Err(Unsplit::LoneBackslash));
    }
}
