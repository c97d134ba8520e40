//! Documents and the trees that are composed of them.

#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use yaml_tree::{Content, DEEPEST, Flaw, Node, Schema, Written, compose};

/// Keeps scalars as they are written.
struct AsWritten;

impl Schema for AsWritten {
    type Scalar = String;

    fn scalar(&self, written: Written<'_>) -> String {
        let tag = written
            .tag
            .map_or(String::new(), |(_, suffix)| format!("!{suffix} "));
        let quote = if written.plain { "" } else { "'" };
        format!("{tag}{quote}{}{quote}", written.text)
    }

    fn identity(&self, key: &String) -> String {
        key.clone()
    }
}

/// The tree on one line, each value behind its line.
fn shown(node: &Node<String>) -> String {
    let mut text = format!("{}:", node.line);
    match &node.content {
        Content::Scalar(scalar) => text += scalar,
        Content::List(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item)).collect();
            let _ = write!(text, "[{}]", items.join(" "));
        }
        Content::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}:{}={}", entry.line, entry.key, shown(&entry.value)))
                .collect();
            let _ = write!(text, "{{{}}}", entries.join(" "));
        }
    }
    text
}

fn tree(text: &str) -> String {
    shown(&compose(text, &AsWritten).unwrap().root.unwrap())
}

fn flaw(text: &str) -> (usize, Flaw) {
    let error = compose(text, &AsWritten).unwrap_err();
    (error.line, error.flaw)
}

#[test]
fn every_value_knows_its_line_and_whether_it_was_quoted() {
    assert_eq!(
        tree("a: no\nb:\n  - 'no'\n  - !x y\n"),
        "1:{1:a=1:no 2:b=3:[3:'no' 4:!x y]}"
    );
}

#[test]
fn an_alias_stands_for_what_its_anchor_names() {
    assert_eq!(tree("- &a {k: v}\n- *a\n"), "1:[1:{1:k=1:v} 1:{1:k=1:v}]");
}

#[test]
fn a_merge_gives_way_to_the_mapping_itself_and_a_later_one_to_an_earlier() {
    let text = "- &a {k: 1, l: 1}\n- &b {k: 2, m: 2}\n- {<<: [*a, *b], l: 3}\n";
    assert!(
        tree(text).ends_with("3:{1:k=1:1 3:l=3:3 2:m=2:2}]"),
        "{}",
        tree(text)
    );
    // In quotes it is a key like any other.
    assert_eq!(tree("{'<<': 1}"), "1:{1:'<<'=1:1}");
}

#[test]
fn of_a_key_that_stands_twice_the_last_counts_and_both_are_told() {
    let document = compose("a: 1\nb: 2\na: 3\n", &AsWritten).unwrap();
    assert_eq!(document.repeated, [(3, "a".to_owned())]);
    assert_eq!(shown(&document.root.unwrap()), "1:{3:a=3:3 2:b=2:2}");
}

#[test]
fn what_cannot_be_a_tree_is_told_with_its_line() {
    assert_eq!(flaw("a: 1\n---\nb: 2\n"), (2, Flaw::SecondDocument));
    assert_eq!(flaw("a: &x\n  b: *x\n"), (2, Flaw::AliasOfItself));
    assert_eq!(flaw("\n? [a]\n: b\n"), (2, Flaw::KeyOfLevels));
    assert_eq!(flaw("a: 1\n<<: b\n").1, Flaw::MergesNoMapping);
    assert!(matches!(flaw("a: [1\n").1, Flaw::Syntax(_)));
    assert!(compose("# nothing\n", &AsWritten).unwrap().root.is_none());
}

#[test]
fn levels_are_counted_through_aliases_too() {
    let written = "[".repeat(DEEPEST + 2) + &"]".repeat(DEEPEST + 2);
    assert_eq!(flaw(&written).1, Flaw::TooDeep);
    let mut stacked = String::from("- &a0 [x]\n");
    for level in 1..=DEEPEST {
        let _ = writeln!(stacked, "- &a{level} [*a{}]", level - 1);
    }
    assert_eq!(flaw(&stacked).1, Flaw::TooDeep);
}

#[test]
fn merges_that_double_each_other_are_stopped() {
    let mut text = String::from("- &a0 {k: 1}\n");
    for level in 1..40 {
        let below = level - 1;
        let _ = writeln!(
            text,
            "- &a{level} {{<<: [*a{below}, *a{below}], k{level}: 1}}"
        );
    }
    // Keys of the same name count once, so the trees stay small; what is copied for them is bounded all the same.
    assert!(compose(&text, &AsWritten).is_ok());
    let wide: String = (0..2000).map(|at| format!("k{at}: 1, ")).collect();
    let mut text = format!("- &a {{{wide}}}\n");
    for _ in 0..600 {
        text += "- {<<: *a}\n";
    }
    assert_eq!(flaw(&text).1, Flaw::MergesTooMuch);
}
