//! One step's request, its redirects, and the cookies of each answer.

use std::time::SystemTime;

use reqwest::{Url, header::HeaderMap};
use tokio::time::Instant;

use super::{
    Body, Step,
    address::PlaceError,
    jar::Jar,
    template::{Captured, Placement, Template},
};
use crate::http::{Client, Cookies, Credentials, HttpError, Request, Response};

/// Why a request could not be put together; reads after "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum PrepareError {
    /// A captured value cannot stand in the address.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A captured value cannot stand in a header.
    #[error(
        "place a captured value in the header {0}: it has a line break or a character that no header can carry"
    )]
    Header(String),
    /// The request itself is none.
    #[error(transparent)]
    Request(#[from] HttpError),
}

/// The request of `step`, with what was captured in its places; the jar's cookies are not in it yet.
pub(super) fn prepare(step: &Step, captured: &Captured) -> Result<Request, PrepareError> {
    let missing = |name: String| PrepareError::Place(PlaceError::Missing(name));
    let url = step.address.fill(captured)?;
    let mut request = Request::new(&step.method, url.as_str())?;
    match &step.body {
        Body::None => (),
        Body::Text(template) => {
            let body = template
                .fill(captured, text_type(step, template))
                .map_err(missing)?;
            request = request.body(body);
        }
        Body::Json(json) => {
            let body = Template::fill_json(json, captured).map_err(missing)?;
            request = request
                .header("content-type", "application/json")?
                .body(body.to_string());
        }
        Body::Form(fields) => {
            let mut pairs = Vec::new();
            for (name, template) in fields {
                let value = template.fill(captured, Placement::Plain).map_err(missing)?;
                pairs.push((name.clone(), value));
            }
            request = request
                .header("content-type", "application/x-www-form-urlencoded")?
                .body(Request::form(&pairs));
        }
    }
    if let Some(basic) = &step.basic_auth {
        let fill = |template: &Template| template.fill(captured, Placement::Plain);
        let credentials = Credentials::Basic {
            user: fill(&basic.user).map_err(missing)?,
            password: fill(&basic.password).map_err(missing)?,
        };
        // What is written in the file was tried when it was read: only a captured user can be no user.
        request = request
            .credentials(&credentials)
            .map_err(|_| PrepareError::Header("Authorization".to_owned()))?;
    }
    for (name, template) in &step.headers {
        let value = template.fill(captured, Placement::Plain).map_err(missing)?;
        request = request.header(name, &value).map_err(|error| {
            if template.places().next().is_some() {
                PrepareError::Header(name.escape_debug().to_string())
            } else {
                PrepareError::Request(error)
            }
        })?;
    }
    Ok(request)
}

/// How a captured value is escaped in a body that is text.
fn text_type(step: &Step, body: &Template) -> Placement {
    let named = step
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("content-type"))
        .map(|(_, value)| value.beginning().to_ascii_lowercase());
    match named {
        Some(kind) => match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => Placement::Address,
            kind if kind == "application/json" || kind.ends_with("+json") => Placement::Json,
            _ => Placement::Plain,
        },
        None if body.beginning().trim_start().starts_with(['{', '[']) => Placement::Json,
        None => Placement::Plain,
    }
}

/// Sends the request of a step and follows its redirects; keeps the cookies of every answer on the way. Also says where
/// the last answer came from.
pub(super) async fn exchange(
    client: &Client,
    step: &Step,
    request: &Request,
    jar: &mut Jar,
    deadline: Instant,
) -> Result<(Response, Url), HttpError> {
    let mut visit = Visit {
        jar,
        last: request.url().clone(),
    };
    let redirects = step.redirects.unwrap_or(client.redirects());
    let response = client
        .ask_with(request, redirects, &mut visit, deadline)
        .await?;
    Ok((response, visit.last))
}

/// The jar, and the address that answered last.
struct Visit<'a> {
    jar: &'a mut Jar,
    last: Url,
}

impl Cookies for Visit<'_> {
    fn fetch(&self, url: &Url) -> Option<String> {
        self.jar.header(url, SystemTime::now())
    }

    fn keep(&mut self, url: &Url, headers: &HeaderMap) {
        self.jar.take(url, headers, SystemTime::now());
        url.clone_into(&mut self.last);
    }
}
