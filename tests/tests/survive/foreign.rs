//! A store that holds what is not ours to read, names that are hard to write, and legs that make the store at once.

use std::{fs, process::Command};

use baton_tests::{Ended, Run, Scene, judge};

use crate::{SOON, TAKEOVER};

/// A scene in which something was deployed once.
fn used() -> Scene {
    let scene = Scene::new();
    scene
        .candidate(&Run::number(1), 1, "write deploy 0.1")
        .finish(SOON)
        .expect(0);
    scene
}

/// Puts a commit with this file in the lease's place.
fn put(scene: &Scene, part: &str, file: &str, content: &str) -> String {
    let audit = scene.audit();
    let path = scene.folder().join("content");
    fs::write(&path, content).unwrap();
    let blob = audit
        .git(&["hash-object", "-w", path.to_str().unwrap()])
        .unwrap();
    let mut mktree = Command::new("git")
        .args(["--git-dir", scene.repository().to_str().unwrap(), "mktree"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    use std::io::Write;
    let mut input = mktree.stdin.take().unwrap();
    writeln!(input, "100644 blob {}\t{file}", blob.trim()).unwrap();
    drop(input);
    let tree = String::from_utf8(mktree.wait_with_output().unwrap().stdout).unwrap();
    let commit = audit
        .git(&["commit-tree", "-m", "by hand", tree.trim()])
        .unwrap();
    audit
        .git(&["update-ref", &audit.reference(part), commit.trim()])
        .unwrap();
    commit.trim().to_owned()
}

/// Both a leg and `verdict` say clearly what they cannot use, and leave it.
fn refused(scene: &Scene, part: &str, commit: &str) -> Ended {
    let run = Run::number(2);
    let ended = scene
        .candidate(&run, 1, "write deploy 0.1")
        .finish(SOON)
        .expect(69);
    assert!(ended.log().contains("was left as it is"), "{}", ended.log());
    scene.verdict(&run).finish(SOON).expect(69);
    assert_eq!(scene.audit().commit(part).as_deref(), Some(commit));
    assert_eq!(scene.target().starts("deploy").len(), 1);
    ended
}

#[test]
fn a_record_of_a_newer_schema_is_left_alone() {
    let scene = used();
    let mut record = serde_json::to_value(scene.audit().record().unwrap()).unwrap();
    record["schema"] = 99.into();
    record["phase"] = "levitating".into();
    let commit = put(&scene, "lease", "record.json", &record.to_string());
    let ended = refused(&scene, "lease", &commit);
    assert!(ended.log().contains("newer"), "{}", ended.log());
}

#[test]
fn a_corrupt_record_is_left_alone() {
    let scene = used();
    let commit = put(&scene, "lease", "record.json", "{\"schema\": 1, \"lo");
    refused(&scene, "lease", &commit);
}

#[test]
fn a_foreign_commit_in_the_leases_place_is_left_alone() {
    let scene = used();
    let commit = put(&scene, "lease", "README", "this is somebody's branch");
    refused(&scene, "lease", &commit);
}

#[test]
fn a_foreign_commit_in_the_ledgers_place_is_left_alone() {
    let scene = used();
    let commit = put(&scene, "ledger", "README", "this is somebody's branch");
    refused(&scene, "ledger", &commit);
}

#[test]
fn a_record_that_turns_foreign_under_a_holder_ends_its_command() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut leg = scene
        .candidate(&run, 1, "write deploy forever")
        .input("candidates", 1)
        .input("queue-timeout", "2s")
        .start();
    scene.target().await_start(1, "deploy", SOON);
    let commit = put(&scene, "lease", "record.json", "{}");
    baton_tests::patience::until(TAKEOVER, "the command to be dead", || {
        scene.writers().is_empty().then_some(())
    });
    assert_eq!(scene.audit().commit("lease"), Some(commit));
    leg.signal(nix::sys::signal::Signal::SIGTERM);
    leg.wait(SOON).expect(143);
}

#[test]
fn an_environment_with_a_difficult_name_works() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let name = "prod eu/1..x";
    let leg = |n, script| scene.candidate(&run, n, script).input("environment", name);
    let mut standby = leg(2, "write deploy 0.3").start();
    standby.says("is ready", SOON);
    leg(1, "write deploy 0.2; exit 1")
        .finish(TAKEOVER)
        .expect(1);
    standby.wait(TAKEOVER).expect(0);
    scene
        .verdict(&run)
        .input("environment", name)
        .finish(SOON)
        .expect(0);
    let audit = scene.audit_of(&format!("octo/shop/{name}"));
    assert_eq!(audit.ends(&run.deployment()).len(), 1);
    assert!(
        audit
            .git(&["check-ref-format", &audit.reference("lease")])
            .is_some()
    );
}

#[test]
fn legs_that_make_the_store_at_once_share_it() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let mut legs = [1, 2, 3, 4, 5, 6].map(|n| {
        scene
            .candidate(&run, n, "write deploy 0.3")
            .input("candidates", 6)
            .start()
    });
    for leg in &mut legs {
        leg.wait(TAKEOVER).expect(0);
    }
    assert_eq!(scene.target().starts("deploy").len(), 1);
    judge::assert_sound(&scene, &[&run.deployment()]);
    let left: Vec<_> = fs::read_dir(scene.folder())
        .unwrap()
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains("store") && name != "store.git")
        .collect();
    assert_eq!(left, [""; 0], "nothing half-made is left beside the store");
}
