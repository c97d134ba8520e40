//! Typed reading: a mapping of a document, by the table of its keys, to [`Fields`].

use std::{fmt::Write as _, rc::Rc};

use serde_json::{Map, Value as Json};
use yaml_tree::Content;

use super::{
    scalar::{self, Scalar},
    unknown::{self, Elsewhere},
    variables::{self, Part},
};
use crate::{Fields, Key, Problem, Problems, Setting, Shape, Surroundings};

pub(super) type Node = yaml_tree::Node<Scalar>;
pub(super) type Entry = yaml_tree::Entry<Scalar>;

/// How many values are read, aliases followed: each may name another that holds many.
const MOST_VALUES: usize = 100_000;
/// How many bytes the variables of one file may grow to.
const MOST_FILLED: usize = 4 << 20;
/// How much of a value is shown, in characters.
const SHOWN: usize = 60;

pub(super) struct Reader<'a> {
    pub(super) around: &'a Surroundings,
    pub(super) problems: Problems,
    values: usize,
    filled: usize,
    /// Nothing more is read: what that costs has been told.
    exhausted: bool,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Spot<'a> {
    /// `gate api, http`.
    place: &'a str,
    key: &'a str,
    line: usize,
    /// The mapping's keys, and where else a key could belong.
    elsewhere: &'a [Elsewhere],
}

impl<'a> Reader<'a> {
    pub(super) fn new(around: &'a Surroundings) -> Self {
        Self {
            around,
            problems: Problems::new(),
            values: 0,
            filled: 0,
            exhausted: false,
        }
    }

    pub(super) fn wrong(
        &mut self,
        place: impl Into<String>,
        line: usize,
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.problems.push(Problem {
            place: place.into(),
            // A simple input stands in no line.
            line: Some(line).filter(|line| *line > 0),
            seen: seen.into(),
            wanted: wanted.into(),
            mend: mend.into(),
        });
    }

    fn wrong_at(
        &mut self,
        spot: Spot<'_>,
        seen: impl Into<String>,
        wanted: impl Into<String>,
        mend: impl Into<String>,
    ) {
        let place = format!("{}, `{}`", spot.place, spot.key);
        self.wrong(place, spot.line, seen, wanted, mend);
    }

    /// Whether one more value may be read.
    fn counts(&mut self, line: usize) -> bool {
        self.values += 1;
        let fits = self.values <= MOST_VALUES && self.filled <= MOST_FILLED;
        if !fits && !self.exhausted {
            self.exhausted = true;
            let seen = if self.values > MOST_VALUES {
                format!("more than {MOST_VALUES} values, aliases followed")
            } else {
                format!("more than {MOST_FILLED} bytes, variables filled in")
            };
            self.wrong("the file", line, seen, "fewer", "make several files of it");
        }
        fits
    }

    /// Reads a mapping by its table. `elsewhere` is where an unknown key could belong.
    pub(super) fn fields(
        &mut self,
        (line, entries): (usize, &[Entry]),
        keys: &'static [Key],
        place: &str,
        elsewhere: &[Elsewhere],
        with_defaults: bool,
    ) -> Fields {
        let mut fields = Fields {
            place: place.to_owned(),
            line: Some(line).filter(|line| *line > 0),
            ..Fields::default()
        };
        for entry in entries {
            if self.exhausted {
                return fields;
            }
            let name = entry.key.text.as_str();
            let Some(key) = keys.iter().find(|key| key.name == name) else {
                self.unknown(entry, keys, place, elsewhere);
                continue;
            };
            if is_unset(&entry.value, &key.shape) {
                continue;
            }
            let mut below = vec![Elsewhere {
                words: format!("belongs one level up, into {place}"),
                keys: keys.iter().map(|key| key.name).collect(),
            }];
            below.extend_from_slice(elsewhere);
            let spot = Spot {
                place,
                key: key.name,
                line: entry.line,
                elsewhere: &below,
            };
            fields.lines.insert(key.name, entry.line);
            if let Some(setting) = self.setting(&entry.value, &key.shape, spot) {
                fields.settings.insert(key.name, setting);
            }
        }
        for key in keys {
            if fields.lines.contains_key(key.name) {
                continue;
            }
            let spot = Spot {
                place,
                key: key.name,
                line,
                elsewhere: &[],
            };
            if key.required && with_defaults {
                let mend = format!("write `{}:` with it ({})", key.name, key.help);
                self.wrong_at(spot, "nothing", key.shape.wanted(), mend);
            } else if let Some(default) = key.default.filter(|_| with_defaults) {
                let node = default_node(default, line);
                if let Some(setting) = self.setting(&node, &key.shape, spot) {
                    fields.settings.insert(key.name, setting);
                }
            }
        }
        fields
    }

    fn unknown(&mut self, entry: &Entry, keys: &[Key], place: &str, elsewhere: &[Elsewhere]) {
        let name = entry.key.text.as_str();
        let mend = unknown::mend(name, keys, elsewhere);
        self.wrong(
            place,
            entry.line,
            format!("{}, which is no key of it", unknown::shown(name)),
            "known keys",
            mend,
        );
    }

    fn setting(&mut self, node: &Node, shape: &Shape, spot: Spot<'_>) -> Option<Setting> {
        if !self.counts(node.line) {
            return None;
        }
        match shape {
            Shape::Json => self.json(node, spot).map(Setting::Json),
            Shape::List(inner) => self.list(node, inner, spot),
            Shape::Map(inner) => self.map(node, inner, spot),
            Shape::Object(keys) => match &node.content {
                Content::Map(entries) => {
                    let place = format!("{}, {}", spot.place, spot.key);
                    let before = self.problems.len();
                    let fields =
                        self.fields((node.line, entries), keys, &place, spot.elsewhere, true);
                    (self.problems.len() == before).then_some(Setting::Object(fields))
                }
                _ => self.not_a(node, shape, spot),
            },
            _ => match &node.content {
                Content::Scalar(scalar) if !scalar.is_null() => self.scalar(scalar, shape, spot),
                _ => self.not_a(node, shape, spot),
            },
        }
    }

    fn list(&mut self, node: &Node, inner: &Shape, spot: Spot<'_>) -> Option<Setting> {
        let Content::List(items) = &node.content else {
            let one = self.setting(node, inner, spot)?;
            return Some(Setting::List(vec![one]));
        };
        let mut list = Vec::with_capacity(items.len());
        let mut whole = true;
        for (at, item) in items.iter().enumerate() {
            if self.exhausted {
                return None;
            }
            let key = format!("{} {}", spot.key, at + 1);
            let spot = Spot {
                // A number behind the key alone where its items have levels of their own.
                key: if matches!(inner, Shape::Object(_) | Shape::Map(_)) {
                    &key
                } else {
                    spot.key
                },
                line: if item.line > 0 { item.line } else { spot.line },
                ..spot
            };
            match self.setting(item, inner, spot) {
                Some(setting) => list.push(setting),
                None => whole = false,
            }
        }
        whole.then_some(Setting::List(list))
    }

    fn map(&mut self, node: &Node, inner: &Shape, spot: Spot<'_>) -> Option<Setting> {
        let Content::Map(entries) = &node.content else {
            return self.not_a(node, &Shape::Map(&Shape::Text), spot);
        };
        let mut map = Vec::with_capacity(entries.len());
        let mut whole = true;
        for entry in entries {
            if self.exhausted {
                return None;
            }
            let name = &entry.key.text;
            let key = format!("{} {}", spot.key, bare(name));
            let spot = Spot {
                key: &key,
                line: entry.line,
                ..spot
            };
            if variables::has_variable(name) {
                self.wrong_at(
                    spot,
                    "a variable in a key",
                    "variables in values alone",
                    "write the key out",
                );
                whole = false;
                continue;
            }
            let public = matches!(inner, Shape::Secret) && unknown::is_public_header(name);
            // A media type or a host name is what the person who reads the report needs.
            let inner = if public { &Shape::Text } else { inner };
            match self.setting(&entry.value, inner, spot) {
                Some(setting) => map.push((name.clone(), setting)),
                None => whole = false,
            }
        }
        whole.then_some(Setting::Map(map))
    }

    /// A value of another form than wanted.
    fn not_a(&mut self, node: &Node, shape: &Shape, spot: Spot<'_>) -> Option<Setting> {
        let (seen, mend) = match &node.content {
            Content::List(_) => ("a list", "write one value behind the colon"),
            Content::Map(_) => (
                "a mapping",
                "write a value behind the colon; quotes make text of what holds `: ` or begins with `{`",
            ),
            Content::Scalar(scalar) if scalar.is_null() => {
                ("nothing", "write a value, or leave the line out")
            }
            Content::Scalar(_) => (
                "a single value",
                "write `key: value` pairs below it, indented",
            ),
        };
        let mend = match shape {
            Shape::Object(_) | Shape::Map(_) => "write `key: value` pairs below it, indented",
            _ => mend,
        };
        self.wrong_at(spot, seen, shape.wanted(), mend);
        None
    }

    fn scalar(&mut self, scalar: &Scalar, shape: &Shape, spot: Spot<'_>) -> Option<Setting> {
        let parts = match shape {
            Shape::Script if !scalar.tagged => vec![Part::Literal(scalar.text.clone())],
            _ => self.parts(scalar, spot)?,
        };
        let redactor = &self.around.redactor;
        variables::learn_named(&parts, redactor);
        let text = match shape {
            Shape::Secret => {
                variables::learn_all(&parts, redactor);
                variables::joined(&parts)
            }
            Shape::Address => variables::address(&parts, redactor),
            _ => variables::joined(&parts),
        };
        self.filled = self.filled.saturating_add(text.len());
        let read = match shape {
            Shape::Duration => scalar::read_duration(&text).map(Setting::Duration),
            Shape::Count { least } => scalar::read_count(&text, *least).map(Setting::Count),
            Shape::Number => scalar::read_number(&text).map(Setting::Number),
            Shape::Percent => scalar::read_percent(&text).map(Setting::Number),
            Shape::Flag => scalar::read_flag(&text).map(Setting::Flag),
            Shape::Choice(words) if !words.contains(&text.as_str()) => {
                Err(scalar::no_choice(&text, words))
            }
            Shape::Address if !is_one_line(&text) => {
                self.wrong_at(
                    spot,
                    "a line break or another control character in it",
                    "an address on one line",
                    "take it out, or write it percent-encoded: `%0A`; a variable may hold it",
                );
                return None;
            }
            _ => return Some(Setting::Text(text)),
        };
        match read {
            Ok(setting) => Some(setting),
            Err(mistake) => {
                // The text as it was written: a variable's value may be a secret.
                let filled = parts
                    .iter()
                    .any(|part| matches!(part, Part::Variable { .. }));
                let seen = shown(&scalar.text);
                let (seen, mend) = if filled {
                    (
                        format!("the value of {seen}"),
                        String::from("correct the variable"),
                    )
                } else {
                    (seen, mistake.mend)
                };
                self.wrong_at(spot, seen, mistake.wanted, mend);
                None
            }
        }
    }

    /// The pieces of a scalar's text; what is wrong with its variables is told.
    fn parts(&mut self, scalar: &Scalar, spot: Spot<'_>) -> Option<Vec<Part>> {
        if scalar.tagged {
            self.wrong_at(
                spot,
                "a value with a tag of its own",
                "a value without `!…`",
                "remove the tag, or put the value in quotes",
            );
            return None;
        }
        match variables::parts(&scalar.text, &self.around.environment) {
            Ok(parts) => Some(parts),
            Err(mistakes) => {
                for mistake in mistakes {
                    self.wrong_at(spot, mistake.seen, mistake.wanted, mistake.mend);
                }
                None
            }
        }
    }

    fn json(&mut self, node: &Node, spot: Spot<'_>) -> Option<Json> {
        match &node.content {
            Content::Scalar(scalar) => {
                let parts = self.parts(scalar, spot)?;
                variables::learn_named(&parts, &self.around.redactor);
                let text = variables::joined(&parts);
                self.filled = self.filled.saturating_add(text.len());
                // With a variable in it it is a text: a value cannot choose its own type.
                if !scalar.plain || variables::has_variable(&scalar.text) {
                    return Some(Json::String(text));
                }
                match scalar::read_json(&text) {
                    Ok(json) => Some(json),
                    Err(mistake) => {
                        self.wrong_at(spot, shown(&scalar.text), mistake.wanted, mistake.mend);
                        None
                    }
                }
            }
            Content::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.push(self.json_below(item, spot)?);
                }
                Some(Json::Array(list))
            }
            Content::Map(entries) => {
                let mut map = Map::new();
                for entry in entries {
                    let spot = Spot {
                        line: entry.line,
                        ..spot
                    };
                    map.insert(entry.key.text.clone(), self.json_below(&entry.value, spot)?);
                }
                Some(Json::Object(map))
            }
        }
    }

    fn json_below(&mut self, node: &Node, spot: Spot<'_>) -> Option<Json> {
        self.counts(node.line)
            .then(|| self.json(node, spot))
            .flatten()
    }
}

/// Whether an address may be used as it is: what reads URLs drops line breaks without a word, and asks another address.
/// libpq's `host=… user=…` may stand in several lines.
fn is_one_line(address: &str) -> bool {
    let address = address.trim();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let word = address.trim_start_matches(is_word);
    let is_parameters = word.len() < address.len() && word.trim_start().starts_with('=');
    !address
        .chars()
        .any(|letter| letter.is_control() && !(is_parameters && letter.is_ascii_whitespace()))
}

/// `key:` with nothing behind it is the key left out, except where JSON's null may be meant.
fn is_unset(node: &Node, shape: &Shape) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.is_null())
        && !matches!(shape, Shape::Json)
}

/// A default, as a person would write it.
fn default_node(default: &str, line: usize) -> Rc<Node> {
    let levels = default.starts_with(['[', '{']);
    let composed = levels
        .then(|| yaml_tree::compose(default, &scalar::Core).ok())
        .flatten()
        .and_then(|document| document.root);
    composed.unwrap_or_else(|| Rc::new(Node::new(line, Content::Scalar(Scalar::plain(default)))))
}

/// A key that the writer chose, on one line.
fn bare(text: &str) -> String {
    let mut line = String::new();
    for letter in text.chars().take(SHOWN) {
        if letter.is_control() || letter == '`' {
            let _ = write!(line, "{}", letter.escape_default());
        } else {
            line.push(letter);
        }
    }
    if text.chars().count() > SHOWN {
        line.push('…');
    }
    line
}

/// A value on one line.
pub(super) fn shown(text: &str) -> String {
    format!("`{}`", bare(text))
}
