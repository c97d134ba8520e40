//! Everything that is wrong with what a person set, collected and shown at once (design §8, exit code 64).
//!
//! Not responsible for finding it.

use std::{fmt, io::Write};

use crate::{Commands, Environment, ExitCode, Redactor, Summary, command::Reader, markdown};

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongInput {
    /// The input, flag or variable.
    pub name: String,
    /// What was found, in a form that may be shown.
    pub seen: String,
    /// What should have been there.
    pub wanted: String,
    /// What the person can do.
    pub mend: String,
}

/// The findings. Every text goes through the redactor when it is added, so that nothing shown from here can hold a
/// secret input.
#[derive(Clone, Default)]
pub struct WrongInputs {
    findings: Vec<WrongInput>,
    redactor: Redactor,
}

impl WrongInputs {
    /// No findings yet; `redactor` knows what must not be shown.
    pub fn new(redactor: Redactor) -> Self {
        Self {
            findings: Vec::new(),
            redactor,
        }
    }

    /// Adds a finding: the input or variable, what was seen, what was wanted, how to mend it.
    pub fn push(&mut self, name: &str, seen: &str, wanted: &str, mend: &str) {
        self.add(WrongInput {
            name: name.into(),
            seen: seen.into(),
            wanted: wanted.into(),
            mend: mend.into(),
        });
    }

    /// Adds a finding.
    pub fn add(&mut self, finding: WrongInput) {
        let clean = |text: String| self.redactor.redact(&text).into_owned();
        let WrongInput {
            name,
            seen,
            wanted,
            mend,
        } = finding;
        let finding = WrongInput {
            name: clean(name),
            seen: clean(seen),
            wanted: clean(wanted),
            mend: clean(mend),
        };
        // Two checks may come to the same finding (the context and an input that falls back to it).
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    /// Gives findings another name, where `other` has one: what was set in a file is looked for there.
    pub fn rename(&mut self, other: impl Fn(&str) -> Option<String>) {
        for finding in &mut self.findings {
            if let Some(name) = other(&finding.name) {
                finding.name = self.redactor.redact(&name).into_owned();
            }
        }
    }

    /// The findings so far.
    pub fn findings(&self) -> &[WrongInput] {
        &self.findings
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// `value` where nothing was found.
    ///
    /// # Errors
    /// The findings, where there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// One block for a terminal or a log, with a line break at its end.
    pub fn text(&self) -> String {
        let mut text = match self.findings.len() {
            1 => String::from("1 input is wrong:\n"),
            count => format!("{count} inputs are wrong:\n"),
        };
        for WrongInput {
            name,
            seen,
            wanted,
            mend,
        } in &self.findings
        {
            text.push_str(&format!(
                "  {name}\n    seen:   {seen}\n    wanted: {wanted}\n    mend:   {mend}\n"
            ));
        }
        text
    }

    /// A section for the step summary.
    pub fn markdown(&self) -> String {
        let rows = self.findings.iter().map(|finding| {
            vec![
                markdown::code(&finding.name),
                markdown::text(&finding.seen),
                markdown::text(&finding.wanted),
                markdown::text(&finding.mend),
            ]
        });
        let table = markdown::table(&["input", "seen", "wanted", "how to mend it"], rows);
        format!("### ❌ Wrong inputs\n\n{table}")
    }

    /// Tells everybody: annotations for a runner or one block for a person on `writer`, and a section of the step
    /// summary. The code to end with comes back whether or not that could be written: it is the last word either way.
    pub fn report<W: Write>(&self, environment: &Environment, writer: W) -> ExitCode {
        let mut writer = writer;
        let reader = Reader::of(environment);
        let told = match reader {
            Reader::Runner => self.annotate(&mut Commands::new(
                &mut writer,
                reader,
                self.redactor.clone(),
            )),
            Reader::Person => writer
                .write_all(self.text().as_bytes())
                .and_then(|()| writer.flush()),
        };
        let mut summary = Summary::new();
        summary.paragraph(&self.markdown());
        if let (Ok(()), Err(error)) = (told, summary.write(environment, &self.redactor)) {
            let _ = writeln!(writer, "failed to {error}: {}", error.source);
        }
        ExitCode::WrongInput
    }

    /// One error annotation for each finding.
    ///
    /// # Errors
    /// The writer's own.
    pub fn annotate<W: Write>(&self, commands: &mut Commands<W>) -> std::io::Result<()> {
        for WrongInput {
            name,
            seen,
            wanted,
            mend,
        } in &self.findings
        {
            let message = format!("{name}: seen {seen}; wanted {wanted}; {mend}");
            // A log shows no titles: the name stands in the message, and there alone.
            commands.error("wrong input", &message)?;
        }
        Ok(())
    }
}

impl fmt::Display for WrongInputs {
    /// A fragment that fits "failed to …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self
            .findings
            .iter()
            .map(|finding| finding.name.as_str())
            .collect();
        write!(f, "read the inputs: {}", names.join(", "))
    }
}

impl fmt::Debug for WrongInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.findings).finish()
    }
}

impl std::error::Error for WrongInputs {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn wrong() -> WrongInputs {
        let redactor = Redactor::new();
        redactor.add(&Secret::new("canary-7f3a").expect("a secret"));
        let mut wrong = WrongInputs::new(redactor);
        for number in 1..=12 {
            wrong.push(
                &format!("input-{number}"),
                "canary-7f3a",
                "a number",
                "set it",
            );
        }
        wrong
    }

    fn reported(environment: &Environment) -> String {
        let mut bytes = Vec::new();
        assert_eq!(
            wrong().report(environment, &mut bytes),
            ExitCode::WrongInput
        );
        String::from_utf8(bytes).expect("utf-8")
    }

    #[test]
    fn a_runner_gets_annotations_and_a_summary() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary.md");
        let path_text = path.to_string_lossy();
        let environment = Environment::from([
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_STEP_SUMMARY", &*path_text),
        ]);
        let log = reported(&environment);
        assert!(log.starts_with(
            "::error title=wrong input::input-1: seen ***; wanted a number; set it\n"
        ));
        assert_eq!(log.lines().count(), 10);
        assert!(
            log.contains("3 more::wrong input: input-10: seen ")
                && log.matches("input-12").count() == 1,
            "the last annotation stands for the rest: {log}"
        );
        let summary = std::fs::read_to_string(path).expect("a summary");
        assert!(
            summary.contains("| `input-12` | \\*\\*\\* | a number | set it |"),
            "{summary}"
        );
    }

    #[test]
    fn a_person_gets_one_block() {
        assert_eq!(reported(&Environment::default()), wrong().text());
        assert!(
            wrong()
                .text()
                .starts_with("12 inputs are wrong:\n  input-1\n    seen:   ***\n")
        );
    }

    #[test]
    fn a_summary_that_cannot_be_written_is_told_and_changes_no_exit_code() {
        let environment = Environment::from([("GITHUB_STEP_SUMMARY", "/nonexistent/summary.md")]);
        assert!(
            reported(&environment)
                .contains("failed to append the summary to /nonexistent/summary.md: ")
        );
    }
}
