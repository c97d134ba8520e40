//! The keys of a file of gates as tables for the documentation, made from the same tables that the reader reads by.

use actions_kit::markdown;

use crate::{Key, Shape, file, kinds::Kind};

/// The keys of `kind` as a Markdown table, and what its short form stands for.
pub fn of_kind(kind: &Kind) -> String {
    let mut made = table(kind.keys);
    if let Some(short) = kind.short {
        let name = kind.name;
        made += &format!("\n`{name}: VALUE` is short for `{name}: {{{short}: VALUE}}`.\n");
    }
    made
}

/// The tables of the mappings that keys of `kind` hold lists of, by their name: `flow.steps`. They have too many keys to
/// stand in the kind's own table.
pub fn below(kind: &Kind) -> Vec<(String, String)> {
    let lists = kind
        .keys
        .iter()
        .filter(|key| !matches!(key.shape, Shape::Object(_)));
    lists
        .filter_map(|key| {
            let name = format!("{}.{}", kind.name, key.name);
            Some((name, table(key.shape.keys()?)))
        })
        .collect()
}

/// The keys that every gate has beside its kind, as a Markdown table.
pub fn common() -> String {
    table(file::COMMON)
}

fn table(keys: &[Key]) -> String {
    let mut rows = Vec::new();
    add(keys, "", &mut rows);
    markdown::table(&["key", "value", "default", "meaning"], rows)
}

fn add(keys: &[Key], above: &str, rows: &mut Vec<Vec<String>>) {
    for key in keys {
        let name = format!("{above}{}", key.name);
        rows.push(vec![
            markdown::code(&name),
            words(&key.shape),
            match (key.default, key.required) {
                (Some(default), _) => markdown::code(default),
                (None, true) => String::from("**required**"),
                (None, false) => String::new(),
            },
            key.help.replace('|', "\\|"),
        ]);
        if let Shape::Object(below) = key.shape {
            add(below, &format!("{name}."), rows);
        }
    }
}

/// What a key holds, in few words.
fn words(shape: &Shape) -> String {
    match shape {
        Shape::Text => String::from("text"),
        Shape::Script => String::from("text, taken as it stands: `${NAME}` is not filled in"),
        Shape::Secret => String::from("text that is never shown"),
        Shape::Address => String::from("address"),
        Shape::Duration => String::from("duration"),
        Shape::Count { least: 0 } => String::from("whole number"),
        Shape::Count { least } => format!("whole number from {least}"),
        Shape::Number => String::from("number"),
        Shape::Percent => String::from("percentage"),
        Shape::Flag => String::from("`true` or `false`"),
        Shape::Choice(words) => {
            let words: Vec<String> = words.iter().map(|word| markdown::code(word)).collect();
            words.join(", ")
        }
        Shape::Json => String::from("any value"),
        Shape::List(inner) => format!("{}, or a list of such", words(inner)),
        Shape::Map(inner) => format!("mapping of names, each with: {}", words(inner)),
        Shape::Object(_) => String::from("mapping"),
    }
}
