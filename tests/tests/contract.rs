//! Every action.yml and README says what its program's one table says, and the page of checks what the catalogue of
//! preflight and its settings file say (design §8).
//!
//! `make generate` runs these tests with `BATON_GENERATE=write`: then action.yml, the README's tables and the page's
//! parts are made anew instead of judged.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "contract/gates.rs"]
mod file_of_gates;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use actions_kit::{Table, markdown};
use preflight::{
    Status,
    catalogue::{CHECKS, Check, GROUPS},
    settings_file::KEYS,
};

/// An action: its table, and what a marketplace shows that no table knows.
struct Action {
    table: &'static Table,
    icon: &'static str,
    color: &'static str,
}

const ACTIONS: &[Action] = &[
    Action {
        table: &preflight::TABLE,
        icon: "check-square",
        color: "green",
    },
    Action {
        table: &runner_failover::TABLE,
        icon: "shuffle",
        color: "green",
    },
    Action {
        table: &health_gates::TABLE,
        icon: "heart",
        color: "green",
    },
    Action {
        table: &push_metrics::TABLE,
        icon: "bar-chart-2",
        color: "green",
    },
];

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

/// In one step: another test reads the file meanwhile.
fn write(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

const MEND: &str = "run `make generate`, and commit what it changes";

#[test]
fn every_action_yml_is_what_the_table_of_its_program_makes_it() {
    for action in ACTIONS {
        let (file, wanted) = (action.file("action.yml"), action.action_yml());
        if generates() {
            write(&file, &wanted);
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
            write(&file, &made.unwrap_or_else(|p| panic!("{}", p.join("\n"))));
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

/// The page that shows every check, and the parts of it that are made.
fn page_of_checks() -> (PathBuf, [(&'static str, String); 2]) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/preflight.md");
    (
        file,
        [("checks", made_checks()), ("settings", made_settings())],
    )
}

/// Every check, under its group.
fn made_checks() -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = writeln!(text, "### {}: exit code {}\n", group.name, group.number);
        for check in CHECKS.iter().filter(|check| check.group == *group) {
            made_check(&mut text, check);
        }
    }
    text.trim_end().to_owned() + "\n"
}

fn made_check(text: &mut String, check: &Check) {
    let or_nothing = |text: &str| match text {
        "" => "nothing".to_owned(),
        text => text.to_owned(),
    };
    let inputs: Vec<String> = check
        .inputs
        .iter()
        .map(|name| markdown::code(name))
        .collect();
    let worst = match check.worst {
        Status::Fail => "❌ a failure",
        Status::Warn => "⚠️ a warning",
        Status::Unknown | Status::Pass => panic!("{}: {:?} stops nobody", check.id, check.worst),
    };
    let _ = write!(
        text,
        "#### `{}`\n\n{}\n\n- Why: {}\n- How to mend it: {}\n- Needs: {}\n- Inputs: {}\n- At worst: {worst}\n\n",
        check.id,
        check.measures,
        check.why,
        check.mend,
        or_nothing(check.needs),
        or_nothing(&inputs.join(", ")),
    );
}

/// Every key of the settings file, with the help of its input.
fn made_settings() -> String {
    let rows = KEYS.iter().map(|(key, name)| {
        let input = preflight::TABLE
            .input(name)
            .expect("a key stands for an input");
        vec![
            markdown::code(key),
            markdown::code(name),
            input.default.map(markdown::code).unwrap_or_default(),
            input.help.replace('|', "\\|"),
        ]
    });
    markdown::table(&["key", "input", "default", "meaning"], rows)
}

/// `text` with `made` between the markers of `name`.
fn with_part(text: &str, name: &str, made: &str) -> String {
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = text.split_once(&begin).expect("the page has the marker");
    let (_, after) = rest.split_once(&end).expect("the page has the end marker");
    format!("{before}{begin}{made}{end}{after}")
}

#[test]
fn the_page_of_checks_shows_every_check_and_every_setting_as_the_code_has_them() {
    let (file, parts) = page_of_checks();
    for (name, made) in parts {
        let text = read(&file);
        let wanted = with_part(&text, name, &made);
        if generates() {
            write(&file, &wanted);
            continue;
        }
        let missing = made.lines().find(|line| !text.contains(line));
        assert!(
            text == wanted,
            "{}: the part `{name}` differs: {MEND}\nthe first line that is missing: {missing:?}",
            file.display()
        );
    }
}

#[test]
fn the_settings_file_that_the_pages_show_has_the_keys_and_defaults_of_the_code() {
    for page in ["docs/preflight.md", "actions/preflight/README.md"] {
        let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page));
        let shown: Vec<(&str, &str)> = text
            .split("```yaml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|block| block.starts_with("cpu_percent_max"))
            .flat_map(str::lines)
            .filter_map(|line| line.split_once(": "))
            .collect();
        assert!(shown.len() >= 5, "{page} shows a settings file: {shown:?}");
        for (key, value) in shown {
            let known = KEYS.iter().find(|(known, _)| *known == key);
            let (_, name) = known.unwrap_or_else(|| panic!("{page}: {key} is no setting"));
            let default = preflight::TABLE.input(name).and_then(|input| input.default);
            if let Some(default) = default {
                assert_eq!(value, default, "{page}: {key}");
            }
        }
    }
}
