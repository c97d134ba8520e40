//! What `--help` and `--version` say, made from the table.
//!
//! Not responsible for printing it.

use std::{ffi::OsString, fmt::Write};

use crate::{Input, Table, arguments};

/// The version of every binary of this workspace, and what the action is called by.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The target triple this was built for.
pub const TARGET: &str = env!("BATON_TARGET");

/// Where a line of help is broken, in characters.
const WIDTH: usize = 100;

impl Table {
    /// What to print, and then to end well, where `args` (without the program's name) ask for `--help` or `--version`.
    pub fn answer(&self, args: &[OsString]) -> Option<String> {
        // Most runs have no argument at all.
        if args.is_empty() {
            return None;
        }
        let asked = arguments::walk(self, args);
        if asked.help {
            Some(self.help_text())
        } else if asked.version {
            Some(self.version_text())
        } else {
            None
        }
    }

    /// `runner-failover 0.1.0 (x86_64-unknown-linux-musl)` and a line break.
    pub fn version_text(&self) -> String {
        format!("{} {VERSION} ({TARGET})\n", self.action)
    }

    /// The whole contract of the action, for a terminal.
    pub fn help_text(&self) -> String {
        let mut text = format!("{} {VERSION}: {}\n\n", self.action, self.about);
        let mode = if self.modes.is_empty() { "" } else { " [mode]" };
        let _ = writeln!(text, "Usage: {}{mode} [--input value]...", self.action);
        let modes = self
            .modes
            .iter()
            .map(|mode| (mode.name.into(), mode.about.into()));
        section(&mut text, "Modes", modes);
        let inputs = self
            .inputs
            .iter()
            .filter(|input| self.modes.is_empty() || input.name != "mode");
        section(
            &mut text,
            "Inputs (a flag, or the variable INPUT_<NAME>; the flag wins)",
            inputs.map(help_of),
        );
        let flags = self.flags.iter().map(|flag| {
            (
                format!("--{}", flag.name),
                with_modes(flag.help, flag.modes),
            )
        });
        let always = [
            (String::from("--help, -h"), String::from("this text")),
            (
                String::from("--version, -V"),
                String::from("name, version and target"),
            ),
        ];
        section(&mut text, "Switches", flags.chain(always));
        let outputs = self
            .outputs
            .iter()
            .map(|output| (output.name.into(), output.help.into()));
        section(&mut text, "Outputs", outputs);
        let codes = self
            .exit_codes
            .iter()
            .map(|exit| (exit.code.to_string(), exit.help.into()));
        section(&mut text, "Exit codes", codes);
        text
    }
}

fn help_of(input: &Input) -> (String, String) {
    let title = if input.secret {
        // A flag would show the secret to every user of the host.
        input.variable()
    } else {
        format!("--{} <{}>", input.name, input.kind.placeholder())
    };
    let mut help = with_modes(input.help, input.modes);
    if input.required {
        help.push_str(" [required]");
    }
    if let Some(default) = input.default {
        let _ = write!(help, " [default: {default}]");
    }
    (title, help)
}

fn with_modes(help: &str, modes: &[&str]) -> String {
    if modes.is_empty() {
        help.into()
    } else {
        format!("{help} [{}]", modes.join(", "))
    }
}

fn section(text: &mut String, title: &str, rows: impl Iterator<Item = (String, String)>) {
    let rows: Vec<(String, String)> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{title}:");
    // One long name must not push every explanation to the right edge.
    let column = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or_default()
        .min(32)
        + 4;
    for (name, help) in rows {
        let mut line = format!("  {name}");
        if line.chars().count() + 2 > column {
            let _ = writeln!(text, "{line}");
            line.clear();
        }
        for word in help.split_whitespace() {
            let used = line.chars().count();
            if used > column && used + 1 + word.chars().count() > WIDTH {
                let _ = writeln!(text, "{line}");
                line.clear();
            }
            let used = line.chars().count();
            let gap = if used > column { 1 } else { column - used };
            line.push_str(&" ".repeat(gap));
            line.push_str(word);
        }
        let _ = writeln!(text, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_table::TABLE;

    fn args(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn help_names_every_mode_input_switch_output_and_exit_code() {
        let text = TABLE.help_text();
        let names = TABLE
            .inputs
            .iter()
            .filter(|input| input.name != "mode")
            .map(|input| {
                if input.secret {
                    input.variable()
                } else {
                    format!("--{} <", input.name)
                }
            });
        let names = names.chain(
            TABLE
                .outputs
                .iter()
                .map(|output| format!("  {} ", output.name)),
        );
        let names = names.chain(TABLE.modes.iter().map(|mode| format!("  {} ", mode.name)));
        let names = names.chain(TABLE.flags.iter().map(|flag| format!("  --{} ", flag.name)));
        let names = names.chain(
            TABLE
                .exit_codes
                .iter()
                .map(|exit| format!("  {} ", exit.code)),
        );
        for name in names {
            assert!(text.contains(&name), "{name:?} is missing in:\n{text}");
        }
        assert!(text.contains("[default: 10m]"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH + 2),
            "{text}"
        );
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }

    #[test]
    fn the_version_names_action_version_and_target() {
        let text = TABLE.answer(&args(&["--version"])).expect("an answer");
        assert_eq!(text, format!("relay {VERSION} ({TARGET})\n"));
        assert!(TARGET.contains('-'), "{TARGET}");
    }

    #[test]
    fn help_and_version_are_answered_wherever_they_stand_and_as_a_value_they_are_not() {
        assert!(
            TABLE
                .answer(&args(&["status", "--json", "-h"]))
                .expect("help")
                .contains("Usage")
        );
        assert!(TABLE.answer(&args(&["-V"])).is_some());
        assert_eq!(TABLE.answer(&args(&["--run=--help"])), None);
        assert_eq!(TABLE.answer(&args(&["--version=1.2.3"])), None);
        assert_eq!(TABLE.answer(&args(&[])), None);
    }
}
