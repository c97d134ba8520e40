//! The environment and the configuration that a runner's user may have.
//!
//! A process's environment is its own: the tests here run this program again with another one.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use lease::{
    store::{History, Store},
    testing::{http_git::Server, writes::claim},
};

use crate::places::{TOKEN, lock, open, options, served, won};

/// Runs by itself too, in the surroundings at hand.
#[tokio::test]
async fn a_lock_changes_hands_in_these_surroundings() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let lock = lock("o/r/production");
    for name in ["one", "other"] {
        let store = open(options(
            served(&server),
            lock.clone(),
            &folder.path().join(name),
        ))
        .await;
        let seen = store.read().await.unwrap();
        won(&store, claim(&lock, &seen)).await;
        assert!(!store.history(History::FromSeq(1)).await.unwrap().is_empty());
        let now = store.read().await.unwrap();
        assert_eq!(store.read().await.unwrap(), now);
    }
}

#[test]
fn a_users_configuration_and_a_surrounding_git_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let trap = folder.path().join("trap");
    fs::write(
        &trap,
        format!("#!/bin/sh\ntouch '{}'\nexit 1\n", asked.display()),
    )
    .unwrap();
    Command::new("chmod")
        .arg("755")
        .arg(&trap)
        .status()
        .unwrap();
    let config = folder.path().join("config");
    let text = format!(
        "[credential]\nhelper = {trap}\n[core]\naskPass = {trap}\nhooksPath = {folder}\n[push]\ngpgSign = true\n\
         pushOption = x\nfollowTags = true\nrecurseSubmodules = on-demand\n[commit]\ngpgSign = true\n\
         [log]\nshowSignature = true\n[fetch]\noutput = compact\nfsckObjects = true\nprune = false\nall = true\n\
         [transfer]\nfsckObjects = true\n[http]\nextraHeader = Authorization: Basic d3Jvbmc6d3Jvbmc=\n[http \"http://127.0.0.1\"]\n\
         extraHeader = Authorization: Basic d3Jvbmc6d3Jvbmc=\n[i18n]\ncommitEncoding = latin1\n\
         logOutputEncoding = latin1\n[init]\ntemplateDir = {folder}\n[color]\nui = always\n[advice]\nall = true\n",
        trap = trap.display(),
        folder = folder.path().display(),
    );
    fs::write(&config, text).unwrap();
    let output = again(|command| {
        command
            .env("GIT_CONFIG_GLOBAL", &config)
            .env("GIT_ASKPASS", &trap)
            .env("SSH_ASKPASS", &trap)
            .env("GIT_DIR", "/nonexistent")
            .env("GIT_WORK_TREE", "/nonexistent")
            .env("GIT_INDEX_FILE", "/nonexistent")
            .env("GIT_OBJECT_DIRECTORY", "/nonexistent")
            .env("GIT_NAMESPACE", "elsewhere")
            .env("GIT_CONFIG_COUNT", "1")
            .env("GIT_CONFIG_KEY_0", "http.extraheader")
            .env(
                "GIT_CONFIG_VALUE_0",
                "Authorization: Basic d3Jvbmc6d3Jvbmc=",
            )
            .env("GIT_TRACE_CURL", folder.path().join("trace"))
            .env("LANG", "de_DE.UTF-8");
    });
    assert!(output.status.success(), "{}", said(&output));
    assert!(!asked.exists(), "somebody was asked for a password");
    assert!(!folder.path().join("trace").exists());
}

#[test]
fn a_host_without_git_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let git = folder.path().join("git");
    // The server of the test needs git before the store is opened: it finds one that is too old for the store.
    for (script, says) in [
        (
            "#!/bin/sh\nPATH=/usr/bin:/bin; [ \"$1\" = --version ] && echo git version 2.20.1 && exit; exec git \"$@\"",
            "2.31",
        ),
        (
            "#!/bin/sh\nPATH=/usr/bin:/bin; [ \"$1\" = --version ] && echo 7 && exit; exec git \"$@\"",
            "install git",
        ),
    ] {
        write_script(&git, script);
        let output = again(|command| {
            command.env("PATH", folder.path());
        });
        assert!(!output.status.success());
        assert!(said(&output).contains(says), "{}", said(&output));
    }
}

fn write_script(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    Command::new("chmod").arg("755").arg(path).status().unwrap();
}

/// Runs the first test of this file in a process of its own.
fn again(prepare: impl Fn(&mut Command)) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "surroundings::a_lock_changes_hands_in_these_surroundings",
        "--nocapture",
    ]);
    prepare(&mut command);
    let output = command.output().unwrap();
    assert!(
        said(&output).contains("running 1 test"),
        "{}",
        said(&output)
    );
    output
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
