//! The name of a host as an inventory writes it: a port behind it, and ranges in it.

use std::net::Ipv6Addr;

use crate::inventory::MOST_HOSTS;

/// What is wrong with a host's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatternError {
    #[error("a range without two bounds (`[1:5]`, `[a:f]`) or with more than a step (`[1:9:2]`)")]
    Bounds,
    #[error("a range without an end")]
    NoEnd,
    #[error("a range whose bounds have different lengths although the first is padded with zeros")]
    Padding,
    #[error("a range of something other than numbers or single letters a-z, A-Z")]
    Letters,
    #[error("a range that runs backwards")]
    Backwards,
    #[error("a range whose step is not a number above 0")]
    Step,
    #[error("a range that is not closed")]
    Open,
    #[error("a range of more hosts than {MOST_HOSTS}")]
    TooMany,
    #[error("a colon without a port behind it")]
    NoPort,
    #[error("an empty name")]
    Empty,
}

/// A name with its port, and with ranges not yet expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    pub(crate) name: String,
    /// As written: more than 65535 is possible.
    pub(crate) port: Option<u64>,
}

/// Takes the port off a name, by the rules of Ansible's `parse_address`: `name:22`, `[name]:22`, `[2001:db8::1]:22`, and a
/// bare IPv6 address whole. What is no host name at all is kept whole, as Ansible does.
pub(crate) fn parse(written: &str) -> Pattern {
    let whole = || Pattern {
        name: written.to_owned(),
        port: None,
    };
    let mut name = written;
    let mut port = None;
    if let Some((inner, digits)) = written
        .strip_prefix('[')
        .and_then(|rest| rest.rsplit_once("]:"))
        && !inner.is_empty()
        && is_number(digits)
    {
        name = inner;
        port = Some(digits);
    }
    if let Some((before, digits)) = outside_brackets(name)
        && is_number(digits)
    {
        name = before;
        port = Some(digits);
    }
    if !is_host_pattern(name) && !is_ipv6_pattern(name) {
        return whole();
    }
    match port.map(str::parse) {
        Some(Ok(port)) => Pattern {
            name: name.to_owned(),
            port: Some(port),
        },
        // Twenty digits and more.
        Some(Err(_)) => Pattern {
            name: name.to_owned(),
            port: Some(u64::MAX),
        },
        None => Pattern {
            name: name.to_owned(),
            port: None,
        },
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|one| one.is_ascii_digit())
}

/// `before:after` at the only colon that stands outside brackets.
fn outside_brackets(name: &str) -> Option<(&str, &str)> {
    let mut depth = false;
    let mut found = None;
    for (at, one) in name.char_indices() {
        match one {
            '[' if depth => {}
            '[' => depth = true,
            ']' if depth => depth = false,
            ']' => return None,
            ':' if !depth => {
                if found.is_some() {
                    return None;
                }
                found = Some(at);
            }
            _ => {}
        }
    }
    if depth {
        return None;
    }
    found.map(|at| (&name[..at], &name[at + 1..]))
}

/// Labels of letters, digits, `_` and `-` between dots, each with ranges, none ending in `_` or `-`, and none starting with
/// `-`.
fn is_host_pattern(name: &str) -> bool {
    let mut rest = name;
    let mut label_is_empty = true;
    let mut last = '.';
    while let Some(one) = rest.chars().next() {
        match one {
            '[' => {
                let Some(end) = rest.find(']') else {
                    return false;
                };
                if !is_range(&rest[1..end], |text| {
                    is_number(text)
                        || (text.len() == 1 && text.bytes().all(|one| one.is_ascii_alphabetic()))
                }) {
                    return false;
                }
                rest = &rest[end + 1..];
                last = ']';
                label_is_empty = false;
                continue;
            }
            '.' => {
                if label_is_empty || matches!(last, '_' | '-') {
                    return false;
                }
                label_is_empty = true;
            }
            '-' if label_is_empty => return false,
            '-' | '_' => label_is_empty = false,
            _ if one.is_alphanumeric() => label_is_empty = false,
            _ => return false,
        }
        last = one;
        rest = &rest[one.len_utf8()..];
    }
    !label_is_empty && !matches!(last, '_' | '-')
}

/// An IPv6 address, perhaps with ranges in place of its groups, perhaps with a zone.
fn is_ipv6_pattern(name: &str) -> bool {
    let mut plain = String::new();
    let mut rest = name.split('%').next().unwrap_or_default();
    while let Some(at) = rest.find('[') {
        let Some(end) = rest[at..].find(']') else {
            return false;
        };
        if !is_range(&rest[at + 1..at + end], |text| {
            !text.is_empty() && text.bytes().all(|one| one.is_ascii_hexdigit())
        }) {
            return false;
        }
        plain.push_str(&rest[..at]);
        plain.push('0');
        rest = &rest[at + end + 1..];
    }
    plain.push_str(rest);
    plain.parse::<Ipv6Addr>().is_ok()
}

fn is_range(inner: &str, bound: impl Fn(&str) -> bool) -> bool {
    let parts: Vec<&str> = inner.split(':').collect();
    match parts.as_slice() {
        [from, to] => bound(from) && bound(to),
        [from, to, step] => bound(from) && bound(to) && is_number(step),
        _ => false,
    }
}

/// All names that the ranges in `name` stand for, in the order of Ansible: the first range turns slowest.
///
/// # Errors
/// A range that Ansible would refuse, one without a host in it, or one of more than [`MOST_HOSTS`].
pub(crate) fn expand(name: &str) -> Result<Vec<String>, PatternError> {
    if name.is_empty() {
        return Err(PatternError::Empty);
    }
    let mut pieces = Vec::new();
    let mut rest = name;
    let mut count = 1_u128;
    while let Some(at) = rest.find('[') {
        let end = rest[at..].find(']').ok_or(PatternError::Open)? + at;
        let range = Range::read(&rest[at + 1..end])?;
        count = count.saturating_mul(range.len());
        // Before anything is made: the numbers may be any.
        if count > MOST_HOSTS as u128 {
            return Err(PatternError::TooMany);
        }
        pieces.push((&rest[..at], range));
        rest = &rest[end + 1..];
    }
    let mut names = vec![String::new()];
    for (head, range) in &pieces {
        let mut longer = Vec::new();
        for name in &names {
            longer.extend(range.names().map(|one| format!("{name}{head}{one}")));
        }
        names = longer;
    }
    for name in &mut names {
        name.push_str(rest);
    }
    Ok(names)
}

enum Range {
    Numbers {
        from: u64,
        to: u64,
        step: u64,
        width: usize,
    },
    Letters(Vec<char>),
}

impl Range {
    fn read(inner: &str) -> Result<Range, PatternError> {
        let parts: Vec<&str> = inner.split(':').collect();
        let (from, to, step) = match parts.as_slice() {
            [from, to] => (*from, *to, "1"),
            [from, to, step] => (*from, *to, *step),
            _ => return Err(PatternError::Bounds),
        };
        if to.is_empty() {
            return Err(PatternError::NoEnd);
        }
        let from = if from.is_empty() { "0" } else { from };
        let step = Some(step)
            .filter(|step| is_number(step))
            .and_then(|step| step.parse().ok())
            .filter(|step| *step > 0)
            .ok_or(PatternError::Step)?;
        if is_number(from) && is_number(to) {
            let width = if from.starts_with('0') && from.len() > 1 {
                from.len()
            } else {
                0
            };
            if width > 0 && width != to.len() {
                return Err(PatternError::Padding);
            }
            let bound = |text: &str| text.parse().map_err(|_| PatternError::TooMany);
            let (from, to): (u64, u64) = (bound(from)?, bound(to)?);
            if from > to {
                return Err(PatternError::Backwards);
            }
            return Ok(Range::Numbers {
                from,
                to,
                step,
                width,
            });
        }
        let letters: Vec<char> = ('a'..='z').chain('A'..='Z').collect();
        let place = |text: &str| {
            let mut one = text.chars();
            match (one.next(), one.next()) {
                (Some(letter), None) => letters.iter().position(|other| *other == letter),
                _ => None,
            }
            .ok_or(PatternError::Letters)
        };
        let (from, to) = (place(from)?, place(to)?);
        if from > to {
            return Err(PatternError::Backwards);
        }
        let step = usize::try_from(step).map_err(|_| PatternError::Step)?;
        Ok(Range::Letters(
            letters[from..=to].iter().copied().step_by(step).collect(),
        ))
    }

    fn len(&self) -> u128 {
        match self {
            Range::Numbers { from, to, step, .. } => u128::from((to - from) / step) + 1,
            Range::Letters(letters) => letters.len() as u128,
        }
    }

    fn names(&self) -> Box<dyn Iterator<Item = String> + '_> {
        match self {
            Range::Numbers {
                from, step, width, ..
            } => {
                // Counted, so that the last one cannot overflow.
                let count = u64::try_from(self.len()).unwrap_or(u64::MAX);
                Box::new(
                    (0..count)
                        .map(move |turn| format!("{:0width$}", from + turn * step, width = *width)),
                )
            }
            Range::Letters(letters) => Box::new(letters.iter().map(char::to_string)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_and_port(written: &str) -> (String, Option<u64>) {
        let Pattern { name, port } = parse(written);
        (name, port)
    }

    #[test]
    fn a_port_is_taken_off_names_and_bracketed_addresses_only() {
        for (written, name, port) in [
            ("web1", "web1", None),
            ("web1:2222", "web1", Some(2222)),
            ("web[1:3]:2222", "web[1:3]", Some(2222)),
            ("[2001:db8::1]:2222", "2001:db8::1", Some(2222)),
            ("2001:db8::1", "2001:db8::1", None),
            ("2001:db8::1:22", "2001:db8::1:22", None),
            ("[10.0.0.1]:33", "10.0.0.1", Some(33)),
            ("[web[1:3]]:33", "web[1:3]", Some(33)),
            ("fe80::1%eth0", "fe80::1%eth0", None),
            // Not a host name, so it stays whole.
            ("web-:22", "web-:22", None),
            ("web:ssh", "web:ssh", None),
            ("müller:22", "müller", Some(22)),
        ] {
            assert_eq!(name_and_port(written), (name.to_owned(), port), "{written}");
        }
    }

    #[test]
    fn ranges_count_with_step_and_padding_and_letters() {
        let all = |name: &str| expand(name).unwrap();
        assert_eq!(all("web[1:3].x"), ["web1.x", "web2.x", "web3.x"]);
        assert_eq!(all("web[08:12:2]"), ["web08", "web10", "web12"]);
        assert_eq!(all("db-[a:c]"), ["db-a", "db-b", "db-c"]);
        assert_eq!(all("[y:B]"), ["y", "z", "A", "B"]);
        assert_eq!(all("r[1:2]s[a:b]"), ["r1sa", "r1sb", "r2sa", "r2sb"]);
        assert_eq!(all("n[:2]"), ["n0", "n1", "n2"]);
        assert_eq!(all("n[18446744073709551614:18446744073709551615]").len(), 2);
    }

    #[test]
    fn a_range_that_cannot_be_meant_is_refused_before_it_is_made() {
        let wrong = |name: &str| expand(name).unwrap_err();
        assert_eq!(wrong("web[1:999999999]"), PatternError::TooMany);
        assert_eq!(wrong("[1:1000][1:1000]"), PatternError::TooMany);
        assert_eq!(
            wrong("web[1:99999999999999999999999]"),
            PatternError::TooMany
        );
        assert_eq!(wrong("web[3:1]"), PatternError::Backwards);
        assert_eq!(wrong("web[01:100]"), PatternError::Padding);
        assert_eq!(wrong("web[1:]"), PatternError::NoEnd);
        assert_eq!(wrong("web[1-3]"), PatternError::Bounds);
        assert_eq!(wrong("web[1:3"), PatternError::Open);
        assert_eq!(wrong("web[1:9:0]"), PatternError::Step);
        assert_eq!(wrong("web[ab:cd]"), PatternError::Letters);
        assert_eq!(wrong(""), PatternError::Empty);
    }
}
