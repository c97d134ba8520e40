//! The webhook.

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    time::Instant,
};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::world::{NO_ISSUE, at_once, channels, failed, impatient, only, over, soon};

async fn answering(status: u16, words: &str) -> MockServer {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_string(words);
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn bodies(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|r| r.body_json().unwrap()).collect()
}

#[tokio::test]
async fn a_room_reads_a_text_and_a_program_the_fields() {
    let server = answering(200, "ok").await;
    let mention = ("INPUT_MENTION", "<!here>");
    let channels = channels(&[NO_ISSUE, mention, ("INPUT_WEBHOOK_URL", &server.uri())]);
    let mut news = failed(1);
    news.branch = "<!channel> & @here".to_owned();
    let channel = only(channels.tell(&news, soon()).await);
    assert!(channel.told, "{}", channel.detail);
    let body = &bodies(&server).await[0];
    let text = body["text"].as_str().unwrap();
    assert!(
        text.starts_with(
            "<!here> ❌ *production: the deployment of 1.2.3 failed*\nWhat now: run `make back`\n"
        ),
        "{text}"
    );
    assert!(
        text.contains("branch: &lt;!channel&gt; &amp; @\u{200b}here"),
        "{text}"
    );
    assert!(text.ends_with("```\ndeploying\ndone\n```"), "{text}");
    assert_eq!(body["status"], "firing");
    assert_eq!(body["kind"], "deployment_failed");
    assert_eq!(body["failed_gates"][0]["name"], "api");
    assert_eq!(body["branch"], "<!channel> & @here");
    assert_eq!(body["timeline"][0]["at"], "2027-01-15T08:00:00.000Z");

    assert!(only(channels.resolve(&over(1, 2), soon()).await).told);
    let body = &bodies(&server).await[1];
    assert_eq!(body["status"], "resolved");
    assert_eq!(body["resolved_by"]["deployment"], "acme/shop/2/1");
    assert!(
        body["text"]
            .as_str()
            .unwrap()
            .starts_with("✅ *production is deployed again: 1.2.3*")
    );
}

#[tokio::test]
async fn what_may_pass_is_sent_again_with_the_same_key() {
    let server = MockServer::start().await;
    for status in [503, 429] {
        Mock::given(any())
            .respond_with(ResponseTemplate::new(status))
            .up_to_n_times(1)
            .mount(&server)
            .await;
    }
    Mock::given(any())
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())]);
    let channel = only(channels.tell(&failed(1), soon()).await);
    assert_eq!(
        (channel.told, channel.detail.as_str()),
        (true, "taken with 204 No Content")
    );
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(request.headers["idempotency-key"], "acme/shop/1/1");
        assert_eq!(request.body, requests[0].body);
    }
}

#[tokio::test]
async fn a_webhook_that_fails_until_the_deadline_is_told_with_its_words() {
    let server = answering(500, "rollup_error").await;
    let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())]);
    let channel = only(channels.tell(&failed(1), at_once()).await);
    assert_eq!((channel.channel.as_str(), channel.told), ("webhook", false));
    assert_eq!(
        channel.detail,
        "it answered 500 Internal Server Error: \"rollup_error\""
    );
    assert!(server.received_requests().await.unwrap().len() > 1);
}

#[tokio::test]
async fn slacks_words_for_a_refusal_come_with_their_mend_and_are_not_argued_with() {
    for (status, words, mend) in [
        (
            404,
            "no_service",
            "make a new one and set `webhook-url` to it",
        ),
        (410, "channel_is_archived", "make a webhook for another"),
        (
            403,
            "action_prohibited",
            "an administrator restricts who may post there",
        ),
        (
            404,
            "<html>",
            "`webhook-url` is wrong, revoked or switched off",
        ),
        (302, "", "set `webhook-url` to where it redirects"),
    ] {
        let server = answering(status, words).await;
        let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())]);
        let channel = only(channels.tell(&failed(1), soon()).await);
        assert!(
            !channel.told && channel.detail.contains(mend),
            "{}",
            channel.detail
        );
        assert!(channel.detail.contains(words), "{}", channel.detail);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn however_much_is_known_text_and_body_are_bounded() {
    let server = answering(200, "ok").await;
    let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())]);
    let mut news = failed(1);
    let long = "\u{1F600}\"<&".repeat(2000);
    news.last_lines = vec![long.clone(); 1000];
    for named in [
        &mut news.failed_gates,
        &mut news.failed_checks,
        &mut news.runners,
    ] {
        named[0].name.clone_from(&long);
        named[0].seen.clone_from(&long);
        *named = vec![named[0].clone(); 1000];
    }
    news.timeline[0].text.clone_from(&long);
    news.timeline = vec![news.timeline[0].clone(); 1000];
    assert!(only(channels.tell(&news, soon()).await).told);
    let request = &server.received_requests().await.unwrap()[0];
    assert!(request.body.len() <= 256 * 1024, "{}", request.body.len());
    let body: Value = request.body_json().unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(text.chars().count() <= 3000, "{}", text.chars().count());
    assert!(text.contains("What now: run `make back`"), "{text}");
}

#[tokio::test]
async fn what_was_sent_and_never_answered_is_sent_once_more_and_called_perhaps_told() {
    let server = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let within = Duration::from_millis(1500);
    let channels = impatient(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())], within);
    let channel = only(channels.tell(&failed(1), soon()).await);
    assert!(!channel.told);
    assert!(
        channel.detail.starts_with("perhaps told: no answer from ")
            && channel.detail.ends_with(" within 1.5 s"),
        "{}",
        channel.detail
    );
    assert_eq!(server.received_requests().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_deadline_that_comes_before_the_answer_is_told_as_perhaps_told_too() {
    let server = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_secs(600));
    Mock::given(any()).respond_with(never).mount(&server).await;
    let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &server.uri())]);
    let channel = only(
        channels
            .tell(&failed(1), Instant::now() + Duration::from_secs(2))
            .await,
    );
    assert!(
        channel.detail.starts_with("perhaps told: no answer"),
        "{}",
        channel.detail
    );
}

#[tokio::test]
async fn a_webhook_that_has_said_200_has_been_told_whatever_becomes_of_the_rest() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut sent = Vec::new();
            while !sent.ends_with(b"}") {
                stream.read_buf(&mut sent).await.unwrap();
            }
            let head = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\no";
            stream.write_all(head).await.unwrap();
            // Held open: the rest never comes.
            open.push(stream);
        }
    });
    let channels = channels(&[NO_ISSUE, ("INPUT_WEBHOOK_URL", &url)]);
    let channel = only(channels.tell(&failed(1), soon()).await);
    server.abort();
    assert_eq!(
        (channel.told, channel.detail.as_str()),
        (true, "taken with 200 OK")
    );
}
