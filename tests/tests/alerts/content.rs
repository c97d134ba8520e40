//! What somebody reads who was asleep, and what nobody must read.

use baton_tests::{Run, Scene};
use test_servers::Alertmanager;

use crate::{SOON, TAKEOVER, TOKEN, Ways, assert_holds, people::Room};

/// Secrets of the job, in its environment and by a line of the command's.
const OF_THE_JOB: &str = "canary-db-8c1f7720";
const MASKED: &str = "canary-mask-53ee019b";

/// Parts of the webhook's address.
const OF_THE_ADDRESS: &str = "roomcanary77";

#[test]
fn every_way_tells_the_story_and_shows_no_secret() {
    let (scene, run, ways) = (Scene::new(), Run::number(1), Ways::open());
    let receiver = Room::open();
    let alertmanager = Alertmanager::start(&receiver.url());
    let script = format!(
        "echo '::add-mask::{MASKED}'; echo password is $DB_PASSWORD, key {MASKED}; \
         echo \"token $INPUT_GITHUB_TOKEN$TOKEN_OF_THE_JOB\"; echo 'last <words> of | the command'; \
         write deploy 0.1; exit 7"
    );
    let leg = |number| {
        let step = scene
            .candidate(&run, number, &script)
            .input("version", "v1.2.3")
            .variable("DB_PASSWORD", OF_THE_JOB)
            .variable("TOKEN_OF_THE_JOB", TOKEN);
        ways.github.of(step)
    };
    let mut standby = leg(2).start();
    standby.says("is ready", SOON);
    let mut primary = leg(1).start();
    let legs = [primary.wait(TAKEOVER), standby.wait(TAKEOVER)];
    let ended = ways
        .of(scene.verdict(&run))
        .input("alertmanager-url", &alertmanager.url)
        .finish(TAKEOVER)
        .expect(1);

    let webhook = ways.webhook.heard_once();
    let issue = ways.github.issues().remove(0);
    let alert = receiver.is_told(&["firing"]).remove(0);
    let texts = [
        ("webhook", webhook["text"].as_str().unwrap()),
        ("issue", issue["body"].as_str().unwrap()),
        (
            "Alertmanager",
            alert["annotations"]["description"].as_str().unwrap(),
        ),
    ];
    let run_page = "https://github.example/octo/shop/actions/runs/4701";
    for (way, text) in texts {
        eprintln!("== {way}\n{text}");
        assert_holds(
            text,
            &[
                "v1.2.3",
                "production",
                "exit code 7",
                "runner-a",
                "runner-b",
                run_page,
                "https://wiki.example/runbook",
                &run.deployment(),
                "Read the log of the leg",
            ],
        );
    }
    // Alertmanager's annotations are for a pager: its `run_url` leads to the lines.
    assert_eq!(alert["annotations"]["run_url"], run_page);
    for text in [texts[0].1, texts[1].1] {
        assert_holds(text, &["words"]);
    }
    assert_eq!(issue["labels"][0]["name"], "production-incident");
    let told: Vec<&str> = webhook["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|moment| moment["text"].as_str().unwrap())
        .collect();
    assert_holds(
        &told.join("\n"),
        &[
            "is ready",
            "starts to deploy",
            "primary_exit_code",
            "failed",
        ],
    );
    let lines = webhook["last_lines"].to_string();
    assert_holds(
        &lines,
        &["password is ***", "last <words> of | the command"],
    );

    let ledger = format!("{:?}", scene.audit().entries());
    let [webhook, issue, alert] = [webhook, issue, alert].map(|body| body.to_string());
    let mut places = vec![
        ("ledger", ledger),
        ("webhook", webhook),
        ("issue", issue),
        ("Alertmanager", alert),
        ("summary of the verdict", ended.summary()),
        ("outputs of the verdict", ended.output_file()),
        ("log of the verdict", ended.log()),
    ];
    for leg in legs {
        places.push(("summary of a leg", leg.summary()));
    }
    for (place, text) in places {
        for secret in [OF_THE_JOB, MASKED, TOKEN, OF_THE_ADDRESS] {
            let shown = text
                .lines()
                .find(|line| line.contains(secret) && !line.starts_with("::add-mask::"));
            assert_eq!(shown, None, "{secret} in the {place}");
        }
    }
}
