//! The file of gates: YAML text to gates, with every mistake told at once.
//!
//! Responsible for: the file's form, the keys that every gate has, variables, and which values are secret. Not
//! responsible for what a kind's keys mean (`kinds`).

mod dependencies;
mod list;
mod patience;
mod reader;
mod scalar;
mod source;
mod unknown;
mod variables;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{rc::Rc, time::Duration};

use yaml_tree::{Content, Document};

pub(crate) use patience::{COMMON, DEFAULTS};
pub(crate) use scalar::{default_value, json as read_json};
pub use source::{LARGEST, Source, SourceError, place, source};
pub(crate) use variables::learn_variable;

use self::{
    list::List,
    reader::{Entry, Node, Reader},
    scalar::{Core, Scalar},
};
use crate::{
    Gate, Problem, Problems, Surroundings,
    kinds::{KINDS, Kind},
};

/// The most gates in one file.
pub const MOST_GATES: usize = 1_000;

/// How many problems are told: a file of another kind is wrong in every line.
const MOST_PROBLEMS: usize = 100;

/// A simple input: `api-url`, `database-url`, `redis-url`.
#[derive(Clone)]
pub struct Simple {
    /// The gate's name: `api`.
    pub name: &'static str,
    /// The kind's name: `http`.
    pub kind: &'static str,
    /// What its short form holds.
    pub value: String,
}

/// Everything that declares gates for one judgement.
#[derive(Clone, Copy, Default)]
pub struct Declared<'a> {
    /// The simple inputs: their gates come first, and gates of the text may depend on them.
    pub simple: &'a [Simple],
    /// The YAML; nothing where there is none.
    pub text: Option<&'a str>,
    /// The `timeout` of gates for which neither they nor `defaults` say so; 5 minutes where unset.
    pub timeout: Option<Duration>,
}

/// Reads `text`.
///
/// # Errors
/// Everything that is wrong, each with its line.
pub fn read(text: &str, around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    let declared = Declared {
        text: Some(text),
        ..Declared::default()
    };
    gates(&declared, around)
}

/// The gates of the simple inputs, as the file would have them in short form: `- {name: api, http: <value>}`. Nothing is
/// filled in: the workflow has done that.
///
/// # Errors
/// Everything that is wrong.
pub fn simple(inputs: &[Simple], around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    let declared = Declared {
        simple: inputs,
        ..Declared::default()
    };
    gates(&declared, around)
}

/// The gates of the simple inputs and those of the text, in this order.
///
/// # Errors
/// Everything that is wrong, each with its line where it stands in the text.
pub fn gates(declared: &Declared<'_>, around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    gates_of(declared, around, KINDS)
}

fn gates_of(
    declared: &Declared<'_>,
    around: &Surroundings,
    kinds: &'static [Kind],
) -> Result<Vec<Gate>, Problems> {
    let mut list = List::new(Reader::new(around), kinds, declared.timeout);
    for input in declared.simple {
        list.gate(&simple_node(input));
    }
    if let Some(text) = declared.text {
        match document(text) {
            Ok(document) => list.document(&document),
            Err(problem) => list.reader.problems.push(problem),
        }
    }
    let (gates, mut problems) = list.end();
    if problems.is_empty() {
        return Ok(gates);
    }
    problems.sort_by_key(|problem| problem.line);
    if problems.len() > MOST_PROBLEMS {
        let more = problems.len() - MOST_PROBLEMS;
        problems.truncate(MOST_PROBLEMS);
        problems.push(Problem {
            place: "the file".to_owned(),
            line: None,
            seen: format!("{more} more problems"),
            wanted: "none".to_owned(),
            mend: "mend those above first".to_owned(),
        });
    }
    for problem in &mut problems {
        for text in [&mut problem.place, &mut problem.seen, &mut problem.mend] {
            *text = around.redactor.redact(text).into_owned();
        }
    }
    Err(problems)
}

fn document(text: &str) -> Result<Document<Scalar>, Problem> {
    let problem = |line: Option<usize>, seen: String, wanted: &str, mend: &str| Problem {
        place: "the file".to_owned(),
        line,
        seen,
        wanted: wanted.to_owned(),
        mend: mend.to_owned(),
    };
    if text.len() as u64 > LARGEST {
        return Err(problem(
            None,
            format!("more than {LARGEST} bytes"),
            "a shorter file",
            "make several files of it",
        ));
    }
    yaml_tree::compose(text, &Core).map_err(|error| {
        let (wanted, mend) = error.flaw.wanted_and_mend();
        problem(Some(error.line), error.flaw.to_string(), wanted, mend)
    })
}

/// What a simple input would be in the file. It stands in no line.
fn simple_node(input: &Simple) -> Node {
    let text = |text: &str| Scalar {
        text: text.replace("${", "$${"),
        plain: false,
        tagged: false,
    };
    let entry = |key: &str, value: &str| Entry {
        line: 0,
        key: text(key),
        value: Rc::new(Node::new(0, Content::Scalar(text(value)))),
    };
    Node::new(
        0,
        Content::Map(vec![
            entry("name", input.name),
            entry(input.kind, &input.value),
        ]),
    )
}
