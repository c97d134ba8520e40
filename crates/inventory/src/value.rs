//! The variables that decide where a host is reached. All others are dropped unread: they may be secrets.

use std::collections::BTreeMap;

/// A variable that matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Variable {
    Host,
    SshHost,
    Port,
    SshPort,
    Connection,
    SshArgs,
    SshCommonArgs,
    SshExtraArgs,
}

impl Variable {
    pub(crate) const ALL: [Variable; 8] = [
        Variable::Host,
        Variable::SshHost,
        Variable::Port,
        Variable::SshPort,
        Variable::Connection,
        Variable::SshArgs,
        Variable::SshCommonArgs,
        Variable::SshExtraArgs,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Variable::Host => "ansible_host",
            Variable::SshHost => "ansible_ssh_host",
            Variable::Port => "ansible_port",
            Variable::SshPort => "ansible_ssh_port",
            Variable::Connection => "ansible_connection",
            Variable::SshArgs => "ansible_ssh_args",
            Variable::SshCommonArgs => "ansible_ssh_common_args",
            Variable::SshExtraArgs => "ansible_ssh_extra_args",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Variable> {
        Variable::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// A variable's value, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Int(i64),
    /// Set to nothing: hides a value of lower precedence, and counts as not set.
    Null,
    /// Encrypted; where it stands.
    Vault(String),
    /// A list, a fraction, a truth value, ...; what it is.
    Other(&'static str),
}

/// The variables of one host, group or file.
pub(crate) type Variables = BTreeMap<Variable, Value>;

/// A value in an INI inventory is a Python literal, or else the text itself
/// (Ansible's documentation of the `ini` inventory plugin).
pub(crate) fn python_literal(text: &str) -> Value {
    let whole = || Value::Text(text.to_owned());
    // Python's tokenizer passes over a comment, but only where the rest is a literal.
    let literal = text.trim_matches([' ', '\t']);
    let Some(first) = literal.chars().next() else {
        return whole();
    };
    match first {
        '\'' | '"' => quoted(literal, first).unwrap_or(Value::Other(
            "a quoted text of a kind that is not read here",
        )),
        '[' => Value::Other("a list"),
        // A template is no literal: Python reads a set in a set, of a name, and Ansible keeps the text.
        '{' if literal.contains("{{") || literal.contains("{%") => whole(),
        '{' => Value::Other("a dictionary"),
        '(' => Value::Other("a text in parentheses"),
        '0'..='9' | '+' | '-' | '.' => {
            let bare = literal.split('#').next().unwrap_or_default().trim_end();
            match number(bare) {
                Some(value) => value,
                None => whole(),
            }
        }
        _ => {
            let bare = literal.split('#').next().unwrap_or_default().trim_end();
            match bare {
                "None" => Value::Null,
                "True" | "False" => Value::Other("a truth value"),
                _ if prefixed_quote(bare) => {
                    Value::Other("a quoted text of a kind that is not read here")
                }
                _ => whole(),
            }
        }
    }
}

/// `'text'`, perhaps with a comment behind it. `None` where more than that would have to be understood.
fn quoted(literal: &str, quote: char) -> Option<Value> {
    let inner = &literal[1..];
    let end = inner.find(quote)?;
    let (content, rest) = (&inner[..end], inner[end + 1..].trim());
    let simple = !content.contains('\\') && (rest.is_empty() || rest.starts_with('#'));
    // `''''` and `'a' 'b'` have a rest that is not empty.
    simple.then(|| Value::Text(content.to_owned()))
}

/// `r'…'`, `b"…"` and their like.
fn prefixed_quote(bare: &str) -> bool {
    bare.find(['\'', '"']).is_some_and(|at| {
        (1..=2).contains(&at) && bare[..at].chars().all(|one| "rRbBuUfF".contains(one))
    })
}

/// A Python number; `None` where the text is none.
fn number(text: &str) -> Option<Value> {
    // One sign and no more; a second one is an expression, which is no literal.
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text).trim_start();
    if unsigned.is_empty() {
        return None;
    }
    let lower = unsigned.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            // Python allows one underscore behind the prefix and between digits.
            let digits = digits.strip_prefix('_').unwrap_or(digits);
            return grouped(digits, radix).map(|digits| int(&digits, radix, negative));
        }
    }
    if let Some(digits) = grouped(unsigned, 10) {
        let zeros = digits.bytes().all(|one| one == b'0');
        // `0022` is a syntax error in Python, hence a text; `000` is 0.
        return (zeros || !digits.starts_with('0')).then(|| int(&digits, 10, negative));
    }
    fraction(&lower).then_some(Value::Other("a number with a fraction or an exponent"))
}

fn int(digits: &str, radix: u32, negative: bool) -> Value {
    match i64::from_str_radix(digits, radix) {
        Ok(value) => Value::Int(if negative { -value } else { value }),
        Err(_) => Value::Other("a number too large"),
    }
}

/// The digits without their underscores; `None` where one stands wrong, or something else does.
fn grouped(text: &str, radix: u32) -> Option<String> {
    let fine = !text.is_empty()
        && text
            .split('_')
            .all(|part| !part.is_empty() && part.chars().all(|one| one.is_digit(radix)));
    fine.then(|| text.replace('_', ""))
}

/// Whether the text is a Python float or imaginary number.
fn fraction(lower: &str) -> bool {
    let real = lower.strip_suffix('j').unwrap_or(lower);
    let (mantissa, exponent) = match real.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (real, None),
    };
    let digits = |part: &str| grouped(part, 10).is_some();
    let mantissa = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (digits(whole) || whole.is_empty())
                && (digits(part) || part.is_empty())
                && !(whole.is_empty() && part.is_empty())
        }
        None => digits(mantissa),
    };
    mantissa && exponent.is_none_or(|one| digits(one.strip_prefix(['+', '-']).unwrap_or(one)))
}

/// A plain scalar's value by the rules of YAML 1.1, which Ansible's parser follows (<https://yaml.org/type/>).
pub(crate) fn yaml_scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "no" | "No" | "NO" | "true" | "True" | "TRUE" | "false"
        | "False" | "FALSE" | "on" | "On" | "ON" | "off" | "Off" | "OFF" => {
            return Value::Other("a truth value");
        }
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let negative = text.starts_with('-');
    if !unsigned.starts_with(|one: char| one.is_ascii_digit() || one == '.') {
        return Value::Text(text.to_owned());
    }
    let digits = |text: &str, radix: u32| {
        let bare = text.replace('_', "");
        (!bare.is_empty() && bare.chars().all(|one| one.is_digit(radix))).then_some(bare)
    };
    for (prefix, radix) in [("0x", 16), ("0b", 2), ("0", 8)] {
        if let Some(found) = unsigned
            .strip_prefix(prefix)
            .and_then(|rest| digits(rest, radix))
        {
            return int(&found, radix, negative);
        }
    }
    if unsigned == "0" {
        return Value::Int(0);
    }
    if !unsigned.starts_with('0')
        && unsigned.starts_with(|one: char| one.is_ascii_digit())
        && let Some(found) = digits(unsigned, 10)
    {
        return int(&found, 10, negative);
    }
    if yaml_float(unsigned) {
        return Value::Other("a number with a fraction");
    }
    if sexagesimal(unsigned) {
        return Value::Other("a number to the base of 60, as YAML reads digits with colons");
    }
    if timestamp(text) {
        return Value::Other("a date");
    }
    Value::Text(text.to_owned())
}

fn yaml_float(text: &str) -> bool {
    if matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = text.split_once('.') else {
        return false;
    };
    let (part, exponent) = match rest.split_once(['e', 'E']) {
        Some((part, exponent)) => (part, Some(exponent)),
        None => (rest, None),
    };
    let loose = |text: &str| text.chars().all(|one| one.is_ascii_digit() || one == '_');
    loose(whole)
        && loose(part)
        && (whole.starts_with(|one: char| one.is_ascii_digit())
            || part.starts_with(|one: char| one.is_ascii_digit()))
        && exponent.is_none_or(|one| {
            one.strip_prefix(['+', '-']).is_some_and(|digits| {
                !digits.is_empty() && digits.chars().all(|one| one.is_ascii_digit())
            })
        })
}

fn sexagesimal(text: &str) -> bool {
    let mut parts = text.split(':');
    let first = parts.next().is_some_and(|one| {
        one.starts_with(|digit: char| digit.is_ascii_digit())
            && one
                .chars()
                .all(|digit| digit.is_ascii_digit() || digit == '_')
    });
    let mut rest = parts.peekable();
    first
        && rest.peek().is_some()
        && rest.all(|one| {
            let whole = one.split('.').next().unwrap_or_default();
            whole.len() <= 2
                && whole.parse::<u8>().is_ok_and(|value| value < 60)
                && one
                    .chars()
                    .all(|digit| digit.is_ascii_digit() || digit == '.' || digit == '_')
        })
}

fn timestamp(text: &str) -> bool {
    let date = text.split(['T', 't', ' ', '\t']).next().unwrap_or_default();
    let parts: Vec<&str> = date.split('-').collect();
    parts.len() == 3
        && parts[0].len() == 4
        && parts.iter().all(|one| {
            (1..=4).contains(&one.len()) && one.chars().all(|digit| digit.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn an_ini_value_is_a_python_literal_or_the_text_itself() {
        for (written, value) in [
            ("22", Value::Int(22)),
            ("22 # SSH", Value::Int(22)),
            ("-5", Value::Int(-5)),
            ("--5", text("--5")),
            ("0x16", Value::Int(22)),
            ("1_000", Value::Int(1000)),
            ("1__0", text("1__0")),
            ("000", Value::Int(0)),
            ("0022", text("0022")),
            ("'22'", text("22")),
            ("\"a b\" # c", text("a b")),
            ("None", Value::Null),
            ("web1 # c", text("web1 # c")),
            ("10.0.0.1", text("10.0.0.1")),
            ("{{ ip }}", text("{{ ip }}")),
            ("3com", text("3com")),
            ("", text("")),
        ] {
            assert_eq!(python_literal(written), value, "{written}");
        }
        for written in [
            "10.5", "1e5", "3j", "True", "[1]", "{'a': 1}", "('a')", "b'a'", "'a' 'b'", r"'a\n'",
            "'a",
        ] {
            assert!(
                matches!(python_literal(written), Value::Other(_)),
                "{written}"
            );
        }
    }

    #[test]
    fn a_plain_yaml_scalar_is_read_as_yaml_1_1_reads_it() {
        for (written, value) in [
            ("22", Value::Int(22)),
            ("022", Value::Int(18)),
            ("+22", Value::Int(22)),
            ("0b11", Value::Int(3)),
            ("0", Value::Int(0)),
            ("09", text("09")),
            ("0o17", text("0o17")),
            ("1e3", text("1e3")),
            ("~", Value::Null),
            ("", Value::Null),
            ("10.0.0.1", text("10.0.0.1")),
            ("2001:db8::1", text("2001:db8::1")),
            ("n", text("n")),
        ] {
            assert_eq!(yaml_scalar(written), value, "{written}");
        }
        for written in [
            "no",
            "On",
            "10.5",
            ".5",
            "1.e+3",
            ".inf",
            "22:22",
            "2024-01-01",
            "2024-01-01 10:00:00",
        ] {
            assert!(matches!(yaml_scalar(written), Value::Other(_)), "{written}");
        }
    }
}
