//! States that are no state, and disks that do not write.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use crate::target::{Target, call, stderr};

fn refuses(target: &Target, why: &str) {
    let before = fs::read(target.path("state.json")).ok();
    let refused = target.run(&call(9, "echo 9 >>log"));
    assert_eq!(refused.status.code(), Some(77), "{}", stderr(&refused));
    let said = stderr(&refused);
    assert!(said.contains(why) && said.contains("  mend: "), "{said}");
    assert!(target.log().is_empty());
    assert_eq!(fs::read(target.path("state.json")).ok(), before);
}

#[test]
fn a_state_that_is_corrupt_empty_foreign_or_newer_is_refused_and_left_alone() {
    let target = Target::new();
    for (text, why) in [
        (&b""[..], "it is empty"),
        (b"\0\0\0\0\0\0\n", "it is not JSON at line 1, column 1"),
        (b"{\"current_version\": \"v1\"}\n", "it has no schema"),
        (b"[1]\n", "it is a list, not an object in braces"),
        (
            b"{\"schema\": 2, \"fencing_token\": 1}\n",
            "its schema is 2, newer than this program's",
        ),
        (
            b"{\"schema\": 1}\n",
            "it has no field fencing_token; wanted: a whole number",
        ),
        (b"{\"schema\": 1, \"fencing_token\": 0}\n", "its token is 0"),
        (
            b"{\"schema\": 1, \"fencing_token\": -3}\n",
            "its field fencing_token is a number that is negative",
        ),
        (
            b"{\"schema\": 1, \"fencing_token\": 3}{}\n",
            "it is not JSON at line 1, column 34",
        ),
        (
            b"{\"schema\": 1, \"fencing_token\": 3, \"fencing_token\": 1}\n",
            "its field fencing_token stands there twice",
        ),
        (b"\xff\xfe\n", "it is not JSON at line 1, column 1"),
        (b"\x1b[2J\n", "it is not JSON at line 1, column 1"),
    ] {
        fs::write(target.path("state.json"), text).unwrap();
        refuses(&target, why);
        let status = target.status(&[]);
        assert_eq!(status.status.code(), Some(77));
        assert!(status.stdout.is_empty() && stderr(&status).contains("mend"));
    }
}

#[test]
fn a_path_that_is_no_regular_file_is_refused() {
    let target = Target::new();
    let state = target.path("state.json");
    fs::create_dir(&state).unwrap();
    let refused = |what: &str| {
        let refused = target.run(&call(9, "echo 9 >>log"));
        assert_eq!(refused.status.code(), Some(77), "{what}");
        assert!(stderr(&refused).contains(what), "{}", stderr(&refused));
        assert!(target.log().is_empty());
        assert!(
            !target.path("state.json.lock").exists(),
            "nothing is made beside it"
        );
    };
    refused("it is a folder");
    fs::remove_dir(&state).unwrap();
    nix::unistd::mkfifo(&state, nix::sys::stat::Mode::S_IRWXU).unwrap();
    refused("it is a named pipe");
    fs::remove_file(&state).unwrap();
    fs::write(
        target.path("elsewhere"),
        "{\"schema\": 1, \"fencing_token\": 3}\n",
    )
    .unwrap();
    symlink(target.path("elsewhere"), &state).unwrap();
    refused("it is a symbolic link");
    fs::remove_file(target.path("elsewhere")).unwrap();
    refused("it is a symbolic link");
}

#[test]
fn a_state_that_was_removed_is_no_new_target() {
    let target = Target::new();
    assert!(target.run(&call(8, "true")).status.success());
    fs::remove_file(target.path("state.json")).unwrap();
    refuses(&target, "it was written here before and is gone");
    let status = target.status(&[]);
    assert_eq!(status.status.code(), Some(77));
    assert!(
        status.stdout.is_empty()
            && stderr(&status).contains("it was written here before and is gone\n  mend: restore"),
        "{}",
        stderr(&status)
    );
    // A folder that is gone is no new target either.
    let folder = target.path("deeper");
    let mut status = Command::new(env!("CARGO_BIN_EXE_fence-guard"));
    status.arg("--state").arg(folder.join("state.json"));
    let status = status.arg("--status").output().unwrap();
    assert_eq!(status.status.code(), Some(69));
    assert!(
        status.stdout.is_empty() && stderr(&status).contains("failed to find the folder"),
        "{}",
        stderr(&status)
    );
    // The mend for a target that starts anew.
    fs::remove_file(target.path("state.json.lock")).unwrap();
    assert_eq!(target.run(&call(1, "echo 1 >>log")).status.code(), Some(0));
}

#[test]
fn the_state_can_be_read_by_all_and_the_lock_by_its_owner_whatever_the_umask() {
    let target = Target::new();
    let guard = target.guard(&call(8, "true"));
    let mut under = Command::new("sh");
    under
        .args(["-c", "umask 0077; exec \"$0\" \"$@\""])
        .arg(guard.get_program())
        .args(guard.get_args());
    assert!(under.status().unwrap().success());
    let mode = |name: &str| {
        fs::metadata(target.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("state.json"), 0o644);
    assert_eq!(mode("state.json.lock"), 0o600);
    assert!(!target.path("state.json.new").exists());
}

#[test]
fn a_disk_that_takes_nothing_more_means_that_nothing_runs() {
    let target = Target::new();
    assert!(target.run(&call(8, "true")).status.success());
    let before = fs::read(target.path("state.json")).unwrap();
    let guard = target.guard(&call(9, "echo 9 >>log"));
    // A file of this process may have no byte: the write fails as on a full disk, for any user.
    let mut full = Command::new("sh");
    full.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""])
        .arg(guard.get_program())
        .args(guard.get_args())
        .current_dir(target.folder.path());
    let refused = full.output().unwrap();
    assert_eq!(refused.status.code(), Some(69), "{}", stderr(&refused));
    assert!(stderr(&refused).contains("failed to write ") && stderr(&refused).contains("mend: "));
    assert!(target.log().is_empty());
    assert_eq!(fs::read(target.path("state.json")).unwrap(), before);
    assert!(!target.path("state.json.new").exists());
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let target = Target::new();
    let folder = target.path("deeper");
    let mut guard = Command::new(env!("CARGO_BIN_EXE_fence-guard"));
    guard.arg("--state").arg(folder.join("state.json"));
    guard.args([
        "--token",
        "1",
        "--deployment",
        "d",
        "--version",
        "v",
        "--runner",
        "r",
        "--by",
        "b",
        "--",
        "true",
    ]);
    let refused = guard.output().unwrap();
    assert_eq!(refused.status.code(), Some(69));
    assert!(
        stderr(&refused).contains("mend: where anything was deployed to this target before, its state is lost with the folder"),
        "{}",
        stderr(&refused)
    );
}

#[test]
fn status_shows_what_the_target_is_at_to_people_and_programs() {
    let target = Target::new();
    let empty = target.status(&[]);
    assert!(empty.status.success());
    assert!(String::from_utf8_lossy(&empty.stdout).contains("fencing token          0\n"));
    assert!(
        !target.path("state.json.lock").exists(),
        "a look makes nothing"
    );
    assert!(target.run(&call(7, "true").step("one")).status.success());
    let guard = target.start(&call(8, "echo 8 start >>log; while :; do sleep 1; done").step("two"));
    target.await_line("8 start");
    let text = String::from_utf8(target.status(&[]).stdout).unwrap();
    for line in [
        "current version        v7\n",
        "fencing token          8\n",
        "deployment             o/r/8/1\n",
        "runner                 runner-1\n",
        "step two of token 8 runs; started ",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&target.status(&["--json"]).stdout).unwrap();
    assert_eq!(json["current_version"], "v7");
    assert_eq!(json["running"]["alive"], true);
    crate::target::kill(guard.id().cast_signed(), nix::sys::signal::Signal::SIGTERM);
    assert_eq!(crate::target::end(guard), Some(143));
}

#[test]
fn status_says_which_version_was_tried_last_and_how_that_ended() {
    let target = Target::new();
    let last = || {
        let text = String::from_utf8(target.status(&[]).stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with("last attempt "));
        line.unwrap().to_owned()
    };
    let mut tried = vec![(
        call(7, "exit 3").step("one"),
        "v7 failed with exit code 3 at ",
    )];
    tried.push((call(8, "kill -KILL $$"), "v8 failed with exit code 137 at "));
    let mut absent = call(9, "");
    absent.command = vec!["./absent".into()];
    tried.push((absent, "v9 could not be started at "));
    tried.push((call(10, "true"), "v10 succeeded at "));
    for (call, expected) in tried {
        target.run(&call);
        assert!(last().contains(expected), "{expected} in {}", last());
        assert!(last().contains(&format!(" of token {}, started ", call.token)));
    }
    // Of one whose keeper was killed, and of one that was overtaken.
    let guard = target.start(&call(11, "echo 11 >>log; while :; do sleep 1; done"));
    target.await_line("11");
    crate::target::kill(
        crate::target::keeper(&target),
        nix::sys::signal::Signal::SIGKILL,
    );
    assert_eq!(crate::target::end(guard), Some(69));
    assert!(last().contains("v11 was killed, found at "), "{}", last());
    let guard = target.start(&call(12, "echo 12 >>log; while :; do sleep 1; done"));
    target.await_line("12");
    let newer = target.start(&call(13, "echo 13 >>log; while :; do sleep 1; done"));
    target.await_line("13");
    assert_eq!(crate::target::end(guard), Some(77));
    assert!(
        last().contains("v12 was ended for a newer token at "),
        "{}",
        last()
    );
    crate::target::kill(newer.id().cast_signed(), nix::sys::signal::Signal::SIGTERM);
    assert_eq!(crate::target::end(newer), Some(143));
    let json: serde_json::Value =
        serde_json::from_slice(&target.status(&["--json"]).stdout).unwrap();
    assert_eq!(json["current_version"], "v10");
    assert_eq!(json["last_attempt"]["version"], "v13");
    assert_eq!(json["last_attempt"]["outcome"], "failed");
    assert_eq!(json["last_attempt"]["exit_code"], 143);
}
