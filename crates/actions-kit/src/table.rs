//! The table that describes an action: the one source of its inputs, outputs, modes, flags and exit codes (design §8).
//!
//! Not responsible for reading values ([`Table::parse`]) or for the texts made from it ([`Table::help_text`],
//! the module `contract`).

use std::collections::BTreeSet;

use crate::{ExitCode, Input, Kind, value};

/// An action, as its users see it.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// The action's and the binary's name: `runner-failover`.
    pub action: &'static str,
    /// What it does, in a sentence without a full stop.
    pub about: &'static str,
    /// What it can be told to do; empty for an action that does one thing. Where there are modes there is an input
    /// `mode`, a [`Kind::Choice`] of their names.
    pub modes: &'static [Mode],
    /// What it reads.
    pub inputs: &'static [Input],
    /// Switches for people at a terminal, which action.yml does not have. `--help` and `--version` are always there;
    /// an input `version` is set by `--version=…`.
    pub flags: &'static [Flag],
    /// What it leaves for later steps.
    pub outputs: &'static [Output],
    /// How it ends.
    pub exit_codes: &'static [Exit],
}

/// One thing that an action can be told to do.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// The word for it.
    pub name: &'static str,
    /// What it does, in a sentence without a full stop.
    pub about: &'static str,
}

/// A switch of the command line that takes no value.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// The name behind `--`.
    pub name: &'static str,
    /// The modes it belongs to; empty means every mode.
    pub modes: &'static [&'static str],
    /// What it does.
    pub help: &'static str,
}

/// One value that the action leaves for later steps.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The name, kebab-case.
    pub name: &'static str,
    /// What it holds, in Markdown; also action.yml's description.
    pub help: &'static str,
}

/// One way for the action to end.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// The code.
    pub code: ExitCode,
    /// What it means here.
    pub help: &'static str,
}

impl Table {
    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&'static Input> {
        self.inputs.iter().find(|input| input.name == name)
    }

    /// Everything that is wrong with the table itself. A binary's test asserts that there is nothing: names unique and
    /// kebab-case, defaults readable by their kind, modes that exist, no secret with a default.
    pub fn check(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let names = self
            .inputs
            .iter()
            .map(|input| input.name)
            .chain(self.flags.iter().map(|flag| flag.name));
        check_names("input or flag", names.chain(["help"]), &mut problems);
        check_names(
            "output",
            self.outputs.iter().map(|output| output.name),
            &mut problems,
        );
        check_names(
            "mode",
            self.modes.iter().map(|mode| mode.name),
            &mut problems,
        );
        for input in self.inputs {
            self.check_input(input, &mut problems);
        }
        for flag in self.flags {
            self.check_modes(flag.name, flag.modes, &mut problems);
        }
        self.check_mode_input(&mut problems);
        let mut codes = BTreeSet::new();
        for exit in self.exit_codes {
            if !codes.insert(exit.code.number()) {
                problems.push(format!("exit code {} stands twice in the table", exit.code));
            }
        }
        if !codes.contains(&ExitCode::WrongInput.number()) {
            problems.push(String::from(
                "the table has inputs, and no row for exit code 64",
            ));
        }
        problems
    }

    fn check_input(&self, input: &Input, problems: &mut Vec<String>) {
        let name = input.name;
        if let Some(default) = input.default {
            if let Err(fault) = value::parse(input.kind, default) {
                problems.push(format!(
                    "the default of {name} is {default:?}, wanted: {}",
                    fault.wanted
                ));
            }
            if input.secret {
                problems.push(format!("{name} is secret and has a default"));
            }
            if input.required {
                problems.push(format!("{name} is required and has a default"));
            }
        }
        if input
            .expression
            .is_some_and(|text| !(text.starts_with("${{ ") && text.ends_with(" }}")))
        {
            problems.push(format!(
                "the expression of {name} does not stand in ${{{{ }}}}"
            ));
        }
        if input.secret && !matches!(input.kind, Kind::Text | Kind::Verbatim) {
            problems.push(format!(
                "{name} is secret and not of the kind Text or Verbatim"
            ));
        }
        if input.help.trim().is_empty() || input.help.contains('\n') {
            problems.push(format!("the help of {name} is not one line"));
        }
        match input.kind {
            Kind::Duration { min, max } if min > max => {
                problems.push(format!("the bounds of {name} are crossed"))
            }
            Kind::Count { min, max } if min > max => {
                problems.push(format!("the bounds of {name} are crossed"))
            }
            Kind::Choice([]) => problems.push(format!("{name} has nothing to choose from")),
            _ => {}
        }
        self.check_modes(name, input.modes, problems);
    }

    fn check_modes(&self, name: &str, modes: &[&str], problems: &mut Vec<String>) {
        for mode in modes {
            if !self.modes.iter().any(|known| known.name == *mode) {
                problems.push(format!(
                    "{name} belongs to the mode {mode}, which does not exist"
                ));
            }
        }
    }

    fn check_mode_input(&self, problems: &mut Vec<String>) {
        if self.modes.is_empty() {
            return;
        }
        let words: Vec<&str> = self.modes.iter().map(|mode| mode.name).collect();
        let fits = self.input("mode").is_some_and(|input| {
            matches!(input.kind, Kind::Choice(choices) if choices == words)
                && input.modes.is_empty()
                && !input.secret
        });
        if !fits {
            problems.push(format!(
                "there are modes, and no input `mode` that is a choice of {}",
                words.join(", ")
            ));
        }
    }
}

fn check_names<'a>(what: &str, names: impl Iterator<Item = &'a str>, problems: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in names {
        let kebab = name.split('-').all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        });
        if !kebab || !name.starts_with(|letter: char| letter.is_ascii_lowercase()) {
            problems.push(format!("the {what} {name:?} is not kebab-case"));
        }
        if !seen.insert(name) {
            problems.push(format!("the {what} {name} stands twice in the table"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_table::TABLE;

    const FLAWED: &[Input] = &[
        Input::new("camelCase", Kind::Text, "help"),
        Input::new("twice", Kind::Text, "help"),
        Input::new("twice", Kind::Text, "help"),
        Input::new("wait", Kind::DURATION, "help").with_default("soon"),
        Input::new("token", Kind::Text, "help")
            .secret()
            .with_default("x"),
        Input::new("hidden", Kind::Bool, "help").secret(),
        Input::new("needed", Kind::Text, "help")
            .required()
            .with_default("x"),
        Input::new("astray", Kind::Text, "help").in_modes(&["verdict"]),
        Input::new("expressed", Kind::Text, "help").with_expression("matrix.candidate"),
        Input::new("crossed", Kind::Count { min: 2, max: 1 }, "help"),
        Input::new(
            "bounded",
            Kind::Duration {
                min: Duration::ZERO,
                max: Duration::from_secs(2),
            },
            "help",
        )
        .with_default("3s"),
        Input::new("silent", Kind::Text, " "),
        Input::new("help", Kind::Text, "help"),
    ];

    #[test]
    fn a_sound_table_has_no_problems() {
        assert_eq!(TABLE.check(), Vec::<String>::new());
    }

    #[test]
    fn every_flaw_of_a_table_is_found() {
        let table = Table {
            action: "x",
            about: "x",
            modes: &[Mode {
                name: "deploy",
                about: "deploys",
            }],
            inputs: FLAWED,
            flags: &[Flag {
                name: "json",
                modes: &["status"],
                help: "help",
            }],
            outputs: &[Output {
                name: "a_b",
                help: "help",
            }],
            exit_codes: &[
                Exit {
                    code: ExitCode::Success,
                    help: "",
                },
                Exit {
                    code: ExitCode::Success,
                    help: "",
                },
            ],
        };
        let problems = table.check().join("\n");
        for wanted in [
            "\"camelCase\" is not kebab-case",
            "input or flag twice stands twice",
            "the default of wait is \"soon\"",
            "token is secret and has a default",
            "hidden is secret and not of the kind",
            "needed is required and has a default",
            "astray belongs to the mode verdict",
            "the expression of expressed",
            "the bounds of crossed",
            "the default of bounded",
            "the help of silent",
            "input or flag help stands twice",
            "json belongs to the mode status",
            "\"a_b\" is not kebab-case",
            "no input `mode`",
            "exit code 0 stands twice",
            "no row for exit code 64",
        ] {
            assert!(
                problems.contains(wanted),
                "{wanted} is missing in:\n{problems}"
            );
        }
    }
}
