//! What a person reads when a flow fails, and what nobody reads.

use super::*;

#[tokio::test]
async fn a_connection_that_is_reset_names_the_step() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /api/courses" => Reply::Reset,
        _ => school(heard),
    })
    .await;
    let base = server.url();
    let seen = check(vec![login(&base, "right"), courses(&base)]).await;
    assert_eq!(seen.answer, Answer::Fail);
    let wanted = format!(
        "step 2 `courses` (GET /api/courses): failed to exchange HTTP with {}: ",
        server.address
    );
    assert!(seen.seen.starts_with(&wanted), "{}", seen.seen);
}

#[tokio::test]
async fn a_slow_step_ends_at_the_deadline_of_the_try_and_is_named() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /api/courses" => Reply::Silence,
        _ => school(heard),
    })
    .await;
    let base = server.url();
    let logout = step(&base, "POST /api/auth/logout").always();
    let flow = flow(vec![login(&base, "right"), courses(&base), logout]);
    let begun = Instant::now();
    let seen = flow.check(begun + Duration::from_secs(2)).await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(seen.answer, Answer::Fail);
    let wanted = format!(
        "step 2 `courses` (GET /api/courses): failed to get an answer from {}: nothing came within ",
        server.address
    );
    assert!(seen.seen.starts_with(&wanted), "{}", seen.seen);
    assert_eq!(server.lines().len(), 2, "no time is left to log out");
}

#[tokio::test]
async fn a_try_without_time_names_the_first_step() {
    let flow = flow(vec![step("http://127.0.0.1:1", "GET /")]);
    let seen = flow.check(Instant::now()).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "step 1 (GET /): not asked, the steps before it took 0 ms"
    );
}

#[tokio::test]
async fn what_was_captured_stands_in_no_output_however_a_server_repeats_it() {
    // As the body, as JSON, in a header, cut in the middle: each answer to the second step repeats the token.
    let forms: [fn(&str) -> Reply; 6] = [
        |token| reply("401 Unauthorized", &format!("bad token {token} given")),
        |token| {
            reply(
                "401 Unauthorized",
                &json!({"error": "bad", "token": token}).to_string(),
            )
        },
        |token| reply("401 Unauthorized", &format!("{}{token}", "x".repeat(90))),
        |token| reply(&format!("401 Unauthorized\nX-Token: {token}"), token),
        |token| reply(&format!("302 Found\nLocation: /{token}"), ""),
        |token| reply("200 OK", &json!({"status": token}).to_string()),
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let server = Server::start(move |heard| match heard.line.as_str() {
            "GET /api/courses" => form(heard.header("authorization").trim_start_matches("Bearer ")),
            _ => school(heard),
        })
        .await;
        let base = server.url();
        let mut courses = courses(&base);
        courses.expectation.headers = vec![(
            "X-Token".to_owned(),
            probes::http::expectation::HeaderTest::Equals("other".to_owned()),
        )];
        courses.expectation.json = vec![(
            Pointer::new("/status").expect("a pointer"),
            probes::http::expectation::JsonTest::Equals("UP".into()),
        )];
        let flow = flow(vec![login(&base, "right"), courses]);
        let seen = flow.check(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(seen.answer, Answer::Fail, "{number}");
        let all = format!("{} {} {flow:?}", seen.seen, flow.identity());
        assert!(all.contains("step 2 `courses`"), "{number}: {all}");
        for part in ["canary", "7f3a9c", "0d1e"] {
            assert!(!all.contains(part), "{number}: {all}");
        }
    }
}

#[tokio::test]
async fn a_token_of_an_answer_that_is_not_as_wanted_is_not_shown_either() {
    let server = Server::start(|_| {
        reply(
            "503 Service Unavailable",
            &json!({"data": {"token": CANARY}}).to_string(),
        )
    })
    .await;
    let seen = check(vec![login(&server.url(), "right")]).await;
    assert!(
        seen.seen.contains("503 Service Unavailable"),
        "{}",
        seen.seen
    );
    assert!(!seen.seen.contains("canary"), "{}", seen.seen);
}

#[tokio::test]
async fn the_body_of_a_log_in_that_went_well_is_not_shown_and_that_of_a_refused_one_is() {
    let server = Server::start(|heard| match heard.body.as_str() {
        "right" => reply("200 OK", r#"{"refresh":"canary"}"#),
        _ => reply("403 Forbidden", "the account is locked"),
    })
    .await;
    let log_in = |password: &str| {
        let mut step = step(&server.url(), "POST /login").body(password);
        step.expectation.matches = vec![Pattern::new("welcome").expect("a pattern")];
        step.capture("token", at("/token"))
    };
    let seen = check(vec![log_in("right")]).await;
    assert_eq!(
        seen.seen,
        "step 1 (POST /login): 200 OK; the body does not match /welcome/"
    );
    let seen = check(vec![log_in("wrong")]).await;
    assert!(
        seen.seen.contains("\"the account is locked\""),
        "{}",
        seen.seen
    );
}

#[tokio::test]
async fn a_cookie_that_a_server_repeats_is_not_shown() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /login" => reply("200 OK\nSet-Cookie: sid=canary-canary", ""),
        _ => reply("403 Forbidden", &format!("no: {}", heard.header("cookie"))),
    })
    .await;
    let base = server.url();
    let seen = check(vec![step(&base, "GET /login"), step(&base, "GET /x")]).await;
    assert!(
        seen.seen.starts_with("step 2 (GET /x): 403 Forbidden"),
        "{}",
        seen.seen
    );
    assert!(!seen.seen.contains("canary"), "{}", seen.seen);
}
