//! Everything that is wrong with what a person set, collected and shown at once (design §8, exit code 64).
//!
//! Not responsible for finding it.

use std::{fmt, io::Write};

use crate::{Commands, Redactor, markdown};

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
            commands.error(&format!("wrong input: {name}"), &message)?;
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
