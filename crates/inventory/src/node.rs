//! A YAML document as a tree with line numbers, as Ansible's parser (YAML 1.1) composes it.
//!
//! A tree of its own, because what decides about hosts is lost in typed reading: the tag `!vault`, whether a scalar was
//! quoted (`no` is a truth value, `"no"` a host), and lines for messages.

use std::{collections::HashMap, path::Path, rc::Rc};

use granit_parser::{Event, Parser, ScalarStyle, Span, Tag};

use crate::{
    error::Problem,
    value::{Value, yaml_scalar},
};

/// How deep a document may be nested, aliases followed.
const DEEPEST: usize = 100;

/// How many entries merge keys (`<<`) may copy in one document: each may name another that copies in turn.
const MOST_MERGED: usize = 1_000_000;

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
    /// Levels below it. Aliases can stack levels that no line is indented by, and walking and dropping recurse.
    height: usize,
}

impl Node {
    pub(crate) fn new(line: usize, content: Content) -> Node {
        let below = match &content {
            Content::Scalar(_) => None,
            Content::List(items) => items.iter().map(|item| item.height).max(),
            Content::Map(entries) => entries.iter().map(|entry| entry.value.height).max(),
        };
        Node {
            line,
            content,
            height: below.map_or(0, |below| below + 1),
        }
    }
}

#[derive(Debug)]
pub(crate) enum Content {
    Scalar(Value),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) line: usize,
    pub(crate) key: Value,
    pub(crate) value: Rc<Node>,
}

/// A document, and the keys that are written twice in one mapping (the last one counts, as in Ansible).
#[derive(Debug)]
pub(crate) struct Document {
    /// `None` for an empty file.
    pub(crate) root: Option<Rc<Node>>,
    pub(crate) repeated: Vec<(usize, String)>,
}

struct Composer<'a> {
    file: &'a Path,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    anchors: HashMap<usize, Rc<Node>>,
    repeated: Vec<(usize, String)>,
    merged: usize,
}

/// Composes the only document of `text`.
///
/// # Errors
/// The first place where the text is no YAML; a parser does not find its way beyond that.
pub(crate) fn compose(file: &Path, text: &str) -> Result<Document, Problem> {
    let mut composer = Composer {
        file,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        repeated: Vec::new(),
        merged: 0,
    };
    let mut root = None;
    let mut documents = 0;
    while let Some((event, span)) = composer.next()? {
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(composer.problem(
                        span.start.line(),
                        "a second document".to_owned(),
                        "one document a file",
                        "remove the `---` between them, or make two files",
                    ));
                }
            }
            Event::Scalar(..)
            | Event::SequenceStart(..)
            | Event::MappingStart(..)
            | Event::Alias(..) => {
                root = Some(composer.node(event, span, 0)?);
            }
            _ => {}
        }
    }
    // An empty document (`---` alone) is the scalar of nothing.
    let root = root.filter(|node| !matches!(node.content, Content::Scalar(Value::Null)));
    Ok(Document {
        root,
        repeated: composer.repeated,
    })
}

impl<'a> Composer<'a> {
    fn problem(&self, line: usize, seen: String, wanted: &str, mend: &str) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: Some(line),
            seen,
            wanted: wanted.to_owned(),
            mend: mend.to_owned(),
        }
    }

    fn too_deep(&self, line: usize) -> Problem {
        self.problem(
            line,
            format!("more than {DEEPEST} levels"),
            "fewer levels",
            "flatten the file",
        )
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Problem> {
        self.parser.next_event().transpose().map_err(|error| {
            // The parser's words name the rule, never the text.
            self.problem(
                error.marker().line(),
                format!("no YAML ({})", error.info().lines().next().unwrap_or_default()),
                "YAML",
                "correct the line or the one above it: indentation, quotes, and a space behind each colon",
            )
        })
    }

    /// The next event that stands for something.
    fn must(&mut self, line: usize) -> Result<(Event<'a>, Span), Problem> {
        self.next()?.ok_or_else(|| {
            self.problem(
                line,
                "no YAML (it breaks off)".to_owned(),
                "YAML",
                "complete the file",
            )
        })
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Rc<Node>, Problem> {
        let line = span.start.line();
        if depth > DEEPEST {
            return Err(self.too_deep(line));
        }
        let (anchor, content) = match event {
            Event::Alias(anchor) => {
                // One that is not complete yet holds itself.
                return self.anchors.get(&anchor).cloned().ok_or_else(|| {
                    self.problem(
                        line,
                        "an alias for something that it is a part of".to_owned(),
                        "an alias for something above it",
                        "write out what is meant",
                    )
                });
            }
            Event::Scalar(text, style, anchor, tag) => {
                // A block's text begins on the line below its tag.
                let line = span.tag_start().map_or(line, |tag| tag.line());
                let value = self.scalar(&text, style, tag.as_deref(), line);
                (anchor, Content::Scalar(value))
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.must(line)? {
                        (Event::SequenceEnd, _) => break,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                }
                (anchor, Content::List(items))
            }
            Event::MappingStart(_, anchor, _) => (anchor, Content::Map(self.map(line, depth)?)),
            _ => {
                return Err(self.problem(
                    line,
                    "no YAML (something is missing)".to_owned(),
                    "YAML",
                    "complete the line",
                ));
            }
        };
        let node = Rc::new(Node::new(line, content));
        if node.height > DEEPEST {
            return Err(self.too_deep(line));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>, line: usize) -> Value {
        let tagged = tag.map(|tag| (tag.core_suffix(), tag.suffix()));
        match tagged {
            Some((_, "vault" | "vault-encrypted")) => {
                Value::Vault(format!("{}:{line}", self.file.display()))
            }
            Some((None, "unsafe")) | Some((Some("str"), _)) => Value::Text(text.to_owned()),
            Some((Some("int" | "float" | "bool" | "null"), _)) => yaml_scalar(text),
            Some((_, "")) => Value::Text(text.to_owned()),
            Some(_) => Value::Other("a value with a tag of its own"),
            None if style == ScalarStyle::Plain => yaml_scalar(text),
            None => Value::Text(text.to_owned()),
        }
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Vec<Entry>, Problem> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = match self.must(line)? {
                (Event::MappingEnd, _) => break,
                other => other,
            };
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, _, None));
            let key_line = span.start.line();
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.must(line)?;
            let value = self.node(event, span, depth + 1)?;
            let Content::Scalar(key) = &key.content else {
                return Err(self.problem(
                    key_line,
                    "a key that is a list or a mapping".to_owned(),
                    "a text as key",
                    "put a key that holds `{` or `[` in quotes",
                ));
            };
            if plain && *key == Value::Text("<<".to_owned()) {
                self.merge(&value, &mut merged)?;
                continue;
            }
            let entry = Entry {
                line: key_line,
                key: key.clone(),
                value,
            };
            let name = format!("{key:?}");
            match places.get(&name) {
                Some(place) => {
                    if let Value::Text(key) = key {
                        self.repeated.push((key_line, key.clone()));
                    }
                    entries[*place] = entry;
                }
                None => {
                    places.insert(name, entries.len());
                    entries.push(entry);
                }
            }
        }
        if merged.is_empty() {
            return Ok(entries);
        }
        // What is merged stands first; a key of the mapping itself goes over it, an earlier merge over a later one.
        let mut whole: Vec<Entry> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for entry in merged {
            seen.entry(format!("{:?}", entry.key)).or_insert_with(|| {
                whole.push(entry.clone());
                whole.len() - 1
            });
        }
        for entry in entries {
            match seen.get(&format!("{:?}", entry.key)) {
                Some(place) => whole[*place] = entry,
                None => whole.push(entry),
            }
        }
        Ok(whole)
    }

    fn merge(&mut self, value: &Node, merged: &mut Vec<Entry>) -> Result<(), Problem> {
        let sources: Vec<&Node> = match &value.content {
            Content::Map(_) => vec![value],
            Content::List(items) => items.iter().map(Rc::as_ref).collect(),
            Content::Scalar(_) => Vec::new(),
        };
        let maps: Option<Vec<&Vec<Entry>>> = sources
            .iter()
            .map(|node| match &node.content {
                Content::Map(entries) => Some(entries),
                _ => None,
            })
            .collect();
        let Some(maps) = maps.filter(|maps| !maps.is_empty()) else {
            return Err(self.problem(
                value.line,
                "`<<` with something other than mappings".to_owned(),
                "`<<: *anchor` of a mapping",
                "correct the anchor",
            ));
        };
        for entries in maps {
            self.merged += entries.len();
            if self.merged > MOST_MERGED {
                return Err(self.problem(
                    value.line,
                    format!("more than {MOST_MERGED} entries copied by `<<`"),
                    "fewer of them",
                    "write out what is meant",
                ));
            }
            merged.extend(entries.iter().cloned());
        }
        Ok(())
    }
}
