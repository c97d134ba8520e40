//! What is wrong with a state that is JSON and no state, in words for the person who mends it: which field, what is there,
//! what was wanted.
//!
//! Not responsible for whether it is one: that decides `state`.

use serde_json::{Map, Value};

use crate::state::Unreadable;

/// What a field holds.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    /// A whole number that is not negative.
    Number,
    /// A process's.
    Pid,
    Outcome,
    Object(&'static [Field]),
    /// An object whose every value is one of this form.
    Each(&'static [Field]),
}

/// Its name, its kind, whether it must be there (then it is not null either).
type Field = (&'static str, Kind, bool);

const STATE: &[Field] = &[
    ("schema", Kind::Number, true),
    ("fencing_token", Kind::Number, true),
    ("current_version", Kind::Text, false),
    ("previous_version", Kind::Text, false),
    ("last_deploy_timestamp", Kind::Text, false),
    ("deploy_start", Kind::Text, false),
    ("deploy_runner", Kind::Text, false),
    ("deployed_by", Kind::Text, false),
    ("deployment", Kind::Object(DEPLOYMENT), false),
    ("running", Kind::Object(RUNNING), false),
    ("last_attempt", Kind::Object(ATTEMPT), false),
];

const DEPLOYMENT: &[Field] = &[("id", Kind::Text, true), ("steps", Kind::Each(STEP), false)];

const STEP: &[Field] = &[
    ("version", Kind::Text, true),
    ("token", Kind::Number, true),
    ("at", Kind::Text, true),
];

const RUNNING: &[Field] = &[
    ("token", Kind::Number, true),
    ("step", Kind::Text, true),
    ("version", Kind::Text, false),
    ("since", Kind::Text, true),
    ("keeper", Kind::Pid, true),
    ("started", Kind::Number, true),
    ("guard", Kind::Pid, true),
    ("guard_started", Kind::Number, true),
    ("mark", Kind::Text, true),
    ("host", Kind::Text, true),
    ("boot", Kind::Text, true),
    ("pid_namespace", Kind::Text, true),
];

const ATTEMPT: &[Field] = &[
    ("version", Kind::Text, false),
    ("step", Kind::Text, true),
    ("token", Kind::Number, true),
    ("started", Kind::Text, true),
    ("ended", Kind::Text, true),
    ("outcome", Kind::Outcome, true),
    ("exit_code", Kind::Number, false),
];

impl Kind {
    fn wanted(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Number => "a whole number, not negative, without quotes",
            Self::Pid => "the number of a process",
            Self::Outcome => "succeeded, failed, not_started, killed or overtaken, in quotes",
            Self::Object(_) | Self::Each(_) => "an object in braces",
        }
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Number => value.is_u64(),
            Self::Pid => value.as_u64().is_some_and(|pid| i32::try_from(pid).is_ok()),
            Self::Outcome => matches!(
                value.as_str(),
                Some("succeeded" | "failed" | "not_started" | "killed" | "overtaken")
            ),
            Self::Object(_) | Self::Each(_) => value.is_object(),
        }
    }
}

/// Why `state` could not be read as one, where `error` is what the reader said.
pub(crate) fn fault(state: &Value, error: &serde_json::Error) -> Unreadable {
    if let Some(fault) = state.as_object().and_then(|s| look(s, STATE, "")) {
        return fault;
    }
    // Every field by itself is well, so one stands there twice; only the reader saw which.
    let said = error.to_string();
    match said.strip_prefix("duplicate field `") {
        Some(rest) => Unreadable::Twice {
            field: rest.split('`').next().unwrap_or_default().to_owned(),
        },
        None => Unreadable::Strange {
            line: error.line(),
            column: error.column(),
        },
    }
}

/// What a value is, in plain words.
pub(crate) fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_u64() => "a number",
        Value::Number(_) => "a number that is negative, no whole one, or too large",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn look(object: &Map<String, Value>, fields: &[Field], above: &str) -> Option<Unreadable> {
    fields.iter().find_map(|(name, kind, required)| {
        let field = format!("{above}{name}");
        let wanted = kind.wanted();
        match object.get(*name) {
            None if *required => Some(Unreadable::Missing { field, wanted }),
            None => None,
            // A list of steps may be left out, but not be null.
            Some(Value::Null) if !required && !matches!(kind, Kind::Each(_)) => None,
            Some(value) if !kind.holds(value) => Some(Unreadable::Field {
                field,
                seen: kind_of(value),
                wanted,
            }),
            Some(value) => within(value.as_object()?, *kind, &field),
        }
    })
}

fn within(object: &Map<String, Value>, kind: Kind, above: &str) -> Option<Unreadable> {
    match kind {
        Kind::Object(fields) => look(object, fields, &format!("{above}.")),
        Kind::Each(fields) => object.iter().find_map(|(name, value)| {
            let field = format!("{above}.{name}");
            match value.as_object() {
                Some(value) => look(value, fields, &format!("{field}.")),
                None => Some(Unreadable::Field {
                    field,
                    seen: kind_of(value),
                    wanted: kind.wanted(),
                }),
            }
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::state::State;

    fn why(text: &str) -> String {
        let parsed = State::parse(format!("{text}\n").as_bytes());
        parsed.unwrap_err().to_string()
    }

    #[test]
    fn a_wrong_field_is_named_with_what_is_there_and_what_was_wanted() {
        for (text, expected) in [
            ("[1]", "it is a list, not an object in braces"),
            (
                r#"{"schema": "1", "fencing_token": 3}"#,
                "its field schema is text; wanted: a whole number, not negative, without quotes",
            ),
            (
                r#"{"schema": 1}"#,
                "it has no field fencing_token; wanted: a whole number, not negative, without quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": -3}"#,
                "its field fencing_token is a number that is negative, no whole one, or too large; \
                 wanted: a whole number, not negative, without quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "current_version": 2}"#,
                "its field current_version is a number; wanted: text in quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "deployment": {"steps": {}}}"#,
                "it has no field deployment.id; wanted: text in quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "deployment": {"id": "d", "steps": {"one": 1}}}"#,
                "its field deployment.steps.one is a number; wanted: an object in braces",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "deployment": {"id": "d", "steps": {"one": {"version": "v", "token": 3}}}}"#,
                "it has no field deployment.steps.one.at; wanted: text in quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "running": {"token": 3}}"#,
                "it has no field running.step; wanted: text in quotes",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3, "fencing_token": 4}"#,
                "its field fencing_token stands there twice",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3,}"#,
                "it is not JSON at line 1, column 34",
            ),
            (
                r#"{"schema": 1, "fencing_token": 3"#,
                "it ends too early: a closing brace or quote is missing",
            ),
        ] {
            assert_eq!(why(text), expected, "{text}");
        }
    }
}
