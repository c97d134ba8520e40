//! A YAML document as a tree with line numbers.
//!
//! Responsible for: anchors, aliases, merge keys (`<<`), and bounds on what a hostile document can cost. Not responsible
//! for the meaning of a scalar: the reader's [`Schema`] has it, because Ansible reads `no` as a truth value (YAML 1.1)
//! where others read a text (YAML 1.2).

mod composer;

use std::rc::Rc;

pub use composer::compose;

/// How deep a document may be nested, aliases followed.
pub const DEEPEST: usize = 100;

/// How many entries merge keys (`<<`) may copy in one document: each may name another that copies in turn.
pub const MOST_MERGED: usize = 1_000_000;

/// A scalar as it was written.
#[derive(Clone, Copy, Debug)]
pub struct Written<'a> {
    /// Its text, escapes and folds undone.
    pub text: &'a str,
    /// Whether it stands without quotes, and not as a block: only then may it be something other than text.
    pub plain: bool,
    /// Its tag, if any: the suffix within YAML's core schema (`str` of `!!str`), and the suffix as it was written.
    pub tag: Option<(Option<&'a str>, &'a str)>,
    /// Its line, from 1.
    pub line: usize,
}

/// What scalars mean to the reader of a document.
pub trait Schema {
    /// A scalar that was read.
    type Scalar: Clone;

    /// Reads one.
    fn scalar(&self, written: Written<'_>) -> Self::Scalar;

    /// What makes two keys of a mapping the same.
    fn identity(&self, key: &Self::Scalar) -> String;
}

/// A value.
#[derive(Debug)]
pub struct Node<S> {
    /// Where it begins, from 1.
    pub line: usize,
    /// What it is.
    pub content: Content<S>,
    /// Levels below it. Aliases can stack levels that no line is indented by, and walking and dropping recurse.
    height: usize,
}

impl<S> Node<S> {
    /// A value that is put together by hand.
    pub fn new(line: usize, content: Content<S>) -> Self {
        let below = match &content {
            Content::Scalar(_) => None,
            Content::List(items) => items.iter().map(|item| item.height).max(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.height).max(),
        };
        Self {
            line,
            content,
            height: below.map_or(0, |below| below + 1),
        }
    }
}

/// The three forms of a value. Children are shared: an alias costs nothing until somebody walks the tree.
#[derive(Debug)]
pub enum Content<S> {
    /// Text, a number and their like.
    Scalar(S),
    /// A sequence.
    List(Vec<Rc<Node<S>>>),
    /// A mapping, in its order; what `<<` merges stands first. No key stands twice.
    Map(Vec<Entry<S>>),
}

/// One key with its value.
#[derive(Debug)]
pub struct Entry<S> {
    /// The line of the key, from 1.
    pub line: usize,
    /// The key.
    pub key: S,
    /// Its value.
    pub value: Rc<Node<S>>,
}

impl<S: Clone> Clone for Entry<S> {
    fn clone(&self) -> Self {
        Self {
            line: self.line,
            key: self.key.clone(),
            value: Rc::clone(&self.value),
        }
    }
}

/// A document.
#[derive(Debug)]
pub struct Document<S> {
    /// `None` where nothing stands in it, not even `---` or `~`.
    pub root: Option<Rc<Node<S>>>,
    /// The keys that are written twice in one mapping, with the line of the second. The last one counts.
    pub repeated: Vec<(usize, S)>,
}

/// The first place where a text is no YAML document that can be read. It never repeats the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read line {line}: {flaw}")]
pub struct Error {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub flaw: Flaw,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// No YAML; the parser's words name the rule.
    #[error("no YAML ({0})")]
    Syntax(String),
    /// The text ends in the middle of something.
    #[error("no YAML (it breaks off)")]
    BreaksOff,
    /// A value is not there where one must be.
    #[error("no YAML (something is missing)")]
    Missing,
    /// More than one document.
    #[error("a second document")]
    SecondDocument,
    /// An alias within what its anchor names, or for an anchor that is not there.
    #[error("an alias for something that it is a part of")]
    AliasOfItself,
    /// More than [`DEEPEST`] levels.
    #[error("more than {DEEPEST} levels")]
    TooDeep,
    /// A list or a mapping as key.
    #[error("a key that is a list or a mapping")]
    KeyOfLevels,
    /// A merge key with something other than mappings.
    #[error("`<<` with something other than mappings")]
    MergesNoMapping,
    /// More than [`MOST_MERGED`] entries copied by merge keys.
    #[error("more than {MOST_MERGED} entries copied by `<<`")]
    MergesTooMuch,
}

impl Flaw {
    /// What should stand there, and what the writer can do.
    pub fn wanted_and_mend(&self) -> (&'static str, &'static str) {
        match self {
            Flaw::Syntax(_) => (
                "YAML",
                "correct the line or the one above it: indentation, quotes, and a space behind each colon",
            ),
            Flaw::BreaksOff => ("YAML", "complete the file"),
            Flaw::Missing => ("YAML", "complete the line"),
            Flaw::SecondDocument => (
                "one document a file",
                "remove the `---` between them, or make two files",
            ),
            Flaw::AliasOfItself => ("an alias for something above it", "write out what is meant"),
            Flaw::TooDeep => ("fewer levels", "flatten the file"),
            Flaw::KeyOfLevels => ("a text as key", "put a key that holds `{` or `[` in quotes"),
            Flaw::MergesNoMapping => ("`<<: *anchor` of a mapping", "correct the anchor"),
            Flaw::MergesTooMuch => ("fewer of them", "write out what is meant"),
        }
    }
}
