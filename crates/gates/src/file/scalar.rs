//! One scalar of a file of gates, and what it may be read as: YAML 1.2's core schema, without its traps. What two YAML
//! readers would read differently (`010`) is told instead of guessed.

use std::time::Duration;

use actions_kit::{duration, suggest};
use serde_json::{Number, Value as Json};
use yaml_tree::{Schema, Written};

use crate::Shape;

/// The longest time that a job can judge, by far: GitHub ends a job on its own runners after five days.
pub(super) const LONGEST: Duration = Duration::from_secs(5 * 24 * 3600);

/// A scalar as it was written.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    /// Its text.
    pub(super) text: String,
    /// Whether it may be something other than text: it stands without quotes.
    pub(super) plain: bool,
    /// It has a tag that means nothing here: `!vault`.
    pub(super) tagged: bool,
}

impl Scalar {
    /// As if it stood in a file without quotes.
    pub(super) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            plain: true,
            tagged: false,
        }
    }

    /// Whether nothing stands there: `key:`, `~`, `null`.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// How a document's scalars are kept.
pub(super) struct Core;

impl Schema for Core {
    type Scalar = Scalar;

    fn scalar(&self, written: Written<'_>) -> Scalar {
        let (plain, tagged) = match written.tag {
            None => (written.plain, false),
            Some((Some("str"), _)) => (false, false),
            Some((Some("int" | "float" | "bool" | "null"), _)) => (true, false),
            Some(_) => (false, true),
        };
        Scalar {
            text: written.text.to_owned(),
            plain,
            tagged,
        }
    }

    fn identity(&self, key: &Scalar) -> String {
        key.text.clone()
    }
}

/// What is wrong with a scalar: what was wanted, and the mend.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) wanted: String,
    pub(super) mend: String,
}

fn mistake(wanted: impl Into<String>, mend: impl Into<String>) -> Mistake {
    Mistake {
        wanted: wanted.into(),
        mend: mend.into(),
    }
}

/// `1s`, `5m`, `1h30m`, or plain seconds.
pub(super) fn read_duration(text: &str) -> Result<Duration, Mistake> {
    const WANTED: &str = "a duration such as `30s`, `5m`, `1h30m`, or plain seconds";
    match duration::parse(text) {
        Ok(found) if found > LONGEST => Err(mistake(
            format!("at most {}", duration::format(LONGEST)),
            "write a shorter one",
        )),
        Ok(found) => Ok(found),
        Err(_) => Err(mistake(WANTED, mend_of_duration(text))),
    }
}

fn mend_of_duration(text: &str) -> String {
    // `5M`, `10 Min`; a fraction of a second or of a minute.
    let lower = text.trim().to_ascii_lowercase();
    if let Ok(meant) = duration::parse(&lower) {
        return format!("did you mean `{}`?", duration::format(meant));
    }
    let (number, unit) = match lower.find(|letter: char| letter.is_ascii_alphabetic()) {
        Some(at) => lower.split_at(at),
        None => (lower.as_str(), "s"),
    };
    let one = duration::parse(&format!("1{}", unit.trim())).ok();
    let meant = one
        .zip(read_number(number).ok())
        .and_then(|(one, count)| Duration::try_from_secs_f64(one.as_secs_f64() * count).ok())
        .filter(|meant| *meant <= LONGEST && meant.as_millis() > 0);
    match meant {
        Some(meant) => format!("did you mean `{}`?", duration::format(meant)),
        None => String::from("write the number with its unit: ms, s, m, h or d"),
    }
}

/// A whole number in decimal digits, `least` or larger.
pub(super) fn read_count(text: &str, least: u64) -> Result<u64, Mistake> {
    let text = text.trim();
    let wanted = match least {
        0 => String::from("a whole number, 0 or larger"),
        least => format!("a whole number, {least} or larger"),
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        if text.len() > 1 && text.starts_with('0') {
            return Err(mistake(
                wanted,
                "write it without the leading zero: some read it as octal",
            ));
        }
        return match text.parse() {
            Ok(count) if count >= least => Ok(count),
            Ok(_) => Err(mistake(wanted, format!("write {least} or more"))),
            Err(_) => Err(mistake(wanted, "write a smaller number")),
        };
    }
    let bare = text.replace('_', "");
    let mend = match bare.parse::<u64>() {
        Ok(count) => format!("write `{count}`"),
        Err(_) => String::from("write it in decimal digits alone"),
    };
    Err(mistake(wanted, mend))
}

/// Any finite decimal number.
pub(super) fn read_number(text: &str) -> Result<f64, Mistake> {
    let text = text.trim();
    let decimal = text.bytes().any(|byte| byte.is_ascii_digit())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    decimal
        .then(|| text.parse::<f64>().ok())
        .flatten()
        .filter(|number| number.is_finite())
        .ok_or_else(|| mistake("a number", "write it in decimal digits, such as `1.5`"))
}

/// `90`, `90%`: between 0 and 100.
pub(super) fn read_percent(text: &str) -> Result<f64, Mistake> {
    let bare = text.trim();
    let bare = bare.strip_suffix('%').unwrap_or(bare);
    match read_number(bare) {
        Ok(number) if (0.0..=100.0).contains(&number) => Ok(number),
        Ok(_) => Err(mistake(
            "a percentage between 0 and 100",
            "write a number between 0 and 100",
        )),
        Err(_) => Err(mistake(
            "a percentage, such as `90` or `90%`",
            "write a number between 0 and 100",
        )),
    }
}

/// `true` or `false`.
pub(super) fn read_flag(text: &str) -> Result<bool, Mistake> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        "yes" | "on" | "1" | "y" => Err(mistake("`true` or `false`", "write `true`")),
        "no" | "off" | "0" | "n" => Err(mistake("`true` or `false`", "write `false`")),
        _ => Err(mistake("`true` or `false`", "write one of the two")),
    }
}

/// A scalar without quotes as JSON, by YAML 1.2's core schema (§10.3.2 of its specification); everything that it does
/// not name is text: dates, `no`, `1.10.0`.
pub(super) fn read_json(text: &str) -> Result<Json, Mistake> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Ok(Json::Null),
        "true" | "True" | "TRUE" => return Ok(Json::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Json::Bool(false)),
        _ => {}
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let numeric = bare.starts_with(|letter: char| letter.is_ascii_digit())
        || bare
            .strip_prefix('.')
            .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return Err(mistake(
            "a value that JSON has",
            "put it in quotes if a text is meant: JSON knows no infinity and no NaN",
        ));
    }
    if !numeric {
        return Ok(Json::String(text.to_owned()));
    }
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(Ok(number)) = text
            .strip_prefix(prefix)
            .map(|digits| u64::from_str_radix(digits, radix))
        {
            return Ok(Json::from(number));
        }
    }
    let digits = bare.bytes().all(|byte| byte.is_ascii_digit());
    if digits && bare.len() > 1 && bare.starts_with('0') {
        return Err(mistake(
            "a value that every YAML reader reads alike",
            "put it in quotes if a text is meant, else leave the leading zero out: some read it as octal",
        ));
    }
    if digits {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = unsigned.parse::<i64>() {
            return Ok(Json::from(number));
        }
        if let Ok(number) = unsigned.parse::<u64>() {
            return Ok(Json::from(number));
        }
    }
    Ok(read_number(text)
        .ok()
        .and_then(Number::from_f64)
        .map_or_else(|| Json::String(text.to_owned()), Json::Number))
}

/// A word that is none of those to choose from.
pub(super) fn no_choice(text: &str, words: &[&str]) -> Mistake {
    let all: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let mend = match suggest::nearest(text, words.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => String::from("write one of these words"),
    };
    mistake(all.join(", "), mend)
}

/// A key's default as the schema shows it: a number where a number is meant.
pub(crate) fn default_value(default: &str, shape: &Shape) -> Json {
    match shape {
        Shape::List(inner) => default_value(default, inner),
        Shape::Text | Shape::Script | Shape::Secret | Shape::Address | Shape::Choice(_) => {
            Json::from(default)
        }
        _ => read_json(default).unwrap_or_else(|_| Json::from(default)),
    }
}

/// What a scalar without quotes means to YAML, where that is clear.
pub(crate) fn json(text: &str) -> Option<Json> {
    read_json(text).ok()
}
