//! From an input's text to its value, by kind.
//!
//! Not responsible for where the text came from, nor for showing it: a [`Fault`] says what was wanted, not what was
//! seen, so that no secret can slip out here.

use std::{path::PathBuf, time::Duration};

use crate::{Kind, Secret, duration, suggest};

/// A value that has passed its kind's rules.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Text, Verbatim, Choice (as the table spells it) and Url.
    Text(String),
    Bool(bool),
    Duration(Duration),
    Count(u32),
    List(Vec<String>),
    Glob(glob::Pattern),
    Path(PathBuf),
    Secret(Secret),
}

/// What a text should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) wanted: String,
    /// A word the person may have meant.
    pub(crate) meant: Option<&'static str>,
}

impl Fault {
    fn wanted(wanted: impl Into<String>) -> Self {
        Self {
            wanted: wanted.into(),
            meant: None,
        }
    }
}

/// Reads `text` (already without surrounding white space, except for [`Kind::Verbatim`]).
pub(crate) fn parse(kind: Kind, text: &str) -> Result<Value, Fault> {
    match kind {
        Kind::Text | Kind::Verbatim => no_nul(text).map(|text| Value::Text(text.into())),
        Kind::Bool => match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(Fault::wanted("true or false")),
        },
        Kind::Duration { min, max } => parse_duration(text, min, max),
        Kind::Count { min, max } => text
            .parse()
            .ok()
            .filter(|count| {
                text.bytes().all(|byte| byte.is_ascii_digit()) && (min..=max).contains(count)
            })
            .map(Value::Count)
            .ok_or_else(|| Fault::wanted(format!("a whole number from {min} to {max}"))),
        Kind::Choice(words) => match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => Ok(Value::Text(String::from(*word))),
            None => Err(Fault {
                wanted: format!("one of {}", words.join(", ")),
                meant: suggest::nearest(&text.to_ascii_lowercase(), words.iter().copied()),
            }),
        },
        Kind::List => {
            let items = text
                .split([',', '\n', '\r'])
                .map(str::trim)
                .filter(|item| !item.is_empty());
            Ok(Value::List(items.map(String::from).collect()))
        }
        Kind::Glob => glob::Pattern::new(text).map(Value::Glob).map_err(|error| {
            Fault::wanted(format!("a pattern with `*`, `?` and `[…]` ({})", error.msg))
        }),
        Kind::Path => match no_nul(text) {
            Ok(text) if !text.contains('\n') => Ok(Value::Path(PathBuf::from(text))),
            _ => Err(Fault::wanted("a path on one line")),
        },
        Kind::Url(schemes) => parse_url(text, schemes),
    }
}

/// A NUL can stand in no environment variable and no argument of a child.
fn no_nul(text: &str) -> Result<&str, Fault> {
    if text.contains('\0') {
        Err(Fault::wanted("text without NUL characters"))
    } else {
        Ok(text)
    }
}

fn parse_duration(text: &str, min: Duration, max: Duration) -> Result<Value, Fault> {
    let bounds = format!("from {} to {}", bound(min), bound(max));
    match duration::parse(text) {
        Ok(value) if (min..=max).contains(&value) => Ok(Value::Duration(value)),
        Ok(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => Err(Fault::wanted(format!(
            "a duration {bounds}; a number alone is seconds"
        ))),
        Ok(_) => Err(Fault::wanted(format!("a duration {bounds}"))),
        Err(_) => Err(Fault::wanted(format!(
            "a duration such as 30s, 5m, 1h30m or plain seconds, {bounds}"
        ))),
    }
}

/// A bound for people: whole days as days.
fn bound(duration: Duration) -> String {
    const DAY: Duration = Duration::from_secs(24 * 3600);
    let days = duration.as_secs() / DAY.as_secs();
    if days > 0 && DAY * u32::try_from(days).unwrap_or(u32::MAX) == duration {
        format!("{days}d")
    } else {
        duration::format(duration)
    }
}

fn parse_url(text: &str, schemes: &[&str]) -> Result<Value, Fault> {
    let wanted = || {
        Fault::wanted(match schemes {
            [] => String::from("a URL such as https://host/path"),
            schemes => format!("a URL that starts with {}://", schemes.join("://, ")),
        })
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wanted)?;
    let lower = scheme.to_ascii_lowercase();
    let known = schemes.is_empty() || schemes.contains(&lower.as_str());
    let spelled = scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let has_host = !host.is_empty() && !host.starts_with(':');
    let local =
        lower == "file" || lower.ends_with("+file") || lower.ends_with("+unix") || lower == "unix";
    let clean = !rest.is_empty()
        && !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if known && spelled && clean && (has_host || local) {
        Ok(Value::Text(text.into()))
    } else {
        Err(wanted())
    }
}

/// Whether two texts mean the same to `kind`: `10m` and `600s` are the same duration.
pub(crate) fn same(kind: Kind, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match (parse(kind, one), parse(kind, other)) {
        (Ok(Value::Text(one)), Ok(Value::Text(other))) => one.trim() == other.trim(),
        (Ok(Value::Bool(one)), Ok(Value::Bool(other))) => one == other,
        (Ok(Value::Duration(one)), Ok(Value::Duration(other))) => one == other,
        (Ok(Value::Count(one)), Ok(Value::Count(other))) => one == other,
        (Ok(Value::List(one)), Ok(Value::List(other))) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count() -> Kind {
        Kind::Count { min: 1, max: 100 }
    }

    fn bounded() -> Kind {
        Kind::Duration {
            min: Duration::from_secs(1),
            max: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_text_outside_its_kind_is_refused_with_what_was_wanted() {
        for (kind, text, wanted) in [
            (Kind::Bool, "yes", "true or false"),
            (count(), "0", "a whole number from 1 to 100"),
            (count(), "101", "a whole number from 1 to 100"),
            (count(), "-1", "a whole number from 1 to 100"),
            (count(), "+1", "a whole number from 1 to 100"),
            (count(), "1.5", "a whole number from 1 to 100"),
            (bounded(), "61", "a duration from 1s to 1m"),
            (bounded(), "soon", "a duration such as 30s"),
            (
                Kind::Choice(&["auto", "primary"]),
                "first",
                "one of auto, primary",
            ),
            (Kind::Glob, "a[", "a pattern"),
            (Kind::Path, "a\nb", "a path on one line"),
            (
                Kind::Url(&["http", "https"]),
                "ftp://host",
                "a URL that starts with http://, https://",
            ),
            (Kind::Url(&[]), "host/path", "a URL such as"),
            (Kind::Url(&[]), "http://", "a URL such as"),
            (Kind::Url(&[]), "http:///path", "a URL such as"),
            (Kind::Url(&[]), "http://:80/", "a URL such as"),
            (Kind::Url(&[]), "http://a b/", "a URL such as"),
            (Kind::Text, "a\0b", "text without NUL"),
        ] {
            let fault = parse(kind, text).expect_err(text);
            assert!(fault.wanted.starts_with(wanted), "{text}: {}", fault.wanted);
        }
    }

    #[test]
    fn bounds_of_whole_days_are_told_in_days() {
        let days = |days: u64| Duration::from_secs(days * 24 * 3600);
        let kind = Kind::Duration {
            min: days(1),
            max: days(400),
        };
        for (text, wanted) in [
            ("401d", "a duration from 1d to 400d"),
            (
                "30",
                "a duration from 1d to 400d; a number alone is seconds",
            ),
        ] {
            assert_eq!(parse(kind, text).expect_err(text).wanted, wanted);
        }
    }

    #[test]
    fn a_near_miss_among_the_choices_is_suggested() {
        let fault = parse(Kind::Choice(&["takeover", "hold"]), "Takover").expect_err("refused");
        assert_eq!(fault.meant, Some("takeover"));
    }

    #[test]
    fn a_choice_comes_out_as_the_table_spells_it() {
        assert!(
            matches!(parse(Kind::Choice(&["hold"]), "HOLD"), Ok(Value::Text(word)) if word == "hold")
        );
    }

    #[test]
    fn a_list_is_separated_by_commas_or_lines() {
        let Ok(Value::List(items)) = parse(Kind::List, "a, b\n c\r\n,\n d,") else {
            panic!("not a list")
        };
        assert_eq!(items, ["a", "b", "c", "d"]);
    }

    #[test]
    fn urls_with_a_host_or_a_local_path_are_taken() {
        for text in [
            "https://host",
            "HTTP://host:80/p?q#f",
            "postgres://u:p@host/db",
            "git+file:///srv/x.git",
        ] {
            assert!(parse(Kind::Url(&[]), text).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_same_duration_in_other_words_is_the_same() {
        assert!(same(Kind::DURATION, "10m", "600"));
        assert!(!same(Kind::DURATION, "10m", "601"));
        assert!(same(Kind::Bool, "False", "false"));
        assert!(same(Kind::List, "a,b", "a\nb"));
        assert!(!same(count(), "1", "one"));
    }
}
