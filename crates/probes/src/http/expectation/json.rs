//! What must stand at a place of a JSON document.

use std::fmt;

use serde_json::Value;

use super::Pattern;
use crate::foreign::piece;

/// A place in a JSON document (RFC 6901): empty for the whole, else parts that begin with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(String);

/// Why a text is no JSON pointer; reads after "failed to …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It is neither empty nor begins with `/`.
    #[error("read a JSON pointer: it must begin with /")]
    NoSlash,
    /// A `~` is neither `~0` (for `~`) nor `~1` (for `/`).
    #[error("read a JSON pointer: a ~ is written ~0 and a / within a name ~1")]
    Tilde,
}

impl Pointer {
    /// The place that `text` writes.
    ///
    /// # Errors
    /// It is none.
    pub fn new(text: &str) -> Result<Pointer, PointerError> {
        if !text.is_empty() && !text.starts_with('/') {
            return Err(PointerError::NoSlash);
        }
        let mut tildes = text.split('~');
        let _before = tildes.next();
        if tildes.any(|after| !after.starts_with(['0', '1'])) {
            return Err(PointerError::Tilde);
        }
        Ok(Pointer(text.to_owned()))
    }

    /// What stands there.
    pub fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        document.pointer(&self.0)
    }
}

impl fmt::Display for Pointer {
    /// As it was written; `the document` for the whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("the document")
        } else {
            f.write_str(&piece(&self.0))
        }
    }
}

/// What must stand at a place. A place that is missing meets [`JsonTest::Exists`]`(false)` and nothing else.
#[derive(Clone, Debug)]
pub enum JsonTest {
    /// This value; numbers are equal by value (`1` and `1.0`), objects in any order.
    Equals(Value),
    /// Any other value.
    Differs(Value),
    /// One of these values.
    OneOf(Vec<Value>),
    /// A number that compares so.
    Number(Comparison),
    /// An array, object or string whose elements, members or characters are so many.
    Length(Comparison),
    /// Something, `null` included; or nothing.
    Exists(bool),
    /// A value of this type.
    Type(JsonType),
    /// A string that matches.
    Matches(Pattern),
    /// An array that has this element, or a string that has this text.
    Contains(Value),
}

/// A type of JSON values (RFC 8259 §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum JsonType {
    Null,
    Boolean,
    Number,
    String,
    Array,
    Object,
}

/// Which numbers are well.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// How they compare.
    pub relation: Relation,
    /// With what.
    pub with: f64,
}

/// How one number compares with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Relation {
    Less,
    AtMost,
    Equal,
    NotEqual,
    AtLeast,
    Greater,
}

impl Comparison {
    fn takes(self, number: f64) -> bool {
        match self.relation {
            Relation::Less => number < self.with,
            Relation::AtMost => number <= self.with,
            Relation::Equal => number == self.with,
            Relation::NotEqual => number != self.with,
            Relation::AtLeast => number >= self.with,
            Relation::Greater => number > self.with,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.relation {
            Relation::Less => "< ",
            Relation::AtMost => "<= ",
            Relation::Equal => "",
            Relation::NotEqual => "!= ",
            Relation::AtLeast => ">= ",
            Relation::Greater => "> ",
        };
        write!(f, "{sign}{}", self.with)
    }
}

impl JsonType {
    /// Of which type `value` is.
    pub fn of(value: &Value) -> JsonType {
        match value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonType::Null => "null",
            JsonType::Boolean => "a boolean",
            JsonType::Number => "a number",
            JsonType::String => "a string",
            JsonType::Array => "an array",
            JsonType::Object => "an object",
        })
    }
}

impl JsonTest {
    /// What is missing at `pointer` of `document`, in words: `/status is "starting", wanted "healthy"`.
    pub(super) fn missing(&self, pointer: &Pointer, document: &Value) -> Option<String> {
        let Some(value) = pointer.find(document) else {
            return match self {
                JsonTest::Exists(false) => None,
                _ => Some(format!("{pointer} is missing, wanted {self}")),
            };
        };
        if self.takes(value) {
            return None;
        }
        Some(match self {
            JsonTest::Length(_) if length(value).is_some() => format!(
                "{pointer} has the length {}, wanted {self}",
                length(value).unwrap_or_default()
            ),
            _ => format!("{pointer} is {}, wanted {self}", self.seen(value)),
        })
    }

    /// `value` in words, with its type where that alone makes it another than was wanted.
    fn seen(&self, value: &Value) -> String {
        let other_type = match self {
            JsonTest::Equals(wanted) => JsonType::of(wanted) != JsonType::of(value),
            JsonTest::OneOf(wanted) => wanted
                .iter()
                .all(|wanted| JsonType::of(wanted) != JsonType::of(value)),
            JsonTest::Number(_) => true,
            JsonTest::Type(_) | JsonTest::Length(_) | JsonTest::Matches(_) => true,
            _ => false,
        };
        let text = piece(&value.to_string());
        match value {
            Value::Null | Value::Bool(_) => text,
            Value::Number(_) if matches!(self, JsonTest::Number(_)) => text,
            Value::String(_) if matches!(self, JsonTest::Matches(_)) => text,
            _ if other_type => format!("{text}, {}", JsonType::of(value)),
            _ => text,
        }
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            JsonTest::Equals(wanted) => equal(value, wanted),
            JsonTest::Differs(unwanted) => !equal(value, unwanted),
            JsonTest::OneOf(wanted) => wanted.iter().any(|wanted| equal(value, wanted)),
            JsonTest::Number(comparison) => value
                .as_f64()
                .is_some_and(|number| comparison.takes(number)),
            JsonTest::Length(comparison) => {
                length(value).is_some_and(|length| comparison.takes(length as f64))
            }
            JsonTest::Exists(wanted) => *wanted,
            JsonTest::Type(wanted) => JsonType::of(value) == *wanted,
            JsonTest::Matches(pattern) => value.as_str().is_some_and(|text| pattern.is_match(text)),
            JsonTest::Contains(wanted) => match (value, wanted) {
                (Value::Array(elements), wanted) => {
                    elements.iter().any(|element| equal(element, wanted))
                }
                (Value::String(text), Value::String(wanted)) => text.contains(wanted),
                _ => false,
            },
        }
    }
}

impl fmt::Display for JsonTest {
    /// What is wanted, in words that follow "wanted".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one = |value: &Value| piece(&value.to_string());
        match self {
            JsonTest::Equals(value) => f.write_str(&one(value)),
            JsonTest::Differs(value) => write!(f, "another than {}", one(value)),
            JsonTest::OneOf(values) => {
                let values: Vec<String> = values.iter().map(one).collect();
                f.write_str(&values.join(" or "))
            }
            JsonTest::Number(comparison) => write!(f, "a number {comparison}"),
            JsonTest::Length(comparison) => write!(f, "a length {comparison}"),
            JsonTest::Exists(true) => f.write_str("it"),
            JsonTest::Exists(false) => f.write_str("it to be missing"),
            JsonTest::Type(wanted) => write!(f, "{wanted}"),
            JsonTest::Matches(pattern) => write!(f, "a string that matches {pattern}"),
            JsonTest::Contains(value) => write!(f, "{} in it", one(value)),
        }
    }
}

/// How many elements, members or characters `value` has.
fn length(value: &Value) -> Option<usize> {
    match value {
        Value::Array(elements) => Some(elements.len()),
        Value::Object(members) => Some(members.len()),
        Value::String(text) => Some(text.chars().count()),
        _ => None,
    }
}

/// Whether two values are the same; numbers by value.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64() && inexact(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b)))
        }
        (a, b) => a == b,
    }
}

/// Whether one of them is a floating-point number: two large whole numbers that only look alike as such differ.
fn inexact(a: &serde_json::Number, b: &serde_json::Number) -> bool {
    a.is_f64() || b.is_f64()
}
