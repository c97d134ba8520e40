//! A GitHub that refuses, breaks off or is slow: nothing was measured, so nothing fails. And one that is well: how many
//! questions it is asked.

use std::{
    io::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    program::{Preflight, Ran},
    server::{Server, whole},
};

/// The checks that nobody but GitHub can answer here.
const ASKED: [&str; 4] = [
    "runner.registration",
    "secrets.age",
    "branch.protected",
    "environment.approval",
];
const JSON: &str = "Content-Type: application/json; charset=utf-8\r\n";
const JOB: &str = "ghs_jobcanary81f2";
const ADMIN: &str = "ghp_admincanary44d0";

fn step(checks: &str, server: &Server) -> Preflight {
    Preflight::of(checks)
        .with("GITHUB_API_URL", server.url())
        .with("INPUT_GITHUB_TOKEN", JOB)
        .with("INPUT_ADMIN_TOKEN", ADMIN)
        .with("INPUT_SECRETS", "DB")
        .with("INPUT_APPROVAL_ENVIRONMENT", "production")
        .with("INPUT_CONCURRENCY_GROUP", "deploy")
}

/// Asks a server that answers everything in one way; asserts that all is unknown, with `words`, and nothing stops.
#[track_caller]
fn all_unknown(server: &Server, words: &str) -> Ran {
    let checks = format!("{},concurrency", ASKED.join(","));
    let ran = step(&checks, server).run();
    ran.ends(0, "warn", &[]);
    for id in ASKED {
        ran.tells(id, "unknown", &[words]);
    }
    assert!(!server.asked().is_empty());
    ran
}

fn refusal(status: &str, headers: &str, message: &str) -> Server {
    let body = json!({
        "message": message,
        "documentation_url": "https://docs.github.com/rest",
        "status": status.split(' ').next(),
    });
    Server::saying(status, &format!("{JSON}{headers}"), &body.to_string())
}

#[test]
fn a_token_that_is_not_taken_is_unknown() {
    let server = refusal("401 Unauthorized", "", "Bad credentials");
    let ran = all_unknown(&server, "401");
    assert_eq!(ran.measured("concurrency.active"), "unknown");
}

#[test]
fn a_permission_that_is_missing_is_unknown_and_named() {
    let message = "Resource not accessible by integration";
    let server = refusal("403 Forbidden", "", message);
    let ran = all_unknown(&server, "403");
    assert!(
        ran.row("environment.approval").contains("actions: read"),
        "{}",
        ran.summary
    );
    assert!(
        ran.row("runner.registration")
            .contains("administration: read"),
        "{}",
        ran.summary
    );
}

#[test]
fn a_rate_limit_is_unknown_whether_it_comes_as_403_or_429() {
    let limits =
        "X-RateLimit-Limit: 1000\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 4102444800\r\n";
    let message = "API rate limit exceeded for installation ID 1.";
    all_unknown(&refusal("403 Forbidden", limits, message), "rate limit");
    let retry = "Retry-After: 3600\r\n";
    let message = "You have exceeded a secondary rate limit.";
    all_unknown(
        &refusal("429 Too Many Requests", retry, message),
        "rate limit",
    );
}

#[test]
fn what_is_not_found_is_unknown_and_an_unknown_group_is_idle() {
    let server = refusal("404 Not Found", "", "Not Found");
    let ran = all_unknown(&server, "404");
    // GitHub's own word for a group in which nobody is (design §11).
    assert_eq!(ran.measured("concurrency.active"), "pass");
}

#[test]
fn a_server_that_is_not_well_is_unknown() {
    let server = refusal("500 Internal Server Error", "", "Server Error");
    all_unknown(&server, "500");
}

#[test]
fn a_page_of_html_is_no_answer() {
    let page = "<!DOCTYPE html><html><body>Sign in to the network</body></html>";
    let server = Server::saying("200 OK", "Content-Type: text/html\r\n", page);
    all_unknown(&server, "it is a page for people");
}

#[test]
fn json_that_breaks_off_is_no_answer() {
    let server = Server::start(|_, _, stream| {
        let head =
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n";
        let _gone = stream.write_all(format!("{head}{{\"total_count\": 1, \"run").as_bytes());
    });
    all_unknown(&server, "failed to");
    let server = Server::saying("200 OK", JSON, "{\"total_count\": 1, \"run");
    all_unknown(&server, "failed to");
}

/// One byte of an answer every half second, for as long as somebody listens.
fn drip(stream: &mut TcpStream) {
    let text = whole("200 OK", JSON, &" ".repeat(4096));
    for byte in text.bytes() {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

#[test]
fn a_slow_loris_does_not_hold_up_the_deployment() {
    let server = Server::start(|_, _, stream| drip(stream));
    let begun = Instant::now();
    all_unknown(&server, "failed to");
    assert!(
        begun.elapsed() < Duration::from_secs(22),
        "{:?}",
        begun.elapsed()
    );
}

/// What a healthy GitHub says, in the shape of its OpenAPI description's examples.
fn healthy(first: &str) -> Option<Value> {
    let path = first.split([' ', '?']).nth(1)?;
    let user = json!({"login": "octocat", "id": 1, "type": "User", "site_admin": false});
    let label = |id: u64, name: &str| json!({"id": id, "name": name, "type": "custom"});
    let runner = json!({
        "id": 23, "name": "runner-a", "os": "linux", "status": "online", "busy": true,
        "labels": [label(1, "self-hosted"), label(2, "Linux"), label(3, "production")],
    });
    let secret = |name: &str| json!({"name": name, "created_at": "2026-08-10T14:59:22Z", "updated_at": "2026-11-10T14:59:22Z"});
    let rule = |kind: &str, parameters: Value| {
        json!({
            "type": kind, "parameters": parameters, "ruleset_source_type": "Repository",
            "ruleset_source": "octo/shop", "ruleset_id": 42,
        })
    };
    Some(match path {
        "/repos/octo/shop/actions/runners" => json!({"total_count": 0, "runners": []}),
        "/orgs/octo/actions/runners" => json!({"total_count": 1, "runners": [runner]}),
        "/repos/octo/shop/environments/production/secrets" => {
            json!({"total_count": 1, "secrets": [secret("DB")]})
        }
        "/repos/octo/shop/actions/secrets" => {
            json!({"total_count": 1, "secrets": [secret("API")]})
        }
        "/repos/octo/shop/actions/runs/42/approvals" => json!([{
            "state": "approved", "comment": "Ship it!", "user": user,
            "environments": [{"id": 161_088_068, "name": "production"}],
        }]),
        "/repos/octo/shop/deployments" => json!([{
            "id": 1, "sha": "abc", "ref": "main", "environment": "production", "creator": user,
            "created_at": "2026-11-21T08:00:00Z", "updated_at": "2026-11-21T09:30:00Z",
        }]),
        "/repos/octo/shop/rules/branches/main" => json!([
            rule(
                "pull_request",
                json!({
                    "required_approving_review_count": 2, "dismiss_stale_reviews_on_push": true,
                    "require_code_owner_review": false, "require_last_push_approval": false,
                    "required_review_thread_resolution": false,
                })
            ),
            rule(
                "required_status_checks",
                json!({
                    "required_status_checks": [{"context": "verdict", "integration_id": 15368}],
                    "strict_required_status_checks_policy": true,
                })
            ),
            rule("non_fast_forward", Value::Null),
        ]),
        _ => return None,
    })
}

#[test]
fn a_full_preflight_asks_github_at_most_eight_times() {
    let server = Server::start(|first, _, stream| {
        let (status, body) = match healthy(first) {
            Some(body) => ("200 OK", body),
            // The concurrency group: nobody is in it.
            None => (
                "404 Not Found",
                json!({"message": "Not Found", "status": "404"}),
            ),
        };
        let headers = format!("{JSON}Date: Sat, 21 Nov 2026 12:00:00 GMT\r\n");
        let _gone = stream.write_all(whole(status, &headers, &body.to_string()).as_bytes());
    });
    let ran = step("all,!docker,!network", &server)
        .with("INPUT_SECRETS", "DB,API")
        .with("DB", "canary-of-db")
        .with("API", "canary-of-api")
        .with("INPUT_RUNNER_LABELS", "self-hosted,linux,production")
        .with("INPUT_CPU_PERCENT_MAX", 100)
        .with("INPUT_IGNORE", "runner.cpu,runner.memory,runner.disk")
        .with(
            "INPUT_IGNORE_REASON",
            "the machine is not what this test is about",
        )
        .run();
    for id in ASKED
        .into_iter()
        .chain(["concurrency.active", "concurrency.queue"])
    {
        ran.tells(id, "pass", &[]);
    }
    assert_eq!(ran.code, Some(0), "{}", ran.everything());
    let asked = server.asked();
    assert!((1..=8).contains(&asked.len()), "{asked:#?}");
    assert_eq!(
        ran.report["about"]["github_requests"],
        asked.len(),
        "{asked:#?}"
    );
}

#[test]
fn tokens_appear_nowhere_however_github_answers() {
    for status in [
        "401 Unauthorized",
        "403 Forbidden",
        "500 Internal Server Error",
    ] {
        // A server that echoes what it was sent.
        let server = Server::start(move |_, head, stream| {
            let body = json!({"message": head}).to_string();
            let _gone = stream.write_all(whole(status, JSON, &body).as_bytes());
        });
        let text = step(&ASKED.join(","), &server).run().everything();
        for canary in [JOB, ADMIN] {
            assert!(!text.contains(canary), "{canary} is in\n{text}");
        }
    }
}
