//! Wrong inputs, all at once; and a secret that must be seen nowhere.

use std::fs;

use baton_tests::{Run, Scene, process};

use crate::SOON;

/// Looks like nothing else.
const CANARY: &str = "canary-5d81f0c2b7e94a36";

#[test]
fn every_wrong_input_is_named_at_once_and_nothing_is_done() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let ended = scene
        .candidate(&run, 7, "write deploy 0.1")
        .input("github-token", CANARY)
        .input("attempts", "many")
        .input("attempt-timeout", "soon")
        .input("role", "boss")
        .input("on-primary-lost", "panic")
        .input("lease-time", "10s")
        .input("heartbeat", "9s")
        .input("store", format!("ftp://user:{CANARY}@host/x"))
        .input("reason", "of another mode")
        .input("working-directory", "not/there")
        .finish(SOON)
        .expect(64);
    let log = ended.log();
    for name in [
        "candidate",
        "attempts",
        "attempt-timeout",
        "role",
        "on-primary-lost",
        "heartbeat",
        "store",
        "reason",
        "working-directory",
    ] {
        assert!(log.contains(name), "{name} in:\n{log}");
        assert!(
            ended.summary().contains(name),
            "{name} in:\n{}",
            ended.summary()
        );
    }
    assert!(!scene.repository().exists());
    assert_eq!(scene.target().lines(), []);
    for told in [log, ended.summary(), ended.output_file()] {
        assert_unseen(&told);
    }
}

/// The one place where a secret may stand: where the runner is told to hide it.
fn assert_unseen(text: &str) {
    let seen = text
        .lines()
        .find(|l| l.contains(CANARY) && !l.starts_with("::add-mask::"));
    assert_eq!(seen, None);
}

#[test]
fn a_token_is_seen_in_no_log_summary_output_ledger_file_or_argument() {
    let (scene, run) = (Scene::new(), Run::number(1));
    // The command prints a secret of its own, which it masks, and fails with it: it comes to the kept last lines.
    let own = "own-secret-93c7e1";
    let script = format!("echo '::add-mask::{own}'; write deploy 4; echo \"key is {own}\"; exit 9");
    let mut leg = scene
        .candidate(&run, 1, &script)
        .input("candidates", 1)
        .input("github-token", CANARY)
        .input("on-failure", "write on-failure 0.2")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let supervisor = leg.pid();
    let mut looked = 0;
    while leg.runs() {
        for pid in process::descendants(supervisor)
            .into_iter()
            .chain([supervisor])
        {
            let arguments = process::arguments(pid);
            assert!(!arguments.contains(CANARY), "{arguments}");
            looked += 1;
        }
    }
    assert!(looked > 50, "git's processes too were looked at: {looked}");
    let ended = leg.wait(SOON).expect(1);
    assert!(
        ended.summary().contains("key is ***"),
        "{}",
        ended.summary()
    );
    for told in [ended.log(), ended.summary(), ended.output_file()] {
        assert_unseen(&told);
    }
    assert!(!ended.summary().contains(own) && !ended.output_file().contains(own));
    let everything = scene
        .audit()
        .git(&["log", "--all", "-p", "--format=%B"])
        .unwrap();
    let commits = scene
        .audit()
        .git(&[
            "log",
            "-p",
            "--format=%B",
            &scene.audit().reference("lease"),
            &scene.audit().reference("ledger"),
        ])
        .unwrap();
    assert!(
        commits.contains("octo/shop/4701/1"),
        "the ledger was looked at"
    );
    for text in [everything, commits] {
        assert!(!text.contains(CANARY) && !text.contains(own));
    }
    assert_no_file_holds(scene.folder(), CANARY);
}

#[test]
fn what_the_jobs_environment_holds_is_in_no_summary_ledger_or_bundle_though_the_command_prints_it_all()
 {
    let (scene, run) = (Scene::new(), Run::number(1));
    let named = [
        "PGPASSWORD",
        "MYSECRET",
        "DEPLOYTOKEN",
        "APIKEY",
        "NPM_AUTH",
        "SLACK_WEBHOOK_URL",
        "DATABASE_DSN",
    ];
    let script = "env | grep -a '^SHOP_\\|PGPASSWORD\\|MYSECRET\\|DEPLOYTOKEN\\|APIKEY\\|NPM_AUTH\\|SLACK\\|DSN'; \
                  echo 'login password=own-5d81f0c2 AKIAOWN5D81F0C2B7E9'; exit 7";
    let mut step = scene
        .candidate(&run, 1, script)
        .input("candidates", 1)
        .input("attempts", 1)
        .variable("SHOP_REGION", "eu-west-1");
    for name in named {
        step = step.variable(name, format!("{CANARY}-{}", name.to_lowercase()));
    }
    let ended = step.finish(SOON).expect(1);
    let ledger = scene
        .audit()
        .git(&[
            "log",
            "-p",
            "--format=%B",
            &scene.audit().reference("ledger"),
        ])
        .unwrap();
    // They were printed and told, without the values.
    for told in [ended.summary(), ledger] {
        assert!(told.contains("eu-west-1"), "{told}");
        for name in named {
            assert!(told.contains(name), "{name} in:\n{told}");
        }
        for secret in [CANARY, "own-5d81f0c2", "OWN5D81F0C2B7E9"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
    assert_no_file_holds(scene.folder(), CANARY);
}

/// Files of the runner's own aside: its log may hold the line that tells it what to mask.
fn assert_no_file_holds(folder: &std::path::Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_file_holds(&path, secret);
        } else if path.file_name().is_some_and(|n| n != "log") {
            let content = fs::read(&path).unwrap_or_default();
            let held = content
                .windows(secret.len())
                .any(|w| w == secret.as_bytes());
            assert!(!held, "{} holds a secret", path.display());
        }
    }
}
