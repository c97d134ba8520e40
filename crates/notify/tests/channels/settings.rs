//! What the inputs come to.

use crate::world::{NO_ISSUE, TABLE, at_once, channels, failed, only, read};

#[test]
fn the_inputs_make_a_sound_table() {
    assert_eq!(TABLE.check(), Vec::<String>::new());
}

#[tokio::test]
async fn without_inputs_nobody_is_told_and_nothing_is_asked() {
    let channels = channels(&[NO_ISSUE]);
    assert!(channels.is_empty());
    assert_eq!(channels.tell(&failed(1), at_once()).await, []);
}

#[test]
fn a_local_trial_opens_no_issue() {
    let channels = channels(&[
        ("ACT", "true"),
        ("GITHUB_API_URL", "https://api.github.com"),
        ("GITHUB_REPOSITORY", "acme/shop"),
        ("INPUT_GITHUB_TOKEN", "ghs_canary7f3a91"),
    ]);
    assert!(channels.is_empty());
}

#[tokio::test]
async fn an_issue_that_cannot_be_is_named_with_its_mend_when_it_is_needed() {
    let repository = ("GITHUB_REPOSITORY", "acme/shop");
    let api = ("GITHUB_API_URL", "http://127.0.0.1:1");
    for (variables, wanted) in [
        (vec![], "this is no run on GitHub"),
        (
            vec![repository, api],
            "set `github-token`, or set `incident-issue: false`",
        ),
        (
            vec![repository, api, ("INPUT_GITHUB_TOKEN", "a b")],
            "failed to use the GitHub token",
        ),
    ] {
        let channel = only(channels(&variables).tell(&failed(1), at_once()).await);
        assert!(
            !channel.told && channel.detail.contains(wanted),
            "{}",
            channel.detail
        );
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let (_, wrong) = read(&[
        ("INPUT_ALERTMANAGER_URL", "http://127.0.0.1:9093/?x"),
        (
            "INPUT_ASSIGNEES",
            "@hubot, acme/on-call, not a login, a/b/c",
        ),
        ("INPUT_ALERT_CA_FILE", "/nowhere/ca.pem"),
        ("INPUT_WEBHOOK_URL", "hooks.example/canary7f3a91"),
    ]);
    let text = format!("{wrong:?}");
    for wanted in [
        "alertmanager-url",
        "webhook-url",
        "not a login",
        "a/b/c",
        "/nowhere/ca.pem",
    ] {
        assert!(text.contains(wanted), "{text}");
    }
    assert!(
        !text.contains("hubot") && !text.contains("canary"),
        "{text}"
    );
}

#[test]
fn what_could_only_fail_when_somebody_should_be_woken_is_wrong_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let empty = empty.to_str().unwrap();
    let alertmanager = |url| vec![("INPUT_ALERTMANAGER_URL", url)];
    let right = "set it to `http://am.example/base`";
    let webhook = ("INPUT_WEBHOOK_URL", "https://hooks.example/x");
    for (variables, name, wanted) in [
        (
            vec![webhook, ("INPUT_ALERT_CA_FILE", empty)],
            "alert-ca-file",
            "there is no certificate in it",
        ),
        (
            alertmanager("http://am.example/base/api/v2/alerts"),
            "alertmanager-url",
            right,
        ),
        (
            alertmanager("http://am.example/base/api/v1/alerts/"),
            "alertmanager-url",
            right,
        ),
        (
            alertmanager("http://am.example/base/#/alerts"),
            "alertmanager-url",
            right,
        ),
        (
            vec![("INPUT_ALERTMANAGER_AUTH", "u:canary7f3a91")],
            "alertmanager-auth",
            "set `alertmanager-url`",
        ),
        (
            vec![("INPUT_MENTION", "@here")],
            "mention",
            "no way to tell anybody is set",
        ),
        (
            vec![("INPUT_ASSIGNEES", "octocat")],
            "assignees",
            "no way to tell anybody is set",
        ),
        (
            vec![("INPUT_RUNBOOK_URL", "https://wiki.example/x")],
            "runbook-url",
            "no way to tell anybody is set",
        ),
        (
            vec![("INPUT_WEBHOOK_URL", "https://hooks.example/a canary7f3a91")],
            "webhook-url",
            "a space or a control character",
        ),
        (
            vec![("INPUT_WEBHOOK_URL", "https://hooks.example/a\ncanary7f3a91")],
            "webhook-url",
            "a space or a control character",
        ),
        (
            vec![webhook, ("INPUT_MENTION", "@a\n@b")],
            "mention",
            "write all of them in one line",
        ),
    ] {
        let with: Vec<(&str, &str)> = variables.iter().copied().chain([NO_ISSUE]).collect();
        let (_, wrong) = read(&with);
        let text = wrong.text();
        let names: Vec<&str> = wrong.findings().iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, [name], "{text}");
        assert!(text.contains(wanted), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
    let (_, wrong) = read(&[("ACT", "true"), ("INPUT_MENTION", "@here")]);
    assert!(wrong.is_empty(), "{wrong:?}");
}
