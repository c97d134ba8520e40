//! The keys that say what an answer must be.

use std::{ops::RangeInclusive, str::FromStr, time::Duration};

use probes::http::{
    Expectation,
    expectation::{HeaderTest, JsonTest, Pattern, Pointer, PointerError},
};
use serde_json::Value as Json;

use super::{json, shown};
use crate::{Fields, Key, Problems, Setting, Shape};

/// The keys.
pub(in crate::kinds) const KEYS: &[Key] = &[
    Key::new(
        "status",
        Shape::List(&Shape::Text),
        "The statuses that are well: `200`, `200-204`, `2xx`, or a list of these",
    )
    .with_default("2xx"),
    Key::new(
        "json",
        Shape::Map(&Shape::Json),
        "By JSON pointer (RFC 6901), the value that must stand there or the tests that it must meet",
    ),
    Key::new(
        "matches",
        Shape::List(&Shape::Text),
        "Regular expressions that the body must match, each somewhere",
    ),
    Key::new(
        "lacks",
        Shape::List(&Shape::Text),
        "Regular expressions that the body must match nowhere",
    ),
    Key::new(
        "response-headers",
        Shape::Map(&Shape::Json),
        "By name, the value that a header must have, or `{matches: …}` or `{exists: …}`",
    ),
    Key::new(
        "max-latency",
        Shape::Duration,
        "The longest time from the question to the end of the answer",
    ),
];

/// What `fields` want of an answer.
pub(in crate::kinds) fn read(fields: &Fields, problems: &mut Problems) -> Option<Expectation> {
    let before = problems.len();
    let expectation = Expectation {
        status: statuses(fields, problems),
        max_latency: latency(fields, problems),
        headers: headers(fields, problems),
        json: pointers(fields, problems),
        matches: patterns(fields, "matches", problems),
        lacks: patterns(fields, "lacks", problems),
        shows_body: true,
    };
    (problems.len() == before).then_some(expectation)
}

fn latency(fields: &Fields, problems: &mut Problems) -> Option<Duration> {
    let longest = fields.duration("max-latency")?;
    if longest.is_zero() {
        fields.wrong(
            "max-latency",
            "0s, which no answer keeps",
            "at least 1ms",
            "write `2s`, or leave it out where the time does not matter",
            problems,
        );
    }
    Some(longest)
}

fn statuses(fields: &Fields, problems: &mut Problems) -> Vec<RangeInclusive<u16>> {
    let texts = fields.texts("status");
    if texts.is_empty() {
        return Expectation::default().status;
    }
    let mut statuses = Vec::new();
    for text in texts {
        match status(text.trim()) {
            Some(range) => statuses.push(range),
            None => fields.wrong(
                "status",
                &shown(text),
                "a status from 100 to 599",
                "write `200`, `200-204`, `2xx`, or a list of these",
                problems,
            ),
        }
    }
    statuses
}

/// `200`, `200-204`, `2xx`; statuses are 100 to 599 (RFC 9110 §15).
fn status(text: &str) -> Option<RangeInclusive<u16>> {
    let number = |text: &str| {
        u16::from_str(text.trim())
            .ok()
            .filter(|number| (100..=599).contains(number))
    };
    if let Some(class) = text
        .strip_suffix("xx")
        .or_else(|| text.strip_suffix("XX"))
        .filter(|class| class.len() == 1)
    {
        let first = number(&format!("{class}00"))?;
        return Some(first..=first + 99);
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some(first..=last)
}

fn patterns(fields: &Fields, key: &str, problems: &mut Problems) -> Vec<Pattern> {
    fields
        .texts(key)
        .into_iter()
        .filter_map(|text| pattern(fields, key, text, problems))
        .collect()
}

/// The regular expression `text` of `key`.
pub(super) fn pattern(
    fields: &Fields,
    key: &str,
    text: &str,
    problems: &mut Problems,
) -> Option<Pattern> {
    match Pattern::new(text) {
        Ok(pattern) => Some(pattern),
        Err(error) => {
            fields.wrong(
                key,
                &format!("{}: {}", shown(text), error.detail),
                "a regular expression",
                "mend it; in YAML, write it in single quotes",
                problems,
            );
            None
        }
    }
}

fn pointers(fields: &Fields, problems: &mut Problems) -> Vec<(Pointer, JsonTest)> {
    let mut all = Vec::new();
    for (text, setting) in fields.map("json") {
        let Setting::Json(value) = setting else {
            continue;
        };
        let pointer = match Pointer::new(text) {
            Ok(pointer) => pointer,
            Err(error) => {
                let seen = shown(text);
                let meant = text.replace('.', "/");
                let mend = format!(
                    "write {}",
                    shown(&format!("/{}", meant.trim_start_matches("$/")))
                );
                fields.wrong(
                    "json",
                    &seen,
                    "a JSON pointer: `/` before each part, `~1` for a `/` and `~0` for a `~` within one",
                    match error {
                        PointerError::NoSlash => &mend,
                        PointerError::Tilde => "write `~0` for each `~`",
                    },
                    problems,
                );
                continue;
            }
        };
        for test in json::tests(fields, text, value, problems) {
            all.push((pointer.clone(), test));
        }
    }
    all
}

fn headers(fields: &Fields, problems: &mut Problems) -> Vec<(String, HeaderTest)> {
    const KEY: &str = "response-headers";
    let mut all = Vec::new();
    for (name, setting) in fields.map(KEY) {
        let Setting::Json(value) = setting else {
            continue;
        };
        if probes::http::Request::new("GET", "http://localhost/")
            .and_then(|request| request.header(name, ""))
            .is_err()
        {
            fields.wrong(
                KEY,
                &format!("{} as a name", shown(name)),
                "a header's name",
                "write letters, digits and `-` without spaces",
                problems,
            );
        }
        let tests: Vec<(&str, &Json)> = match value {
            Json::Object(tests) => tests
                .iter()
                .map(|(word, value)| (word.as_str(), value))
                .collect(),
            value => vec![("==", value)],
        };
        if tests.is_empty() {
            wrong_header(fields, name, "nothing", problems);
        }
        for (word, value) in tests {
            let test = match (word, value) {
                ("==", Json::String(text)) => Some(HeaderTest::Equals(text.clone())),
                ("==", Json::Number(number)) => Some(HeaderTest::Equals(number.to_string())),
                ("==", Json::Bool(flag)) => Some(HeaderTest::Equals(flag.to_string())),
                ("matches", Json::String(text)) => {
                    pattern(fields, KEY, text, problems).map(HeaderTest::Matches)
                }
                ("exists", Json::Bool(flag)) => Some(HeaderTest::Exists(*flag)),
                (word, _) => {
                    wrong_header(fields, name, &shown(word), problems);
                    None
                }
            };
            all.extend(test.map(|test| (name.clone(), test)));
        }
    }
    all
}

fn wrong_header(fields: &Fields, name: &str, seen: &str, problems: &mut Problems) {
    fields.wrong(
        "response-headers",
        &format!("{seen} at {}", shown(name)),
        "a text, `{matches: <regular expression>}` or `{exists: true or false}`",
        "write one of these",
        problems,
    );
}
