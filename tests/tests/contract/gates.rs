//! The schema of a file of gates and the tables of keys in the pages of its kinds are what the code makes them, and the
//! pages show files that the reader takes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use actions_kit::{Environment, Redactor};
use gates::{Surroundings, file, kinds::KINDS, schema, tables};
use probes::resolver::Resolver;

use super::{MEND, actions, generates, read, write};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every part of a page that is made, by its marker.
fn made() -> BTreeMap<String, String> {
    let kinds = KINDS
        .iter()
        .map(|kind| (kind.name.to_owned(), tables::of_kind(kind)));
    let below = KINDS.iter().flat_map(tables::below);
    kinds
        .chain(below)
        .chain([("common".to_owned(), tables::common())])
        .collect()
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> = fs::read_dir(root().join("docs/gates"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "md"))
        .chain([root().join("docs/health-gates.md")])
        .collect();
    pages.sort();
    pages
}

/// `text` with every table of keys in it made anew, and the names of those tables.
fn with_tables(text: &str, page: &Path) -> (String, Vec<String>) {
    const END: &str = "<!-- /keys -->";
    let made = made();
    let mut pieces = text.split("<!-- keys:");
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    let mut names = Vec::new();
    for piece in pieces {
        let place = page.display();
        let (name, rest) = piece.split_once(" -->\n").expect("a marker ends its line");
        let (_, after) = rest
            .split_once(END)
            .unwrap_or_else(|| panic!("{place}: the table {name} has no {END}"));
        let table = made
            .get(name)
            .unwrap_or_else(|| panic!("{place}: no kind is called {name}"));
        whole += &format!("<!-- keys:{name} -->\n{table}{END}{after}");
        names.push(name.to_owned());
    }
    (whole, names)
}

#[test]
fn the_schema_of_gates_is_what_the_tables_of_keys_make_it() {
    let file = actions().join("health-gates/gates.schema.json");
    if generates() {
        write(&file, &schema::text());
    }
    assert!(
        read(&file) == schema::text(),
        "{} differs from what is made: {MEND}",
        file.display()
    );
}

#[test]
fn every_kind_of_gate_has_a_page_with_its_keys_as_the_code_has_them() {
    for page in pages() {
        let text = read(&page);
        let (wanted, names) = with_tables(&text, &page);
        if generates() {
            write(&page, &wanted);
        }
        assert!(
            read(&page) == wanted,
            "{}: the keys of {names:?} differ: {MEND}",
            page.display()
        );
    }
    for kind in KINDS {
        let page = root().join(format!("docs/gates/{}.md", kind.name));
        let (_, names) = with_tables(&read(&page), &page);
        let below = tables::below(kind).into_iter().map(|(name, _)| name);
        for wanted in below.chain([kind.name.to_owned()]) {
            assert!(
                names.contains(&wanted),
                "{} has no line `<!-- keys:{wanted} -->`",
                page.display()
            );
        }
    }
}

#[tokio::test]
async fn every_file_of_gates_that_a_page_or_an_example_shows_is_read() {
    let mut shown: Vec<(String, String)> = Vec::new();
    for page in pages() {
        let text = read(&page);
        let blocks = text.split("```yaml\n").skip(1);
        for block in blocks.filter_map(|rest| rest.split("```").next()) {
            let begins = ["gates:", "defaults:", "- name:", "#"];
            if begins.iter().any(|begin| block.starts_with(begin)) && block.contains("- name:") {
                shown.push((page.display().to_string(), block.to_owned()));
            }
        }
    }
    let example = root().join("examples/gates.yaml");
    shown.push((example.display().to_string(), read(&example)));
    assert!(shown.len() >= KINDS.len(), "the pages show files of gates");
    for (place, text) in shown {
        let mut problems = file::read(&text, &around(&text)).err().unwrap_or_default();
        // The certificates that pages name are the reader's own.
        problems.retain(|problem| !problem.wanted.contains("PEM file"));
        assert!(
            problems.is_empty(),
            "{place} shows\n{text}\nof which the reader says {problems:#?}"
        );
    }
}

/// An environment in which every variable of `text` is set.
fn around(text: &str) -> Surroundings {
    let names = text
        .split("${")
        .skip(1)
        .filter_map(|rest| rest.split(['}', ':']).next());
    let value = |name: &str| match name {
        "DATABASE_URL" => "postgres://app:canary@db.internal/shop",
        "REDIS_URL" => "redis://cache.internal",
        _ => "example.internal",
    };
    Surroundings {
        workspace: root(),
        environment: names
            .map(|name| (name.to_owned(), value(name).to_owned()))
            .collect::<Environment>(),
        redactor: Redactor::new(),
        resolver: Resolver::with_servers(&[]),
    }
}
