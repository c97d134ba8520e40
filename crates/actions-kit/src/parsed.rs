//! The inputs after they were read: typed getters.
//!
//! Not responsible for judging values: what is here has passed its kind's rules.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    time::Duration,
};

use crate::{Input, Redactor, Secret, Table, value::Value};

/// The inputs of one run of an action.
///
/// A getter asked for a name that is not in the table, or for another type than the table's kind, panics: that is a
/// bug of the binary which any test that builds its configuration brings to light. A getter without `opt_` also wants
/// an input that has a default or is required.
#[derive(Clone)]
pub struct Parsed {
    table: Table,
    mode: Option<&'static str>,
    values: BTreeMap<&'static str, Value>,
    flags: BTreeSet<&'static str>,
    redactor: Redactor,
}

impl Parsed {
    pub(crate) fn new(
        table: Table,
        mode: Option<&'static str>,
        values: BTreeMap<&'static str, Value>,
        flags: BTreeSet<&'static str>,
        redactor: Redactor,
    ) -> Self {
        Self {
            table,
            mode,
            values,
            flags,
            redactor,
        }
    }

    /// The mode; `None` for an action without modes (and, from [`Table::read`], for a mode that is wrong).
    pub fn mode(&self) -> Option<&'static str> {
        self.mode
    }

    /// The redactor that knows every secret input. Clones share what they learn.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Whether the switch stood on the command line.
    ///
    /// # Panics
    /// Where the table has no such switch.
    pub fn has_flag(&self, name: &str) -> bool {
        assert!(
            self.table.flags.iter().any(|flag| flag.name == name),
            "the table has no switch {name}"
        );
        self.flags.contains(name)
    }

    /// The text of an input that has a default or is required; empty where another mode requires it.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn text(&self, name: &str) -> &str {
        self.always_set(name);
        self.opt_text(name).unwrap_or_default()
    }

    /// The text of an input of the kinds `Text`, `Verbatim`, `Choice` or `Url` that is not secret.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn opt_text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => wrong_getter(name, "opt_text"),
        }
    }

    /// The word of a `Choice` with a default, as the table spells it.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn choice(&self, name: &str) -> &str {
        self.text(name)
    }

    /// Whether a `Bool` input is true; an unset one without a default is false.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Bool(set)) => *set,
            None => false,
            Some(_) => wrong_getter(name, "flag"),
        }
    }

    /// A `Duration` that has a default or is required.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn duration(&self, name: &str) -> Duration {
        self.always_set(name);
        self.opt_duration(name).unwrap_or_default()
    }

    /// A `Duration`.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn opt_duration(&self, name: &str) -> Option<Duration> {
        match self.value(name)? {
            Value::Duration(duration) => Some(*duration),
            _ => wrong_getter(name, "opt_duration"),
        }
    }

    /// A `Count` that has a default or is required.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn count(&self, name: &str) -> u32 {
        self.always_set(name);
        self.opt_count(name).unwrap_or_default()
    }

    /// A `Count`.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn opt_count(&self, name: &str) -> Option<u32> {
        match self.value(name)? {
            Value::Count(count) => Some(*count),
            _ => wrong_getter(name, "opt_count"),
        }
    }

    /// The items of a `List`; none where it is unset.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn list(&self, name: &str) -> &[String] {
        match self.value(name) {
            Some(Value::List(items)) => items,
            None => &[],
            Some(_) => wrong_getter(name, "list"),
        }
    }

    /// A `Glob`.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn glob(&self, name: &str) -> Option<&glob::Pattern> {
        match self.value(name)? {
            Value::Glob(pattern) => Some(pattern),
            _ => wrong_getter(name, "glob"),
        }
    }

    /// A `Path`.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn path(&self, name: &str) -> Option<&Path> {
        match self.value(name)? {
            Value::Path(path) => Some(path),
            _ => wrong_getter(name, "path"),
        }
    }

    /// A secret input.
    ///
    /// # Panics
    /// See [`Parsed`].
    pub fn secret(&self, name: &str) -> Option<&Secret> {
        match self.value(name)? {
            Value::Secret(secret) => Some(secret),
            _ => wrong_getter(name, "secret"),
        }
    }

    fn input(&self, name: &str) -> &'static Input {
        match self.table.input(name) {
            Some(input) => input,
            None => panic!("the table has no input {name}"),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.input(name);
        self.values.get(name)
    }

    fn always_set(&self, name: &str) {
        let input = self.input(name);
        let always = input.default.is_some() || input.required;
        assert!(
            always,
            "{name} has no default and is not required: ask with the opt_ getter"
        );
    }
}

fn wrong_getter(name: &str, getter: &str) -> ! {
    panic!("the input {name} is of another kind than {getter} reads")
}

impl fmt::Debug for Parsed {
    /// Names only: a value may hold a secret without being one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parsed")
            .field("mode", &self.mode)
            .field("inputs", &self.values.keys())
            .field("flags", &self.flags)
            .finish_non_exhaustive()
    }
}
