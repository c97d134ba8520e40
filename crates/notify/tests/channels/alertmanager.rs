//! Alertmanager itself, and what only a server of ours can be made to answer.

use std::time::Duration;

use ledger::Timestamp;
use serde_json::{Value, json};
use test_servers::Alertmanager;
use wiremock::{
    Mock, MockServer, ResponseTemplate,
    matchers::{any, header},
};

use crate::world::{NO_ISSUE, at_once, channels, failed, only, over, soon};

/// What a person was told: status and deployment of each alert, in the order it came.
async fn told(person: &MockServer) -> Vec<(String, String)> {
    let mut told = Vec::new();
    for request in person.received_requests().await.unwrap() {
        let body: Value = request.body_json().unwrap();
        for alert in body["alerts"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            told.push((text(&alert["status"]), text(&alert["labels"]["deployment"])));
        }
    }
    told
}

/// Waits until the person was told `status` of `deployment`.
async fn until_told(person: &MockServer, status: &str, deployment: &str) {
    let wanted = (status.to_owned(), deployment.to_owned());
    let look = async {
        while !told(person).await.contains(&wanted) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let within = tokio::time::timeout(Duration::from_secs(60), look).await;
    assert!(within.is_ok(), "{wanted:?} in {:?}", told(person).await);
}

async fn person() -> MockServer {
    let person = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200))
        .mount(&person)
        .await;
    person
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_told_once_of_each_failure_however_often_it_is_sent_and_once_that_it_is_over() {
    let person = person().await;
    let real = Alertmanager::start(&person.uri());
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &real.url)]);
    for _ in 0..3 {
        let channel = only(channels.tell(&failed(1), soon()).await);
        assert!(channel.told, "{}", channel.detail);
        assert_eq!(channel.detail, format!("{}/#/alerts", real.url));
    }
    until_told(&person, "firing", "acme/shop/1/1").await;
    assert!(only(channels.tell(&failed(2), soon()).await).told);
    until_told(&person, "firing", "acme/shop/2/1").await;
    let channel = only(channels.resolve(&over(1, 3), soon()).await);
    assert!(channel.told, "{}", channel.detail);
    until_told(&person, "resolved", "acme/shop/1/1").await;
    let pair = |status: &str, run: u32| (status.to_owned(), format!("acme/shop/{run}/1"));
    assert_eq!(
        told(&person).await,
        [pair("firing", 1), pair("firing", 2), pair("resolved", 1)]
    );
    let first: Value = person.received_requests().await.unwrap()[0]
        .body_json()
        .unwrap();
    let alert = &first["alerts"][0];
    assert_eq!(
        alert["labels"],
        json!({
            "alertname": "DeploymentFailed", "severity": "critical", "lock": "acme/shop/production",
            "deployment": "acme/shop/1/1", "repository": "acme/shop", "environment": "production",
        })
    );
    let description = alert["annotations"]["description"].as_str().unwrap();
    for wanted in [
        "run `make back`",
        "gates: api answered 503",
        "runner.disk: 3 GB free",
        "runner-a claimed it",
    ] {
        assert!(description.contains(wanted), "{description}");
    }
    assert_eq!(
        alert["annotations"]["runbook_url"],
        "https://wiki.example/runbook"
    );
    assert_eq!(
        alert["generatorURL"],
        "https://github.example/acme/shop/actions/runs/1"
    );
}

#[tokio::test]
async fn an_alert_stands_for_days_and_is_sent_with_what_lets_it_in() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Basic dXNlcjpjYW5hcnktcGFzcw=="))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let url = format!("{}/base/", server.uri());
    let auth = ("INPUT_ALERTMANAGER_AUTH", "user:canary-pass");
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &url), auth]);
    assert!(only(channels.tell(&failed(1), soon()).await).told);
    let request = &server.received_requests().await.unwrap()[0];
    assert_eq!(request.url.path(), "/base/api/v2/alerts");
    let body: Value = request.body_json().unwrap();
    let at = |name: &str| -> Timestamp { serde_json::from_value(body[0][name].clone()).unwrap() };
    assert_eq!(at("startsAt"), Timestamp(1_700_000_000_000));
    let stands = at("endsAt").since(Timestamp(at("startsAt").0));
    assert!(stands > Duration::from_secs(7 * 24 * 3600), "{stands:?}");
}

#[tokio::test]
async fn an_end_that_alertmanagers_clock_has_not_reached_is_sent_again_by_its_clock() {
    let server = MockServer::start().await;
    let behind = ResponseTemplate::new(200).insert_header("date", "Wed, 01 Jan 2020 10:00:00 GMT");
    Mock::given(any()).respond_with(behind).mount(&server).await;
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &server.uri())]);
    assert!(only(channels.resolve(&over(1, 2), soon()).await).told);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests.len(), 2);
    let last: Value = requests[1].body_json().unwrap();
    assert_eq!(last[0]["endsAt"], "2020-01-01T10:00:00.000Z");
    assert_eq!(last[0]["startsAt"], "2020-01-01T10:00:00.000Z");
}

#[tokio::test]
async fn an_alertmanager_that_is_down_is_tried_until_the_deadline_and_named() {
    let port = test_servers::free_port();
    let url = format!("http://127.0.0.1:{port}");
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &url)]);
    let channel = only(channels.tell(&failed(1), at_once()).await);
    assert_eq!(
        (channel.channel.as_str(), channel.told),
        ("alertmanager", false)
    );
    assert_eq!(
        channel.detail,
        format!("failed to connect to 127.0.0.1:{port}: connection refused")
    );
}

#[tokio::test]
async fn a_refusal_of_alertmanager_is_told_with_its_words_and_the_mend() {
    for (status, words, wanted) in [
        (
            401,
            "\"who are you\"",
            "it answered 401 Unauthorized: \"\"who are you\"\"; set `alertmanager-auth` to what lets you in",
        ),
        (
            404,
            "",
            "it answered 404 Not Found; `alertmanager-url` must be its address with its base path, and no page of it",
        ),
        (
            400,
            "\"bad label\"",
            "it answered 400 Bad Request: \"\"bad label\"\"",
        ),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(words);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &server.uri())]);
        let channel = only(channels.tell(&failed(1), soon()).await);
        assert!(!channel.told);
        assert_eq!(channel.detail, wanted);
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn what_alertmanager_would_not_answer_tells_nobody_and_comes_with_its_mend() {
    for (status, words, wanted) in [
        (200, "<html>log in</html>", "no Alertmanager answers there"),
        (201, "", "no Alertmanager answers there"),
        (302, "", "set `alertmanager-url` to where it redirects"),
    ] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status)
            .insert_header("location", "/login")
            .set_body_string(words);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &server.uri())]);
        for channel in [
            only(channels.tell(&failed(1), soon()).await),
            only(channels.resolve(&over(1, 2), soon()).await),
        ] {
            assert!(!channel.told, "{status}");
            assert!(channel.detail.contains(wanted), "{}", channel.detail);
            assert!(channel.detail.contains(words), "{}", channel.detail);
        }
        assert_eq!(server.received_requests().await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn gates_alone_are_an_alert_of_their_own_for_each_step_and_the_same_for_each_sending() {
    let server = person().await;
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &server.uri())]);
    for step in ["", "smoke/1: api", "smoke/1: api", "smoke/2: api"] {
        let mut news = failed(1);
        news.step = step.to_owned();
        assert!(only(channels.tell(&news, soon()).await).told);
    }
    let requests = server.received_requests().await.unwrap();
    let labels: Vec<Value> = requests
        .iter()
        .map(|r| r.body_json::<Value>().unwrap()[0]["labels"].clone())
        .collect();
    assert_eq!(labels[0]["alertname"], "DeploymentFailed");
    assert_eq!(labels[0].get("step"), None);
    assert_eq!(labels[1]["alertname"], "HealthGatesFailed");
    assert_eq!(labels[1]["step"], "smoke/1: api");
    assert_eq!(labels[1], labels[2]);
    assert_ne!(labels[2], labels[3]);
}

#[tokio::test]
async fn what_slack_behind_alertmanager_would_obey_is_made_harmless() {
    let server = person().await;
    let channels = channels(&[NO_ISSUE, ("INPUT_ALERTMANAGER_URL", &server.uri())]);
    let hostile = "<!channel> <@U1> <#C1> a < b";
    let mut news = failed(1);
    news.title = hostile.to_owned();
    news.branch = hostile.to_owned();
    news.detail = hostile.to_owned();
    assert!(only(channels.tell(&news, soon()).await).told);
    let mut resolved = over(1, 2);
    resolved.by.version = hostile.to_owned();
    assert!(only(channels.resolve(&resolved, soon()).await).told);
    for request in server.received_requests().await.unwrap() {
        let body: Value = request.body_json().unwrap();
        let text = body[0]["annotations"].to_string();
        for never in ["<!", "<@", "<#"] {
            assert!(!text.contains(never), "{text}");
        }
        assert!(
            text.contains("<\u{200b}!channel> <\u{200b}@U1>") && text.contains("a < b"),
            "{text}"
        );
    }
}
