//! Text with places for captured values: `Bearer {{token}}`.
//!
//! Responsible for: the syntax, and putting a value into its place so that it stays one value there. Not responsible for
//! where values come from.

use std::{collections::BTreeMap, fmt};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What was captured so far: a text, a number or a truth value, by name.
pub(super) type Captured = BTreeMap<String, Json>;

/// A text with places for captured values.
///
/// `{{name}}` is such a place; `{{{{` is a literal `{{`. It prints as it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(String),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without its end.
    #[error("find the end of a place: `{{{{` without `}}}}`")]
    Open,
    /// What stands between the braces is no name.
    #[error(
        "read the name of a place: letters, digits, `-` and `_` may stand between `{{{{` and `}}}}`"
    )]
    Name,
}

/// What a template is filled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// A header, or a body of no known type: as it is.
    Plain,
    /// A path, a query or a form: percent-encoded.
    Address,
    /// JSON text: escaped inside a string, a JSON value outside of one.
    Json,
}

impl Template {
    /// Reads `text`.
    ///
    /// # Errors
    /// A place that is none; the text is not repeated, it may hold a secret.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 2..];
            if let Some(after) = rest.strip_prefix("{{") {
                plain.push_str("{{");
                rest = after;
                continue;
            }
            let end = rest.find("}}").ok_or(TemplateError::Open)?;
            let name = rest[..end].trim();
            if !is_name(name) {
                return Err(TemplateError::Name);
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Place(name.to_owned()));
            rest = &rest[end + 2..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Template { parts })
    }

    /// `text` as it stands, without places.
    pub fn literal(text: &str) -> Template {
        Template {
            parts: vec![Part::Text(text.to_owned())],
        }
    }

    /// The names of the places in the texts of `json`; its keys have none.
    ///
    /// # Errors
    /// A text that is no template.
    pub fn places_in(json: &Json) -> Result<Vec<String>, TemplateError> {
        let mut names = Vec::new();
        match json {
            Json::String(text) => {
                names.extend(Template::parse(text)?.places().map(str::to_owned));
            }
            Json::Array(all) => {
                for value in all {
                    names.extend(Template::places_in(value)?);
                }
            }
            Json::Object(all) => {
                for value in all.values() {
                    names.extend(Template::places_in(value)?);
                }
            }
            _ => (),
        }
        Ok(names)
    }

    /// `json` with the places in its texts filled, or the name of the first that has no value. A text that is one place
    /// and nothing else becomes the value itself: a number stays one.
    pub(super) fn fill_json(json: &Json, captured: &Captured) -> Result<Json, String> {
        Ok(match json {
            Json::String(text) => match Template::parse(text) {
                Ok(template) => match template.only_place() {
                    Some(name) => captured.get(name).cloned().ok_or_else(|| name.to_owned())?,
                    None => Json::from(template.fill(captured, Placement::Plain)?),
                },
                Err(_) => json.clone(),
            },
            Json::Array(all) => {
                let all: Result<_, _> = all
                    .iter()
                    .map(|value| Template::fill_json(value, captured))
                    .collect();
                Json::Array(all?)
            }
            Json::Object(all) => {
                let all: Result<_, String> = all
                    .iter()
                    .map(|(key, value)| Ok((key.clone(), Template::fill_json(value, captured)?)))
                    .collect();
                Json::Object(all?)
            }
            other => other.clone(),
        })
    }

    /// The names of its places.
    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Place(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// The name of the place that is all of it.
    pub fn only_place(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [Part::Place(name)] => Some(name),
            _ => None,
        }
    }

    /// The text before its first place.
    pub fn beginning(&self) -> String {
        let texts = self.parts.iter().map_while(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            Part::Place(_) => None,
        });
        texts.collect()
    }

    /// This template, then `other`.
    pub(super) fn followed_by(mut self, other: Template) -> Template {
        self.parts.extend(other.parts);
        self
    }

    /// The text with every place filled, or the name of the first that has no value.
    pub(super) fn fill(&self, captured: &Captured, placement: Placement) -> Result<String, String> {
        let mut filled = String::new();
        let mut in_string = false;
        for part in &self.parts {
            match part {
                Part::Text(text) => {
                    in_string = ends_in_string(text, in_string);
                    filled.push_str(text);
                }
                Part::Place(name) => {
                    let value = captured.get(name).ok_or_else(|| name.clone())?;
                    filled.push_str(&placed(value, placement, in_string));
                }
            }
        }
        Ok(filled)
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(&text.replace("{{", "{{{{")),
            Part::Place(name) => write!(f, "{{{{{name}}}}}"),
        })
    }
}

impl fmt::Debug for Template {
    // Its text may hold a secret of the environment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Template")
    }
}

/// Whether captures may be called `name`.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

/// A captured value as text: a JSON text without its quotes.
pub(super) fn plain(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn placed(value: &Json, placement: Placement, in_string: bool) -> String {
    let text = plain(value);
    match placement {
        Placement::Plain => text,
        Placement::Address => utf8_percent_encode(&text, RESERVED).to_string(),
        Placement::Json if in_string => escaped(&text),
        Placement::Json => match serde_json::from_str::<Json>(&text) {
            // Where a number may stand, a text that is one is meant as one.
            Ok(Json::Number(_) | Json::Bool(_) | Json::Null) => text.trim().to_owned(),
            _ => Json::String(text).to_string(),
        },
    }
}

/// `text` as it stands between the quotes of a JSON string.
pub(super) fn escaped(text: &str) -> String {
    let quoted = Json::String(text.to_owned()).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Percent-encoded, every character that RFC 3986 reserves.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Whether the JSON text is inside a string at its end, when it was `in_string` at its beginning.
fn ends_in_string(text: &str, mut in_string: bool) -> bool {
    let mut escaped = false;
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' if in_string => escaped = true,
            '"' => in_string = !in_string,
            _ => (),
        }
    }
    in_string
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str, value: Json, placement: Placement) -> String {
        let captured = Captured::from([("v".to_owned(), value)]);
        Template::parse(template)
            .expect("a template")
            .fill(&captured, placement)
            .expect("a value for each place")
    }

    #[test]
    fn a_place_is_two_braces_and_four_are_two() {
        let template = Template::parse("a {{one}} {{{{b}} {{ two-2 }}").expect("a template");
        assert_eq!(template.places().collect::<Vec<_>>(), ["one", "two-2"]);
        assert_eq!(template.to_string(), "a {{one}} {{{{b}} {{two-2}}");
        assert_eq!(
            filled("x {{{{v}} {{v}}", "1".into(), Placement::Plain),
            "x {{v}} 1"
        );
        assert_eq!(Template::parse("{{one"), Err(TemplateError::Open));
        assert_eq!(Template::parse("{{}}"), Err(TemplateError::Name));
        assert_eq!(Template::parse("{{a b}}"), Err(TemplateError::Name));
    }

    #[test]
    fn a_json_body_of_nested_mappings_holds_no_place() {
        let text = r#"{"a":{"b":{"c":1}}}"#;
        let template = Template::parse(text).expect("a template");
        assert_eq!(template.places().count(), 0);
        assert_eq!(template.to_string(), text);
    }

    #[test]
    fn a_value_in_an_address_is_percent_encoded_whole() {
        assert_eq!(
            filled(
                "/u/{{v}}?q={{v}}",
                "a/b?c=%41&ü\"\n".into(),
                Placement::Address
            ),
            "/u/a%2Fb%3Fc%3D%2541%26%C3%BC%22%0A?q=a%2Fb%3Fc%3D%2541%26%C3%BC%22%0A"
        );
    }

    #[test]
    fn a_value_inside_a_json_string_is_escaped_and_outside_becomes_a_json_value() {
        let value = "a\"b\\c\n%/\u{1}";
        let body = filled(
            r#"{"x":"é\"{{v}}","y":{{v}}}"#,
            value.into(),
            Placement::Json,
        );
        let read: Json = serde_json::from_str(&body).expect("JSON");
        assert_eq!(read["x"], format!("é\"{value}"));
        assert_eq!(read["y"], value);
        assert_eq!(
            filled(r#"{"x":{{v}}}"#, "17".into(), Placement::Json),
            r#"{"x":17}"#
        );
        assert_eq!(
            filled(r#"{"x":"{{v}}"}"#, 17.into(), Placement::Json),
            r#"{"x":"17"}"#
        );
        let smuggled = filled(
            r#"{"x":{{v}}}"#,
            r#"1,"admin":true"#.into(),
            Placement::Json,
        );
        assert_eq!(smuggled, r#"{"x":"1,\"admin\":true"}"#);
    }
}
