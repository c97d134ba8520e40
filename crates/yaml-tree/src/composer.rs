//! From the parser's events to the tree.

use std::{collections::HashMap, rc::Rc};

use granit_parser::{Event, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::{Content, DEEPEST, Document, Entry, Error, Flaw, MOST_MERGED, Node, Schema, Written};

struct Composer<'a, S: Schema> {
    schema: &'a S,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Rc<Node<S::Scalar>>>,
    repeated: Vec<(usize, S::Scalar)>,
    merged: usize,
}

/// Composes the only document of `text`.
///
/// # Errors
/// The first place where the text is no YAML; a parser does not find its way beyond that.
pub fn compose<S: Schema>(text: &str, schema: &S) -> Result<Document<S::Scalar>, Error> {
    let mut composer = Composer {
        schema,
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
                    return Err(error(span.start.line(), Flaw::SecondDocument));
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
    Ok(Document {
        root,
        repeated: composer.repeated,
    })
}

fn error(line: usize, flaw: Flaw) -> Error {
    Error { line, flaw }
}

impl<'a, S: Schema> Composer<'a, S> {
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Error> {
        self.parser.next_event().transpose().map_err(|found| {
            // The parser's words name the rule, never the text.
            let words = found.info().lines().next().unwrap_or_default().to_owned();
            error(found.marker().line(), Flaw::Syntax(words))
        })
    }

    /// The next event that stands for something.
    fn must(&mut self, line: usize) -> Result<(Event<'a>, Span), Error> {
        self.next()?.ok_or_else(|| error(line, Flaw::BreaksOff))
    }

    fn node(
        &mut self,
        event: Event<'a>,
        span: Span,
        depth: usize,
    ) -> Result<Rc<Node<S::Scalar>>, Error> {
        let line = span.start.line();
        if depth > DEEPEST {
            return Err(error(line, Flaw::TooDeep));
        }
        let (anchor, content) = match event {
            Event::Alias(anchor) => {
                // One that is not complete yet holds itself.
                let named = self.anchors.get(&anchor).cloned();
                return named.ok_or_else(|| error(line, Flaw::AliasOfItself));
            }
            Event::Scalar(text, style, anchor, tag) => {
                let written = Written {
                    text: &text,
                    plain: style == ScalarStyle::Plain,
                    tag: tag.as_deref().map(parts),
                    // A block's text begins on the line below its tag.
                    line: span.tag_start().map_or(line, |tag| tag.line()),
                };
                (anchor, Content::Scalar(self.schema.scalar(written)))
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
            _ => return Err(error(line, Flaw::Missing)),
        };
        let node = Rc::new(Node::new(line, content));
        if node.height > DEEPEST {
            return Err(error(line, Flaw::TooDeep));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        Ok(node)
    }

    fn map(&mut self, line: usize, depth: usize) -> Result<Vec<Entry<S::Scalar>>, Error> {
        let mut entries: Vec<Entry<S::Scalar>> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<Entry<S::Scalar>> = Vec::new();
        loop {
            let (event, span) = match self.must(line)? {
                (Event::MappingEnd, _) => break,
                other => other,
            };
            let merges =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "<<");
            let key_line = span.start.line();
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.must(line)?;
            let value = self.node(event, span, depth + 1)?;
            let Content::Scalar(key) = &key.content else {
                return Err(error(key_line, Flaw::KeyOfLevels));
            };
            if merges {
                self.merge(&value, &mut merged)?;
                continue;
            }
            let entry = Entry {
                line: key_line,
                key: key.clone(),
                value,
            };
            match places.get(&self.schema.identity(key)) {
                Some(place) => {
                    self.repeated.push((key_line, key.clone()));
                    entries[*place] = entry;
                }
                None => {
                    places.insert(self.schema.identity(key), entries.len());
                    entries.push(entry);
                }
            }
        }
        if merged.is_empty() {
            return Ok(entries);
        }
        // What is merged stands first; a key of the mapping itself goes over it, an earlier merge over a later one.
        let mut whole: Vec<Entry<S::Scalar>> = Vec::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        for entry in merged {
            seen.entry(self.schema.identity(&entry.key))
                .or_insert_with(|| {
                    whole.push(entry);
                    whole.len() - 1
                });
        }
        for entry in entries {
            match seen.get(&self.schema.identity(&entry.key)) {
                Some(place) => whole[*place] = entry,
                None => whole.push(entry),
            }
        }
        Ok(whole)
    }

    fn merge(
        &mut self,
        value: &Node<S::Scalar>,
        merged: &mut Vec<Entry<S::Scalar>>,
    ) -> Result<(), Error> {
        let sources: Vec<&Node<S::Scalar>> = match &value.content {
            Content::Map(_) => vec![value],
            Content::List(items) => items.iter().map(Rc::as_ref).collect(),
            Content::Scalar(_) => Vec::new(),
        };
        let maps: Option<Vec<&Vec<Entry<S::Scalar>>>> = sources
            .iter()
            .map(|node| match &node.content {
                Content::Map(entries) => Some(entries),
                _ => None,
            })
            .collect();
        let Some(maps) = maps.filter(|maps| !maps.is_empty()) else {
            return Err(error(value.line, Flaw::MergesNoMapping));
        };
        for entries in maps {
            self.merged += entries.len();
            if self.merged > MOST_MERGED {
                return Err(error(value.line, Flaw::MergesTooMuch));
            }
            merged.extend(entries.iter().cloned());
        }
        Ok(())
    }
}

/// A tag as a schema reads it.
fn parts(tag: &Tag) -> (Option<&str>, &str) {
    (tag.core_suffix(), tag.suffix())
}
