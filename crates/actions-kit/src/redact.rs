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
/// information of URLs is replaced whether it is known or not.
///
/// Clones share what they know: a mask that one thread learns from a command's output holds for all writers.
#[derive(Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<Known>>,
}

/// A value that only its variable's name gives away must be so long: `true` and `8080` stand in many a line.
const SHORTEST_GUESSED: usize = 6;

fn is_secret(name: &str) -> bool {
    const ANYWHERE: [&str; 9] = [
        "TOKEN",
        "TOKENS",
        "SECRET",
        "SECRETS",
        "PASSWORD",
        "PASSWD",
        "PASSPHRASE",
        "CREDENTIAL",
        "CREDENTIALS",
    ];
    const LAST: [&str; 4] = ["KEY", "PAT", "PASS", "PWD"];
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split(['_', '-', '.']).collect();
    // `PWD` and `OLDPWD` are folders.
    words.iter().any(|word| ANYWHERE.contains(word))
        || (words.len() > 1 && words.last().is_some_and(|last| LAST.contains(last)))
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

    /// Learns the values of variables whose names say that they are secrets: a word of the name is `TOKEN`, `SECRET`,
    /// `PASSWORD`, `PASSPHRASE`, `CREDENTIAL` or the like, or the last word is `KEY` or `PAT`. GitHub masks its secrets in
    /// the log alone; what we keep of a command's output goes elsewhere. A value of several lines is learnt line by line,
    /// too.
    pub fn add_environment<'a>(&self, variables: impl IntoIterator<Item = (&'a str, &'a str)>) {
        for (name, value) in variables {
            if !is_secret(name) {
                continue;
            }
            let lines = value.lines().chain([value]);
            for part in lines
                .map(str::trim)
                .filter(|part| part.len() >= SHORTEST_GUESSED)
            {
                self.add_value(part);
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redactor(secrets: &[&str]) -> Redactor {
        let redactor = Redactor::new();
        for secret in secrets {
            redactor.add(&Secret::new(*secret).expect("a secret"));
        }
        redactor
    }

    #[test]
    fn variables_whose_names_say_so_are_learnt_and_no_others() {
        let redactor = Redactor::new();
        redactor.add_environment([
            ("DB_PASSWORD", "canary-db"),
            ("deploy_token", "canary-token"),
            ("SSH_PRIVATE_KEY", "-----BEGIN\ncanary-line\n-----END"),
            ("API_PASS", "yes"),
            ("PWD", "/srv/deploy"),
            ("KEYBOARD", "canary-none"),
            ("REGION", "eu-west"),
        ]);
        for secret in ["canary-db", "canary-token", "canary-line"] {
            assert_eq!(redactor.redact(&format!("a {secret} b")), "a *** b");
        }
        for open in ["/srv/deploy", "canary-none", "eu-west", "yes"] {
            assert_eq!(redactor.redact(open), open);
        }
    }

    #[test]
    fn one_apart_keeps_to_itself_what_it_learns() {
        let redactor = Redactor::new();
        redactor.add_value("canary-one");
        let apart = redactor.apart();
        apart.add_value("canary-two");
        assert_eq!(apart.redact("canary-one canary-two"), "*** ***");
        assert_eq!(redactor.redact("canary-one canary-two"), "*** canary-two");
    }

    #[test]
    fn a_text_without_secrets_is_handed_back_as_it_is() {
        assert!(matches!(
            redactor(&["canary-7f3a"]).redact("all is well"),
            Cow::Borrowed("all is well")
        ));
    }

    #[test]
    fn a_secret_is_replaced_wherever_it_stands() {
        let redactor = redactor(&["canary-7f3a"]);
        assert_eq!(
            redactor.redact("a canary-7f3a b canary-7f3a"),
            "a *** b ***"
        );
        assert_eq!(redactor.redact("canary-7f3acanary-7f3a"), "***");
    }

    #[test]
    fn the_longest_of_secrets_that_overlap_is_replaced_whole() {
        let redactor = redactor(&["canary", "canary-7f3a", "7f3a-tail"]);
        assert_eq!(redactor.redact("x canary-7f3a y"), "x *** y");
        assert_eq!(redactor.redact("x canary-7f3a-tail y"), "x *** y");
        assert_eq!(self::redactor(&["aXaXa"]).redact("aXaXaXa"), "***");
    }

    #[test]
    fn values_under_four_characters_are_left_alone() {
        // `YWJj` is the base64 form of `abc`.
        let text = "abcabc a YWJj";
        assert_eq!(redactor(&["abc", "  a "]).redact(text), text);
    }

    #[test]
    fn base64_of_a_secret_is_replaced_alone_behind_a_user_and_in_the_middle() {
        let secret = "canary-7f3a-secret";
        let redactor = redactor(&[secret]);
        for prefix in ["", "x-access-token:", "baton:", "u:", "ab"] {
            for suffix in ["", "\n", "tail"] {
                let text = general_purpose::STANDARD.encode(format!("{prefix}{secret}{suffix}"));
                let shown = redactor.redact(&text).into_owned();
                assert!(shown.contains(MASK), "{prefix:?} {suffix:?}: {shown}");
                let left = shown.replace(MASK, "");
                let edges = (prefix.len() + suffix.len()) * 8 / 6 + 6;
                assert!(left.len() <= edges, "{prefix:?} {suffix:?}: {left}");
            }
        }
    }

    #[test]
    fn the_header_that_git_sends_for_a_token_is_replaced_whole() {
        let redactor = redactor(&["canary-7f3a-secret"]);
        for text in ["canary-7f3a-secret", "x-access-token:canary-7f3a-secret"] {
            let header = format!("basic {}", general_purpose::STANDARD_NO_PAD.encode(text));
            assert_eq!(redactor.redact(&header), "basic ***");
        }
    }

    #[test]
    fn what_basic_authorization_sends_of_a_password_is_replaced_whole() {
        let learnt = Redactor::new();
        learnt.add_basic("usr", "c4n");
        learnt.add_credentials_in("https://us%72:can%61ry-7f3a@h/");
        for (user, password) in [("usr", "c4n"), ("usr", "canary-7f3a")] {
            let whole = format!("{user}:{password}");
            for engine in [
                &general_purpose::STANDARD,
                &general_purpose::STANDARD_NO_PAD,
            ] {
                let header = format!("authorization: Basic {}.", engine.encode(&whole));
                assert_eq!(learnt.redact(&header), "authorization: Basic ***.");
            }
        }
    }

    #[test]
    fn what_a_cut_left_of_a_secret_is_replaced() {
        let learnt = redactor(&["canary-7f3a-canary", "ürgödör"]);
        for (text, clean) in [
            ("\"token canary-7f…\", wanted", "\"token ***…\", wanted"),
            ("x can…", "x ***…"),
            ("x ca…", "x ca…"),
            ("1: …anary: bad", "1: …***: bad"),
            ("1: …ry: bad", "1: …ry: bad"),
            ("1: …nary-7f3a-can… 2", "1: …***… 2"),
            ("…ary x canary…", "…*** x ***…"),
            ("a canary", "a canary"),
            ("x ürgö… …dör", "x ***… …***"),
            ("Y2FuYXJ5LTdmM2…", "***…"),
        ] {
            assert_eq!(learnt.redact(text), clean, "{text}");
        }
    }

    #[test]
    fn percent_encoded_and_json_forms_are_replaced() {
        let redactor = redactor(&["p/ss w+rd\"ä"]);
        for text in [
            "p%2Fss%20w%2Brd%22%C3%A4",
            "p%2fss%20w%2brd%22%c3%a4",
            "p%2Fss+w%2Brd%22%C3%A4",
            r#"p/ss w+rd\"ä"#,
            "p/ss%20w+rd%22%C3%A4",
        ] {
            assert_eq!(redactor.redact(text), MASK, "{text}");
        }
    }

    #[test]
    fn each_line_of_a_secret_of_several_lines_is_replaced() {
        let redactor = redactor(&["-----BEGIN KEY-----\nMIIcanary\r\n  abc\nxyz-last\n"]);
        assert_eq!(
            redactor.redact("line MIIcanary and xyz-last, abc"),
            "line *** and ***, abc"
        );
        assert_eq!(
            redactor.redact(r"-----BEGIN KEY-----\nMIIcanary\r\n  abc\nxyz-last"),
            MASK
        );
    }

    #[test]
    fn masks_in_streamed_output_are_learnt() {
        let redactor = Redactor::new();
        redactor.clone().learn_from("::add-mask::canary%25one");
        redactor.learn_from("##[add-mask]canary-two");
        redactor.learn_from("::notice::canary-three");
        assert_eq!(
            redactor.redact("canary%one canary-two canary-three"),
            "*** *** canary-three"
        );
    }

    #[test]
    fn credentials_in_urls_are_replaced_and_learnt() {
        let redactor = Redactor::new();
        assert_eq!(
            redactor.redact("postgres://u:canary@h/d is away"),
            "postgres://***@h/d is away"
        );
        redactor.add_credentials_in("postgres://u:p%40ss-canary@h/d");
        assert_eq!(
            redactor.redact("password p@ss-canary, p%40ss-canary"),
            "password ***, ***"
        );
    }

    #[test]
    fn a_chance_hit_of_a_short_secret_is_no_finding() {
        let redactor = redactor(&["prod", "canary-7f3a"]);
        assert!(!redactor.finds_secret_in("production"));
        assert!(redactor.finds_secret_in("x canary-7f3a"));
        assert!(redactor.finds_secret_in("https://u:p@h/"));
    }

    #[test]
    fn a_thousand_cuts_beside_a_thousand_secrets_cost_less_than_looking_for_the_secrets_does() {
        let learnt = Redactor::new();
        for number in 0..1000 {
            learnt.add_value(&format!("canary-{number}-x7f3a"));
        }
        let timed = |line: &str| {
            let text = line.repeat(1000);
            let begun = std::time::Instant::now();
            let shown = learnt.redact(&text).into_owned();
            (begun.elapsed(), shown)
        };
        let (plain, _) = timed("503, wanted 200; the body begins \"canary-999-x7f.\"\n");
        let (cut, shown) = timed("503, wanted 200; the body begins \"canary-999-x7f…\"\n");
        assert!(!shown.contains("canary"));
        // Compared one by one they took thirty times as long.
        assert!(cut < plain * 5, "{cut:?} in place of {plain:?}");
    }

    proptest! {
        #[test]
        fn no_secret_survives(secret in "[ -~äß€]{4,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
            let trimmed = secret.trim();
            prop_assume!(trimmed.len() >= SHORTEST && !MASK.contains(trimmed) && !trimmed.contains(MASK));
            let redactor = redactor(&[&secret]);
            let text = format!("{before}{secret}{after}");
            let shown = redactor.redact(&text).into_owned();
            // A mask between the pieces of a secret could make it up again only if the secret holds the mask.
            prop_assert!(!shown.contains(trimmed), "{} in {}", trimmed, shown);
            let encoded = utf8_percent_encode(trimmed, NON_ALPHANUMERIC).to_string();
            prop_assert_eq!(redactor.redact(&encoded), MASK);
            for (at, _) in trimmed.char_indices().filter(|(at, _)| *at >= SHORTEST_REST) {
                let cut = format!("x{}…", &trimmed[..at]);
                let shown = redactor.redact(&cut).into_owned();
                prop_assert!(!shown.contains(&trimmed[..at]), "{} in {}", trimmed, shown);
            }
        }
    }
}
