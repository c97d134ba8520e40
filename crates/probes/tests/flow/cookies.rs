//! Cookies between the steps of one try.

use super::*;

fn cookies(server: &Server) -> Vec<String> {
    let heard = server.heard();
    heard
        .iter()
        .map(|heard| heard.header("cookie").to_owned())
        .collect()
}

#[tokio::test]
async fn a_session_cookie_goes_with_every_later_step_and_an_expired_one_does_not() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /login" => reply(
            "200 OK\nSet-Cookie: sid=abc; HttpOnly; Path=/\nSet-Cookie: old=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT\
             \nSet-Cookie: gone=1; Max-Age=0\nSet-Cookie: low=1; Path=/admin",
            "",
        ),
        "GET /logout" => reply("200 OK\nSet-Cookie: sid=; Path=/; Max-Age=0", ""),
        _ => reply("200 OK", ""),
    })
    .await;
    let base = server.url();
    let lines = [
        "GET /login",
        "GET /x",
        "GET /admin/x",
        "GET /logout",
        "GET /x",
    ];
    let seen = check(lines.iter().map(|line| step(&base, line)).collect()).await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(
        cookies(&server),
        ["", "sid=abc", "low=1; sid=abc", "sid=abc", ""]
    );
}

#[tokio::test]
async fn a_cookie_of_one_host_does_not_go_to_another() {
    let one = Server::start(|_| reply("200 OK\nSet-Cookie: sid=abc; Path=/", "")).await;
    let port = one.address.port();
    let named = format!("http://localhost:{port}");
    let seen = check(vec![
        step(&one.url(), "GET /login"),
        step(&named, "GET /other"),
        step(&one.url(), "GET /same"),
    ])
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(cookies(&one), ["", "", "sid=abc"]);
}

#[tokio::test]
async fn a_cookie_set_on_a_redirect_is_kept_and_sent_to_where_it_leads() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "POST /login" => reply(
            "302 Found\nLocation: /home\nSet-Cookie: sid=abc; Path=/",
            "",
        ),
        "GET /home" if heard.header("cookie") == "sid=abc" => reply("200 OK", "welcome"),
        "GET /courses" if heard.header("cookie") == "sid=abc" => reply("200 OK", ""),
        _ => reply("302 Found\nLocation: /login", ""),
    })
    .await;
    let base = server.url();
    let seen = check(vec![
        step(&base, "POST /login").body("user=probe").redirects(5),
        step(&base, "GET /courses"),
    ])
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(server.lines(), ["POST /login", "GET /home", "GET /courses"]);
    assert_eq!(server.heard()[1].body, "");
}

#[tokio::test]
async fn a_redirect_to_another_host_carries_no_cookie_away() {
    let away = Server::start(|_| reply("200 OK", "")).await;
    let port = away.address.port();
    let home = Server::start(move |heard| match heard.line.as_str() {
        "GET /away" => reply(
            &format!("302 Found\nLocation: http://localhost:{port}/"),
            "",
        ),
        _ => reply("200 OK\nSet-Cookie: sid=canary; Path=/", ""),
    })
    .await;
    let base = home.url();
    let seen = check(vec![
        step(&base, "GET /login"),
        step(&base, "GET /away")
            .header("Cookie", "own=canary")
            .redirects(1),
    ])
    .await;
    assert_eq!(seen.answer, Answer::Pass, "{}", seen.seen);
    assert_eq!(cookies(&home), ["", "own=canary; sid=canary"]);
    assert_eq!(cookies(&away), [""]);
}

#[tokio::test]
async fn a_redirect_loop_ends_at_the_limit() {
    let server = Server::start(|_| reply("302 Found\nLocation: /again", "")).await;
    let seen = check(vec![step(&server.url(), "GET /").redirects(3)]).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert!(
        seen.seen.starts_with("step 1 (GET /): 302 Found"),
        "{}",
        seen.seen
    );
    assert_eq!(server.heard().len(), 4);
}

#[tokio::test]
async fn a_cookie_for_https_is_not_sent_in_the_open_and_the_failure_says_so() {
    let server = Server::start(|heard| match heard.line.as_str() {
        "GET /login" => reply("200 OK\nSet-Cookie: sid=canary-canary; Secure", ""),
        _ => reply("401 Unauthorized", ""),
    })
    .await;
    let base = server.url();
    let seen = check(vec![step(&base, "GET /login"), step(&base, "GET /x")]).await;
    assert_eq!(
        seen.seen,
        "step 2 (GET /x): 401 Unauthorized, wanted 200-299; the cookie sid was not sent, it is for https alone"
    );
    assert_eq!(cookies(&server), ["", ""]);
}
