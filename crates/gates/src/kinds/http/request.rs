//! The keys that say what is sent.

use probes::http::{Credentials, Expectation, HttpError, Request};
use serde_json::Value as Json;

use super::shown;
use crate::{Fields, Key, Problems, Setting, Shape, Surroundings};

/// The keys, without the address.
pub(in crate::kinds) const KEYS: &[Key] = &[
    Key::new(
        "method",
        Shape::Text,
        "Any method; without it `GET`, or `POST` where there is a body",
    ),
    Key::new(
        "headers",
        Shape::Map(&Shape::Secret),
        "Headers that are sent, by name",
    ),
    Key::new(
        "body",
        Shape::Secret,
        "A body, sent as it stands, whole on every try",
    ),
    Key::new(
        "json-body",
        Shape::Json,
        "A body as JSON, with `Content-Type: application/json`",
    ),
    Key::new(
        "form",
        Shape::Map(&Shape::Secret),
        "A body of form fields, with `Content-Type: application/x-www-form-urlencoded`",
    ),
    Key::new(
        "basic-auth",
        Shape::Object(&[
            Key::new("user", Shape::Text, "The user").required(),
            Key::new("password", Shape::Secret, "The password").required(),
        ]),
        "Basic authorization (RFC 7617)",
    ),
    Key::new(
        "bearer-token",
        Shape::Secret,
        "A token that is sent as `Authorization: Bearer` (RFC 6750)",
    ),
];

/// A request without its address. Its texts may be changed before it is sent: a flow fills in what it captured.
#[derive(Clone)]
pub(in crate::kinds) struct Parts {
    pub(in crate::kinds) method: String,
    pub(in crate::kinds) headers: Vec<(String, String)>,
    pub(in crate::kinds) body: Body,
    pub(in crate::kinds) credentials: Option<Credentials>,
}

/// What is sent after the headers.
#[derive(Clone)]
pub(in crate::kinds) enum Body {
    None,
    Text(String),
    Json(Json),
    Form(Vec<(String, String)>),
}

impl Default for Parts {
    /// `GET`, and nothing else.
    fn default() -> Self {
        Self {
            method: String::from("GET"),
            headers: Vec::new(),
            body: Body::None,
            credentials: None,
        }
    }
}

impl Body {
    /// As it goes over the wire, with its media type where it has one of its own.
    pub(in crate::kinds) fn encoded(&self) -> (Vec<u8>, Option<&'static str>) {
        match self {
            Body::None => (Vec::new(), None),
            Body::Text(text) => (text.clone().into_bytes(), None),
            Body::Json(json) => (json.to_string().into_bytes(), Some("application/json")),
            Body::Form(pairs) => (
                Request::form(pairs).into_bytes(),
                Some("application/x-www-form-urlencoded"),
            ),
        }
    }
}

/// The request that `fields` write, without its address.
pub(in crate::kinds) fn read(fields: &Fields, problems: &mut Problems) -> Option<Parts> {
    let before = problems.len();
    let body = body(fields, problems);
    let method = match fields.text("method") {
        Some(method) => method.to_owned(),
        None if matches!(body, Body::None) => "GET".to_owned(),
        None => "POST".to_owned(),
    };
    // The library takes any token (RFC 9110 §5.6.2), `get` too, which hardly a server knows.
    if Request::new(&method, "http://localhost/").is_err() {
        fields.wrong(
            "method",
            &shown(&method),
            "a method",
            "write `GET`, `POST` or another one word",
            problems,
        );
    } else if method.chars().any(|c| c.is_ascii_lowercase()) {
        let upper = method.to_ascii_uppercase();
        fields.wrong(
            "method",
            &shown(&method),
            "a method in capitals",
            &format!("write `{upper}`: methods are told apart by case"),
            problems,
        );
    }
    let headers = texts(fields.map("headers"));
    let mut authorizations = usize::from(fields.object("basic-auth").is_some())
        + usize::from(fields.text("bearer-token").is_some());
    for (name, value) in &headers {
        let refused = Request::new("GET", "http://localhost/")
            .and_then(|request| request.header(name, value))
            .is_err();
        if refused {
            let (seen, mend) = match Request::new("GET", "http://localhost/")
                .and_then(|request| request.header(name, ""))
            {
                Ok(_) => (
                    format!("{} with a value that no header can carry", shown(name)),
                    "leave out line breaks and control characters; a secret may end with one",
                ),
                Err(_) => (
                    format!("{} as a name", shown(name)),
                    "write letters, digits and `-` without spaces",
                ),
            };
            fields.wrong("headers", &seen, "headers", mend, problems);
        }
        authorizations += usize::from(name.eq_ignore_ascii_case("authorization"));
    }
    if authorizations > 1 {
        let key = if fields.object("basic-auth").is_some() {
            "basic-auth"
        } else {
            "bearer-token"
        };
        fields.wrong(
            key,
            "a second authorization",
            "one of `basic-auth`, `bearer-token` and a header `Authorization`",
            "leave all but one out",
            problems,
        );
    }
    let credentials = credentials(fields);
    if let Some(credentials) = &credentials
        && Request::new("GET", "http://localhost/")
            .and_then(|request| request.credentials(credentials))
            .is_err()
    {
        fields.wrong(
            "bearer-token",
            "a token that no header can carry",
            "one line of text",
            "leave out line breaks; a secret may end with one",
            problems,
        );
    }
    (problems.len() == before).then_some(Parts {
        method,
        headers,
        body,
        credentials,
    })
}

impl Parts {
    /// The request to `url`.
    ///
    /// # Errors
    /// The address or something that was filled in later cannot be sent.
    pub(in crate::kinds) fn request(&self, url: &str) -> Result<Request, HttpError> {
        let (body, media_type) = self.body.encoded();
        let mut request = Request::new(&self.method, url)?.body(body);
        if let Some(media_type) = media_type {
            request = request.header("content-type", media_type)?;
        }
        if let Some(credentials) = &self.credentials {
            request = request.credentials(credentials)?;
        }
        for (name, value) in &self.headers {
            request = request.header(name, value)?;
        }
        Ok(request)
    }

    /// The request to `url` of `fields`; tells where that cannot be.
    pub(in crate::kinds) fn to(
        &self,
        fields: &Fields,
        url: &str,
        problems: &mut Problems,
    ) -> Option<Request> {
        match self.request(url.trim()) {
            Ok(request) => Some(request),
            Err(error) => {
                let seen = match error {
                    HttpError::Address { detail } => format!("no address: {detail}"),
                    other => other.to_string(),
                };
                fields.wrong(
                    "url",
                    &seen,
                    "an address",
                    "write `http://host:port/path` or `https://…`",
                    problems,
                );
                None
            }
        }
    }
}

/// Tells where an answer without a body is judged by it.
pub(in crate::kinds) fn has_body(
    fields: &Fields,
    parts: &Parts,
    expectation: &Expectation,
    problems: &mut Problems,
) {
    if parts.method != "HEAD" {
        return;
    }
    for (key, there) in [
        ("json", !expectation.json.is_empty()),
        ("matches", !expectation.matches.is_empty()),
        ("lacks", !expectation.lacks.is_empty()),
    ] {
        if there {
            fields.wrong(
                key,
                "something wanted of the body of an answer to `HEAD`",
                "a method whose answer has a body",
                "write `method: GET`, or judge status and headers alone",
                problems,
            );
        }
    }
}

fn body(fields: &Fields, problems: &mut Problems) -> Body {
    let text = fields.text("body").map(|text| Body::Text(text.to_owned()));
    let json = fields
        .json("json-body")
        .map(|json| Body::Json(json.clone()));
    let form = fields
        .settings
        .contains_key("form")
        .then(|| Body::Form(texts(fields.map("form"))));
    let mut bodies = [("body", text), ("json-body", json), ("form", form)]
        .into_iter()
        .filter_map(|(key, body)| Some((key, body?)));
    let Some((first, body)) = bodies.next() else {
        return Body::None;
    };
    for (second, _) in bodies {
        fields.wrong(
            second,
            &format!("a body beside `{first}`"),
            "one of `body`, `json-body` and `form`",
            "leave all but one out",
            problems,
        );
    }
    body
}

fn credentials(fields: &Fields) -> Option<Credentials> {
    if let Some(basic) = fields.object("basic-auth") {
        return Some(Credentials::Basic {
            user: basic.text("user")?.to_owned(),
            password: basic.text("password")?.to_owned(),
        });
    }
    let token = fields.text("bearer-token")?;
    Some(Credentials::Bearer(token.to_owned()))
}

/// Teaches the redactor what basic authorization makes of user and password: a server that repeats the header would show
/// the ends of it.
pub(in crate::kinds) fn learn(fields: &Fields, around: &Surroundings) {
    if let Some(Credentials::Basic { user, password }) = credentials(fields) {
        around.redactor.add_basic(&user, &password);
    }
}

/// The pairs of a mapping of texts.
fn texts(map: &[(String, Setting)]) -> Vec<(String, String)> {
    map.iter()
        .filter_map(|(name, setting)| match setting {
            Setting::Text(text) => Some((name.clone(), text.clone())),
            _ => None,
        })
        .collect()
}
