//! Step outputs: values for later steps, appended to `GITHUB_OUTPUT`
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-output-parameter>).
//!
//! Not responsible for redacting: outputs are data, and a changed value is a wrong value. No secret belongs in one.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use crate::{Environment, Table, Written};

/// The outputs of one step, collected and then written at once.
#[derive(Clone, Debug, Default)]
pub struct Outputs {
    values: BTreeMap<&'static str, String>,
}

/// Why the outputs could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The file that GitHub named does not take them.
    #[error("append the outputs to {path}")]
    Append {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no random bytes for a delimiter.
    #[error("get random bytes for the delimiter of an output: {reason}")]
    Random {
        /// What the system said.
        reason: String,
    },
}

impl Outputs {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets an output; a later value replaces an earlier one.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) -> &mut Self {
        self.values.insert(name, value.into());
        self
    }

    /// What was set so far.
    pub fn values(&self) -> &BTreeMap<&'static str, String> {
        &self.values
    }

    /// The names that were set and that action.yml does not hand on. A binary's test asserts that there are none.
    pub fn not_in(&self, table: &Table) -> Vec<&'static str> {
        let known = |name: &&'static str| !table.outputs.iter().any(|output| output.name == *name);
        self.values.keys().copied().filter(known).collect()
    }

    /// Appends everything to `GITHUB_OUTPUT`.
    ///
    /// # Errors
    /// [`OutputError`] where the file cannot be written.
    pub fn write(&self, environment: &Environment) -> Result<Written, OutputError> {
        let Some(path) = environment.get("GITHUB_OUTPUT") else {
            return Ok(Written::NoFile);
        };
        let mut text = String::new();
        for (name, value) in &self.values {
            text.push_str(&entry(name, value, &mut random_delimiter)?);
        }
        append(Path::new(path), &text).map_err(|source| OutputError::Append {
            path: path.into(),
            source,
        })?;
        Ok(Written::ToFile)
    }
}

/// One output in heredoc form. A delimiter that stands in the value would end it early and let the rest be read as
/// further outputs: such a one is refused and drawn anew.
fn entry(
    name: &str,
    value: &str,
    delimiter: &mut dyn FnMut() -> Result<String, OutputError>,
) -> Result<String, OutputError> {
    loop {
        let delimiter = delimiter()?;
        if !value.contains(&delimiter) && !name.contains(&delimiter) {
            return Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"));
        }
    }
}

fn random_delimiter() -> Result<String, OutputError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| OutputError::Random {
        reason: error.to_string(),
    })?;
    Ok(format!("ghadelimiter_{:032x}", u128::from_be_bytes(bytes)))
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .read(true)
        .open(path)?;
    // An earlier writer may have left its last line open; act refuses an empty line, so one is not added in any case.
    let mut last = [b'\n'];
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    let open = if last == *b"\n" { "" } else { "\n" };
    // In one write, so that two writers do not mix their lines.
    file.write_all(format!("{open}{text}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_table::TABLE;

    /// Reads a file of outputs as the runner does.
    fn read(text: &str) -> Vec<(String, String)> {
        let mut outputs = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some((name, delimiter)) = line.split_once("<<") {
                let value: Vec<&str> = lines
                    .by_ref()
                    .take_while(|line| *line != delimiter)
                    .collect();
                outputs.push((name.to_owned(), value.join("\n")));
            } else if let Some((name, value)) = line.split_once('=') {
                outputs.push((name.to_owned(), value.to_owned()));
            } else {
                panic!("neither form: {line:?}");
            }
        }
        outputs
    }

    #[test]
    fn outputs_of_any_content_come_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("output");
        std::fs::write(&path, "earlier=1").expect("written");
        let environment = Environment::from([("GITHUB_OUTPUT", path.to_string_lossy())]);
        let mut outputs = Outputs::new();
        outputs.set("outcome", "failed").set("outcome", "succeeded");
        outputs.set("results", "a=1\nEOF\nname<<EOF\n\nx=%y");
        outputs.set("runner", "");
        assert_eq!(
            outputs.write(&environment).expect("written"),
            Written::ToFile
        );
        assert_eq!(
            outputs.write(&environment).expect("written"),
            Written::ToFile
        );
        let got = read(&std::fs::read_to_string(path).expect("utf-8"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let set = [
            pair("outcome", "succeeded"),
            pair("results", "a=1\nEOF\nname<<EOF\n\nx=%y"),
            pair("runner", ""),
        ];
        assert_eq!(got, [&[pair("earlier", "1")][..], &set, &set].concat());
    }

    #[test]
    fn a_delimiter_that_stands_in_the_value_is_drawn_anew() {
        let mut drawn = ["stands-inside", "free"].into_iter();
        let mut delimiter = || Ok(drawn.next().expect("a delimiter").to_owned());
        let text = entry("a", "x\nstands-inside\ny=1", &mut delimiter).expect("an entry");
        assert_eq!(text, "a<<free\nx\nstands-inside\ny=1\nfree\n");
    }

    #[test]
    fn delimiters_are_random() {
        let (one, other) = (
            random_delimiter().expect("bytes"),
            random_delimiter().expect("bytes"),
        );
        assert_ne!(one, other);
        assert_eq!(one.len(), "ghadelimiter_".len() + 32);
    }

    #[test]
    fn without_a_file_nothing_is_written_and_the_caller_knows() {
        let mut outputs = Outputs::new();
        outputs.set("outcome", "succeeded");
        assert_eq!(
            outputs.write(&Environment::default()).expect("no error"),
            Written::NoFile
        );
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_with_its_path() {
        let environment = Environment::from([("GITHUB_OUTPUT", "/nonexistent/output")]);
        let error = Outputs::new().write(&environment).expect_err("an error");
        assert_eq!(
            error.to_string(),
            "append the outputs to /nonexistent/output"
        );
    }

    #[test]
    fn an_output_that_the_table_does_not_know_is_named() {
        let mut outputs = Outputs::new();
        outputs.set("outcome", "x").set("outcom", "x");
        assert_eq!(outputs.not_in(&TABLE), ["outcom"]);
    }
}
