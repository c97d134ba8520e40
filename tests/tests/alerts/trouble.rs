//! What keeps people from being told hides nothing else: outcome, outputs and exit code stand, and the trouble is named
//! with its mend, within a minute.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use baton_tests::{Ended, Run, Scene, Step, scene};
use lease::testing::http_git::Mode;
use test_servers::free_port;

use crate::{SOON, Ways, assert_holds, fails, in_the_ledger};

/// How long a verdict whose deployment is over may take, whatever is wrong with telling people.
const A_MINUTE: Duration = Duration::from_secs(60);

/// Judges the failed `run` and sees that nothing but the telling is in trouble.
#[track_caller]
fn judged(verdict: Step) -> Ended {
    let begin = Instant::now();
    let ended = verdict.finish(A_MINUTE).expect(1);
    assert!(begin.elapsed() < A_MINUTE);
    for (output, value) in [
        ("outcome", "failed"),
        ("proceed", "false"),
        ("deployment-id", "octo/shop/4701/1"),
        ("attempts", "1"),
        ("runner", "runner-a"),
    ] {
        assert_eq!(ended.output(output), value);
    }
    assert_holds(
        &ended.summary(),
        &["v1 to production failed", "exit code 7"],
    );
    ended
}

/// That log and summary hold all of this. The summary escapes what would be Markdown.
#[track_caller]
fn assert_named(ended: &Ended, parts: &[&str]) {
    let summary = ended.summary().replace('\\', "");
    assert_holds(&ended.log(), parts);
    assert_holds(&summary, parts);
}

#[test]
fn an_alertmanager_that_is_down_and_a_webhook_that_fails_are_named_and_the_issue_is_still_opened() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.webhook.answers(500);
    let verdict = ways.of(scene.verdict(&run)).input(
        "alertmanager-url",
        format!("http://127.0.0.1:{}/alerts", free_port()),
    );
    let ended = judged(verdict);
    assert_named(&ended, &["alertmanager", "webhook", "500", "said the room"]);
    assert_holds(
        &ended.log(),
        &[
            "nobody could be told by webhook",
            "The deployment's result stands",
        ],
    );
    assert_eq!(ways.github.issues().len(), 1);
    assert_eq!(in_the_ledger(&scene), [1, 1, 0]);
}

#[test]
fn where_nobody_could_be_told_at_all_the_next_verdict_tells_it() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.webhook.answers(403);
    let verdict = || ways.of(scene.verdict(&run)).input("incident-issue", false);
    judged(verdict());
    assert_eq!(in_the_ledger(&scene), [1, 0, 0]);
    ways.webhook.answers(200);
    // It cannot know that the first has given up, and gives it its minute.
    verdict().finish(Duration::from_secs(120)).expect(1);
    assert_eq!(in_the_ledger(&scene), [2, 1, 0]);
}

#[test]
fn issues_that_are_switched_off_are_named_with_the_mend() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.github
        .refuses(410, "Issues has been disabled in this repository.");
    let ended = judged(ways.of(scene.verdict(&run)));
    assert_named(&ended, &["switch issues on", "incident-issue: false"]);
    assert_eq!(ways.webhook.heard().len(), 1);
}

#[test]
fn a_token_without_the_right_to_write_issues_is_named_with_the_mend() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.github
        .refuses(403, "Resource not accessible by integration");
    let ended = judged(ways.of(scene.verdict(&run)));
    assert_named(&ended, &["issues: write", "permissions:"]);
    assert_eq!(ways.webhook.heard().len(), 1);
}

#[test]
fn a_missing_token_is_named_with_the_mend() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    let verdict = ways.of(scene.verdict(&run));
    let ended = judged(verdict.default_of(&["github-token"]));
    assert_named(&ended, &["github-token", "incident-issue: false"]);
    assert_eq!(ways.webhook.heard().len(), 1);
}

#[test]
fn servers_that_take_everything_and_answer_nothing_cost_less_than_a_minute() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    ways.webhook.answers_after(Duration::from_secs(600));
    // Connections are taken by the system, and nobody reads from them.
    let deaf = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let verdict = ways.of(scene.verdict(&run)).input(
        "alertmanager-url",
        format!("http://{}", deaf.local_addr().unwrap()),
    );
    let ended = judged(verdict);
    assert_named(&ended, &["alertmanager", "webhook"]);
    assert_eq!(ways.github.issues().len(), 1);
}

#[test]
fn a_store_that_goes_away_while_people_are_told_is_named_and_they_are_told() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    let link = scene.link();
    // Long enough to take the store away before the answer.
    ways.webhook.answers_after(Duration::from_secs(3));
    let begin = Instant::now();
    let store = format!("git+{}", link.url());
    let mut verdict = ways
        .of(scene.verdict(&run))
        .input("store", store)
        .input("github-token", scene::TOKEN)
        .input("incident-issue", false)
        .start();
    ways.webhook.hears(1, SOON);
    link.set(Mode::Refuse);
    let ended = verdict.wait(A_MINUTE).expect(1);
    assert!(begin.elapsed() < A_MINUTE, "{:?}", begin.elapsed());
    assert_eq!(ended.output("outcome"), "failed");
    assert_named(&ended, &["the ledger was not told of it", "once more"]);
    assert_eq!(ways.webhook.heard().len(), 1);
}

#[test]
fn a_store_that_is_never_there_wakes_a_person_without_it() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let link = scene.link();
    link.set(Mode::Refuse);
    let verdict = scene
        .verdict(&run)
        .over(&link)
        .input("pickup-timeout", "1s");
    assert_nobody_knows(&ways, verdict, scene::TOKEN);
}

#[test]
fn a_store_that_lets_nobody_in_wakes_a_person_at_once() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    fails(&scene, &run);
    let (link, wrong) = (scene.link(), "wrong-token-0b5e93aa");
    let verdict = scene.verdict(&run).over(&link).input("github-token", wrong);
    let begin = Instant::now();
    assert_nobody_knows(&ways, verdict, wrong);
    assert!(begin.elapsed() < A_MINUTE, "{:?}", begin.elapsed());
}

/// That a person is told that nobody knows how the deployment stands, and nothing of the token.
#[track_caller]
fn assert_nobody_knows(ways: &Ways, verdict: Step, token: &str) {
    let ended = verdict
        .input("webhook-url", ways.webhook.url())
        .input("incident-issue", false)
        .finish(Duration::from_secs(120))
        .expect(69);
    assert_eq!(ended.output("outcome"), "");
    assert_named(&ended, &["they may be told once more"]);
    let told = ways.webhook.heard_once();
    assert_eq!(
        told["title"],
        "nobody knows how the deployment to production stands"
    );
    assert_holds(told["what_now"].as_str().unwrap(), &["`store`"]);
    for text in [told.to_string(), ended.summary()] {
        assert!(!text.contains(token), "{text}");
    }
}
