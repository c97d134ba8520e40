//! The kind `command`: a script's exit code, and perhaps what it prints.

use std::{path::PathBuf, sync::Arc};

use probes::{
    Probe,
    command::{CommandProbe, Script},
    http::expectation::Pattern,
};

use super::Kind;
use crate::{Fields, Key, Problems, Setting, Shape, Surroundings, file::learn_variable};

/// How much of a script's first line names it, in characters.
const NAME: usize = 60;

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "command",
    help: "a command ends with exit code 0",
    keys: &[
        Key::new(
            "run",
            Shape::Script,
            "What `bash -eo pipefail` runs, as in a `run:` step. `${NAME}` is the shell's: variables come from `env` and \
             the step's environment",
        )
        .required(),
        Key::new("working-directory", Shape::Text, "Where; a relative path begins at the workspace")
            .with_default("."),
        Key::new(
            "env",
            Shape::Map(&Shape::Text),
            "More variables for the command, over those of the step",
        ),
        Key::new("exit-code", Shape::Count { least: 0 }, "The exit code that passes").with_default("0"),
        Key::new(
            "output",
            Shape::Text,
            "A regular expression that must match the end of what it prints, the last 2 KiB of both outputs. `(?m)` makes \
             `^` and `$` mean lines",
        ),
    ],
    short: Some("run"),
    build,
};

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let before = problems.len();
    // As GitHub's runner writes a `run:` step.
    let text = fields.text("run").map(|text| text.replace("\r\n", "\n"));
    let name = text.as_deref().and_then(first_line).map(shortened);
    if text.is_some() && name.is_none() {
        fields.wrong(
            "run",
            "nothing",
            "a command",
            "write what is to be run",
            problems,
        );
    }
    for key in ["run", "working-directory"] {
        fields.refuse_nul(key, problems);
    }
    let exit_code = fields.count("exit-code").unwrap_or(0);
    let code = i32::try_from(exit_code).ok().filter(|code| *code <= 255);
    if code.is_none() {
        fields.wrong(
            "exit-code",
            &exit_code.to_string(),
            "a number from 0 to 255",
            "take the code that the command ends with (`echo $?`)",
            problems,
        );
    }
    let output = fields.text("output").and_then(|pattern| {
        Pattern::new(pattern)
            .map_err(|error| {
                let mend = format!("correct it: {}", error.detail);
                fields.wrong("output", "no regular expression", "one", &mend, problems);
            })
            .ok()
    });
    let own = own_variables(fields, problems);
    if problems.len() > before {
        return None;
    }
    let script = Script {
        name: name?,
        environment: environment(around, own),
        folder: Some(folder(fields, around)),
        text: text?,
        // What a command prints is redacted by whoever shows it, as all that a probe sees.
        secrets: Vec::new(),
    };
    Some(Arc::new(CommandProbe {
        script,
        exit_code: code?,
        output,
    }))
}

/// The variables of `env`.
fn own_variables<'a>(fields: &'a Fields, problems: &mut Problems) -> Vec<(&'a str, &'a str)> {
    let mut own = Vec::new();
    for (name, value) in fields.map("env") {
        let Setting::Text(value) = value else {
            continue;
        };
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            fields.wrong(
                "env",
                &format!("`{}`", name.escape_debug()),
                "a name without `=`, and a value, both without the character 0",
                "no program can be given this variable: rename it",
                problems,
            );
        }
        own.push((name.as_str(), value.as_str()));
    }
    own
}

/// The step's own environment, as the deploy command sees it: without this action's inputs, of which some are secret.
fn environment(
    around: &Surroundings,
    own: Vec<(&str, &str)>,
) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let of_step = around.environment.iter().filter(|(name, _)| {
        !name.starts_with("INPUT_") && !own.iter().any(|(other, _)| other == name)
    });
    of_step
        .chain(own.iter().copied())
        // What a command prints may repeat any of them.
        .inspect(|(name, value)| learn_variable(name, value, &around.redactor))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn folder(fields: &Fields, around: &Surroundings) -> PathBuf {
    around
        .workspace
        .join(fields.text("working-directory").unwrap_or("."))
        .components()
        .collect()
}

/// The first line with something in it.
fn first_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).find(|line| !line.is_empty())
}

fn shortened(line: &str) -> String {
    let mut short: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(NAME)
        .collect();
    if line.chars().count() > NAME {
        short.push('…');
    }
    short
}
