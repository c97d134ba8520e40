//! What must stand at a JSON pointer, as a file of gates writes it: a value that it must equal, or a mapping of tests.

use probes::http::expectation::{Comparison, JsonTest, JsonType, Relation};
use serde_json::Value as Json;

use super::{expectation::pattern, shown};
use crate::{Fields, Problems};

const KEY: &str = "json";

/// The tests that `value` writes for the place `pointer`. A mapping is one of tests: to want an object, `==` stands
/// before it.
pub(super) fn tests(
    fields: &Fields,
    pointer: &str,
    value: &Json,
    problems: &mut Problems,
) -> Vec<JsonTest> {
    let Json::Object(tests) = value else {
        return vec![JsonTest::Equals(value.clone())];
    };
    if tests.is_empty() {
        wrong(fields, pointer, "an empty mapping", problems);
    }
    tests
        .iter()
        .filter_map(|(word, value)| test(fields, pointer, word, value, problems))
        .collect()
}

fn test(
    fields: &Fields,
    pointer: &str,
    word: &str,
    value: &Json,
    problems: &mut Problems,
) -> Option<JsonTest> {
    let test = match (word, value) {
        ("==", value) => Some(JsonTest::Equals(value.clone())),
        ("!=", value) => Some(JsonTest::Differs(value.clone())),
        ("one-of", Json::Array(values)) if !values.is_empty() => {
            Some(JsonTest::OneOf(values.clone()))
        }
        ("exists", Json::Bool(flag)) => Some(JsonTest::Exists(*flag)),
        ("type", Json::String(name)) => json_type(name).map(JsonTest::Type),
        ("type", Json::Null) => Some(JsonTest::Type(JsonType::Null)),
        ("contains", value) => Some(JsonTest::Contains(value.clone())),
        ("matches", Json::String(text)) => {
            return pattern(fields, KEY, text, problems).map(JsonTest::Matches);
        }
        ("length", Json::Number(_)) => compared("==", value).map(JsonTest::Length),
        ("length", Json::Object(one)) if one.len() == 1 => one
            .iter()
            .next()
            .and_then(|(sign, value)| compared(sign, value))
            .map(JsonTest::Length),
        (sign @ (">" | ">=" | "<" | "<="), value) => compared(sign, value).map(JsonTest::Number),
        _ => None,
    };
    if test.is_none() {
        let seen = shown(&format!("{word}: {value}"));
        wrong(fields, pointer, &seen, problems);
    }
    test
}

fn compared(sign: &str, value: &Json) -> Option<Comparison> {
    let relation = match sign {
        "<" => Relation::Less,
        "<=" => Relation::AtMost,
        "==" => Relation::Equal,
        "!=" => Relation::NotEqual,
        ">=" => Relation::AtLeast,
        ">" => Relation::Greater,
        _ => return None,
    };
    Some(Comparison {
        relation,
        with: value.as_f64()?,
    })
}

fn json_type(name: &str) -> Option<JsonType> {
    Some(match name {
        "null" => JsonType::Null,
        "boolean" => JsonType::Boolean,
        "number" => JsonType::Number,
        "string" => JsonType::String,
        "array" => JsonType::Array,
        "object" => JsonType::Object,
        _ => return None,
    })
}

fn wrong(fields: &Fields, pointer: &str, seen: &str, problems: &mut Problems) {
    fields.wrong(
        KEY,
        &format!("{seen} at {}", shown(pointer)),
        "a value, or tests: `==`, `!=`, `>`, `>=`, `<`, `<=` with a number, `one-of` with a list, `exists` with true or \
         false, `type` with a type's name, `length` with a number or a comparison, `matches` with a regular expression, \
         `contains`",
        "mend the test; to want an object itself, write `{\"==\": {…}}`",
        problems,
    );
}
