//! What only root can arrange: disks of its own, and processes of another user.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    thread::sleep,
    time::{Duration, Instant},
};

const GUARD: &str = env!("CARGO_BIN_EXE_fence-guard");
const NOBODY: u32 = 65_534;

/// A script in a mount namespace of its own, with a small disk at `$disk`. `guard TOKEN SCRIPT` runs the guard there.
fn on_small_disk(script: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let programs = tempfile::tempdir().unwrap();
    let whole = format!(
        r#"set -eu
disk={folder} programs={programs} GUARD={GUARD}
mount -t tmpfs -o size=64k none $disk
guard() {{
    {GUARD} --state $disk/state.json --token $1 --deployment d$1 --version v$1 --runner r --by b -- sh -c "$2" || echo exit=$?
}}
fill() {{ dd if=/dev/zero of=$disk/fill bs=1k 2>/dev/null || true; }}
{script}"#,
        folder = folder.path().display(),
        programs = programs.path().display(),
    );
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", &whole])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn on_a_full_disk_nothing_runs_and_the_state_stays() {
    let output = on_small_disk(
        "guard 1 true; before=$(cat $disk/state.json); fill; guard 2 'echo ran'; [ \"$before\" = \"$(cat $disk/state.json)\" ]
         ls $disk; rm $disk/fill; guard 2 'echo ran now'",
    );
    assert_eq!(
        text(&output.stdout),
        "exit=69\nfill\nstate.json\nstate.json.lock\nran now\n"
    );
    assert!(text(&output.stderr).contains("mend: make room on that disk"));
}

#[test]
fn on_a_disk_mounted_read_only_nothing_runs() {
    let output = on_small_disk("guard 1 true; mount -o remount,ro $disk; guard 2 'echo ran'");
    assert_eq!(text(&output.stdout), "exit=69\n");
    assert!(text(&output.stderr).contains("mend: mount that file system writable"));
}

#[test]
fn a_command_that_fills_the_disk_is_told_to_be_unrecorded_and_is_run_again() {
    let output = on_small_disk(
        "export disk; step='echo ran; dd if=/dev/zero of=$disk/fill bs=1k 2>/dev/null || true'
         guard 1 \"$step\"; rm $disk/fill; guard 1 \"$step\"; rm $disk/fill
         guard 1 'echo other'; guard 2 'echo newer'",
    );
    assert_eq!(
        text(&output.stdout),
        "ran\nexit=69\nran\nexit=69\nother\nnewer\n"
    );
    assert!(text(&output.stderr).contains("exit code 0, and that could not be recorded"));
}

#[test]
fn where_processes_are_hidden_nothing_is_taken_for_dead() {
    // The keeper's number is nobody's: with all processes in sight that proves that nothing is left.
    let output = on_small_disk(
        r#"chown 65534 $disk; chmod 755 $disk; cp "$GUARD" $programs/guard; chmod 755 $programs $programs/guard
        nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@" || echo exit=$?; }
        run() { nobody $programs/guard --state $disk/state.json --token $1 --deployment d$1 --version v --runner r --by b -- echo ran $1; }
        run 1
        boot=$(cat /proc/sys/kernel/random/boot_id)
        running='{"token": 1, "step": "s", "since": "t", "keeper": 4194303, "started": 1, "guard": 4194303, "guard_started": 1, "mark": "m",
            "host": "'$(uname -n)'", "boot": "'$boot'", "pid_namespace": "'$(readlink /proc/self/ns/pid)'"}'
        printf '{"schema": 1, "fencing_token": 1, "running": %s}\n' "$running" >$disk/state.json
        mount -t proc -o hidepid=2 none /proc
        run 2
        umount /proc
        run 3"#,
    );
    assert_eq!(text(&output.stdout), "ran 1\nexit=77\nran 3\n");
    assert!(text(&output.stderr).contains("mount /proc without hidepid"));
}

/// A guard that ends with its test, and its command with it.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _collected = self.0.wait();
    }
}

fn guard(folder: &Path, token: u64, script: &str) -> Vec<String> {
    let state = folder.join("state.json");
    let token = token.to_string();
    let words = [
        GUARD,
        "--state",
        state.to_str().unwrap(),
        "--token",
        &token,
        "--deployment",
        &format!("d{token}"),
        "--version",
        "v",
        "--runner",
        "r",
        "--by",
        "b",
        "--",
        "sh",
        "-c",
        script,
    ];
    words.map(String::from).into()
}

#[test]
fn a_command_of_another_user_who_may_not_be_signalled_is_never_taken_for_dead() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let words = guard(here, 7, "echo start >log; while :; do sleep 1; done");
    let older = Command::new(&words[0])
        .args(&words[1..])
        .current_dir(here)
        .spawn()
        .unwrap();
    let mut older = Ended(older);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !here.join("log").exists() {
        assert!(Instant::now() < deadline, "the older command did not start");
        sleep(Duration::from_millis(5));
    }
    let lock = here.join("state.json.lock");
    let before = fs::read(here.join("state.json")).unwrap();
    // A copy that everybody may execute, wherever cargo builds.
    let programs = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let copy = programs.path().join("fence-guard");
    fs::copy(GUARD, &copy).unwrap();
    let as_nobody = || {
        let mut words = guard(here, 8, "echo newer >log");
        words[0] = copy.to_str().unwrap().to_owned();
        Command::new("setpriv")
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .args(words)
            .output()
            .unwrap()
    };
    // The folder is root's alone.
    let refused = as_nobody();
    assert_eq!(refused.status.code(), Some(69), "{}", text(&refused.stderr));
    std::os::unix::fs::chown(&lock, Some(NOBODY), Some(NOBODY)).unwrap();
    std::os::unix::fs::chown(here, Some(NOBODY), Some(NOBODY)).unwrap();
    let refused = as_nobody();
    assert_eq!(refused.status.code(), Some(77), "{}", text(&refused.stderr));
    let said = text(&refused.stderr);
    assert!(
        said.contains("belongs to another user") && said.contains("mend: run the guard as root"),
        "{said}"
    );
    assert_eq!(fs::read(here.join("state.json")).unwrap(), before);
    assert!(
        older.0.try_wait().unwrap().is_none(),
        "it was ended after all"
    );
    // Root may.
    let words = guard(here, 8, "echo newer >log");
    let newer = Command::new(&words[0])
        .args(&words[1..])
        .current_dir(here)
        .output()
        .unwrap();
    assert_eq!(newer.status.code(), Some(0), "{}", text(&newer.stderr));
    assert_eq!(older.0.wait().unwrap().code(), Some(77));
}
