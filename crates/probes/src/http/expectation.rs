//! What an answer must be, and everything that it is not.
//!
//! Responsible for: judging one whole answer by status, time, headers, JSON and text, and saying each thing that is
//! missing in words. Not responsible for asking, for asking again, or for how a person writes an expectation down.

mod json;
mod pattern;

use std::{ops::RangeInclusive, time::Duration};

pub use json::{Comparison, JsonTest, JsonType, Pointer, PointerError, Relation};
pub use pattern::{MatchError, Pattern, PatternError};
use tokio::time::Instant;

use super::Response;
use crate::{
    aside::Turn,
    foreign::{piece, quoted},
};

/// What an answer must be. All of it holds at once. What is wanted is shown where it is missing: it holds no secret.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The statuses that are well: `[200..=299]`, `[200..=200, 404..=404]`.
    pub status: Vec<RangeInclusive<u16>>,
    /// The longest time from the question to the end of the answer, redirects included.
    pub max_latency: Option<Duration>,
    /// Headers by name, each with what it must be.
    pub headers: Vec<(String, HeaderTest)>,
    /// Places in the body, which must then be JSON, each with what must stand there.
    pub json: Vec<(Pointer, JsonTest)>,
    /// What the body must match somewhere.
    pub matches: Vec<Pattern>,
    /// What the body must match nowhere.
    pub lacks: Vec<Pattern>,
    /// Whether the beginning of a body that is not as wanted may be shown. Not where it can hold a token.
    pub shows_body: bool,
}

impl Default for Expectation {
    /// Any status of success.
    fn default() -> Self {
        Expectation {
            status: vec![200..=299],
            max_latency: None,
            headers: Vec::new(),
            json: Vec::new(),
            matches: Vec::new(),
            lacks: Vec::new(),
            shows_body: true,
        }
    }
}

/// What a header must be. Of several headers of one name, one that is as wanted suffices.
#[derive(Clone, Debug)]
pub enum HeaderTest {
    /// There is one, or none.
    Exists(bool),
    /// Its value is exactly this.
    Equals(String),
    /// Its value matches.
    Matches(Pattern),
}

impl Expectation {
    /// Whether `response` is as wanted.
    ///
    /// # Errors
    /// Everything that is missing, beginning with the status, in one line: `503 Service Unavailable, wanted 200` or
    /// `200 OK; /status is "starting", wanted "healthy"`.
    pub fn judge(&self, response: &Response) -> Result<(), String> {
        let missing = self.missing(response);
        if missing.is_empty() {
            return Ok(());
        }
        let mut text = missing.join("; ");
        if self.takes(response.status) {
            text = format!("{}; {text}", response.summary());
        }
        Err(text)
    }

    /// [`Expectation::judge`] beside the event loop where that may take long: regular expressions, and long JSON.
    ///
    /// # Errors
    /// It is not known by `deadline`.
    pub async fn judge_by(
        &self,
        response: &Response,
        deadline: Instant,
    ) -> Result<Result<(), String>, MatchError> {
        const LONG: usize = 64 << 10;
        let turn = match self.pattern() {
            Some(pattern) => pattern.turn().clone(),
            None if !self.json.is_empty() && response.body.len() > LONG => Turn::default(),
            None => return Ok(self.judge(response)),
        };
        let length = response.body.len();
        let (expectation, response) = (self.clone(), response.clone());
        turn.take(deadline, move || expectation.judge(&response))
            .await
            .map_err(|undone| MatchError::of(undone, length))
    }

    /// The first of its regular expressions.
    fn pattern(&self) -> Option<&Pattern> {
        let of_headers = self.headers.iter().filter_map(|(_, test)| match test {
            HeaderTest::Matches(pattern) => Some(pattern),
            _ => None,
        });
        let of_json = self.json.iter().filter_map(|(_, test)| match test {
            JsonTest::Matches(pattern) => Some(pattern),
            _ => None,
        });
        let of_text = self.matches.iter().chain(&self.lacks);
        of_text.chain(of_headers).chain(of_json).next()
    }

    /// Everything that `response` lacks, each in words of its own; empty where it is as wanted.
    pub fn missing(&self, response: &Response) -> Vec<String> {
        let mut missing = Vec::new();
        if !self.takes(response.status) {
            missing.push(format!(
                "{}, wanted {}",
                response.summary(),
                self.statuses()
            ));
        }
        if let Some(longest) = self.max_latency.filter(|longest| response.took > *longest) {
            missing.push(format!(
                "answered after {} ms, wanted at most {} ms",
                response.took.as_millis(),
                longest.as_millis()
            ));
        }
        for (name, test) in &self.headers {
            missing.extend(test.missing(name, response));
        }
        let told_by_pointer = missing.len();
        if self.json.is_empty() && self.matches.is_empty() && self.lacks.is_empty() {
            // The body does not matter.
        } else if let Some(coding) = &response.unread_coding {
            missing.push(format!(
                "the body came as {}, which is not understood",
                quoted(coding)
            ));
        } else {
            self.missing_in_json(response, &mut missing);
        }
        let told_by_pointer = missing.len() > told_by_pointer;
        let text = self.missing_in_text(response, &mut missing);
        if self.shows_body
            && (text || !(self.takes(response.status) || told_by_pointer))
            && let Some(body) = response.beginning()
        {
            missing.push(format!("the body begins {body}"));
        }
        missing
    }

    fn takes(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(&status))
    }

    /// The statuses in words: `200-299 or 404`.
    fn statuses(&self) -> String {
        let words: Vec<String> = self
            .status
            .iter()
            .map(|range| match (range.start(), range.end()) {
                (start, end) if start == end => start.to_string(),
                (start, end) => format!("{start}-{end}"),
            })
            .collect();
        words.join(" or ")
    }

    fn missing_in_json(&self, response: &Response, missing: &mut Vec<String>) {
        if self.json.is_empty() {
            return;
        }
        if response.cut {
            missing.push(format!(
                "the body is longer than {} bytes, too long to be read as JSON",
                response.body.len()
            ));
            return;
        }
        match response.document() {
            Ok(body) => missing.extend(
                self.json
                    .iter()
                    .filter_map(|(pointer, test)| test.missing(pointer, &body)),
            ),
            Err(_) if response.body.is_empty() => {
                missing.push("the body is empty, wanted JSON".to_owned());
            }
            Err(error) => missing.push(format!(
                "the body is no JSON at line {}, column {}{}",
                error.line(),
                error.column(),
                response
                    .beginning()
                    .filter(|_| self.shows_body)
                    .map_or_else(String::new, |body| format!(", it begins {body}"))
            )),
        }
    }

    /// Says whether anything was missing.
    fn missing_in_text(&self, response: &Response, missing: &mut Vec<String>) -> bool {
        if (self.matches.is_empty() && self.lacks.is_empty()) || response.unread_coding.is_some() {
            return false;
        }
        let before = missing.len();
        let body = response.text();
        let within = if response.cut {
            format!(" in its first {} bytes", response.body.len())
        } else {
            String::new()
        };
        for pattern in self
            .matches
            .iter()
            .filter(|pattern| !pattern.is_match(&body))
        {
            missing.push(format!("the body does not match {pattern}{within}"));
        }
        for pattern in &self.lacks {
            if pattern.is_match(&body) {
                missing.push(format!("the body matches {pattern}, which it must not"));
            } else if response.cut {
                missing.push(format!(
                    "the body may match {pattern} after its first {} bytes",
                    response.body.len()
                ));
            }
        }
        missing.len() > before
    }
}

impl HeaderTest {
    fn missing(&self, name: &str, response: &Response) -> Option<String> {
        let values: Vec<String> = response
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        let (well, wanted) = match self {
            HeaderTest::Exists(true) => (!values.is_empty(), "wanted it".to_owned()),
            HeaderTest::Exists(false) => (values.is_empty(), "wanted none".to_owned()),
            HeaderTest::Equals(text) => (values.contains(text), format!("wanted {}", quoted(text))),
            HeaderTest::Matches(pattern) => (
                values.iter().any(|value| pattern.is_match(value)),
                format!("wanted it to match {pattern}"),
            ),
        };
        let seen = match values.as_slice() {
            [] => "is missing".to_owned(),
            values => {
                let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
                format!("is {}", piece(&values.join(", ")))
            }
        };
        (!well).then(|| format!("header {name} {seen}, {wanted}"))
    }
}

#[cfg(test)]
mod tests;
