//! Pushgateway and Loki as the inputs name them.
//!
//! Responsible for saying which input is wrong, each once: what both services share is looked at before either.

use std::path::{Path, PathBuf};

use actions_kit::{Parsed, Secret, WrongInputs};
use audit::{Loki, LokiOptions};
use metrics::{Gateway, GatewayError};
use probes::http::{Client, ClientOptions, Credentials, HttpError, Request, Roots};

/// Where things are sent.
pub(crate) struct Services {
    pub(crate) pushgateway: Option<Gateway>,
    pub(crate) loki: Option<Loki>,
}

impl Services {
    /// Reads them.
    pub(crate) fn read(inputs: &Parsed, workspace: &Path, wrong: &mut WrongInputs) -> Services {
        without_service(inputs, wrong);
        let ca_file = ca_file(inputs, workspace, wrong);
        Services {
            pushgateway: gateway(inputs, ca_file.as_deref(), wrong),
            loki: loki(inputs, ca_file, wrong),
        }
    }
}

fn gateway(inputs: &Parsed, ca_file: Option<&Path>, wrong: &mut WrongInputs) -> Option<Gateway> {
    let credentials = credentials(inputs, "pushgateway-auth", wrong);
    let url = inputs.opt_text("pushgateway-url")?;
    let error = match Gateway::new(url, credentials, ca_file) {
        Ok(gateway) => return Some(gateway),
        Err(error) => error,
    };
    let (seen, mend) = match error {
        GatewayError::Address { mend } => ("an address that is none of a Pushgateway".into(), mend),
        error => (
            format!("a value that fails to {error}"),
            "correct the address".into(),
        ),
    };
    wrong.push(
        "pushgateway-url",
        &seen,
        "a Pushgateway's base address",
        &mend,
    );
    None
}

fn loki(inputs: &Parsed, ca_file: Option<PathBuf>, wrong: &mut WrongInputs) -> Option<Loki> {
    const WANTED: &str = "Loki's base address";
    let credentials = credentials(inputs, "loki-auth", wrong);
    let tenant = inputs
        .opt_text("loki-tenant")
        .filter(
            |tenant| match any_request().and_then(|any| any.header("X-Scope-OrgID", tenant)) {
                Ok(_) => true,
                Err(_) => {
                    no_header(wrong, "loki-tenant", "the tenant's id, on one line");
                    false
                }
            },
        )
        .map(str::to_owned);
    let url = inputs.opt_text("loki-url")?;
    if url.contains(['?', '#']) {
        let mend = "leave out what begins with `?` or `#`";
        wrong.push(
            "loki-url",
            "an address with a query or a fragment",
            WANTED,
            mend,
        );
        return None;
    }
    let loki = Loki::new(LokiOptions {
        url: url.to_owned(),
        tenant,
        credentials,
        ca_file,
    });
    loki.map_err(|error| {
        let seen = format!("a value that fails to {error}");
        wrong.push("loki-url", &seen, WANTED, "correct the address");
    })
    .ok()
}

/// The file of authorities, where it can be used.
fn ca_file(inputs: &Parsed, workspace: &Path, wrong: &mut WrongInputs) -> Option<PathBuf> {
    let path = workspace.join(inputs.path("ca-file")?);
    if wrong
        .findings()
        .iter()
        .any(|finding| finding.name == "ca-file")
    {
        return None;
    }
    let client = Client::new(ClientOptions {
        roots: Roots::File(path.clone()),
        ..ClientOptions::default()
    });
    match client {
        Ok(_) => Some(path),
        Err(error) => {
            wrong.push(
                "ca-file",
                &format!("a file; baton failed to {error}"),
                "a readable file with certificates in PEM form",
                "correct the path or the file, or leave `ca-file` out",
            );
            None
        }
    }
}

/// The credentials, where a header can carry them.
fn credentials(inputs: &Parsed, name: &str, wrong: &mut WrongInputs) -> Option<Credentials> {
    let credentials = Credentials::of(inputs.secret(name)?.expose());
    if let Credentials::Basic { user, password } = &credentials {
        let redactor = inputs.redactor();
        redactor.add_basic(user, password);
        // Elsewhere the password may stand alone.
        if let Ok(password) = Secret::new(password) {
            redactor.add(&password);
        }
    }
    match any_request().and_then(|any| any.credentials(&credentials)) {
        Ok(_) => Some(credentials),
        Err(_) => {
            no_header(
                wrong,
                name,
                "`user:password`, or a bearer token on one line",
            );
            None
        }
    }
}

/// Where headers are tried on; it is never sent.
fn any_request() -> Result<Request, HttpError> {
    Request::new("PUT", "http://localhost/")
}

fn no_header(wrong: &mut WrongInputs, name: &str, wanted: &str) {
    let seen = "a value that no HTTP header can carry";
    wrong.push(
        name,
        seen,
        wanted,
        "look for line breaks and control characters",
    );
}

/// What says something of a service that nobody named would silently do nothing.
fn without_service(inputs: &Parsed, wrong: &mut WrongInputs) {
    // One that is named wrongly is told of already.
    let told: Vec<String> = wrong.findings().iter().map(|f| f.name.clone()).collect();
    let text = |name: &str| inputs.opt_text(name).is_some() || told.iter().any(|t| t == name);
    let secret = |name: &str| inputs.secret(name).is_some();
    let of = [
        (
            "pushgateway-auth",
            secret("pushgateway-auth"),
            "pushgateway-url",
        ),
        ("loki-auth", secret("loki-auth"), "loki-url"),
        ("loki-tenant", text("loki-tenant"), "loki-url"),
    ];
    for (name, is_set, service) in of {
        if is_set && !text(service) {
            wrong.push(
                name,
                &format!("a value, and `{service}` is unset"),
                &format!("`{service}` beside it"),
                &format!("set `{service}`, or leave `{name}` out"),
            );
        }
    }
    if inputs.path("ca-file").is_some() && !text("pushgateway-url") && !text("loki-url") {
        wrong.push(
            "ca-file",
            "a file, and `pushgateway-url` and `loki-url` are unset",
            "`pushgateway-url` or `loki-url` beside it",
            "set one of them, or leave `ca-file` out",
        );
    }
    if inputs.flag("loki-output") && !text("loki-url") {
        wrong.push(
            "loki-output",
            "`true`, and `loki-url` is unset",
            "`loki-url` beside it",
            "set `loki-url`, or leave `loki-output` out",
        );
    }
}
