//! Several HTTP requests after each other, with values taken from one answer into the next request: log in, then list.
//!
//! Responsible for: one pass over the steps within one deadline, the cookies and captured values of that pass, and
//! naming the step that was not as wanted. Every pass starts with nothing. Not responsible for what one answer must be
//! (`http::expectation`), or for how a person writes a flow down.
//!
//! What is captured is a secret: it stands in no identity and in nothing that is seen.

mod address;
mod capture;
mod date;
mod exchange;
mod jar;
mod pass;
mod scrub;
mod template;

use std::fmt;

use serde_json::Value as Json;
use tokio::time::Instant;

pub use address::{Address, AddressError};
pub use capture::{Capture, Source};
pub use template::{Template, TemplateError, is_name};

use crate::{
    Observation, Probe, ProbeFuture,
    http::{Client, Expectation, Request},
};

/// One request of a flow, and what its answer must be.
#[derive(Clone, Debug)]
pub struct Step {
    /// What people call it.
    pub name: Option<String>,
    /// `GET`, `POST`, …
    pub method: String,
    /// Where it goes.
    pub address: Address,
    /// Its headers.
    pub headers: Vec<(String, Template)>,
    /// What it proves itself with, unless a header does.
    pub basic_auth: Option<BasicAuth>,
    /// Its body.
    pub body: Body,
    /// How many redirects are followed; as the client does, where nothing is said. Cookies that they set are kept.
    pub redirects: Option<usize>,
    /// What must be answered.
    pub expectation: Expectation,
    /// What is taken from an answer that is as wanted.
    pub captures: Vec<Capture>,
    /// Whether it is asked even when a step before it failed, as far as the values that it needs were captured: to log
    /// out.
    pub always: bool,
}

/// User and password of basic authorization (RFC 7617), with places for captured values.
#[derive(Clone, Debug)]
pub struct BasicAuth {
    /// The user, without a colon.
    pub user: Template,
    /// Its password.
    pub password: Template,
}

/// What is sent after the headers.
#[derive(Clone)]
pub enum Body {
    /// Nothing.
    None,
    /// Text. A captured value is escaped as the header `Content-Type` asks for: JSON, a form, or not at all; without that
    /// header a text that begins with `{` or `[` is JSON.
    Text(Template),
    /// JSON, with places in its texts.
    Json(Json),
    /// Form fields.
    Form(Vec<(String, Template)>),
}

impl Body {
    /// The names of its places.
    fn places(&self) -> Vec<String> {
        match self {
            Body::None => Vec::new(),
            Body::Text(template) => template.places().map(str::to_owned).collect(),
            Body::Json(json) => Template::places_in(json).unwrap_or_default(),
            Body::Form(fields) => fields
                .iter()
                .flat_map(|(_, template)| template.places())
                .map(str::to_owned)
                .collect(),
        }
    }
}

impl fmt::Debug for Body {
    // It may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body")
    }
}

/// Several requests after each other.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Who asks. It should keep its connection for a moment ([`crate::http::ClientOptions::keep_alive`]).
    pub client: Client,
    /// What is asked, in turn.
    pub steps: Vec<Step>,
}

impl Step {
    /// The names that must be captured before it can be asked.
    pub fn needs(&self) -> Vec<String> {
        let headers = self.headers.iter().flat_map(|(_, value)| value.places());
        let basic_auth = self
            .basic_auth
            .iter()
            .flat_map(|basic| basic.user.places().chain(basic.password.places()));
        let mut names: Vec<String> = self
            .address
            .places()
            .chain(headers)
            .chain(basic_auth)
            .map(str::to_owned)
            .collect();
        names.extend(self.body.places());
        names
    }
}

impl Probe for Flow {
    fn identity(&self) -> String {
        let [first, rest @ ..] = self.steps.as_slice() else {
            return "flow of no step".to_owned();
        };
        let address = first.address.with_host();
        let more = match rest.len() {
            0 => String::new(),
            1 => " and 1 more step".to_owned(),
            several => format!(" and {several} more steps"),
        };
        let doubt = Request::new("GET", address)
            .ok()
            .and_then(|request| self.client.doubt(&request))
            .unwrap_or_default();
        format!("flow {} {address}{more}{doubt}", first.method)
    }

    fn check(&self, deadline: Instant) -> ProbeFuture<'_> {
        Box::pin(async move {
            let begun = Instant::now();
            let (answer, seen) = pass::run(self, deadline).await;
            Observation {
                answer,
                seen,
                took: begun.elapsed(),
            }
        })
    }
}
