//! The command line, walked once: which inputs, switches and mode it names.
//!
//! Not responsible for what the values mean. What it cannot place it reports without values: an argument behind a
//! mistyped `--github-token` is a secret.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
};

use lexopt::Arg;

use crate::{Input, Kind, Table, WrongInput, suggest};

/// What the command line says.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) mode: Option<String>,
    pub(crate) values: BTreeMap<&'static str, String>,
    pub(crate) flags: BTreeSet<&'static str>,
    pub(crate) help: bool,
    pub(crate) version: bool,
    pub(crate) wrong: Vec<WrongInput>,
}

pub(crate) fn walk(table: &Table, args: &[OsString]) -> Arguments {
    let mut walk = Walk {
        table,
        parser: lexopt::Parser::from_args(args.iter().cloned()),
        found: Arguments::default(),
    };
    while let Some(word) = walk.next() {
        match word {
            Word::Long(name) => walk.long(&name),
            Word::Short('h') => walk.found.help = true,
            Word::Short('V') => walk.found.version = true,
            Word::Short(letter) => walk.unknown(&format!("-{letter}"), false),
            Word::Positional(text) => walk.positional(text),
            Word::NotUnicode => walk.not_unicode(),
        }
    }
    walk.found
}

/// An argument without borrows on the parser.
enum Word {
    Long(String),
    Short(char),
    Positional(String),
    NotUnicode,
}

struct Walk<'a> {
    table: &'a Table,
    parser: lexopt::Parser,
    found: Arguments,
}

impl Walk<'_> {
    fn next(&mut self) -> Option<Word> {
        loop {
            return Some(match self.parser.next() {
                Ok(None) => return None,
                Ok(Some(Arg::Long(name))) => Word::Long(name.to_owned()),
                Ok(Some(Arg::Short(letter))) => Word::Short(letter),
                Ok(Some(Arg::Value(text))) => text
                    .into_string()
                    .map_or(Word::NotUnicode, Word::Positional),
                // A value behind `=` that nobody took (`-h=x`): take it away, or the parser stands still.
                Err(_) => {
                    self.parser.optional_value();
                    continue;
                }
            });
        }
    }

    fn long(&mut self, name: &str) {
        let value = self.parser.optional_value();
        let switch = match name {
            "help" => Some(&mut self.found.help),
            // An action may have an input `version`: that one takes its value behind `=`.
            "version" if value.is_none() || self.table.input("version").is_none() => {
                Some(&mut self.found.version)
            }
            _ => None,
        };
        if let Some(asked) = switch {
            *asked = true;
        } else if let Some(flag) = self.table.flags.iter().find(|flag| flag.name == name) {
            self.found.flags.insert(flag.name);
        } else if let Some(input) = self.table.input(name) {
            return self.input(input, value);
        } else {
            return self.unknown(&format!("--{name}"), value.is_some());
        }
        if value.is_some() {
            let name = format!("--{name}");
            self.push(
                &name,
                "a value",
                "no value: it is a switch",
                format!("write {name} alone"),
            );
        }
    }

    fn input(&mut self, input: &'static Input, value: Option<OsString>) {
        let value = match (input.kind, value) {
            (_, Some(value)) => Some(value),
            (Kind::Bool, None) => {
                Some(self.bool_behind().unwrap_or_else(|| OsString::from("true")))
            }
            (_, None) => self.value_behind(),
        };
        let name = format!("--{}", input.name);
        let Some(value) = value else {
            let mend = format!("write {name}=<{}>", input.kind.placeholder());
            return self.push(&name, "no value", "a value", mend);
        };
        let Ok(value) = value.into_string() else {
            return self.not_unicode();
        };
        if input.secret || (crate::has_credentials(&value) && input.kind != Kind::Verbatim) {
            // Every user of the host can read the arguments of a process.
            let mend = format!("set {} in the environment instead", input.variable());
            return self.push(
                &name,
                "a secret among the arguments",
                "a secret in the environment",
                mend,
            );
        }
        self.found.values.insert(input.name, value);
    }

    /// The `true` or `false` of `--await-gates false`.
    fn bool_behind(&mut self) -> Option<OsString> {
        let mut raw = self.parser.try_raw_args()?;
        let next = raw.peek()?;
        if next == "true" || next == "false" {
            raw.next()
        } else {
            None
        }
    }

    /// The next argument, unless it is itself a flag.
    fn value_behind(&mut self) -> Option<OsString> {
        let mut raw = self.parser.try_raw_args()?;
        if raw.peek()?.to_string_lossy().starts_with("--") {
            None
        } else {
            raw.next()
        }
    }

    fn unknown(&mut self, name: &str, has_value: bool) {
        let bare = name.trim_start_matches('-');
        let known = self.table.inputs.iter().map(|input| input.name);
        let known = known
            .chain(self.table.flags.iter().map(|flag| flag.name))
            .chain(["help", "version"]);
        let mend = suggest::nearest(bare, known).map_or_else(
            || String::from("see --help"),
            |near| format!("did you mean --{near}?"),
        );
        let shown: String = if bare.len() <= 40 {
            name.into()
        } else {
            String::from("a long flag")
        };
        self.push(
            &shown,
            "a flag that does not exist",
            "a flag from --help",
            mend,
        );
        // The value that belongs to it goes with it, unseen.
        if !has_value
            && let Some(mut raw) = self.parser.try_raw_args()
            && let Some(next) = raw.peek()
            && !next.to_string_lossy().starts_with('-')
            && !self.table.modes.iter().any(|mode| next == mode.name)
        {
            raw.next();
        }
    }

    fn positional(&mut self, text: String) {
        if !self.table.modes.is_empty() && self.found.mode.is_none() {
            self.found.mode = Some(text);
            return;
        }
        let seen = format!(
            "a text of {} characters without a flag",
            text.chars().count()
        );
        let wanted = if self.table.modes.is_empty() {
            "flags alone"
        } else {
            "one mode, then flags"
        };
        self.push(
            "arguments",
            &seen,
            wanted,
            String::from("write --<input>=<value>; see --help"),
        );
    }

    fn not_unicode(&mut self) {
        self.push(
            "arguments",
            "an argument that is not UTF-8",
            "UTF-8",
            String::from("see --help"),
        );
    }

    fn push(&mut self, name: &str, seen: &str, wanted: &str, mend: String) {
        self.found.wrong.push(WrongInput {
            name: name.into(),
            seen: seen.into(),
            wanted: wanted.into(),
            mend,
        });
    }
}
