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

    /// The rows of the table below `heading`: every text that is shown in the first column, and the second column.
    pub(crate) fn rows(&self, heading: &str) -> Vec<(String, String)> {
        let section = self
            .text
            .split("\n## ")
            .find(|section| section.starts_with(heading))
            .unwrap_or_else(|| panic!("no section {heading}"));
        let mut rows = Vec::new();
        for line in section.lines().filter(|line| line.starts_with("| `")) {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let [shown, meaning] = cells[..] else {
                panic!("two columns: {line}")
            };
            for text in code(shown) {
                rows.push((text, meaning.trim().to_owned()));
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
        let missing: Vec<(String, String)> = self
            .rows(heading)
            .into_iter()
            .filter(|(text, meaning)| {
                !seen.iter().any(|(status, words)| {
                    let known = ["pass", "fail", "unknown"];
                    let of_status = meaning.starts_with(status.as_str())
                        || !known.iter().any(|word| meaning.starts_with(word));
                    of_status && is_row(&alike(words), &alike(text))
                })
            })
            .collect();
        assert!(missing.is_empty(), "not seen: {missing:#?}\nof: {seen:#?}");
    }
}

/// Whether `row` shows `seen`: the same, or a part of it where the row says so with `…`, or where it begins in the middle.
fn is_row(seen: &str, row: &str) -> bool {
    let mut parts = row.split('…').filter(|part| !part.is_empty());
    let mut rest = seen;
    parts.all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
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
