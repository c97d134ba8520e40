//! action.yml: what it must say (<https://docs.github.com/actions/reference/metadata-syntax-reference>).

use std::{collections::BTreeMap, fmt::Write};

use serde::Deserialize;
use serde_json::Value;

use crate::{Input, Table};

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    inputs: BTreeMap<String, DeclaredInput>,
    #[serde(default)]
    outputs: BTreeMap<String, DeclaredOutput>,
    runs: Runs,
}

#[derive(Deserialize)]
struct DeclaredInput {
    #[serde(default)]
    description: String,
    default: Option<Value>,
    #[serde(default)]
    required: bool,
}

#[derive(Deserialize)]
struct DeclaredOutput {
    #[serde(default)]
    description: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Runs {
    using: String,
    #[serde(default)]
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Step {
    id: Option<String>,
    shell: Option<String>,
    run: Option<String>,
    #[serde(default)]
    env: BTreeMap<String, Value>,
}

impl Table {
    /// Everything in which an action.yml differs from the table, or from the rules that every action of ours keeps: it
    /// is composite, hands each input over by one variable of its own, puts no `${{ }}` into a script, ends its script
    /// with `exec` (or signals would reach bash), and counts on `required: true` nowhere (GitHub does not enforce it).
    pub fn action_yml_problems(&self, text: &str) -> Vec<String> {
        let action: Action = match serde_saphyr::from_str(text) {
            Ok(action) => action,
            Err(error) => return vec![format!("action.yml cannot be read: {error}")],
        };
        let mut problems = Vec::new();
        if action.name.trim().is_empty() || action.description.trim().is_empty() {
            problems.push(String::from("action.yml needs a name and a description"));
        }
        if action.runs.using != "composite" {
            problems.push(format!(
                "action.yml is {:?}, wanted: composite",
                action.runs.using
            ));
        }
        self.compare_inputs(&action.inputs, &mut problems);
        self.compare_outputs(&action, &mut problems);
        self.compare_steps(&action.runs.steps, &mut problems);
        problems
    }

    fn compare_inputs(
        &self,
        declared: &BTreeMap<String, DeclaredInput>,
        problems: &mut Vec<String>,
    ) {
        for name in declared.keys().filter(|name| self.input(name).is_none()) {
            problems.push(format!(
                "action.yml has an input {name}, which is not in the table"
            ));
        }
        for input in self.inputs {
            let name = input.name;
            let Some(declared) = declared.get(name) else {
                problems.push(format!("action.yml lacks the input {name}"));
                continue;
            };
            if declared.description.trim() != input.help {
                problems.push(format!(
                    "the description of {name} in action.yml is not the table's: {}",
                    input.help
                ));
            }
            let found = declared.default.as_ref().map(scalar).unwrap_or_default();
            let wanted = input.declared_default().unwrap_or_default();
            if found != wanted {
                problems.push(format!(
                    "the default of {name} in action.yml is {found:?}, wanted: {wanted:?}"
                ));
            }
            let always = input.required && input.modes.is_empty();
            if declared.required && !always {
                problems.push(format!(
                    "action.yml says that {name} is required, and the table does not"
                ));
            }
        }
    }

    fn compare_outputs(&self, action: &Action, problems: &mut Vec<String>) {
        for name in action.outputs.keys() {
            if !self.outputs.iter().any(|output| output.name == name) {
                problems.push(format!(
                    "action.yml has an output {name}, which is not in the table"
                ));
            }
        }
        let steps = || {
            action
                .runs
                .steps
                .iter()
                .filter(|step| step.run.is_some())
                .filter_map(|step| step.id.as_deref())
        };
        for output in self.outputs {
            let name = output.name;
            let Some(declared) = action.outputs.get(name) else {
                problems.push(format!("action.yml lacks the output {name}"));
                continue;
            };
            if declared.description.trim() != output.help {
                problems.push(format!(
                    "the description of {name} in action.yml is not the table's: {}",
                    output.help
                ));
            }
            if !steps().any(|id| declared.value == format!("${{{{ steps.{id}.outputs.{name} }}}}"))
            {
                problems.push(format!(
                    "the output {name} in action.yml is not ${{{{ steps.<id>.outputs.{name} }}}}"
                ));
            }
        }
    }

    fn compare_steps(&self, steps: &[Step], problems: &mut Vec<String>) {
        let mut handed_over = 0;
        for step in steps {
            let Some(script) = &step.run else { continue };
            if script.contains("${{") {
                problems.push(String::from(
                    "a script in action.yml holds ${{ }}: whoever sets it can run code",
                ));
            }
            if step.shell.as_deref() != Some("bash") {
                problems.push(String::from("a script in action.yml lacks `shell: bash`"));
            }
            if !step.env.keys().any(|name| name.starts_with("INPUT_")) {
                continue;
            }
            handed_over += 1;
            let last = script
                .trim_end()
                .lines()
                .next_back()
                .unwrap_or_default()
                .trim_start();
            if !last.starts_with("exec ") {
                problems.push(String::from(
                    "the script in action.yml does not end with `exec`: signals reach bash",
                ));
            }
            self.compare_env(&step.env, problems);
        }
        if handed_over != 1 && !self.inputs.is_empty() {
            problems.push(format!(
                "{handed_over} steps of action.yml hand inputs over, wanted: one"
            ));
        }
    }

    fn compare_env(&self, env: &BTreeMap<String, Value>, problems: &mut Vec<String>) {
        for input in self.inputs {
            let (variable, wanted) = (input.variable(), expression_of(input));
            match env.get(&variable).map(scalar) {
                None => problems.push(format!(
                    "action.yml does not hand over {variable}: {wanted}"
                )),
                Some(found) if found != wanted => {
                    problems.push(format!(
                        "{variable} in action.yml is {found:?}, wanted: {wanted:?}"
                    ));
                }
                Some(_) => {}
            }
        }
        for name in env.keys().filter(|name| name.starts_with("INPUT_")) {
            if !self.inputs.iter().any(|input| input.variable() == *name) {
                problems.push(format!("action.yml hands over {name}, which is no input"));
            }
        }
    }

    /// The `inputs:` block of action.yml.
    pub fn action_yml_inputs(&self) -> String {
        let mut text = String::from("inputs:\n");
        for input in self.inputs {
            let _ = writeln!(
                text,
                "  {}:\n    description: {}",
                input.name,
                quoted(input.help)
            );
            let _ = writeln!(
                text,
                "    default: {}",
                quoted(input.declared_default().unwrap_or_default())
            );
        }
        text
    }

    /// The `outputs:` block of action.yml, whose values come from the step `step`.
    pub fn action_yml_outputs(&self, step: &str) -> String {
        let mut text = String::from("outputs:\n");
        for output in self.outputs {
            let value = format!("${{{{ steps.{step}.outputs.{} }}}}", output.name);
            let _ = writeln!(
                text,
                "  {}:\n    description: {}",
                output.name,
                quoted(output.help)
            );
            let _ = writeln!(text, "    value: {value}");
        }
        text
    }

    /// The `env:` block of the step that starts the program, indented to stand in it.
    pub fn action_yml_env(&self) -> String {
        let mut text = String::from("      env:\n");
        for input in self.inputs {
            let _ = writeln!(
                text,
                "        {}: {}",
                input.variable(),
                expression_of(input)
            );
        }
        text
    }
}

fn expression_of(input: &Input) -> String {
    format!("${{{{ inputs.{} }}}}", input.name)
}

/// A scalar as GitHub hands it over: `3`, `false` and `"3"` are all text.
fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A YAML scalar in single quotes, which know no escape but the doubled quote.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use crate::test_table::TABLE;

    fn sound() -> String {
        format!(
            "name: relay\ndescription: hands over\n{}{}runs:\n  using: composite\n  steps:\n    - id: run\n      \
             shell: bash\n      run: exec bash \"$GITHUB_ACTION_PATH/../launch.sh\" relay\n{}",
            TABLE.action_yml_inputs(),
            TABLE.action_yml_outputs("run"),
            TABLE.action_yml_env(),
        )
    }

    #[test]
    fn what_is_made_from_the_table_agrees_with_it() {
        assert_eq!(TABLE.action_yml_problems(&sound()), Vec::<String>::new());
    }

    #[test]
    fn every_departure_from_the_table_is_found() {
        for (from, to, wanted) in [
            ("using: composite", "using: node24", "is \"node24\""),
            ("name: relay\n", "", "needs a name"),
            (
                "default: '10m'",
                "default: '11m'",
                "the default of attempt-timeout in action.yml is \"11m\"",
            ),
            (
                "default: '${{ matrix.candidate }}'",
                "default: '1'",
                "the default of candidate",
            ),
            (
                "  labels:\n",
                "  lables:\n",
                "an input lables, which is not in the table",
            ),
            ("  labels:\n", "  lables:\n", "lacks the input labels"),
            (
                "'What is deployed to.'",
                "'Something.'",
                "the description of environment",
            ),
            (
                "'How it ended.'",
                "'Somehow.'",
                "the description of outcome",
            ),
            (
                "default: 'git'\n",
                "default: 'git'\n    required: true\n",
                "says that store is required",
            ),
            (
                "steps.run.outputs.outcome",
                "steps.ran.outputs.outcome",
                "the output outcome",
            ),
            (
                "  fencing-token:\n",
                "  fence:\n",
                "lacks the output fencing-token",
            ),
            (
                "  fencing-token:\n",
                "  fence:\n",
                "an output fence, which is not in the table",
            ),
            (
                "launch.sh\" relay",
                "launch.sh\" ${{ inputs.mode }}",
                "holds ${{ }}",
            ),
            ("run: exec bash", "run: bash", "does not end with `exec`"),
            ("      shell: bash\n", "", "lacks `shell: bash`"),
            (
                "INPUT_RUN: ${{ inputs.run }}",
                "INPUT_RUM: ${{ inputs.run }}",
                "does not hand over INPUT_RUN",
            ),
            (
                "INPUT_RUN: ${{ inputs.run }}",
                "INPUT_RUM: ${{ inputs.run }}",
                "INPUT_RUM, which is no input",
            ),
            (
                "${{ inputs.labels }}",
                "${{ inputs.store }}",
                "INPUT_LABELS in action.yml is",
            ),
            ("runs:\n", "walks:\n", "cannot be read"),
        ] {
            let text = sound();
            assert!(text.contains(from), "{from} is not there to be changed");
            let problems = TABLE
                .action_yml_problems(&text.replace(from, to))
                .join("\n");
            assert!(
                problems.contains(wanted),
                "{wanted} is missing after {from:?} became {to:?}:\n{problems}"
            );
        }
    }

    #[test]
    fn defaults_that_yaml_reads_as_numbers_and_truth_are_text() {
        let text = sound().replace("default: 'false'", "default: false");
        assert_eq!(TABLE.action_yml_problems(&text), Vec::<String>::new());
    }

    #[test]
    fn an_action_that_hands_nothing_over_is_found() {
        let text = sound();
        let start = text.find("      env:\n").expect("an env block");
        let problems = TABLE.action_yml_problems(&text[..start]).join("\n");
        assert!(
            problems.contains("0 steps of action.yml hand inputs over"),
            "{problems}"
        );
    }
}
