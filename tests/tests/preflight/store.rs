//! A store that is out of reach: the checks say what they have seen all the same.

use std::{fs, path::Path};

use baton_tests::{Ended, Run, Scene, Step, patience};
use lease::testing::http_git::Mode;

use crate::{REF, REF_FAILED, SOON, fails, reported, told};

const ACTIVE: &str = "concurrency.active";

/// Looks like nothing else.
const CANARY: &str = "canary-91c7e04ab2d35f68";

/// A preflight that shows this token to a store which does not take it, or is not there.
fn preflight(scene: &Scene, run: &Run, store: &str) -> Step {
    scene
        .preflight(run, 1, &format!("{REF},{ACTIVE}"))
        .input("store", format!("git+{store}"))
        .input("github-token", CANARY)
}

/// The store's check is unknown, and the ledger's silence is said.
fn assert_told(scene: &Scene, ended: &Ended) {
    assert_eq!(reported(ended, ACTIVE)["finding"]["status"], "unknown");
    let log = ended.log();
    assert!(
        log.lines()
            .any(|line| line.starts_with("::warning") && line.contains("ledger could not be told")),
        "{log}"
    );
    let seen = log
        .lines()
        .find(|line| line.contains(CANARY) && !line.starts_with("::add-mask::"));
    assert_eq!(seen, None, "where the runner is told to hide it alone");
    assert_no_file_holds(scene.folder());
}

/// Every file but the runner's own log.
fn assert_no_file_holds(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            assert_no_file_holds(&path);
        } else if path.file_name().is_some_and(|n| n != "preflight-log") {
            let content = fs::read(&path).unwrap_or_default();
            let mut parts = content.windows(CANARY.len());
            let held = parts.any(|part| part == CANARY.as_bytes());
            assert!(!held, "{} holds the token", path.display());
        }
    }
}

#[test]
fn a_store_that_is_away_costs_a_warning_and_the_checks_alone_decide() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    link.set(Mode::Refuse);
    let address = link.url();
    let address = address.strip_prefix("http://").unwrap();
    let address = address.split('/').next().unwrap().to_owned();
    patience::until(SOON, "the server to be gone", || {
        std::net::TcpStream::connect(&address)
            .is_err()
            .then_some(())
    });
    let mut legs = [
        (preflight(&scene, &run, &link.url()), 0, "warn", ""),
        (
            fails(preflight(&scene, &run, &link.url())),
            REF_FAILED,
            "fail",
            REF,
        ),
    ]
    .map(|(step, code, result, failed)| {
        let step = step.on(&format!("runner-{code}"));
        (step.start(), code, result, failed)
    });
    for (leg, code, result, failed) in &mut legs {
        let ended = leg.wait(SOON).expect(*code);
        assert_eq!(told(&ended), ((*result).to_owned(), (*failed).to_owned()));
        assert_told(&scene, &ended);
    }
}

#[test]
fn a_store_that_refuses_the_token_is_out_of_reach_and_fails_where_its_check_is_required() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let link = scene.link();
    let ended = preflight(&scene, &run, &link.url()).finish(SOON).expect(0);
    assert_eq!(told(&ended), ("warn".to_owned(), String::new()));
    assert_told(&scene, &ended);
    let ended = preflight(&scene, &run, &link.url())
        .input("required", ACTIVE)
        .finish(SOON)
        .expect(5);
    assert_eq!(told(&ended), ("fail".to_owned(), ACTIVE.to_owned()));
    assert_told(&scene, &ended);
    assert_eq!(scene.audit().entries(), []);
}
