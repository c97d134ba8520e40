//! Takes what a try has learnt out of what people are shown of it: a server may repeat a token in an error.
//!
//! Not responsible for secrets of the environment: who shows an observation knows those.

use std::collections::BTreeSet;

use reqwest::Url;

use super::template::{encoded, escaped};

/// Shorter captured values are looked for nowhere: they stand in every other word, and are no secret that holds.
const SHORTEST: usize = 4;
/// Cookies say `true` and `en-US`; a session is longer. Also how much of a longer value may not be shown.
const PART: usize = 8;

/// What must not be shown.
#[derive(Default)]
pub(super) struct Scrub {
    forms: BTreeSet<Vec<char>>,
}

impl Scrub {
    /// Learns a captured value.
    pub(super) fn learn(&mut self, value: &str) {
        self.learn_from(value, SHORTEST);
    }

    /// Learns the value of a cookie.
    pub(super) fn learn_cookie(&mut self, value: &str) {
        self.learn_from(value, PART);
    }

    fn learn_from(&mut self, value: &str, shortest: usize) {
        if value.chars().count() < shortest {
            return;
        }
        let json = escaped(value);
        // An address that a server makes of it is percent-encoded no further than it must be (the URL standard's path
        // percent-encode set).
        let mut in_path = Url::parse("http://localhost/").map_or_else(
            |_| String::new(),
            |mut url| {
                url.set_path(value);
                url.path().trim_start_matches('/').to_owned()
            },
        );
        if in_path.chars().count() < shortest {
            value.clone_into(&mut in_path);
        }
        let forms = [
            in_path,
            value.to_owned(),
            value.escape_debug().to_string(),
            json.escape_debug().to_string(),
            json,
            encoded(value),
        ];
        self.forms
            .extend(forms.iter().map(|form| form.chars().collect()));
    }

    /// `text` without any of them: no whole value, no [`PART`] characters of a longer one, and no beginning of one where
    /// the text was cut.
    pub(super) fn clean(&self, text: &str) -> String {
        let text: Vec<char> = text.chars().collect();
        let mut hidden = vec![false; text.len()];
        for form in &self.forms {
            hide_parts(&text, form, &mut hidden);
            hide_beginnings(&text, form, &mut hidden);
        }
        let mut clean = String::new();
        for (index, c) in text.iter().enumerate() {
            if !hidden[index] {
                clean.push(*c);
            } else if index == 0 || !hidden[index - 1] {
                clean.push_str("***");
            }
        }
        clean
    }
}

/// Hides every run of characters that `text` has in common with `form` and that is long enough.
fn hide_parts(text: &[char], form: &[char], hidden: &mut [bool]) {
    let enough = form.len().min(PART);
    if enough == 0 {
        return;
    }
    let parts: BTreeSet<&[char]> = form.windows(enough).collect();
    for (at, window) in text.windows(enough).enumerate() {
        if parts.contains(window) {
            hidden[at..at + enough].fill(true);
        }
    }
}

/// Hides the beginning of `form` before each sign of a cut.
fn hide_beginnings(text: &[char], form: &[char], hidden: &mut [bool]) {
    for (cut, _) in text.iter().enumerate().filter(|(_, c)| **c == '…') {
        let longest = form.len().min(cut);
        let begins = (1..=longest)
            .rev()
            .find(|length| text[cut - length..cut] == form[..*length]);
        if let Some(length) = begins {
            hidden[cut - length..cut].fill(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(value: &str, text: &str) -> String {
        let mut scrub = Scrub::default();
        scrub.learn(value);
        scrub.clean(text)
    }

    #[test]
    fn a_value_is_hidden_in_every_form_and_in_part() {
        let token = "to/ken\"%\ncanary-0123456789";
        for form in [
            token.to_owned(),
            encoded(token),
            escaped(token),
            token.escape_debug().to_string(),
        ] {
            let seen = clean(token, &format!("401, bad token {form} for you"));
            assert_eq!(seen, "401, bad token *** for you", "{form}");
        }
        assert_eq!(clean(token, "the end is 23456789."), "the end is ***.");
        assert_eq!(clean(token, "it begins \"to/k…\""), "it begins \"***…\"");
        assert_eq!(clean("1234", "id 1234, port 123"), "id ***, port 123");
    }

    #[test]
    fn a_short_value_hides_no_words() {
        assert_eq!(clean("17", "failed after 17 ms"), "failed after 17 ms");
        let mut scrub = Scrub::default();
        scrub.learn_cookie("true");
        assert_eq!(scrub.clean("/ok is true"), "/ok is true");
    }
}
