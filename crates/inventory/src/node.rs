//! A YAML document as Ansible's parser (YAML 1.1) reads it.
//!
//! A tree of its own, because what decides about hosts is lost in typed reading: the tag `!vault`, whether a scalar was
//! quoted (`no` is a truth value, `"no"` a host), and lines for messages.

use std::{path::Path, rc::Rc};

pub(crate) use yaml_tree::Content;
use yaml_tree::{Schema, Written};

use crate::{
    error::Problem,
    value::{Value, yaml_scalar},
};

pub(crate) type Node = yaml_tree::Node<Value>;
pub(crate) type Entry = yaml_tree::Entry<Value>;

/// A document, and the keys that are written twice in one mapping (the last one counts, as in Ansible).
#[derive(Debug)]
pub(crate) struct Document {
    /// `None` for an empty file.
    pub(crate) root: Option<Rc<Node>>,
    pub(crate) repeated: Vec<(usize, String)>,
}

/// What scalars mean to Ansible.
struct Ansible<'a> {
    file: &'a Path,
}

impl Schema for Ansible<'_> {
    type Scalar = Value;

    fn scalar(&self, written: Written<'_>) -> Value {
        let text = written.text;
        match written.tag {
            Some((_, "vault" | "vault-encrypted")) => {
                Value::Vault(format!("{}:{}", self.file.display(), written.line))
            }
            Some((None, "unsafe")) | Some((Some("str"), _)) => Value::Text(text.to_owned()),
            Some((Some("int" | "float" | "bool" | "null"), _)) => yaml_scalar(text),
            Some((_, "")) => Value::Text(text.to_owned()),
            Some(_) => Value::Other("a value with a tag of its own"),
            None if written.plain => yaml_scalar(text),
            None => Value::Text(text.to_owned()),
        }
    }

    fn identity(&self, key: &Value) -> String {
        format!("{key:?}")
    }
}

/// Composes the only document of `text`.
///
/// # Errors
/// The first place where the text is no YAML; a parser does not find its way beyond that.
pub(crate) fn compose(file: &Path, text: &str) -> Result<Document, Problem> {
    let tree = yaml_tree::compose(text, &Ansible { file }).map_err(|error| {
        let (wanted, mend) = error.flaw.wanted_and_mend();
        Problem {
            file: file.to_owned(),
            line: Some(error.line),
            seen: error.flaw.to_string(),
            wanted: wanted.to_owned(),
            mend: mend.to_owned(),
        }
    })?;
    let repeated = tree.repeated.into_iter();
    Ok(Document {
        // An empty document (`---` alone) is the scalar of nothing.
        root: tree
            .root
            .filter(|node| !matches!(node.content, Content::Scalar(Value::Null))),
        repeated: repeated
            .filter_map(|(line, key)| match key {
                Value::Text(key) => Some((line, key)),
                _ => None,
            })
            .collect(),
    })
}
