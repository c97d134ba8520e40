//! What is taken from an answer.

use std::time::SystemTime;

use serde_json::Value as Json;
use tokio::time::Instant;

use super::jar::Jar;
use crate::http::{
    Response,
    expectation::{JsonType, Pattern, Pointer},
};

/// Takes one value from an answer, for later steps.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The name that later steps write as `{{name}}`.
    pub name: String,
    /// Where it stands.
    pub source: Source,
    /// Which part of it is meant: the first group, or the whole match of a pattern without one.
    pub pattern: Option<Pattern>,
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub enum Source {
    /// At a place of the JSON document: a string, a number or a truth value.
    Json(Pointer),
    /// In a header; of several, the first that matches.
    Header(String),
    /// In a cookie that this try was given.
    Cookie(String),
    /// In the body, as text.
    Body,
}

impl Capture {
    /// The value, or what is there instead: by its kind, never its content.
    pub(super) async fn take(
        &self,
        response: &Response,
        jar: &Jar,
        deadline: Instant,
    ) -> Result<Json, String> {
        let value = match &self.source {
            Source::Json(pointer) => self.of_json(pointer, response, deadline).await?,
            Source::Header(name) => self.of_header(name, response, deadline).await?,
            Source::Cookie(name) => match jar.value(name, SystemTime::now()) {
                None => return Err(format!("there is no cookie {}", name.escape_debug())),
                Some(value) => {
                    let place = format!("the cookie {}", name.escape_debug());
                    self.matched(value, &place, deadline).await?
                }
            },
            Source::Body => {
                let place = format!("the body ({})", response.outline());
                self.matched(&response.text(), &place, deadline).await?
            }
        };
        if value == "" {
            return Err(format!("{} is empty", self.place()));
        }
        Ok(value)
    }

    /// Where it stands, for people.
    fn place(&self) -> String {
        match &self.source {
            Source::Json(pointer) => pointer.to_string(),
            Source::Header(name) => format!("the header {}", name.escape_debug()),
            Source::Cookie(name) => format!("the cookie {}", name.escape_debug()),
            Source::Body => "the matched text".to_owned(),
        }
    }

    async fn of_json(
        &self,
        pointer: &Pointer,
        response: &Response,
        deadline: Instant,
    ) -> Result<Json, String> {
        let document = response
            .document()
            .map_err(|_| format!("the body is no JSON ({})", response.outline()))?;
        match pointer.find(&document) {
            None => Err(match parent(pointer, &document) {
                Some((parent, kind)) => format!("{pointer} is missing, {parent} is {kind}"),
                None => format!("{pointer} is missing"),
            }),
            Some(Json::String(text)) => self.matched(text, &pointer.to_string(), deadline).await,
            Some(value @ (Json::Number(_) | Json::Bool(_))) => match self.pattern {
                None => Ok(value.clone()),
                Some(_) => {
                    self.matched(&value.to_string(), &pointer.to_string(), deadline)
                        .await
                }
            },
            Some(other) => Err(format!(
                "{pointer} is {}, wanted a string, a number or a boolean",
                JsonType::of(other)
            )),
        }
    }

    async fn of_header(
        &self,
        name: &str,
        response: &Response,
        deadline: Instant,
    ) -> Result<Json, String> {
        let mut nothing = format!("the answer has no header {}", name.escape_debug());
        for value in response.headers.get_all(name) {
            let value = String::from_utf8_lossy(value.as_bytes());
            let place = format!("the header {}", name.escape_debug());
            match self.matched(value.trim(), &place, deadline).await {
                Ok(value) => return Ok(value),
                Err(reason) => nothing = reason,
            }
        }
        Err(nothing)
    }

    async fn matched(&self, text: &str, place: &str, deadline: Instant) -> Result<Json, String> {
        let Some(pattern) = &self.pattern else {
            return Ok(Json::from(text));
        };
        match pattern.capture_by(text, deadline).await {
            Ok(Some(part)) => Ok(Json::from(part)),
            Ok(None) => Err(format!("{place} does not match {pattern}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The nearest place above `pointer` that is there, and what stands there.
fn parent(pointer: &Pointer, document: &Json) -> Option<(Pointer, JsonType)> {
    let text = pointer.to_string();
    let mut above = text.as_str();
    while let Some(at) = above.rfind('/') {
        above = &above[..at];
        let pointer = Pointer::new(above).ok()?;
        if let Some(value) = pointer.find(document) {
            let kind = JsonType::of(value);
            return Some((pointer, kind));
        }
    }
    None
}
