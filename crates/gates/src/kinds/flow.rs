//! The kind `flow`: several HTTP requests after each other, with values taken from one answer into the next request.

mod capture;
mod places;

use std::{sync::Arc, time::Duration};

use probes::{
    Probe,
    flow::{Address, AddressError, BasicAuth, Body, Flow, Step, Template, TemplateError},
    http::{Client, Credentials},
};

use self::places::Known;
use super::{
    Kind,
    http::{connection, expectation, request},
};
use crate::{Fields, Key, Problems, Shape, Surroundings};

/// See the file of gates.
pub(super) const KIND: Kind = Kind {
    name: "flow",
    help: "answers several HTTP requests after each other, with values taken from one into the next",
    keys: &KEYS,
    short: Some("steps"),
    build,
};

/// How long a connection waits for the next step. Shorter than the wait between two tries: a try must meet the server
/// that stands there then.
const KEEP_ALIVE: Duration = Duration::from_millis(250);

const OWN: &[Key] = &[
    Key::new(
        "steps",
        Shape::List(&Shape::Object(STEP)),
        "The requests, in turn; the first that is not answered as wanted ends the try",
    )
    .required(),
    Key::new(
        "base-url",
        Shape::Address,
        "What the `url` of each step that does not begin with `http://` or `https://` is put behind",
    ),
];

static KEYS: [Key; OWN.len() + connection::KEYS.len()] = Key::joined(&[OWN, connection::KEYS]);

const STEP_FIRST: &[Key] = &[
    Key::new("name", Shape::Text, "What people call it"),
    Key::new(
        "url",
        Shape::Address,
        "`http://…`, `https://…`, or what is put behind `base-url`: `/api/courses`",
    )
    .required(),
];

const STEP_LAST: &[Key] = &[
    Key::new(
        "capture",
        Shape::Map(&Shape::Object(capture::KEYS)),
        "By name, what is taken from the answer; later steps write `{{name}}`",
    ),
    Key::new(
        "redirects",
        Shape::Count { least: 0 },
        "How many redirects this step follows, where that is not the flow's `redirects`",
    ),
    Key::new(
        "always",
        Shape::Flag,
        "Whether it is asked even when a step before it failed, if all that it needs was captured: to log out",
    )
    .with_default("false"),
];

const STEP: &[Key] = &Key::joined::<
    { STEP_FIRST.len() + request::KEYS.len() + expectation::KEYS.len() + STEP_LAST.len() },
>(&[STEP_FIRST, request::KEYS, expectation::KEYS, STEP_LAST]);

fn build(
    fields: &Fields,
    around: &Surroundings,
    problems: &mut Problems,
) -> Option<Arc<dyn Probe>> {
    let before = problems.len();
    let base = base(fields, problems);
    let all = fields.objects("steps");
    if all.is_empty() && fields.settings.contains_key("steps") {
        fields.wrong(
            "steps",
            "an empty list",
            "at least one step",
            "write a step: `- url: /health`",
            problems,
        );
    }
    let mut known = Known::new(&all);
    let mut steps = Vec::new();
    for step in all {
        request::learn(step, around);
        steps.extend(self::step(step, base, &mut known, problems));
    }
    let client = client(fields, around, problems);
    (problems.len() == before).then_some(())?;
    Some(Arc::new(Flow {
        client: client?,
        steps,
    }))
}

fn client(fields: &Fields, around: &Surroundings, problems: &mut Problems) -> Option<Client> {
    let mut options = connection::options(fields, around, problems);
    if let Ok(options) = &mut options {
        options.keep_alive = KEEP_ALIVE;
    }
    connection::shared(fields, options, problems)
}

/// The base, when it is one; without it, the steps below it are not told a second time.
fn base<'a>(fields: &'a Fields, problems: &mut Problems) -> Base<'a> {
    let Some(base) = fields.text("base-url").map(str::trim) else {
        return match fields.is_unread("base-url") {
            true => Base::Wrong,
            false => Base::None,
        };
    };
    if Address::parse(Some(base), "/").is_err() {
        fields.wrong(
            "base-url",
            "no address that others can be put behind",
            "an address without a query",
            "write `http://host:port` or `https://host/path`",
            problems,
        );
        return Base::Wrong;
    }
    Base::At(base)
}

#[derive(Clone, Copy)]
enum Base<'a> {
    None,
    Wrong,
    At(&'a str),
}

/// One step; `known` learns what it captures.
fn step(
    fields: &Fields,
    base: Base<'_>,
    known: &mut Known<'_>,
    problems: &mut Problems,
) -> Option<Step> {
    let address = address(fields, base, known, problems);
    places::none_in_answer(fields, problems);
    let parts = request::read(fields, problems);
    let expectation = expectation::read(fields, problems);
    if let (Some(parts), Some(expectation)) = (&parts, &expectation) {
        request::has_body(fields, parts, expectation, problems);
    }
    let mut read = |key: &str, text: &str| known.template(fields, key, text, problems);
    let mut headers = Vec::new();
    let mut basic_auth = None;
    let mut body = Body::None;
    let mut method = String::new();
    if let Some(parts) = parts {
        method = parts.method;
        for (name, value) in parts.headers {
            headers.push((name, read("headers", &value)));
        }
        match parts.credentials {
            Some(Credentials::Bearer(token)) => {
                let value = read("bearer-token", &format!("Bearer {token}"));
                headers.push(("Authorization".to_owned(), value));
            }
            Some(Credentials::Basic { user, password }) => {
                basic_auth = Some(BasicAuth {
                    user: read("basic-auth", &user),
                    password: read("basic-auth", &password),
                });
            }
            None => (),
        }
        body = match parts.body {
            request::Body::None => Body::None,
            request::Body::Text(text) => Body::Text(read("body", &text)),
            request::Body::Form(pairs) => Body::Form(
                pairs
                    .into_iter()
                    .map(|(name, value)| (name, read("form", &value)))
                    .collect(),
            ),
            request::Body::Json(json) => {
                match Template::places_in(&json) {
                    Ok(names) => known.all(fields, "json-body", &names, problems),
                    Err(error) => no_template(fields, "json-body", &error, problems),
                }
                Body::Json(json)
            }
        };
    }
    let captures = capture::read(fields, problems);
    known.next_step();
    Some(Step {
        name: fields.text("name").map(str::to_owned),
        method,
        address: address?,
        headers,
        basic_auth,
        body,
        redirects: fields
            .count("redirects")
            .map(|most| usize::try_from(most).unwrap_or(usize::MAX)),
        expectation: expectation?,
        captures,
        always: fields.flag("always"),
    })
}

fn address(
    fields: &Fields,
    base: Base<'_>,
    known: &Known<'_>,
    problems: &mut Problems,
) -> Option<Address> {
    let text = fields.text("url")?.trim();
    let base = match base {
        Base::None => None,
        Base::At(base) => Some(base),
        // Told already; any other base shows what is wrong with the rest.
        Base::Wrong => Some("http://localhost"),
    };
    let error = match Address::parse(base, text) {
        Ok(address) => {
            let names: Vec<String> = address.places().map(str::to_owned).collect();
            known.all(fields, "url", &names, problems);
            return Some(address);
        }
        Err(error) => error,
    };
    let mend = match &error {
        AddressError::Template(error) => {
            no_template(fields, "url", error, problems);
            return None;
        }
        AddressError::NoBase => {
            "write `base-url: https://host` beside `steps`, or the whole address"
        }
        AddressError::Host => {
            "write the host; a whole captured address is written alone, as `url: '{{name}}'`"
        }
        AddressError::Base | AddressError::Url(_) => {
            "write `/path`, `http://host:port/path` or `https://…`"
        }
    };
    fields.wrong(
        "url",
        &format!("what fails to {error}"),
        "an address",
        mend,
        problems,
    );
    None
}

/// Says that a text is no template; the text may be a secret.
fn no_template(fields: &Fields, key: &str, error: &TemplateError, problems: &mut Problems) {
    fields.wrong(
        key,
        &format!("what fails to {error}"),
        "`{{name}}` for each captured value",
        "write a literal `{{` as `{{{{`",
        problems,
    );
}
