//! The incident's issue.

use std::time::Duration;

use crate::{
    github::GitHub,
    world::{at_once, channels, failed, only, over, soon},
};

#[tokio::test]
async fn the_first_failure_opens_an_issue_the_second_comments_on_it_and_nothing_is_said_twice() {
    let github = GitHub::start().await;
    let people = [
        ("INPUT_ASSIGNEES", "hubot, acme/on-call"),
        ("INPUT_MENTION", "Wake up"),
    ];
    let channels = channels(&github.variables(&people));
    let channel = only(channels.tell(&failed(1), soon()).await);
    assert_eq!(
        (channel.told, channel.detail.as_str()),
        (true, "https://github.example/acme/shop/issues/1")
    );
    for _ in 0..2 {
        assert!(only(channels.tell(&failed(1), soon()).await).told);
        let second = only(channels.tell(&failed(2), soon()).await);
        assert_eq!(
            second.detail,
            "https://github.example/acme/shop/issues/1#issuecomment-1"
        );
    }
    assert_eq!(github.writes().await, 2);
    let issues = github.issues();
    let issue = &issues[0];
    assert_eq!(issue["title"], "production: the deployment of 1.2.3 failed");
    assert_eq!(issue["labels"][0]["name"], "production-incident");
    assert_eq!(issue["assignees"][0]["login"], "hubot");
    let body = issue["body"].as_str().unwrap();
    assert!(body.contains("\nWake up @hubot @acme/on-call\n"), "{body}");
    for wanted in [
        "**What now:** run `make back`",
        "**Why:** gates: api answered 503",
        "| version | `1.2.3` |",
        "### Failed gates\n\n| name | seen |\n| --- | --- |\n| `api` | 503 Service Unavailable |",
        "[the run](https://github.example/acme/shop/actions/runs/1)",
        "**Runbook:** <https://wiki.example/runbook>",
        "```text\ndeploying\ndone\n```",
    ] {
        assert!(body.contains(wanted), "{wanted}\n{body}");
    }
    assert_eq!(github.comments(1).len(), 1);
    assert!(github.comments(1)[0].contains("actions/runs/2"));
}

#[tokio::test]
async fn each_lock_has_its_own_issue_whatever_its_name_holds() {
    let github = GitHub::start().await;
    let channels = channels(&github.variables(&[]));
    let locks = ["a", "a --> <b>", "<!-- baton:incident lock=a -->", "ü\n"];
    for lock in locks {
        for run in [1, 2] {
            let mut news = failed(run);
            news.lock = lock.to_owned();
            news.key = format!("{lock} {run}");
            news.detail = "<!-- baton:incident lock=a -->".to_owned();
            assert!(only(channels.tell(&news, soon()).await).told);
        }
    }
    assert_eq!(github.issues().len(), locks.len());
    for number in 1..=locks.len() as u64 {
        assert_eq!(github.comments(number).len(), 1);
    }
}

#[tokio::test]
async fn who_cannot_be_assigned_is_mentioned_and_the_issue_is_there_all_the_same() {
    let github = GitHub::start().await;
    github.cannot_assign("stranger");
    let channels = channels(&github.variables(&[("INPUT_ASSIGNEES", "stranger")]));
    let channel = only(channels.tell(&failed(1), soon()).await);
    assert!(channel.told);
    assert!(
        channel
            .detail
            .contains("GitHub did not assign all of `assignees`"),
        "{}",
        channel.detail
    );
    assert!(
        github.issues()[0]["body"]
            .as_str()
            .unwrap()
            .contains("@stranger")
    );
}

#[tokio::test]
async fn a_label_that_github_drops_is_told() {
    let github = GitHub::start().await;
    github.drops_labels();
    let channel = only(
        channels(&github.variables(&[]))
            .tell(&failed(1), soon())
            .await,
    );
    assert!(
        channel.told && channel.detail.contains("did not set its label"),
        "{}",
        channel.detail
    );
}

#[tokio::test]
async fn what_stands_in_the_way_of_an_issue_is_named_with_its_mend() {
    for (status, words, wanted) in [
        (
            410,
            "Issues has been disabled in this repository.",
            "switch issues on in the repository's settings, or set `incident-issue: false`",
        ),
        (
            403,
            "Resource not accessible by integration",
            "under `permissions:` of the job",
        ),
        (404, "Not Found", "under `permissions:` of the job"),
        (401, "Bad credentials", "give a token that is valid"),
    ] {
        let github = GitHub::start().await;
        github.refuses(status, words);
        let channels = channels(&github.variables(&[]));
        for channel in [
            only(channels.tell(&failed(1), soon()).await),
            only(channels.resolve(&over(1, 2), soon()).await),
        ] {
            assert_eq!((channel.channel.as_str(), channel.told), ("issue", false));
            assert!(
                channel.detail.contains(wanted) && channel.detail.contains(words),
                "{}",
                channel.detail
            );
        }
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_looked_for_and_not_sent_again() {
    let github = GitHub::start().await;
    let channels = channels(&github.variables(&[]));
    github.next_write(true, 502);
    assert!(only(channels.tell(&failed(1), soon()).await).told);
    github.next_write(true, 504);
    assert!(only(channels.tell(&failed(2), soon()).await).told);
    assert_eq!(github.writes().await, 2);
    assert_eq!((github.issues().len(), github.comments(1).len()), (1, 1));
}

#[tokio::test]
async fn a_write_that_was_not_carried_out_is_sent_again_after_two_looks() {
    let github = GitHub::start().await;
    let channels = channels(&github.variables(&[]));
    github.next_write(false, 502);
    assert!(only(channels.tell(&failed(1), soon()).await).told);
    assert_eq!((github.issues().len(), github.writes().await), (1, 2));
    let requests = github.server.received_requests().await.unwrap();
    let methods: Vec<&str> = requests.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["GET", "POST", "GET", "GET", "POST"]);
}

#[tokio::test]
async fn github_that_fails_until_the_deadline_is_named() {
    let github = GitHub::start().await;
    github.refuses(503, "no");
    let channel = only(
        channels(&github.variables(&[]))
            .tell(&failed(1), at_once())
            .await,
    );
    assert!(!channel.told);
    assert_eq!(github.writes().await, 0);
}

#[tokio::test]
async fn a_success_is_told_once_and_closes_the_issue_only_where_that_is_wanted() {
    for close in ["false", "true"] {
        let github = GitHub::start().await;
        let channels = channels(&github.variables(&[("INPUT_CLOSE_INCIDENT", close)]));
        let none = only(channels.resolve(&over(1, 3), soon()).await);
        assert_eq!(
            (none.told, none.detail.as_str()),
            (true, "no issue is open")
        );
        assert!(only(channels.tell(&failed(1), soon()).await).told);
        assert!(only(channels.tell(&failed(2), soon()).await).told);
        // Both failures are over, because of the same success.
        for run in [1, 2] {
            assert!(only(channels.resolve(&over(run, 3), soon()).await).told);
        }
        let comments = github.comments(1);
        assert_eq!(comments.len(), 2, "{comments:?}");
        assert!(comments[1].contains("## ✅ production is deployed again: 1.2.3"));
        let issue = &github.issues()[0];
        match close {
            "true" => {
                assert_eq!(
                    (&issue["state"], &issue["state_reason"]),
                    (&"closed".into(), &"completed".into())
                );
                // The next failure is another incident.
                assert!(only(channels.tell(&failed(4), soon()).await).told);
                assert_eq!(github.issues().len(), 2);
            }
            _ => assert_eq!(issue["state"], "open"),
        }
    }
}

#[tokio::test]
async fn gates_alone_have_an_issue_of_their_own_that_no_success_of_a_deployment_ends() {
    let github = GitHub::start().await;
    let channels = channels(&github.variables(&[("INPUT_CLOSE_INCIDENT", "true")]));
    assert!(only(channels.tell(&failed(1), soon()).await).told);
    for run in [2, 3] {
        let mut gates = failed(run);
        gates.step = "smoke/1: api".to_owned();
        assert!(only(channels.tell(&gates, soon()).await).told);
    }
    assert_eq!(github.issues().len(), 2);
    assert_eq!((github.comments(1).len(), github.comments(2).len()), (0, 1));
    assert!(only(channels.resolve(&over(1, 4), soon()).await).told);
    assert_eq!(github.issues()[1]["state"], "open");
    assert_eq!((github.comments(1).len(), github.comments(2).len()), (1, 1));
}

#[tokio::test]
async fn a_comment_that_github_does_not_take_is_told_with_the_field_and_the_mend() {
    let github = GitHub::start().await;
    let channels = channels(&github.variables(&[]));
    assert!(only(channels.tell(&failed(1), soon()).await).told);
    github.next_write(false, 422);
    let channel = only(channels.tell(&failed(2), soon()).await);
    assert!(!channel.told);
    for wanted in [
        "which refuses body (HTTP 422): no",
        "correct the input",
        "close that issue",
    ] {
        assert!(channel.detail.contains(wanted), "{}", channel.detail);
    }
    assert_eq!(github.writes().await, 2);
}

#[tokio::test]
async fn a_rate_limit_that_ends_behind_the_deadline_is_not_waited_for_and_its_end_is_told() {
    let github = GitHub::start().await;
    github.limits_until(4_102_444_800);
    let channels = channels(&github.variables(&[]));
    let channel = only(channels.tell(&failed(1), soon()).await);
    assert!(!channel.told);
    for wanted in [
        "the rate limit is used up (HTTP 403)",
        "until 2100-01-01T00:00:0",
    ] {
        assert!(channel.detail.contains(wanted), "{}", channel.detail);
    }
    assert_eq!(github.server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn github_that_takes_six_seconds_to_answer_still_gets_its_issue() {
    // Longer than a question that a deployment waits for may take.
    let github = GitHub::start().await;
    github.takes(Duration::from_secs(6));
    let channel = only(
        channels(&github.variables(&[]))
            .tell(&failed(1), soon())
            .await,
    );
    assert!(channel.told, "{}", channel.detail);
    assert_eq!((github.issues().len(), github.writes().await), (1, 1));
}
