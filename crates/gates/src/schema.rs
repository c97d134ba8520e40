//! The JSON Schema (draft 2020-12) of a file of gates, made from the tables that the reader reads by, so that editors
//! complete keys and show mistakes while a person writes.
//!
//! It allows what the reader allows, except for keys with nothing behind them. It cannot see what needs more than one
//! place (names that depend on each other) or the environment.

use serde_json::{Map, Value as Json, json};

use crate::{
    Key, Shape,
    file::{COMMON, DEFAULTS, MOST_GATES, default_value, read_json},
    kinds::KINDS,
};

/// The schema as text, with its end of line; the same in every build.
pub fn text() -> String {
    let mut text = serde_json::to_string_pretty(&sorted(schema())).unwrap_or_default();
    text.push('\n');
    text
}

fn schema() -> Json {
    let gates = json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MOST_GATES,
        "items": reference("gate"),
    });
    let mut definitions = values();
    for kind in KINDS {
        definitions.insert(
            format!("kind-{}", kind.name),
            of_kind(kind.keys, kind.short),
        );
    }
    definitions.insert("gate".into(), gate());
    definitions.insert("gates".into(), gates);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Gates",
        "description": "What a release must prove before anybody calls it done: the input `gates` of health-gates",
        "anyOf": [
            reference("gates"),
            {
                "type": "object",
                "required": ["gates"],
                "additionalProperties": false,
                "properties": {
                    "defaults": with_help(object(DEFAULTS), "What holds for every gate that does not say otherwise"),
                    "gates": reference("gates"),
                },
            },
        ],
        "$defs": definitions,
    })
}

fn gate() -> Json {
    let mut gate = object(COMMON);
    let mut one_of = Vec::new();
    for kind in KINDS {
        let definition = format!("kind-{}", kind.name);
        gate["properties"][kind.name] = with_help(reference(&definition), kind.help);
        one_of.push(json!({"required": [kind.name]}));
    }
    gate["properties"]["name"] = with_help(
        any_of([
            json!({"type": "string", "pattern": "^[A-Za-z0-9._-]{1,63}$"}),
            json!({"type": "integer", "minimum": 0}),
            reference("variable"),
        ]),
        COMMON[0].help,
    );
    gate["oneOf"] = Json::Array(one_of);
    gate
}

/// A kind's mapping, or the value of its short form; nothing where every key may be left out.
fn of_kind(keys: &[Key], short: Option<&str>) -> Json {
    let mut forms = vec![object(keys)];
    let short = short.and_then(|short| keys.iter().find(|key| key.name == short));
    forms.extend(short.map(|key| of_shape(&key.shape)));
    if !keys.iter().any(|key| key.required) {
        forms.push(json!({"type": "null"}));
    }
    any_of(forms)
}

fn object(keys: &[Key]) -> Json {
    let properties: Map<String, Json> = keys
        .iter()
        .map(|key| {
            let mut value = with_help(of_shape(&key.shape), key.help);
            if let Some(default) = key.default {
                value["default"] = default_value(default, &key.shape);
            }
            (key.name.to_owned(), value)
        })
        .collect();
    let required: Vec<&str> = keys
        .iter()
        .filter(|key| key.required)
        .map(|key| key.name)
        .collect();
    let mut object = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

fn of_shape(shape: &Shape) -> Json {
    match shape {
        Shape::Text | Shape::Script | Shape::Secret | Shape::Address => reference("text"),
        Shape::Duration => reference("duration"),
        Shape::Count { least } => any_of([
            json!({"type": "integer", "minimum": least}),
            json!({"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}),
            reference("variable"),
        ]),
        Shape::Number => reference("number"),
        Shape::Percent => reference("percentage"),
        Shape::Flag => reference("flag"),
        Shape::Choice(words) => {
            // YAML reads a word such as `1.3` as a number.
            let as_read = words
                .iter()
                .map(|word| read_json(word).filter(Json::is_number));
            let words = words.iter().copied().map(Json::from);
            let words: Vec<Json> = words.chain(as_read.flatten()).collect();
            any_of([json!({"enum": words}), reference("variable")])
        }
        Shape::Json => json!({}),
        Shape::List(inner) => any_of([
            of_shape(inner),
            json!({"type": "array", "items": of_shape(inner)}),
        ]),
        Shape::Map(inner) => json!({"type": "object", "additionalProperties": of_shape(inner)}),
        Shape::Object(keys) => object(keys),
    }
}

/// The values that many keys share. Any of them may come from a variable.
fn values() -> Map<String, Json> {
    let or_variable = |forms: Vec<Json>| any_of(forms.into_iter().chain([reference("variable")]));
    let entries = [
        (
            "variable",
            with_help(
                json!({"type": "string", "pattern": "\\$\\{[A-Za-z_]"}),
                "Filled in from the step's environment: `${NAME}`, `${NAME:-default}`",
            ),
        ),
        ("text", json!({"type": ["string", "number", "boolean"]})),
        (
            "duration",
            with_help(
                or_variable(vec![
                    json!({"type": "integer", "minimum": 0}),
                    json!({"type": "string", "pattern": "^ *([0-9]+|([0-9.]+ *[a-z]+ *)+) *$"}),
                ]),
                "`30s`, `5m`, `1h30m`, `1500ms`, or plain seconds",
            ),
        ),
        (
            "number",
            or_variable(vec![
                json!({"type": "number"}),
                json!({"type": "string", "pattern": "^ *[-+]?[0-9.]+([eE][-+]?[0-9]+)? *$"}),
            ]),
        ),
        (
            "percentage",
            or_variable(vec![
                json!({"type": "number", "minimum": 0, "maximum": 100}),
                json!({"type": "string", "pattern": "^ *(100|[0-9]{1,2})([.][0-9]*)? *%? *$"}),
            ]),
        ),
        (
            "flag",
            or_variable(vec![
                json!({"type": "boolean"}),
                json!({"type": "string", "pattern": "^ *([tT][rR][uU][eE]|[fF][aA][lL][sS][eE]) *$"}),
            ]),
        ),
    ];
    entries
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn reference(name: &str) -> Json {
    json!({"$ref": format!("#/$defs/{name}")})
}

fn any_of(forms: impl IntoIterator<Item = Json>) -> Json {
    json!({"anyOf": forms.into_iter().collect::<Vec<Json>>()})
}

fn with_help(mut value: Json, help: &str) -> Json {
    value["description"] = Json::from(help);
    value
}

/// Every mapping in the order of its keys. A build with another crate's wish for the order of insertion would write
/// another text otherwise.
fn sorted(value: Json) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<(String, Json)> = map.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            Json::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (key, sorted(value)))
                    .collect(),
            )
        }
        Json::Array(items) => Json::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}
