//! A strict reader of exposition format 0.0.4: what it does not expect is a panic, so that a hostile name that adds a
//! line or a label is one.

#![allow(dead_code, reason = "every test file uses its own part")]
#![allow(clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Exposition {
    /// Type and help by family.
    pub(crate) families: BTreeMap<String, (String, String)>,
    /// The value of every series by its whole name and labels.
    pub(crate) series: BTreeMap<(String, Labels), f64>,
}

impl Exposition {
    /// The series of one name, by labels.
    pub(crate) fn of(&self, name: &str) -> BTreeMap<Labels, f64> {
        self.series
            .iter()
            .filter(|((other, _), _)| other == name)
            .map(|((_, labels), value)| (labels.clone(), *value))
            .collect()
    }
}

/// Reads a text. Each family is one block: `# HELP`, `# TYPE`, series.
pub(crate) fn read(text: &str) -> Exposition {
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "the last line ends"
    );
    let mut all = Exposition::default();
    let mut family = (String::new(), String::new());
    let mut helps = BTreeMap::new();
    let mut closed = BTreeSet::new();
    for line in text.split_terminator('\n') {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help");
            let twice = helps.insert(name.to_owned(), unescaped(help, false));
            assert_eq!(twice, None, "one help a family: {line}");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type");
            assert!(
                ["counter", "gauge", "histogram", "summary", "untyped"].contains(&kind),
                "{line}"
            );
            assert!(closed.insert(name.to_owned()), "each family once: {line}");
            let help = helps.get(name).expect("the help stands before").clone();
            family = (name.to_owned(), kind.to_owned());
            all.families
                .insert(name.to_owned(), (kind.to_owned(), help));
        } else {
            let (name, labels, value) = series(line);
            let own = match family.1.as_str() {
                "histogram" => ["_bucket", "_sum", "_count"]
                    .iter()
                    .any(|end| name == format!("{}{end}", family.0)),
                "summary" => name.starts_with(&family.0),
                _ => name == family.0,
            };
            assert!(own, "a series under its own type: {line}");
            let twice = all.series.insert((name, labels), value);
            assert_eq!(twice, None, "each series once: {line}");
        }
    }
    all
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn series(line: &str) -> (String, Labels, f64) {
    let (name, mut rest) = line.split_at(line.find(['{', ' ']).expect("a value"));
    assert!(is_name(name), "{line}");
    let mut labels = Labels::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, behind) = rest.split_once("=\"").expect("a label");
            assert!(is_name(label), "{line}");
            let end = end_of_value(behind);
            let twice = labels.insert(label.to_owned(), unescaped(&behind[..end], true));
            assert_eq!(twice, None, "each label once: {line}");
            rest = &behind[end + 1..];
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect("the labels' end");
    }
    let value = rest.strip_prefix(' ').expect("a space");
    (
        name.to_owned(),
        labels,
        value
            .parse()
            .unwrap_or_else(|_| panic!("no number: {line}")),
    )
}

/// Where the quotation mark stands that ends the value.
fn end_of_value(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    panic!("a value without an end: {text}");
}

fn unescaped(text: &str, quotes: bool) -> String {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            '\\' => match rest.next() {
                Some('\\') => plain.push('\\'),
                Some('n') => plain.push('\n'),
                Some('"') if quotes => plain.push('"'),
                other => panic!("no escape: {other:?} in {text}"),
            },
            c => plain.push(c),
        }
    }
    plain
}
