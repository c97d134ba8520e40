//! What the answer to a question must be.

use std::{cmp::Ordering, fmt, str::FromStr};

use super::question::{First, Reply};
use crate::foreign;

/// How much of a value is shown, in characters.
const SHOWN: usize = 80;

/// What the answer to a question must be. Nothing wanted: the question must be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expectation {
    /// The first column of the first row.
    pub value: Option<WantedValue>,
    /// How many rows.
    pub rows: Option<WantedRows>,
}

/// A value that is wanted: `ok`, `= >= 3` (the text `>= 3`), `!= degraded`, `>= 3`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WantedValue {
    /// This text; `true` and `false` are PostgreSQL's `t` and `f` too.
    Equal(String),
    /// Any other text, but not NULL.
    Unequal(String),
    /// A number that compares so with this one.
    Number(Relation, Number),
}

/// A number of rows that is wanted: `3`, `>= 1`, `1..5` (both included).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WantedRows {
    least: u64,
    most: Option<u64>,
}

/// How two numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Relation {
    Less,
    AtMost,
    AtLeast,
    Greater,
}

/// A decimal number of any length, compared exactly: `-12.50`. PostgreSQL's `numeric` and `bigint` do not fit into a
/// floating-point number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    /// Without leading zeros.
    whole: String,
    /// Without trailing zeros.
    fraction: String,
}

/// Why a text is nothing that could be wanted; reads after "failed to …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectationError {
    /// `<`, `<=`, `>`, `>=` without a number behind it.
    #[error("compare: a decimal number is wanted after the sign")]
    NoNumber,
    /// No number of rows.
    #[error("count rows: a whole number, a comparison with one, or a range such as 1..5 is wanted")]
    NoCount,
}

impl FromStr for WantedValue {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<WantedValue, ExpectationError> {
        if let Some(rest) = text.strip_prefix("!=") {
            return Ok(WantedValue::Unequal(behind(rest)));
        }
        if let Some(rest) = text.strip_prefix('=') {
            return Ok(WantedValue::Equal(behind(rest)));
        }
        match Relation::in_front_of(text) {
            Some((relation, rest)) => match Number::read(rest.trim()) {
                Some(number) => Ok(WantedValue::Number(relation, number)),
                None => Err(ExpectationError::NoNumber),
            },
            None => Ok(WantedValue::Equal(text.to_owned())),
        }
    }
}

/// One space belongs to the sign, the rest to the text.
fn behind(text: &str) -> String {
    text.strip_prefix(' ').unwrap_or(text).to_owned()
}

impl FromStr for WantedRows {
    type Err = ExpectationError;

    fn from_str(text: &str) -> Result<WantedRows, ExpectationError> {
        let text = text.trim();
        let count = |text: &str| {
            let digits = text.trim();
            let is_count = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_count.then(|| digits.parse::<u64>().ok()).flatten()
        };
        let both = |least, most| Some(WantedRows { least, most });
        let wanted = if let Some((least, most)) = text.split_once("..") {
            match (count(least), count(most)) {
                (Some(least), Some(most)) if least <= most => both(least, Some(most)),
                _ => None,
            }
        } else if let Some((relation, rest)) = Relation::in_front_of(text) {
            count(rest).and_then(|number| match relation {
                Relation::Less => both(0, Some(number.checked_sub(1)?)),
                Relation::AtMost => both(0, Some(number)),
                Relation::AtLeast => both(number, None),
                Relation::Greater => both(number.checked_add(1)?, None),
            })
        } else {
            count(text).and_then(|number| both(number, Some(number)))
        };
        wanted.ok_or(ExpectationError::NoCount)
    }
}

impl Relation {
    fn in_front_of(text: &str) -> Option<(Relation, &str)> {
        [
            ("<=", Relation::AtMost),
            (">=", Relation::AtLeast),
            ("<", Relation::Less),
            (">", Relation::Greater),
        ]
        .into_iter()
        .find_map(|(sign, relation)| Some((relation, text.trim_start().strip_prefix(sign)?)))
    }

    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Relation::Less => ordering.is_lt(),
            Relation::AtMost => ordering.is_le(),
            Relation::AtLeast => ordering.is_ge(),
            Relation::Greater => ordering.is_gt(),
        }
    }
}

impl Number {
    /// Digits with at most one sign and one point; nothing else, such as `NaN` or `1e3`.
    pub fn read(text: &str) -> Option<Number> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !plain(whole) || !plain(fraction) {
            return None;
        }
        let (whole, fraction) = (
            whole.trim_start_matches('0').to_owned(),
            fraction.trim_end_matches('0').to_owned(),
        );
        Some(Number {
            negative: negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        })
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        let sizes = || {
            let whole = self.whole.len().cmp(&other.whole.len());
            whole
                .then_with(|| self.whole.cmp(&other.whole))
                // Digits behind the point compare like words.
                .then_with(|| self.fraction.cmp(&other.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => sizes(),
            (true, true) => sizes().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl WantedValue {
    fn is_met(&self, first: &First) -> bool {
        let First::Text(text) = first else {
            return false;
        };
        match self {
            WantedValue::Equal(wanted) => equals(text, wanted),
            WantedValue::Unequal(unwanted) => !equals(text, unwanted),
            WantedValue::Number(relation, wanted) => {
                Number::read(text.trim()).is_some_and(|number| relation.holds(number.cmp(wanted)))
            }
        }
    }
}

fn equals(text: &str, wanted: &str) -> bool {
    text == wanted || matches!((text, wanted), ("t", "true") | ("f", "false"))
}

impl WantedRows {
    /// How many rows must be counted to know.
    fn counted(self) -> u64 {
        self.most.map_or(self.least, |most| most.saturating_add(1))
    }

    fn is_met(self, rows: u64) -> bool {
        rows >= self.least && self.most.is_none_or(|most| rows <= most)
    }
}

impl Expectation {
    /// How many rows must be read to know.
    pub fn counted(&self) -> u64 {
        self.rows.map_or(1, WantedRows::counted)
    }

    /// Whether `reply` is as wanted, and what of it matters: `2, wanted >= 3`.
    pub fn judge(&self, reply: &Reply) -> (bool, String) {
        let mut met = true;
        let mut seen = Vec::new();
        if let Some(wanted) = &self.value {
            let is_met = wanted.is_met(&reply.first);
            met &= is_met;
            seen.push(match is_met {
                true => reply.first.to_string(),
                false => format!("{}, wanted {wanted}", reply.first),
            });
        }
        if self.rows.is_some() || self.value.is_none() {
            let wanted = self.rows.filter(|wanted| !wanted.is_met(reply.rows));
            met &= wanted.is_none();
            let count = match (reply.more, reply.rows) {
                (true, rows) => format!("more than {rows} rows"),
                (false, 1) => "1 row".to_owned(),
                (false, rows) => format!("{rows} rows"),
            };
            seen.push(match wanted {
                None => count,
                Some(wanted) => format!("{count}, wanted {wanted}"),
            });
        }
        (met, seen.join("; "))
    }
}

/// Numbers stand as they are, other text between quotation marks.
fn shown(text: &str) -> String {
    match Number::read(text) {
        Some(_) if text.len() <= SHOWN => text.to_owned(),
        _ => format!("\"{}\"", foreign::bounded(text, SHOWN)),
    }
}

impl fmt::Display for First {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            First::Missing => out.write_str("no row"),
            First::Null => out.write_str("NULL"),
            First::Text(text) => out.write_str(&shown(text)),
        }
    }
}

impl fmt::Display for WantedValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WantedValue::Equal(text) => out.write_str(&shown(text)),
            WantedValue::Unequal(text) => write!(out, "anything but {}", shown(text)),
            WantedValue::Number(relation, number) => write!(out, "{relation} {number}"),
        }
    }
}

impl fmt::Display for WantedRows {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (least, None) => write!(out, ">= {least}"),
            (least, Some(most)) if least == most => write!(out, "{least}"),
            (0, Some(most)) => write!(out, "<= {most}"),
            (least, Some(most)) => write!(out, "{least}..{most}"),
        }
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Relation::Less => "<",
            Relation::AtMost => "<=",
            Relation::AtLeast => ">=",
            Relation::Greater => ">",
        })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let whole = if self.whole.is_empty() {
            "0"
        } else {
            &self.whole
        };
        match self.fraction.as_str() {
            "" => write!(out, "{sign}{whole}"),
            fraction => write!(out, "{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(wanted: &str, text: &str) -> bool {
        let wanted: WantedValue = wanted.parse().unwrap();
        wanted.is_met(&First::Text(text.to_owned()))
    }

    #[test]
    fn a_value_is_compared_as_text_unless_a_sign_asks_for_numbers() {
        for (wanted, text) in [
            ("ok", "ok"),
            ("1.10", "1.10"),
            ("true", "t"),
            ("false", "f"),
            ("t", "t"),
            ("= >= 3", ">= 3"),
            ("!= degraded", "ok"),
            (">= 3", "3"),
            (">= 3", "3.000"),
            ("> 9007199254740993", "9007199254740994"),
            ("<= -1.5", "-1.50"),
            ("< 10", "9.99"),
            ("< 0.1", "0.09"),
            ("> -0.5", "-0"),
        ] {
            assert!(meets(wanted, text), "{wanted} {text}");
        }
        for (wanted, text) in [
            ("ok", "OK"),
            ("1.1", "1.10"),
            ("true", "true "),
            ("!= degraded", "degraded"),
            ("!= true", "t"),
            (">= 3", "2.999"),
            ("> 9007199254740992", "9007199254740992"),
            (">= 3", "NaN"),
            (">= 3", "many"),
            ("< 10", "10"),
        ] {
            assert!(!meets(wanted, text), "{wanted} {text}");
        }
        for wanted in ["", "ok", "!= ok", ">= 0", "< 0"] {
            let wanted: WantedValue = wanted.parse().unwrap();
            assert!(!wanted.is_met(&First::Null), "NULL is nothing");
            assert!(!wanted.is_met(&First::Missing), "no row is nothing");
        }
        assert_eq!(
            ">= many".parse::<WantedValue>(),
            Err(ExpectationError::NoNumber)
        );
    }

    #[test]
    fn rows_are_counted_as_far_as_it_takes_to_know() {
        for (text, counted, met, not) in [
            ("3", 4, [3, 3], [2, 4]),
            ("0", 1, [0, 0], [1, 2]),
            (">= 2", 2, [2, 9], [0, 1]),
            ("> 2", 3, [3, 9], [0, 2]),
            ("<=2", 3, [0, 2], [3, 9]),
            ("< 2", 2, [0, 1], [2, 9]),
            ("1..5", 6, [1, 5], [0, 6]),
        ] {
            let wanted: WantedRows = text.parse().unwrap();
            assert_eq!(wanted.counted(), counted, "{text}");
            assert!(met.into_iter().all(|rows| wanted.is_met(rows)), "{text}");
            assert!(!not.into_iter().any(|rows| wanted.is_met(rows)), "{text}");
        }
        for text in ["", "many", "-1", "1.5", "5..1", "1..", ">= x", "< 0", "+1"] {
            assert_eq!(
                text.parse::<WantedRows>(),
                Err(ExpectationError::NoCount),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_as_wanted_is_told_with_both_bounded() {
        let judge = |value: Option<&str>, rows: Option<&str>, reply: Reply| {
            Expectation {
                value: value.map(|text| text.parse().unwrap()),
                rows: rows.map(|text| text.parse().unwrap()),
            }
            .judge(&reply)
        };
        let reply = |first, rows| Reply {
            first,
            rows,
            more: false,
        };
        let text = |text: &str| First::Text(text.to_owned());
        assert_eq!(
            judge(Some(">= 3"), None, reply(text("2"), 1)),
            (false, "2, wanted >= 3".to_owned())
        );
        assert_eq!(
            judge(Some("ok"), Some("2"), reply(text("bad\n"), 1)),
            (false, "\"bad\", wanted \"ok\"; 1 row, wanted 2".to_owned())
        );
        assert_eq!(
            judge(Some("ok"), None, reply(First::Null, 1)).1,
            "NULL, wanted \"ok\""
        );
        assert_eq!(
            judge(None, None, reply(First::Missing, 0)),
            (true, "0 rows".to_owned())
        );
        let (met, seen) = judge(
            Some(&"w".repeat(999)),
            None,
            reply(text(&"s".repeat(999)), 1),
        );
        assert!(!met && seen.chars().count() < 200, "{seen}");
    }
}
