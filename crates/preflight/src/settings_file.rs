//! The input `config`: settings as YAML. Each key stands for an input, so that one parser judges both.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use actions_kit::{Environment, WrongInputs, suggest};
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
    let keys: BTreeMap<String, Spanned<Value>> = match serde_saphyr::from_str(&text) {
        Ok(Some(keys)) => keys,
        Ok(None) => return origins,
        Err(error) => {
            wrong.push(
                "config",
                &format!(
                    "{place}, which fails to be read: {}",
                    one_line(&error.to_string())
                ),
                "YAML with one setting a line, such as `cpu_percent_max: 80`",
                "mend the line that is named",
            );
            return origins;
        }
    };
    for (key, value) in keys {
        let line = value.referenced.line();
        let at = format!("{place} line {line}");
        let Some((_, input)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let mend =
                suggest::nearest(&key.replace('-', "_"), KEYS.iter().map(|(known, _)| *known));
            wrong.push(
                "config",
                &format!("`{key}` in {at}"),
                "a setting that is known",
                &mend.map_or_else(
                    || "leave it out; docs/preflight.md lists every setting".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                ),
            );
            continue;
        };
        match as_input(&value.value) {
            Some(text) => {
                let variable = format!("INPUT_{}", input.replace('-', "_").to_ascii_uppercase());
                if environment.get(&variable).is_none() {
                    origins.insert(input, format!("{key} ({at})"));
                    environment.set_where_unset(variable, text);
                }
            }
            None => wrong.push(
                "config",
                &format!("`{key}` in {at}, a mapping or a list of such"),
                "one value, or a list of values",
                "write `key: value` or `key: [one, two]`",
            ),
        }
    }
    origins
}

/// A value as an input would hold it; lists a line each.
fn as_input(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(value) => Some(value.to_string()),
        Value::String(value) => Some(value.clone()),
        Value::Array(items) => {
            let scalars: Option<Vec<String>> = items
                .iter()
                .map(|item| match item {
                    Value::Array(_) | Value::Object(_) => None,
                    scalar => as_input(scalar),
                })
                .collect();
            Some(scalars?.join("\n"))
        }
        Value::Object(_) => None,
    }
}

/// Text or a path: a text has a line break or `key: value`, which no sensible path has.
fn text_of(config: &str, workspace: &Path, wrong: &mut WrongInputs) -> Option<(String, String)> {
    let trimmed = config.trim();
    if trimmed.contains('\n') || trimmed.contains(": ") || trimmed.ends_with(':') {
        return Some(("`config`".to_owned(), config.to_owned()));
    }
    let path: PathBuf = workspace.join(trimmed);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((format!("`{trimmed}`"), text)),
        Err(error) => {
            wrong.push(
                "config",
                &format!("`{trimmed}`, which cannot be read: {error}"),
                "settings as YAML, or the path of such a file from the workspace",
                "check the repository out first, or correct the path",
            );
            None
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
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
