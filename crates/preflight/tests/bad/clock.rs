//! A host whose clock is years off: GitHub's own clock judges ages.

use serde_json::{Value, json};

use crate::{
    program::{Preflight, Ran},
    server::{Server, whole},
};

/// A GitHub whose time is `date`, with one secret of the repository, changed at `changed`, and an approved run.
fn at(date: &'static str, changed: &'static str) -> Ran {
    let body = move |first: &str| -> Option<Value> {
        let path = first.split([' ', '?']).nth(1)?;
        match path.strip_prefix("/repos/octo/shop")? {
            "/actions/secrets" => Some(json!({
                "total_count": 1,
                "secrets": [{"name": "DB", "created_at": "2015-01-01T00:00:00Z", "updated_at": changed}],
            })),
            "/actions/runs/42/approvals" => Some(json!([{
                "state": "approved",
                "comment": "",
                "user": {"login": "bob"},
                "environments": [{"name": "production"}],
            }])),
            "/deployments" => Some(json!([
                {"id": 1, "created_at": changed, "updated_at": changed}
            ])),
            _ => None,
        }
    };
    let server = Server::start(move |first, _, stream| {
        let (status, body) = match body(first) {
            Some(body) => ("200 OK", body),
            None => ("404 Not Found", json!({"message": "Not Found"})),
        };
        let headers = format!("Content-Type: application/json\r\nDate: {date}\r\n");
        let text = whole(status, &headers, &body.to_string());
        let _gone = std::io::Write::write_all(stream, text.as_bytes());
    });
    Preflight::of("secrets.age,environment.approval")
        .with("GITHUB_API_URL", server.url())
        .with("INPUT_GITHUB_TOKEN", "ghs_job")
        .with("INPUT_ADMIN_TOKEN", "ghp_admin")
        .with("INPUT_SECRETS", "DB")
        .with("INPUT_APPROVAL_ENVIRONMENT", "production")
        .run()
}

#[test]
fn a_secret_is_young_by_githubs_clock_however_old_it_seems_here() {
    let ran = at("Mon, 01 Jun 2020 12:00:00 GMT", "2020-05-20T12:00:00Z");
    ran.ends(0, "pass", &[]);
    ran.tells("secrets.age", "pass", &["12 days old"]);
    ran.tells(
        "environment.approval",
        "pass",
        &["approved by bob", "2020-05-20"],
    );
}

#[test]
fn a_secret_is_old_by_githubs_clock_although_it_lies_in_the_future_here() {
    let ran = at("Fri, 01 Jun 2063 12:00:00 GMT", "2063-01-01T12:00:00Z");
    ran.ends(4, "fail", &["secrets.age"]);
    ran.tells("secrets.age", "fail", &["DB", "151 days old"]);
}
