//! What is wrong with the inputs for alerts, found when the step starts and not when somebody should be woken.
//!
//! Not responsible for what the table finds by itself: the kinds of values.

use std::path::Path;

use actions_kit::{Parsed, WrongInputs};
use probes::http::{Client, ClientOptions, Request, Roots};

/// What the addresses of Alertmanager's own pages and interfaces end in.
const PAGES: &[&str] = &["/api/v2/alerts", "/api/v1/alerts", "/api/v2", "/api/v1"];

/// `alertmanager-url` must be the whole Alertmanager, and `alertmanager-auth` needs one.
pub(crate) fn alertmanager(inputs: &Parsed, wrong: &mut WrongInputs) {
    let Some(url) = inputs.opt_text("alertmanager-url") else {
        let judged = wrong
            .findings()
            .iter()
            .any(|finding| finding.name == "alertmanager-url");
        if inputs.secret("alertmanager-auth").is_some() && !judged {
            wrong.push(
                "alertmanager-auth",
                "credentials without an address",
                "`alertmanager-url` beside it",
                "set `alertmanager-url`, or leave `alertmanager-auth` out",
            );
        }
        return;
    };
    let whole = url.split(['?', '#']).next().unwrap_or_default();
    let whole = whole.trim_end_matches('/');
    let base = PAGES.iter().find_map(|page| whole.strip_suffix(page));
    if base.is_none() && !url.contains(['?', '#']) {
        return;
    }
    // Its place: what stands before the host may be a password.
    let right = Request::new("GET", base.unwrap_or(whole))
        .map(|request| request.place())
        .unwrap_or_default();
    wrong.push(
        "alertmanager-url",
        "the address of a page or an interface of it",
        "Alertmanager's address with its base path",
        &format!("set it to `{}`", right.trim_end_matches('/')),
    );
}

/// `webhook-url` must be an address as it stands: what is cut off or written anew is another secret.
pub(crate) fn webhook(inputs: &Parsed, wrong: &mut WrongInputs) {
    let Some(url) = inputs.secret("webhook-url") else {
        return;
    };
    let seen = match Request::new("POST", url.expose()) {
        _ if url
            .expose()
            .chars()
            .any(|c| c.is_whitespace() || c.is_control()) =>
        {
            "a value with a space or a control character in it".to_owned()
        }
        Err(error) => format!("a value that cannot be used: failed to {error}"),
        Ok(_) => return,
    };
    wrong.push(
        "webhook-url",
        &seen,
        "the webhook's address, `https://…`, and nothing else",
        "copy it from where the webhook was made",
    );
}

/// `mention` stands in front of a line.
pub(crate) fn mention(inputs: &Parsed, wrong: &mut WrongInputs) {
    let mention = inputs.opt_text("mention").unwrap_or_default().trim();
    if mention.chars().any(char::is_control) {
        wrong.push(
            "mention",
            "several lines, or a control character",
            "one line, `@org/team` or `<!here>`",
            "write all of them in one line",
        );
    }
}

/// `alert-ca-file` must hold what it is named for.
pub(crate) fn authority(file: Option<&Path>, wrong: &mut WrongInputs) {
    let Some(path) = file else {
        return;
    };
    let (seen, mend) = if path.is_file() {
        let options = ClientOptions {
            roots: Roots::File(path.to_owned()),
            ..ClientOptions::default()
        };
        match Client::new(options) {
            Ok(_) => return,
            Err(error) => (
                format!("a file that is no use: failed to {error}"),
                "name the file with the authority's certificate: it begins with `-----BEGIN CERTIFICATE-----`",
            ),
        }
    } else {
        (
            format!("{}, which is no file", path.display()),
            "check out what holds it before this step",
        )
    };
    wrong.push(
        "alert-ca-file",
        &seen,
        "the path of a PEM file, from the workspace",
        mend,
    );
}

/// What only says how to tell needs a way to tell by. Where an issue is wanted there is one, under act too.
pub(crate) fn ways(inputs: &Parsed, wrong: &mut WrongInputs) {
    let judged = |name: &str| wrong.findings().iter().any(|finding| finding.name == name);
    if inputs.opt_text("alertmanager-url").is_some()
        || inputs.secret("webhook-url").is_some()
        || inputs.flag("incident-issue")
        || judged("alertmanager-url")
        || judged("incident-issue")
    {
        return;
    }
    for (name, given) in [
        ("assignees", !inputs.list("assignees").is_empty()),
        ("mention", inputs.opt_text("mention").is_some()),
        ("runbook-url", inputs.opt_text("runbook-url").is_some()),
    ] {
        if given {
            wrong.push(
                name,
                "a value, and no way to tell anybody is set",
                "`alertmanager-url`, `webhook-url` or `incident-issue: true` beside it",
                "set one of them, or leave this one out",
            );
        }
    }
}
