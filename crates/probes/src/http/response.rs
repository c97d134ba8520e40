//! What was answered.

use std::{fmt, time::Duration};

use reqwest::{StatusCode, header::HeaderMap};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::foreign::{piece, quoted, words};

/// A whole answer.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, at most as long as the client's limit.
    pub body: Vec<u8>,
    /// Whether the body was longer than that.
    pub cut: bool,
    /// The content coding (RFC 9110 §8.4.1) that the body still has, because it is not understood: `br`.
    pub unread_coding: Option<String>,
    /// How many redirects were followed to it.
    pub redirects: usize,
    /// Where it redirects to, when that was not followed: without user, password and query.
    pub points_to: Option<String>,
    /// From the question to the end of the answer, redirects included.
    pub took: Duration,
}

impl Response {
    /// Status and its words: `503 Service Unavailable`.
    pub fn status_line(&self) -> String {
        match StatusCode::from_u16(self.status)
            .ok()
            .and_then(|status| status.canonical_reason())
        {
            Some(words) => format!("{} {words}", self.status),
            None => self.status.to_string(),
        }
    }

    /// What came, in words: `302 Found to http://a.example/login after 5 redirects`.
    pub fn summary(&self) -> String {
        let to = match &self.points_to {
            Some(place) => format!(" to {}", piece(place)),
            None => String::new(),
        };
        let after = match self.redirects {
            0 => String::new(),
            1 => " after 1 redirect".to_owned(),
            several => format!(" after {several} redirects"),
        };
        format!("{}{to}{after}", self.status_line())
    }

    /// The beginning of a body that is text, for people: between quotation marks, short, escaped, in one line.
    pub fn beginning(&self) -> Option<String> {
        const ENOUGH: usize = 2000;
        let head = &self.body[..self.body.len().min(ENOUGH)];
        let text = match std::str::from_utf8(head) {
            Ok(text) => text,
            // A character cut in two at the end is no reason to doubt the rest.
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
            }
            Err(_) => return None,
        };
        let mut text = words(text);
        // Who shows it must know that a secret may stand across the cut.
        if (self.cut || head.len() < self.body.len()) && !text.is_empty() {
            text.push('…');
        }
        (!text.is_empty() && self.unread_coding.is_none()).then(|| quoted(&text))
    }

    /// A header's value, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body's media type without parameters, in lower case; empty where none is named.
    pub fn media_type(&self) -> String {
        self.header("content-type")
            .and_then(|value| value.split(';').next())
            .map(|value| value.trim().to_ascii_lowercase())
            .unwrap_or_default()
    }

    /// The body as text; what is no UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body read as JSON; a byte order mark before it is passed over (RFC 8259 §8.1).
    ///
    /// # Errors
    /// The body is no JSON of that shape, or was cut.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(
            self.body
                .strip_prefix(b"\xef\xbb\xbf")
                .unwrap_or(&self.body),
        )
    }

    /// The body read as a JSON document. A number that is too large for a floating-point number of 64 bits, which RFC 8259
    /// §6 allows, is read as `1e308`.
    ///
    /// # Errors
    /// The body is no JSON, or was cut.
    pub(crate) fn document(&self) -> Result<Value, serde_json::Error> {
        match self.json() {
            // The library has no kind for it: of everything else it would say the same again.
            Err(error) if error.is_syntax() => match within_range(&self.body) {
                Some(body) => Response {
                    body,
                    ..self.clone()
                }
                .json(),
                None => Err(error),
            },
            read => read,
        }
    }

    /// What came instead of what was expected, for people: `200 OK, 512 bytes of text/html`.
    pub fn outline(&self) -> String {
        let kind = match self.media_type() {
            kind if kind.is_empty() => "no named type".to_owned(),
            kind => kind.escape_debug().to_string(),
        };
        let more = if self.cut { "more than " } else { "" };
        format!(
            "{}, {more}{} bytes of {kind}",
            self.status_line(),
            self.body.len()
        )
    }
}

/// `json` with `1e308` in the place of each number that is too large to be one, and everything else where it was; nothing
/// where there is none.
fn within_range(json: &[u8]) -> Option<Vec<u8>> {
    let mut made = Vec::new();
    let mut changed = false;
    let mut rest = json;
    while let Some(first) = rest.first() {
        let length = match first {
            b'"' => text_length(rest),
            b'-' | b'0'..=b'9' => rest
                .iter()
                .take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte))
                .count(),
            _ => 1,
        };
        let (token, behind) = rest.split_at(length);
        let number = std::str::from_utf8(token).ok().filter(|_| *first != b'"');
        match number.and_then(|number| number.parse::<f64>().ok()) {
            Some(number) if number.is_infinite() => {
                changed = true;
                // The shortest that is too large has as many letters.
                let large = if number > 0.0 { "1e308" } else { "-1e308" };
                made.extend_from_slice(format!("{large:length$}").as_bytes());
            }
            _ => made.extend_from_slice(token),
        }
        rest = behind;
    }
    changed.then_some(made)
}

/// How long the text is that `json` begins with, quotation marks included.
fn text_length(json: &[u8]) -> usize {
    let mut escaped = true;
    for (at, byte) in json.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    json.len()
}

impl fmt::Debug for Response {
    // Body and headers may repeat what the request carried.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.outline())
    }
}
