//! Secrets that must be seen nowhere.

use std::{fs, path::Path};

use baton_tests::{Ended, Run, Scene, process, scene};
use lease::testing::http_git::Mode;

use crate::{
    SOON,
    front::{Behind, Front},
};

const GATEWAY: &str = "canary-gateway-5d81f0c2";
const LOKI: &str = "canary-loki-93c7e1a4b2";
const GITHUB: &str = "canary-github-b7e94a36d0";

/// Everything that a step left for people, and every body that it sent.
fn assert_unseen(ended: &Ended, fronts: &[&Front], folder: &Path) {
    let secrets = [GATEWAY, LOKI, GITHUB, scene::TOKEN];
    for told in [ended.log(), ended.summary(), ended.output_file()] {
        // Telling the runner to mask it is what keeps it from every other log.
        let shown = told.lines().find(|line| {
            !line.starts_with("::add-mask::") && secrets.iter().any(|one| line.contains(one))
        });
        assert_eq!(shown, None);
    }
    for front in fronts {
        for request in front.arrived() {
            let sent = request.line + &request.body;
            assert!(!secrets.iter().any(|one| sent.contains(one)), "{sent}");
        }
    }
    assert_no_file_holds(folder, &secrets);
}

/// Logs aside: they hold the lines that tell the runner what to mask.
fn assert_no_file_holds(folder: &Path, secrets: &[&str]) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_file_holds(&path, secrets);
        } else if !path.ends_with("metrics-log") && !path.ends_with("log") {
            let content = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&content);
            let held = secrets.iter().find(|one| text.contains(**one));
            assert_eq!(held, None, "{}", path.display());
        }
    }
}

#[test]
fn credentials_are_seen_in_no_log_summary_report_file_body_or_argument() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    scene
        .candidate(&run, 1, "true")
        .input("candidates", 1)
        .over(&link)
        .finish(SOON)
        .expect(0);
    // Git's processes live long enough to be looked at.
    link.set(Mode::Slow(std::time::Duration::from_millis(300)));
    // Who refuses repeats what it was given.
    let echo = |secret: &str| format!("{{\"message\": \"not {secret}, please\"}}");
    for refused in [false, true] {
        let answer = |taken, status, secret: &str| {
            Front::of(match refused {
                true => Behind::Words(status, echo(secret)),
                false => Behind::Words(taken, String::new()),
            })
        };
        let gateway = answer(202, 401, GATEWAY);
        let loki = answer(204, 401, LOKI);
        let github = answer(404, 403, GITHUB);
        let store = link
            .url()
            .replace("://", &format!("://x-access-token:{}@", scene::TOKEN));
        let mut step = scene
            .metrics_of_verdict(&run)
            .on(if refused { "refused" } else { "taken" })
            .input("store", format!("git+{store}"))
            .input("github-token", GITHUB)
            .input("concurrency-group", "deploy-production")
            .variable("GITHUB_API_URL", github.url())
            .variable("GITHUB_SERVER_URL", "https://github.com")
            .input("pushgateway-url", gateway.url())
            .input("pushgateway-auth", format!("me:{GATEWAY}"))
            .input(
                "loki-url",
                loki.url().replace("://", &format!("://me:{LOKI}@")),
            )
            .input("events-file", scene.folder().join("events.jsonl").display())
            .input("required", true)
            .start();
        let mut git = 0;
        while step.runs() {
            for pid in process::descendants(step.pid())
                .into_iter()
                .chain([step.pid()])
            {
                let arguments = process::arguments(pid);
                assert!(!arguments.contains("canary"), "{arguments}");
                assert!(!arguments.contains(scene::TOKEN), "{arguments}");
                git += u32::from(arguments.contains("git"));
            }
        }
        assert!(git > 0, "git's arguments were looked at");
        let ended = step.wait(SOON).expect(i32::from(refused));
        let proved = |front: &Front| {
            let requests = front.arrived();
            let header = requests[0].header("authorization").map(str::to_owned);
            header.expect("it proves itself")
        };
        assert!(proved(&gateway).starts_with("Basic "));
        assert!(proved(&loki).starts_with("Basic "));
        assert_eq!(proved(&github), format!("Bearer {GITHUB}"));
        assert!(
            fs::read_to_string(scene.folder().join("events.jsonl"))
                .unwrap()
                .lines()
                .count()
                > 3
        );
        assert_unseen(&ended, &[&gateway, &loki, &github], scene.folder());
    }
}
