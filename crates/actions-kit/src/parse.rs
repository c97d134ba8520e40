//! From environment and arguments to values: every input is judged, and everything wrong is reported at once
//! (design §8).
//!
//! Not responsible for rules that span several inputs: the binary adds its own findings to the same [`WrongInputs`].

use std::{collections::BTreeMap, ffi::OsString};

use crate::{
    Environment, Input, Kind, Parsed, Redactor, Secret, Table, WrongInput, WrongInputs,
    arguments::{self, Arguments},
    value::{self, Value},
};

impl Table {
    /// Reads every input from `INPUT_<UPPER_SNAKE>` in the environment and from `args` (without the program's name),
    /// which win: `--name value`, `--name=value`, a bare `--name` for true, and the mode as the first argument that is
    /// no flag.
    ///
    /// # Errors
    /// Everything that is wrong, at once. No secret is in it.
    pub fn parse(
        &self,
        environment: &Environment,
        args: &[OsString],
    ) -> Result<Parsed, WrongInputs> {
        let (parsed, wrong) = self.read(environment, args);
        wrong.into_result(parsed)
    }

    /// As [`Table::parse`], for a binary that has findings of its own to add before it gives up: a wrong input reads as
    /// its default, or as unset, in what is handed back.
    pub fn read(&self, environment: &Environment, args: &[OsString]) -> (Parsed, WrongInputs) {
        let mut arguments = arguments::walk(self, args);
        let given = self.given(environment, &mut arguments);
        let redactor = known_secrets(&given);
        let mut wrong = WrongInputs::new(redactor.clone());
        for finding in std::mem::take(&mut arguments.wrong) {
            wrong.add(finding);
        }
        for input in self.inputs {
            if environment.is_not_unicode(&input.variable()) {
                wrong.push(
                    input.name,
                    "a value that is not UTF-8",
                    "UTF-8",
                    &mend(input),
                );
            }
        }
        let mode = self.mode(&given, &mut wrong);
        let mut reading = Reading {
            mode,
            redactor: &redactor,
            wrong: &mut wrong,
        };
        let values = self
            .inputs
            .iter()
            .filter_map(|input| Some((input.name, reading.value(input, &given)?)))
            .collect();
        for flag in self.flags {
            if arguments.flags.contains(flag.name)
                && mode.is_some_and(|mode| !flag.modes.is_empty() && !flag.modes.contains(&mode))
            {
                let wanted = format!("it belongs to {}", modes(flag.modes));
                wrong.push(
                    &format!("--{}", flag.name),
                    "given",
                    &wanted,
                    "leave it out",
                );
            }
        }
        (
            Parsed::new(*self, mode, values, arguments.flags, redactor),
            wrong,
        )
    }

    /// Every text that was given, by input; unset and empty ones are absent.
    fn given(
        &self,
        environment: &Environment,
        arguments: &mut Arguments,
    ) -> BTreeMap<&'static str, Given> {
        let mut given = BTreeMap::new();
        if let Some(mode) = arguments.mode.take() {
            arguments.values.insert("mode", mode);
        }
        for input in self.inputs {
            let flag = arguments.values.get(input.name).map(String::as_str);
            let variable = input.variable();
            let (text, by_flag) = match flag {
                Some(text) => (Some(text), true),
                None => (environment.raw(&variable), false),
            };
            let Some(text) = text.filter(|text| !text.trim().is_empty()) else {
                continue;
            };
            let text = if input.kind == Kind::Verbatim {
                text
            } else {
                text.trim()
            };
            given.insert(
                input.name,
                Given {
                    text: text.into(),
                    by_flag,
                    secret: input.secret,
                },
            );
        }
        given
    }

    fn mode(
        &self,
        given: &BTreeMap<&'static str, Given>,
        wrong: &mut WrongInputs,
    ) -> Option<&'static str> {
        if self.modes.is_empty() {
            return None;
        }
        let input = self.input("mode")?;
        match given
            .get("mode")
            .map(|given| given.text.as_str())
            .or(input.default)
        {
            Some(text) => self
                .modes
                .iter()
                .map(|mode| mode.name)
                .find(|name| name.eq_ignore_ascii_case(text)),
            None => {
                // `Reading` reports a missing input only where it is required.
                if !input.required {
                    wrong.push(
                        "mode",
                        "nothing",
                        &format!("{} as the mode", modes_of(self)),
                        &mend(input),
                    );
                }
                None
            }
        }
    }
}

/// One text that was given for an input.
struct Given {
    text: String,
    by_flag: bool,
    secret: bool,
}

/// Everything in the inputs that must not be shown: known before the first finding is written down.
fn known_secrets(given: &BTreeMap<&'static str, Given>) -> Redactor {
    let redactor = Redactor::new();
    for value in given.values() {
        if value.secret
            && let Ok(secret) = Secret::new(value.text.as_str())
        {
            redactor.add(&secret);
        }
        redactor.add_credentials_in(&value.text);
    }
    redactor
}

struct Reading<'a> {
    mode: Option<&'static str>,
    redactor: &'a Redactor,
    wrong: &'a mut WrongInputs,
}

impl Reading<'_> {
    /// The input's value, or its default where it is unset or wrong.
    fn value(&mut self, input: &Input, given: &BTreeMap<&'static str, Given>) -> Option<Value> {
        let belongs = input.belongs_to(self.mode);
        let default = || {
            input
                .default
                .and_then(|text| value::parse(input.kind, text).ok())
        };
        let Some(given) = given.get(input.name) else {
            if belongs && input.required {
                self.wrong
                    .push(input.name, "nothing", &wanted_for(input), &mend(input));
            }
            return default();
        };
        if !belongs {
            self.foreign(input, given);
            return default();
        }
        match value::parse(input.kind, &given.text) {
            Ok(Value::Text(text)) if input.secret => Secret::new(text).ok().map(Value::Secret),
            Ok(value) => Some(value),
            Err(fault) => {
                let hint = fault
                    .meant
                    .map_or_else(|| mend(input), |meant| format!("did you mean {meant}?"));
                self.wrong.add(WrongInput {
                    name: input.name.into(),
                    seen: self.seen(input, &given.text),
                    wanted: fault.wanted,
                    mend: hint,
                });
                default()
            }
        }
    }

    /// An input of another mode is wrong when somebody set it. The action's own default is no setting; what an
    /// expression gave cannot be told from a setting and passes.
    fn foreign(&mut self, input: &Input, given: &Given) {
        let by_default = match (input.expression, input.default) {
            (Some(_), _) => !given.by_flag,
            (None, Some(default)) => value::same(input.kind, &given.text, default),
            (None, None) => false,
        };
        if by_default {
            return;
        }
        let seen = self.seen(input, &given.text);
        let wanted = format!("nothing in the mode {}", self.mode.unwrap_or_default());
        let mend = format!("leave it out: it belongs to {}", modes(input.modes));
        self.wrong.push(input.name, &seen, &wanted, &mend);
    }

    /// The text as it may be shown: never a secret, redacted before it is cut (a cut secret would not be recognised).
    fn seen(&self, input: &Input, text: &str) -> String {
        let characters = text.chars().count();
        if input.secret || input.kind == Kind::Verbatim {
            return format!("a value of {characters} characters");
        }
        let shown = self.redactor.redact(text);
        let start: String = shown.chars().take(80).collect();
        if start.len() < shown.len() {
            format!("{start:?} and so on, {characters} characters")
        } else {
            format!("{start:?}")
        }
    }
}

fn wanted_for(input: &Input) -> String {
    format!("a value ({})", input.kind.placeholder())
}

/// How an input is set, in a workflow and at a terminal.
fn mend(input: &Input) -> String {
    if input.secret {
        format!(
            "set `{}:` under `with:` (outside a workflow: {} in the environment)",
            input.name,
            input.variable()
        )
    } else {
        format!(
            "set `{}:` under `with:` (outside a workflow: --{})",
            input.name, input.name
        )
    }
}

fn modes(names: &[&str]) -> String {
    let word = if names.len() == 1 {
        "the mode"
    } else {
        "the modes"
    };
    format!("{word} {}", names.join(", "))
}

fn modes_of(table: &Table) -> String {
    format!(
        "one of {}",
        table
            .modes
            .iter()
            .map(|mode| mode.name)
            .collect::<Vec<_>>()
            .join(", ")
    )
}

#[cfg(test)]
mod tests;
