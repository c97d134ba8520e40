//! The input `config`: settings as YAML. Each key stands for an input, so that one parser judges both.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use actions_kit::{Environment, WrongInputs, suggest};
use serde::{
    Deserializer as _,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::Value;
use serde_saphyr::Spanned;

/// The keys, and the input that each stands for. What belongs to one run (tokens, overrides, the store) has none.
pub const KEYS: &[(&str, &str)] = &[
    ("approval_environment", "approval-environment"),
    ("approvals_min", "approvals-min"),
    ("branches", "branches"),
    ("checks", "checks"),
    ("concurrency_group", "concurrency-group"),
    ("cpu_percent_max", "cpu-percent-max"),
    ("disk_gb_min", "disk-gb-min"),
    ("disk_paths", "disk-paths"),
    ("docker_version_min", "docker-version-min"),
    ("images", "images"),
    ("insecure_registries", "insecure-registries"),
    ("inventory", "inventory"),
    ("memory_percent_max", "memory-percent-max"),
    ("network_timeout_seconds", "network-timeout-seconds"),
    ("on_active", "on-active"),
    ("prometheus_url", "prometheus-url"),
    ("queue_depth_max", "queue-depth-max"),
    ("required", "required"),
    ("runner_labels", "runner-labels"),
    ("secret_age_days_max", "secret-age-days-max"),
    ("secrets_required", "secrets"),
    ("targets", "targets"),
];

/// What the file set: the input, and where in the file that stands.
pub type Origins = BTreeMap<&'static str, String>;

/// The most bytes that a file of settings may have.
const LARGEST: u64 = 1 << 20;

/// Reads `config`, text or a path from `workspace`, and sets what the workflow left unset. What is wrong goes to
/// `wrong`, all of it.
pub fn apply(
    config: &str,
    workspace: &Path,
    environment: &mut Environment,
    wrong: &mut WrongInputs,
) -> Origins {
    let mut origins = Origins::new();
    let Some((place, text)) = text_of(config, workspace, wrong) else {
        return origins;
    };
    let keys = match parse(&text) {
        Ok(keys) => keys,
        Err(at) => {
            // What stands there is not repeated: the path may have led to a file of secrets.
            wrong.push(
                "config",
                &format!("{place}, which is no mapping of settings: see {at}"),
                "YAML with one setting a line, such as `cpu_percent_max: 80`, and no key twice",
                "mend that line",
            );
            return origins;
        }
    };
    for (key, (line, value)) in keys {
        let at = format!("{place} line {line}");
        let shown = shown(&key);
        let Some((_, input)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let mend =
                suggest::nearest(&key.replace('-', "_"), KEYS.iter().map(|(known, _)| *known));
            wrong.push(
                "config",
                &format!("{shown} in {at}"),
                "a setting that is known",
                &mend.map_or_else(
                    || "leave it out; docs/preflight.md lists every setting".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            );
            continue;
        };
        match value {
            Some(text) => {
                let variable = format!("INPUT_{}", input.replace('-', "_").to_ascii_uppercase());
                if environment.get(&variable).is_none() {
                    origins.insert(input, format!("{key} ({at})"));
                    environment.set_where_unset(variable, text);
                }
            }
            None => wrong.push(
                "config",
                &format!("{shown} in {at}, a mapping or a list of such"),
                "one value, or a list of values",
                "write `key: value` or `key: [one, two]`",
            ),
        }
    }
    origins
}

/// Each key with its line and its value as an input would hold it: lists a line each, nothing for what no input holds.
/// The error is the place.
type Keys = BTreeMap<String, (u64, Option<String>)>;

/// Reads twice: what kind each value is, and then the text of it. A number read as such would lose its last zero
/// (`20.10`), and `no` would become `false`.
fn parse(text: &str) -> Result<Keys, String> {
    let place = |error: serde_saphyr::Error| {
        error.location().map_or_else(
            || "its beginning".to_owned(),
            |at| format!("line {}, column {}", at.line(), at.column()),
        )
    };
    if text.lines().all(|line| {
        let line = line.trim();
        line.is_empty() || line.starts_with('#') || line == "---"
    }) {
        return Ok(Keys::new());
    }
    let kinds: Option<BTreeMap<String, Spanned<Value>>> =
        serde_saphyr::from_str(text).map_err(place)?;
    let Some(kinds) = kinds else {
        return Ok(Keys::new());
    };
    let texts = serde_saphyr::with_deserializer_from_str(text, |document| {
        document.deserialize_map(Texts(&kinds))
    })
    .map_err(place)?;
    Ok(texts)
}

/// The second reading.
struct Texts<'a>(&'a BTreeMap<String, Spanned<Value>>);

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut keys = Keys::new();
        while let Some(key) = map.next_key::<String>()? {
            let kind = self.0.get(&key);
            let line = kind.map_or(0, |kind| kind.referenced.line());
            let scalar = |value: &Value| !value.is_array() && !value.is_object();
            let text = match kind.map(|kind| &kind.value) {
                None | Some(Value::Null) => {
                    map.next_value::<IgnoredAny>()?;
                    Some(String::new())
                }
                Some(Value::Array(items)) if items.iter().all(scalar) => {
                    Some(map.next_value::<Vec<String>>()?.join("\n"))
                }
                Some(value) if scalar(value) => Some(map.next_value::<String>()?),
                Some(_) => {
                    map.next_value::<IgnoredAny>()?;
                    None
                }
            };
            keys.insert(key, (line, text));
        }
        Ok(keys)
    }
}

/// A key as it may be shown: what no setting could be called may be anything.
fn shown(key: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    if key.len() <= 40 && key.chars().all(plain) {
        format!("`{key}`")
    } else {
        format!("a key of {} characters", key.chars().count())
    }
}

/// Text or a path: a text has a line break or `key: value`, which no sensible path has.
fn text_of(config: &str, workspace: &Path, wrong: &mut WrongInputs) -> Option<(String, String)> {
    let trimmed = config.trim();
    let is_text = trimmed.contains('\n')
        || trimmed.contains(": ")
        || trimmed.ends_with(':')
        || trimmed.starts_with(['#', '{', '[', '-']);
    if is_text {
        return Some(("`config`".to_owned(), config.to_owned()));
    }
    let path: PathBuf = workspace.join(trimmed);
    match read(&path) {
        Ok(text) => Some((format!("`{trimmed}`"), text)),
        Err(why) => {
            wrong.push(
                "config",
                &format!("`{trimmed}`, which cannot be read: {why}"),
                "settings as YAML, or the path of such a file from the workspace",
                "check the repository out first, or correct the path",
            );
            None
        }
    }
}

/// A regular file of a size that settings can have: nothing that never ends, nothing that waits for a writer.
fn read(path: &Path) -> Result<String, String> {
    let data = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !data.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if data.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    std::fs::read_to_string(path).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(config: &str, env: &[(&str, &str)]) -> (Environment, Origins, WrongInputs) {
        let mut environment: Environment = env.iter().copied().collect();
        let mut wrong = WrongInputs::default();
        let origins = apply(config, Path::new("/nowhere"), &mut environment, &mut wrong);
        (environment, origins, wrong)
    }

    #[test]
    fn every_key_stands_for_an_input_that_action_yml_leaves_unset() {
        for (key, name) in KEYS {
            let input = crate::TABLE.inputs.iter().find(|input| input.name == *name);
            let input = input.unwrap_or_else(|| panic!("{key} stands for no input"));
            assert_eq!(
                input.declared_default(),
                None,
                "{name} would win over the file"
            );
        }
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        let text = "cpu_percent_max: 80\nmemory_percent_max: 80\ndisk_gb_min: 10\nnetwork_timeout_seconds: 5\n\
                    secrets_required: [DB_PASSWORD, API_KEY]\n";
        let (environment, origins, wrong) = applied(text, &[]);
        assert!(wrong.is_empty(), "{}", wrong.text());
        assert_eq!(environment.get("INPUT_CPU_PERCENT_MAX"), Some("80"));
        assert_eq!(
            environment.get("INPUT_SECRETS"),
            Some("DB_PASSWORD\nAPI_KEY")
        );
        assert_eq!(origins["disk-gb-min"], "disk_gb_min (`config` line 3)");
    }

    #[test]
    fn an_input_of_the_workflow_wins_over_the_file() {
        let (environment, origins, _) =
            applied("cpu_percent_max: 50\n", &[("INPUT_CPU_PERCENT_MAX", "70")]);
        assert_eq!(environment.get("INPUT_CPU_PERCENT_MAX"), Some("70"));
        assert!(origins.is_empty());
    }

    #[test]
    fn every_unknown_key_is_told_at_once_with_its_line_and_the_nearest_name() {
        let (_, _, wrong) = applied(
            "cpu_percent: 80\ndisk-gb-min: 3\nspoon: 1\nimages: {a: b}\n",
            &[],
        );
        let text = wrong.text();
        for part in [
            "`cpu_percent` in `config` line 1",
            "did you mean `cpu_percent_max`?",
            "`disk-gb-min` in `config` line 2",
            "did you mean `disk_gb_min`?",
            "`spoon` in `config` line 3",
            "`images` in `config` line 4",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn broken_yaml_is_one_clear_error_that_names_the_place() {
        for broken in [
            "cpu_percent_max: [80\n",
            "a: b\n  c: d\n",
            "\t: x\n",
            "- 1\n- 2\n",
        ] {
            let (_, _, wrong) = applied(broken, &[]);
            assert_eq!(wrong.findings().len(), 1, "{broken:?}");
            assert_eq!(wrong.findings()[0].name, "config");
            assert!(
                wrong.findings()[0].seen.contains("line "),
                "{}",
                wrong.text()
            );
        }
    }

    #[test]
    fn a_value_keeps_its_own_text() {
        let text = "docker_version_min: 20.10\nbranches: [1.10, no, 0x10, '1_0']\n";
        let (environment, _, wrong) = applied(text, &[]);
        assert!(wrong.is_empty(), "{}", wrong.text());
        assert_eq!(environment.get("INPUT_DOCKER_VERSION_MIN"), Some("20.10"));
        assert_eq!(
            environment.get("INPUT_BRANCHES"),
            Some("1.10\nno\n0x10\n1_0")
        );
    }

    #[test]
    fn what_a_wrong_file_holds_is_not_repeated() {
        for text in [
            "canary-7f3a\nx",
            "root:canary-7f3a:0\nb:c\n",
            "\"canary 7f3a\": 1\n",
            "- canary-7f3a\n",
        ] {
            let (_, _, wrong) = applied(text, &[]);
            assert!(!wrong.is_empty(), "{text:?}");
            assert!(!wrong.text().contains("canary"), "{}", wrong.text());
        }
    }

    #[test]
    fn what_never_ends_is_not_read() {
        let (_, _, wrong) = applied("/dev/zero", &[]);
        assert!(wrong.text().contains("no regular file"), "{}", wrong.text());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let (_, _, wrong) = applied("no/such.yml", &[]);
        assert!(wrong.text().contains("no/such.yml"), "{}", wrong.text());
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        let (_, _, wrong) = applied("disk_gb_min: 1\ndisk_gb_min: 2\n", &[]);
        assert!(!wrong.is_empty());
    }

    #[test]
    fn nothing_set_is_nothing_wrong() {
        let (_, origins, wrong) = applied("cpu_percent_max:\n# nothing more\n", &[]);
        assert!(wrong.is_empty(), "{}", wrong.text());
        assert!(origins.len() <= 1);
    }
}
