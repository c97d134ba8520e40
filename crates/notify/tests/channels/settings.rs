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
