//! No secret in what is told, nor in how it went.

use actions_kit::Secret;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::{
    github::GitHub,
    world::{at_once, channels, failed, soon},
};

const PATH: &str = "/services/TCANARY01/BCANARY02/canary7f3a91path/canarywithoutdigits";
const LINE: &str = "canary-of-the-deploy-command";

#[tokio::test]
async fn no_secret_is_told_and_none_stands_in_a_detail_whatever_is_answered() {
    let all = format!(
        "{PATH} canary7f3a91path canarywithoutdigits user:canary-pass canary-pass dXNlcjpjYW5hcnktcGFzcw== ghs_canary7f3a91 {LINE}"
    );
    for status in [200, 400, 403, 500] {
        let github = GitHub::start().await;
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(all.clone());
        Mock::given(any()).respond_with(answer).mount(&server).await;
        if status != 200 {
            github.refuses(status, Box::leak(all.clone().into_boxed_str()));
        }
        let webhook = format!("{}{PATH}", server.uri());
        let channels = {
            let variables = github.variables(&[]);
            let more = [
                ("INPUT_ALERTMANAGER_URL", &*server.uri().leak()),
                ("INPUT_ALERTMANAGER_AUTH", "user:canary-pass"),
                ("INPUT_WEBHOOK_URL", &*webhook.leak()),
            ];
            channels(&[&variables[..], &more[..]].concat())
        };
        channels.redactor().add(&Secret::new(LINE).unwrap());
        let mut news = failed(1);
        news.last_lines.push(format!("password: {all}"));
        news.detail.clone_from(&all);
        news.failed_gates[0].seen.clone_from(&all);
        news.failed_gates[0].name = format!("{} {LINE}", "x".repeat(290));
        news.timeline[0].text.clone_from(&all);
        news.links[0].url = format!("https://github.example/?token={LINE}");
        news.runbook = format!("https://u:{LINE}@wiki.example/");
        let until = if status == 200 { soon() } else { at_once() };
        let told = channels.tell(&news, until).await;
        assert_eq!(told.len(), 3);
        let mut seen: Vec<String> = told.iter().map(|c| format!("{c:?}")).collect();
        for request in server.received_requests().await.unwrap() {
            seen.push(String::from_utf8(request.body).unwrap());
        }
        for request in github.server.received_requests().await.unwrap() {
            seen.push(format!(
                "{} {}",
                request.url,
                String::from_utf8(request.body).unwrap()
            ));
        }
        assert!(seen.len() > 4);
        for text in seen {
            for canary in ["canary", "CANARY0", "dXNlcjpjYW5hcnktcGFzcw"] {
                // What stands at a text's cut is left short by the redactor.
                assert!(!text.contains(canary), "{status}: {text}");
            }
        }
    }
}

#[tokio::test]
async fn a_webhook_that_nobody_serves_is_named_without_its_path() {
    let port = test_servers::free_port();
    let url = format!("http://127.0.0.1:{port}{PATH}");
    let channels = channels(&[
        ("INPUT_INCIDENT_ISSUE", "false"),
        ("INPUT_WEBHOOK_URL", &url),
    ]);
    let told = channels.tell(&failed(1), at_once()).await;
    let detail = &told[0].detail;
    assert_eq!(
        *detail,
        format!("failed to connect to 127.0.0.1:{port}: connection refused")
    );
}
