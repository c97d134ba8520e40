//! Files of gates as people write them, right and wrong, with what the reader says of each: `tests/file/right` and
//! `tests/file/wrong`. A wrong file `x.yml` has its findings beside it, in `x.txt`; `BATON_GENERATE=write` writes them
//! anew. The schema is held against the same files.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use actions_kit::{Environment, Redactor};
use gates::{
    Gate, Problems, Surroundings,
    file::{self, Simple},
    schema,
};
use probes::resolver::Resolver;
use serde_json::Value as Json;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/file")
        .join(name)
}

fn files(name: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|end| end == "yml" || end == "json")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are files in {name}");
    files
}

/// The step's environment in all of them.
fn around() -> Surroundings {
    Surroundings {
        workspace: folder(""),
        environment: Environment::from([
            ("API_HOST", "api.internal"),
            ("API_TOKEN", "canary-7f3a-token"),
            (
                "DATABASE_URL",
                "postgres://app:canary-9b1c@db.internal/shop",
            ),
            ("EMPTY", ""),
            ("PATIENCE", "canary-long"),
            ("REDIS_PASSWORD", "canary/p@ss%w"),
            ("TWO_LINES", "one\ntwo"),
        ]),
        redactor: Redactor::new(),
        resolver: Resolver::with_servers(&[]),
    }
}

fn read(path: &Path) -> Result<Vec<Gate>, Problems> {
    file::read(&fs::read_to_string(path).unwrap(), &around())
}

fn told(problems: &Problems) -> String {
    problems
        .iter()
        .map(|problem| {
            let line = problem.line.map_or("-".to_owned(), |line| line.to_string());
            format!(
                "{line}: {}\n    seen:   {}\n    wanted: {}\n    mend:   {}\n",
                problem.place, problem.seen, problem.wanted, problem.mend
            )
        })
        .collect()
}

fn validator() -> jsonschema::Validator {
    let schema: Json = serde_json::from_str(&schema::text()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).expect("a schema of draft 2020-12");
    jsonschema::draft202012::new(&schema).unwrap()
}

fn json(path: &Path) -> Result<Json, String> {
    serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).map_err(|error| error.to_string())
}

#[tokio::test]
async fn every_right_file_is_read() {
    for path in files("right") {
        let gates = read(&path);
        let gates = gates.unwrap_or_else(|p| panic!("{}\n{}", path.display(), told(&p)));
        assert!(!gates.is_empty(), "{}", path.display());
    }
}

#[tokio::test]
async fn every_wrong_file_is_told_with_everything_that_is_wrong_in_it() {
    let writes = std::env::var_os("BATON_GENERATE").is_some_and(|value| value == "write");
    for path in files("wrong") {
        let Err(problems) = read(&path) else {
            panic!("nothing is wrong in {}", path.display());
        };
        let found = told(&problems);
        assert!(!found.contains("canary"), "{}\n{found}", path.display());
        let beside = path.with_extension("txt");
        if writes {
            fs::write(&beside, &found).unwrap();
        }
        let wanted = fs::read_to_string(&beside).unwrap_or_default();
        assert_eq!(found, wanted, "{}", path.display());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_simple_input_stands_in_no_line_and_its_mend_can_be_read() {
    for (name, kind, value) in [
        ("api", "http", "ftp://x"),
        ("api", "http", "http://h/\u{0}"),
        ("database", "postgres", "mysql://h/x"),
        ("database", "postgres", "postgres://u:p@ss@h:x/"),
        ("redis", "redis", "http://h/"),
    ] {
        let input = Simple {
            name,
            kind,
            value: value.to_owned(),
        };
        let Err(problems) = file::simple(&[input], &around()) else {
            panic!("nothing is wrong with {value:?}");
        };
        let [problem] = problems.as_slice() else {
            panic!("{value:?}: {}", told(&problems));
        };
        assert_eq!(problem.line, None, "{value:?}");
        assert_eq!(problem.place, format!("gate {name}, {kind}, `url`"));
        let redactor = Redactor::new();
        for words in [&problem.wanted, &problem.mend] {
            assert_eq!(redactor.redact(words), words.as_str());
            assert!(!words.contains("***"), "{words}");
        }
    }
}

#[test]
fn every_right_file_satisfies_the_schema() {
    let validator = validator();
    let example = folder("../../../../examples/gates.yaml");
    for path in files("right").into_iter().chain([example]) {
        let json = json(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let errors: Vec<String> = validator
            .iter_errors(&json)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(
            errors.is_empty(),
            "{}\n{}",
            path.display(),
            errors.join("\n")
        );
    }
}

/// What needs more than one place, the environment, or the text itself.
const BEYOND_A_SCHEMA: [&str; 7] = [
    "circle",
    "contradictions",
    "control-characters",
    "dependencies",
    "names-twice",
    "unset-variables",
    "wrong-variables",
];

/// What an editor shows without any schema: it is no YAML, or none that JSON can say.
const BEYOND_JSON: [&str; 6] = [
    "itself",
    "keys-twice",
    "no-yaml",
    "reading-traps",
    "tab",
    "two-documents",
];

#[test]
fn every_wrong_file_that_a_schema_can_refuse_is_refused_by_it() {
    let validator = validator();
    for path in files("wrong") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let json = json(&path);
        assert_eq!(
            json.is_err(),
            BEYOND_JSON.contains(&name.as_str()),
            "{name}: {json:?}"
        );
        if let Ok(json) = json {
            let accepted = validator.is_valid(&json);
            assert_eq!(accepted, BEYOND_A_SCHEMA.contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn a_file_is_read_by_its_path_and_by_nothing_else() {
    let workspace = tempfile::tempdir().unwrap();
    let at = |name: &str| workspace.path().join(name);
    fs::write(at("gates.yml"), "- name: a\n").unwrap();
    let found = file::source(" gates.yml\n", workspace.path()).unwrap();
    assert_eq!(found.path.as_deref(), Some("gates.yml"));
    assert_eq!(found.text, "- name: a\n");
    for text in [
        "- name: a",
        "gates:",
        "{gates: []}",
        "gates:\n- a",
        "name: a",
        "[]",
        "\u{feff}# x",
    ] {
        let found = file::source(text, workspace.path()).unwrap();
        assert_eq!((found.path, found.text.as_str()), (None, text));
    }
    fs::create_dir(at("folder")).unwrap();
    fs::write(at("binary"), [0xff, 0xfe, 0]).unwrap();
    fs::write(
        at("large"),
        vec![b' '; 1 + usize::try_from(file::LARGEST).unwrap()],
    )
    .unwrap();
    for (path, why) in [
        ("no/such.yml", "No such file"),
        ("folder", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("binary", "no UTF-8"),
        ("large", "larger than"),
    ] {
        let error = file::source(path, workspace.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with(&format!("read {path}: ")) && error.contains(why),
            "{error}"
        );
    }
}
