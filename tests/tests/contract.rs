//! Every action.yml and README says what its program's one table says (design §8).
//!
//! `make generate` runs these tests with `BATON_GENERATE=write`: then action.yml and the README's tables are made anew
//! instead of judged.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use actions_kit::Table;

/// An action: its table, and what a marketplace shows that no table knows.
struct Action {
    table: &'static Table,
    icon: &'static str,
    color: &'static str,
}

const ACTIONS: &[Action] = &[Action {
    table: &runner_failover::TABLE,
    icon: "shuffle",
    color: "green",
}];

impl Action {
    fn name(&self) -> &'static str {
        self.table.action
    }

    fn file(&self, name: &str) -> PathBuf {
        actions().join(self.name()).join(name)
    }

    /// The whole of action.yml: nothing in it is anybody's to write.
    fn action_yml(&self) -> String {
        let (name, table) = (self.name(), self.table);
        let about = table.about;
        let description = about[..1].to_uppercase() + &about[1..];
        format!(
            "# Made by `make generate` from crates/{name}/src/inputs.rs.\n\
             name: baton {name}\n\
             description: {description}\n\
             author: the baton authors\n\
             branding:\n  icon: {icon}\n  color: {color}\n\n\
             {inputs}\n\
             {outputs}\n\
             runs:\n  using: composite\n  steps:\n    - id: run\n      shell: bash\n      \
             run: exec bash \"$GITHUB_ACTION_PATH/../launch.sh\" {name}\n{env}",
            icon = self.icon,
            color = self.color,
            inputs = table.action_yml_inputs(),
            outputs = table.action_yml_outputs("run"),
            env = table.action_yml_env(),
        )
    }
}

fn actions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../actions")
}

fn generates() -> bool {
    std::env::var_os("BATON_GENERATE").is_some_and(|value| value == "write")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

const MEND: &str = "run `make generate`, and commit what it changes";

#[test]
fn every_action_yml_is_what_the_table_of_its_program_makes_it() {
    for action in ACTIONS {
        let (file, wanted) = (action.file("action.yml"), action.action_yml());
        if generates() {
            fs::write(&file, &wanted).unwrap();
        }
        let found = read(&file);
        let problems = action.table.action_yml_problems(&found);
        assert!(
            problems.is_empty(),
            "{}: {MEND}\n{}",
            file.display(),
            problems.join("\n")
        );
        assert!(
            found == wanted,
            "{} differs from what is made: {MEND}",
            file.display()
        );
    }
}

#[test]
fn every_readme_shows_the_table_of_its_program() {
    for action in ACTIONS {
        let file = action.file("README.md");
        if generates() {
            let made = action.table.readme_with_tables(&read(&file));
            fs::write(&file, made.unwrap_or_else(|p| panic!("{}", p.join("\n")))).unwrap();
        }
        let problems = action.table.readme_problems(&read(&file));
        assert!(
            problems.is_empty(),
            "{}: {MEND}\n{}",
            file.display(),
            problems.join("\n")
        );
    }
}

#[test]
fn every_action_is_held_against_its_table() {
    let held: BTreeSet<String> = ACTIONS.iter().map(|a| a.name().to_owned()).collect();
    let folders: BTreeSet<String> = fs::read_dir(actions())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(
        folders, held,
        "folders in actions/ and the list of this test"
    );
}

#[test]
fn every_readme_names_every_mode() {
    for action in ACTIONS {
        let text = read(&action.file("README.md"));
        for mode in action.table.modes {
            let cell = format!("| `{}` |", mode.name);
            assert!(
                text.contains(&cell),
                "the README of {} has no line that begins with {cell}",
                action.name()
            );
        }
    }
}
