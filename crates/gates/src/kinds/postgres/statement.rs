//! How many statements a text of SQL has.
//!
//! Several in one text would step out of the transaction that keeps a query from writing: `COMMIT; DELETE …`. Not
//! responsible for whether the statement is any good: the server says that.

/// The statements in `text`, as far as PostgreSQL's lexical rules tell them (section 4.1): semicolons within quotation
/// marks, dollar quotes and comments part nothing.
pub(super) fn count(text: &str) -> usize {
    let mut statements = 0;
    let mut within = false;
    let mut rest = text;
    // Whether what stands before `rest` is part of a word: `a$b$` quotes nothing, and `typE'` is no escape string.
    let mut word = String::new();
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '-' if rest.starts_with("--") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                word.clear();
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = &rest[comment(rest)..];
                word.clear();
                continue;
            }
            ';' => {
                statements += usize::from(within);
                within = false;
                rest = &rest[1..];
                word.clear();
                continue;
            }
            '\'' => quoted(rest, '\'', word.eq_ignore_ascii_case("e")),
            '"' => quoted(rest, '"', false),
            '$' if word.is_empty() => dollar_quoted(rest).unwrap_or(1),
            c => c.len_utf8(),
        };
        within |= !c.is_whitespace();
        if c.is_alphanumeric() || c == '_' || (c == '$' && !word.is_empty()) {
            word.push(c);
        } else {
            word.clear();
        }
        rest = &rest[taken..];
    }
    statements + usize::from(within)
}

/// The length of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let here = &text.as_bytes()[at..];
        if here.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if here.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of what begins with the quotation mark `mark` and ends with it; doubled, it ends and begins again.
fn quoted(text: &str, mark: char, escapes: bool) -> usize {
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        if c == '\\' && escapes {
            let _escaped = characters.next();
        } else if c == mark {
            return at + 1;
        }
    }
    text.len()
}

/// The length of `$tag$ … $tag$`; nothing where no tag stands.
fn dollar_quoted(text: &str) -> Option<usize> {
    let tag = &text[..text[1..].find('$')? + 2];
    let name = &tag[1..tag.len() - 1];
    let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if !is_name {
        return None;
    }
    Some(
        text[tag.len()..]
            .find(tag)
            .map_or(text.len(), |end| tag.len() + end + tag.len()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn semicolons_part_statements_only_where_they_are_sql() {
        for one in [
            "SELECT 1",
            "SELECT 1;",
            " ; SELECT 1 ; ; -- two; three",
            "SELECT ';', 'it''s; fine', \"a;b\"",
            "SELECT E'it\\'s; fine', 'back\\'",
            "SELECT $$a; b$$, $t$ $$; $u$; $t$",
            "SELECT 1 /* a; /* b; */ c; */ + 1",
            "SELECT a$b$ FROM t",
            "SELECT 'é;', $é$;$é$",
            "SELECT 'never closed; ",
            "PREPARE p AS SELECT $1",
        ] {
            assert_eq!(count(one), 1, "{one}");
        }
        for two in [
            "COMMIT; DELETE FROM t",
            "SELECT '\\'; DELETE FROM t --'",
            "SELECT a$b$; SELECT 2 $b$",
            "SELECT $1; SELECT $1",
            "SELECT 1 -- one;\n; SELECT 2",
            "SELECT 1 /* /* */ */; SELECT 2",
            "SELECT typE'\\'; SELECT 2 --'",
            "SELECT $$a$$; SELECT $$b$$",
        ] {
            assert_eq!(count(two), 2, "{two}");
        }
        for none in ["", " ", ";;", "-- SELECT 1", "/* SELECT 1 */"] {
            assert_eq!(count(none), 0, "{none}");
        }
    }
}
