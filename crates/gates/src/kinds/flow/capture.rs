//! The keys that say what is taken from an answer.

use probes::{
    flow::{Capture, Source, is_name},
    http::{
        Request,
        expectation::{Pattern, Pointer, PointerError},
    },
};

use crate::{Fields, Key, Problems, Setting, Shape};

/// The keys.
pub(super) const KEYS: &[Key] = &[
    Key::new(
        "json",
        Shape::Text,
        "The JSON pointer (RFC 6901) of a string, a number or a boolean",
    ),
    Key::new("header", Shape::Text, "The name of a header"),
    Key::new(
        "cookie",
        Shape::Text,
        "The name of a cookie, set by this answer or by one before it in the same try",
    ),
    Key::new(
        "regex",
        Shape::Text,
        "Takes its first group, or the whole match without one; of the body where it stands alone",
    ),
];

/// What the step `fields` captures.
pub(super) fn read(fields: &Fields, problems: &mut Problems) -> Vec<Capture> {
    let mut captures = Vec::new();
    for (name, setting) in fields.map("capture") {
        if !is_name(name) {
            fields.wrong(
                "capture",
                &format!("`{}` as a name", name.escape_debug()),
                "a name",
                "write letters, digits, `-` and `_`",
                problems,
            );
        }
        if let Setting::Object(keys) = setting {
            captures.extend(capture(name, keys, problems));
        }
    }
    captures
}

fn capture(name: &str, keys: &Fields, problems: &mut Problems) -> Option<Capture> {
    let written: Vec<&str> = ["json", "header", "cookie"]
        .into_iter()
        .filter(|key| keys.text(key).is_some())
        .collect();
    if let [first, second, ..] = written.as_slice() {
        keys.wrong(
            second,
            &format!("a second place beside `{first}`"),
            "one of `json`, `header` and `cookie`",
            "leave all but one out",
            problems,
        );
        return None;
    }
    let pattern = match keys.text("regex").map(Pattern::new) {
        None => None,
        Some(Ok(pattern)) => Some(pattern),
        Some(Err(error)) => {
            keys.wrong(
                "regex",
                &error.detail,
                "a regular expression",
                "mend it; in YAML, write it in single quotes",
                problems,
            );
            return None;
        }
    };
    let source = match written.first() {
        Some(&"json") => pointer(keys, problems)?,
        Some(&"header") => header(keys, problems)?,
        Some(_) => Source::Cookie(keys.text("cookie")?.to_owned()),
        None if pattern.is_some() => Source::Body,
        None => {
            keys.wrong(
                name,
                "no place",
                "one of `json`, `header`, `cookie` and `regex`",
                "write for instance `{json: /token}`",
                problems,
            );
            return None;
        }
    };
    Some(Capture {
        name: name.to_owned(),
        source,
        pattern,
    })
}

fn pointer(keys: &Fields, problems: &mut Problems) -> Option<Source> {
    let text = keys.text("json")?;
    match Pointer::new(text) {
        Ok(pointer) => Some(Source::Json(pointer)),
        Err(error) => {
            let path = text.replace('.', "/");
            let mend = match error {
                PointerError::NoSlash => format!("write `/{}`", path.trim_start_matches("$/")),
                PointerError::Tilde => "write `~0` for each `~`".to_owned(),
            };
            keys.wrong(
                "json",
                &format!("`{}`", text.escape_debug()),
                "a JSON pointer: `/` before each part, `~1` for a `/` and `~0` for a `~` within one",
                &mend,
                problems,
            );
            None
        }
    }
}

fn header(keys: &Fields, problems: &mut Problems) -> Option<Source> {
    let name = keys.text("header")?;
    let well =
        Request::new("GET", "http://localhost/").and_then(|request| request.header(name, ""));
    if well.is_err() {
        keys.wrong(
            "header",
            &format!("`{}` as a name", name.escape_debug()),
            "a header's name",
            "write letters, digits and `-` without spaces",
            problems,
        );
        return None;
    }
    Some(Source::Header(name.to_owned()))
}
