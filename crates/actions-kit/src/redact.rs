//! Takes secrets out of text before it is written anywhere: summary, annotations, ledger, issue, error text.
//!
//! Not responsible for outputs: they are data for later steps, and changing them would break those.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::BTreeSet,
    ops::{Bound, Range},
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine, engine::general_purpose};
use percent_encoding::{
    AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode,
};

use crate::{Secret, command, credentials};

mod authorization;
mod names;
mod shapes;

pub use shapes::hide_shapes;

/// Shorter values are not looked for: they stand in every other word.
const SHORTEST: usize = 4;
/// A form of a secret that is derived from a part of it must be longer, or it hits by chance.
const SHORTEST_PART: usize = 8;
/// So much of a secret is hidden beside a [`CUT`]; less hits by chance, and tells next to nothing.
const SHORTEST_REST: usize = 3;
/// Where a text was cut. What is left of a secret there is not the secret any more.
const CUT: char = '…';
/// What stands in the place of a secret.
const MASK: &str = "***";

/// What a path of an address is encoded in at least (the URL standard's path percent-encode set).
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Knows secrets and replaces them, in every form they commonly take: as they are, each line of several, in base64
/// (alone, at any offset of a longer text, and as git's `x-access-token:…`), percent-encoded, and inside JSON. The user
/// information of URLs, and what looks like a credential behind `Basic ` and `Bearer `, are replaced whether they are known
/// or not.
///
/// Clones share what they know: a mask that one thread learns from a command's output holds for all writers.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

#[derive(Default)]
struct Known {
    /// The secrets as they were given.
    values: BTreeSet<String>,
    /// Every form of every secret by its length, the longest first. A set that keeps this order by itself: a file may
    /// teach a thousand secrets one by one.
    forms: BTreeSet<(Reverse<usize>, String)>,
    /// The forms by their beginnings, and by their ends: a report may have a thousand cuts, too.
    sorted: BTreeSet<Vec<u8>>,
    backwards: BTreeSet<Vec<u8>>,
}

impl Redactor {
    /// A redactor that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Learns a secret.
    pub fn add(&self, secret: &Secret) {
        self.add_value(secret.expose());
    }

    /// Learns the passwords and tokens in the URLs of `text` (a store's address), as they are and decoded, and what
    /// basic authorization makes of them.
    pub fn add_credentials_in(&self, text: &str) {
        for found in credentials::find(text) {
            let raw = &text[found.secret.clone()];
            let decoded = percent_decode_str(raw).decode_utf8_lossy();
            self.add_value(raw);
            self.add_value(&decoded);
            let user = text[found.hide.start..found.secret.start].strip_suffix(':');
            if let Some(user) = user {
                self.add_basic(&percent_decode_str(user).decode_utf8_lossy(), &decoded);
            }
        }
    }

    /// Learns what basic authorization sends (RFC 7617): the base64 of `user:password`, of which the password alone decides
    /// but the middle. It does not learn the password itself.
    pub fn add_basic(&self, user: &str, password: &str) {
        if !password.is_empty() {
            self.add_value(&format!("{user}:{password}"));
        }
    }

    /// One that knows what this one knows now, and keeps what it learns from then on to itself.
    pub fn apart(&self) -> Self {
        let apart = Redactor::new();
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        for value in &known.values {
            apart.add_value(value);
        }
        apart
    }

    /// Learns the values of variables whose names say that they are secrets: the name holds `TOKEN`, `SECRET`, `PASSWORD`,
    /// `CREDENTIAL`, `WEBHOOK` or the like, or one of its words is `KEY`, `PASS`, `PAT`, `AUTH`, `DSN` or the like. GitHub
    /// masks its secrets in the log alone; what we keep of a command's output goes elsewhere. A value of several lines is
    /// learnt line by line, too, and of a URL its password, whatever its variable is called. Left alone are values under 6
    /// bytes, switches, numbers that are no password, and paths to what is there. At most 256 variables and 1,000 lines of
    /// them are learnt.
    pub fn add_environment<'a>(&self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let (mut variables_left, mut lines_left) = (names::VARIABLES, names::LINES);
        for (name, value) in variables {
            let named = names::is_secret(name) && names::holds_secret(name, value);
            let passwords = passwords_in(value);
            if variables_left == 0 || !named && passwords.is_empty() {
                continue;
            }
            variables_left -= 1;
            for password in passwords {
                self.add_value(&percent_decode_str(password).decode_utf8_lossy());
                self.add_value(password);
            }
            if !named {
                continue;
            }
            self.add_value(value);
            let lines = value.lines().map(str::trim);
            for line in lines.filter(|line| line.len() >= names::SHORTEST) {
                if lines_left == 0 {
                    break;
                }
                lines_left -= 1;
                self.add_value(line);
            }
        }
    }

    /// Learns from a line of streamed output that is a masking command: `::add-mask::value`, `##[add-mask]value`.
    pub fn learn_from(&self, line: &str) {
        for value in command::masks_in(line) {
            self.add_value(&value);
        }
    }

    /// `text` without secrets, and without what is left of one beside a `…`, where the text was cut: its beginning before
    /// it, its end behind it.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut hidden: Vec<Range<usize>> = credentials::find(text)
            .into_iter()
            .map(|found| found.hide)
            .collect();
        for (_, form) in &known.forms {
            let mut from = 0;
            while let Some(at) = text.get(from..).and_then(|rest| rest.find(form.as_str())) {
                hidden.push(from + at..from + at + form.len());
                // One letter on, not behind the hit: a secret may overlap itself.
                from += at + text[from + at..].chars().next().map_or(1, char::len_utf8);
            }
        }
        if text.contains(CUT) {
            known.hide_rests(text, &mut hidden);
        }
        // Last: the letters of base64 on a secret's edges depend on what stood beside it, so a hit there is a part.
        hidden.extend(authorization::find(text, &hidden));
        if hidden.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(mask(text, hidden))
        }
    }

    /// Whether `text` holds a known secret that is long enough to be no chance hit, or a URL with credentials.
    /// For what must be refused rather than changed: a file that another program reads.
    pub fn finds_secret_in(&self, text: &str) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut long = known.forms.iter().map(|(_, form)| form);
        long.any(|form| form.len() >= SHORTEST_PART && text.contains(form.as_str()))
            || credentials::has_credentials(text)
    }

    fn add_value(&self, value: &str) {
        let value = value.trim();
        if value.len() < SHORTEST {
            return;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if !known.values.insert(value.to_owned()) {
            return;
        }
        for form in forms_of(value) {
            known.sorted.insert(form.clone().into_bytes());
            known.backwards.insert(form.bytes().rev().collect());
            known.forms.insert((Reverse(form.len()), form));
        }
    }
}

/// The passwords in the URLs of a variable's value that are long enough to be looked for. A user without a password is often
/// but a name.
fn passwords_in(value: &str) -> Vec<&str> {
    credentials::find(value)
        .into_iter()
        .filter(|found| !value[..found.secret.start].ends_with("//"))
        .map(|found| &value[found.secret])
        .filter(|password| password.len() >= names::SHORTEST)
        .collect()
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

/// Replaces the ranges; ranges that touch become one mask, so that the number of masks tells nothing.
fn mask(text: &str, mut hidden: Vec<Range<usize>>) -> String {
    hidden.sort_by_key(|range| range.start);
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    let mut masked_to = None;
    for range in hidden {
        if masked_to.is_none_or(|end| range.start > end) {
            clean.push_str(&text[at..range.start]);
            clean.push_str(MASK);
        }
        at = at.max(range.end);
        masked_to = Some(at);
    }
    clean.push_str(&text[at..]);
    clean
}

impl Known {
    /// Hides what is left of a secret beside each [`CUT`] in `text`. Bytes are compared: whole letters stand on both sides
    /// of a cut, and begin and end every form.
    fn hide_rests(&self, text: &str, hidden: &mut Vec<Range<usize>>) {
        let mut pieces = text.split(CUT).peekable();
        let mut start = 0;
        let mut is_first = true;
        while let Some(piece) = pieces.next() {
            let end = start + piece.len();
            let is_last = pieces.peek().is_none();
            if !is_first {
                let backwards: Vec<u8> = piece.bytes().rev().collect();
                if let Some(length) = longest_end(&backwards, &self.backwards) {
                    hidden.push(start..start + length);
                }
                // Between two cuts may stand the middle of a secret.
                let mut longer = self
                    .forms
                    .iter()
                    .take_while(|(length, _)| length.0 > piece.len());
                if !is_last
                    && piece.len() >= SHORTEST_PART
                    && longer.any(|(_, form)| form.contains(piece))
                {
                    hidden.push(start..end);
                }
            }
            if !is_last && let Some(length) = longest_end(piece.as_bytes(), &self.sorted) {
                hidden.push(end - length..end);
            }
            start = end + CUT.len_utf8();
            is_first = false;
        }
    }
}

/// How long the longest end of `text` is that one of `forms` begins with.
fn longest_end(text: &[u8], forms: &BTreeSet<Vec<u8>>) -> Option<usize> {
    let lengths = (SHORTEST_REST..=text.len()).rev();
    lengths.into_iter().find(|length| {
        let end = &text[text.len() - length..];
        // What begins with it follows it at once.
        let mut from = forms.range::<[u8], _>((Bound::Included(end), Bound::Unbounded));
        from.next().is_some_and(|form| form.starts_with(end))
    })
}

fn forms_of(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    forms.extend(
        value
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= SHORTEST)
            .map(String::from),
    );
    // What is shown of a foreign text is on one line, and escaped.
    forms.push(value.split_whitespace().collect::<Vec<_>>().join(" "));
    forms.push(value.chars().flat_map(char::escape_debug).collect());
    for set in [NON_ALPHANUMERIC, RESERVED, PATH] {
        let encoded = utf8_percent_encode(value, set).to_string();
        forms.push(lower_hex(&encoded));
        forms.push(encoded.replace("%20", "+"));
        forms.push(encoded);
    }
    let json = serde_json::Value::from(value).to_string();
    forms.push(json.trim_matches('"').to_owned());
    for whole in [value.to_owned(), format!("x-access-token:{value}")] {
        for engine in [
            &general_purpose::STANDARD,
            &general_purpose::STANDARD_NO_PAD,
            &general_purpose::URL_SAFE,
            &general_purpose::URL_SAFE_NO_PAD,
        ] {
            forms.push(engine.encode(&whole));
        }
    }
    forms.extend((0..3).flat_map(|offset| base64_inside(value, offset)));
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

/// The letters of base64 that `value` alone decides when it stands `offset` (mod 3) bytes into a longer text: those on
/// the edges depend on its neighbours.
fn base64_inside(value: &str, offset: usize) -> Vec<String> {
    let mut bytes = vec![0; offset];
    bytes.extend_from_slice(value.as_bytes());
    let first = (offset * 8).div_ceil(6);
    let last = bytes.len() * 8 / 6;
    [
        &general_purpose::STANDARD_NO_PAD,
        &general_purpose::URL_SAFE_NO_PAD,
    ]
    .map(|engine| {
        engine
            .encode(&bytes)
            .get(first..last)
            .unwrap_or_default()
            .to_owned()
    })
    .into_iter()
    .filter(|form| form.len() >= SHORTEST_PART)
    .collect()
}

/// `%2F` as `%2f`; what is not an escape stays.
fn lower_hex(encoded: &str) -> String {
    let mut rest = 0;
    encoded
        .chars()
        .map(|letter| {
            if letter == '%' {
                rest = 2;
                letter
            } else if rest > 0 {
                rest -= 1;
                letter.to_ascii_lowercase()
            } else {
                letter
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
