//! A page: its files of gates, and its table of what is seen.

use std::path::Path;

/// One page of `docs`.
pub(crate) struct Page {
    text: String,
}

impl Page {
    /// The page of this path below `docs`.
    pub(crate) fn new(name: &str) -> Page {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let text = std::fs::read_to_string(docs.join(name)).unwrap();
        Page { text }
    }

    /// Its files of gates, in turn.
    pub(crate) fn examples(&self) -> Vec<&str> {
        self.text
            .split("```yaml\n")
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap())
            .collect()
    }

    /// The one file of gates that holds `part`.
    pub(crate) fn example(&self, part: &str) -> &str {
        let all = self.examples();
        let mut with = all.into_iter().filter(|example| example.contains(part));
        let found = with
            .next()
            .unwrap_or_else(|| panic!("no example with {part}"));
        assert!(with.next().is_none(), "two examples with {part}");
        found
    }

    /// The rows of the table below `heading`.
    pub(crate) fn rows(&self, heading: &str) -> Vec<Row> {
        let section = self
            .text
            .split("\n## ")
            .find(|section| section.starts_with(heading))
            .unwrap_or_else(|| panic!("no section {heading}"));
        let mut rows = Vec::new();
        for line in section.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let [shown, meaning] = cells[..] else {
                panic!("two columns: {line}")
            };
            let whole = shown.trim().starts_with('`');
            for (index, text) in code(shown).into_iter().enumerate() {
                rows.push(Row {
                    text,
                    whole: whole && index == 0,
                    meaning: meaning.trim().to_owned(),
                });
            }
        }
        assert!(!rows.is_empty());
        rows
    }

    /// Holds the table below `heading` against what was seen: each row must be among it, with the status that the row
    /// begins with; where `alike` makes two texts the same, they are.
    pub(crate) fn shows(
        &self,
        heading: &str,
        seen: &[(String, String)],
        alike: impl Fn(&str) -> String,
    ) {
        let missing: Vec<Row> = self
            .rows(heading)
            .into_iter()
            .filter(|row| {
                !seen.iter().any(|(status, words)| {
                    row.is_of(status) && row.shows(&alike(words), &alike(&row.text))
                })
            })
            .collect();
        assert!(missing.is_empty(), "not seen: {missing:#?}\nof: {seen:#?}");
    }
}

/// One text that a page says is seen.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) text: String,
    /// Whether it is all that is seen, but for what `…` stands for; otherwise it is a part.
    pub(crate) whole: bool,
    /// The column beside it.
    pub(crate) meaning: String,
}

impl Row {
    /// Whether the column beside it says this status, or none at all.
    pub(crate) fn is_of(&self, status: &str) -> bool {
        let known = ["pass", "fail", "unknown"];
        self.meaning.starts_with(status) || !known.iter().any(|word| self.meaning.starts_with(word))
    }

    /// Whether it, written as `row`, shows `seen`.
    fn shows(&self, seen: &str, row: &str) -> bool {
        let mut parts = row.split('…');
        let mut rest = seen;
        let first = parts.next().unwrap_or_default();
        let last = parts.next_back();
        if !self.whole {
            return seen.contains(row);
        }
        let Some(last) = last else {
            return seen == row;
        };
        match rest
            .strip_prefix(first)
            .and_then(|rest| rest.strip_suffix(last))
        {
            Some(between) => rest = between,
            None => return false,
        }
        parts.all(|part| match rest.split_once(part) {
            Some((_, behind)) => {
                rest = behind;
                true
            }
            None => false,
        })
    }
}

/// What stands between backquotes, one or two.
fn code(cell: &str) -> Vec<String> {
    let cell = cell.trim();
    if let Some(inner) = cell
        .strip_prefix("``")
        .and_then(|cell| cell.strip_suffix("``"))
    {
        return vec![inner.trim().to_owned()];
    }
    // A backquote within a text that has no others around it: `… (PostgreSQL's `ssl` is off)`.
    if let Some(inner) = cell
        .strip_prefix('`')
        .and_then(|cell| cell.strip_suffix('`'))
        && !inner.contains("`, `")
    {
        return vec![inner.to_owned()];
    }
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// `text` with every number as `0`: for what is measured.
pub(crate) fn without_numbers(text: &str) -> String {
    let mut plain = String::new();
    let mut number = false;
    for c in text.chars() {
        let part = c.is_ascii_digit() || (number && matches!(c, '.' | '-'));
        if c.is_ascii_digit() && !number {
            plain.push('0');
        }
        if !part {
            plain.push(c);
        }
        number = part;
    }
    plain
}
