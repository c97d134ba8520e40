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
        said.contains("belongs to another user")
            && said.contains("  ended: nothing\n  goes on: ")
            && said.contains("run the guard as root where commands use sudo"),
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

/// A folder of the user nobody, with a copy of the guard that this user may execute, and a set-uid `setpriv`: what `sudo` is.
fn of_nobody() -> (tempfile::TempDir, String) {
    let folder = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o755))
        .tempdir()
        .unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::copy(GUARD, at("fence-guard")).unwrap();
    fs::copy("/usr/bin/setpriv", at("as-root")).unwrap();
    fs::set_permissions(at("as-root"), fs::Permissions::from_mode(0o4755)).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let copy = at("fence-guard").to_str().unwrap().to_owned();
    (folder, copy)
}

fn as_nobody(words: &[String], copy: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", copy])
        .args(&words[1..]);
    command
}

fn await_pid(path: &Path) -> i32 {
    test_servers::until(Duration::from_secs(60), &path.display().to_string(), || {
        fs::read_to_string(path).ok()?.trim().parse().ok()
    })
}

#[test]
fn what_was_ended_and_what_was_not_is_told_where_a_set_uid_child_goes_on() {
    let (folder, copy) = of_nobody();
    let here = folder.path();
    let words = guard(
        here,
        7,
        "./as-root --reuid=0 sleep 120 >child.log 2>&1 & echo $! >child; wait",
    );
    let older = as_nobody(&words, &copy)
        .current_dir(here)
        .stderr(fs::File::create(here.join("errors")).unwrap())
        .spawn()
        .unwrap();
    let mut older = Ended(older);
    let child = await_pid(&here.join("child"));
    test_servers::until(Duration::from_secs(60), "a process of root", || {
        let status = fs::read_to_string(format!("/proc/{child}/status")).ok()?;
        // It is root's a moment before it becomes what it runs.
        (status.starts_with("Name:\tsleep\n") && status.contains("\nUid:\t0\t0\t")).then_some(())
    });
    let before = fs::read(here.join("state.json")).unwrap();
    let refused = as_nobody(&guard(here, 8, "echo newer >log"), &copy)
        .current_dir(here)
        .output()
        .unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(77), "{said}");
    for part in [
        format!("process {child} (sleep) belongs to another user, who alone may end it\n"),
        format!("  goes on: {child} (sleep)\n"),
        "  this command was not started, and the state is as it was\n".into(),
        format!("  mend: end that process as root (kill -9 {child})"),
    ] {
        assert!(said.contains(&part), "{part} in {said}");
    }
    let ended = said.lines().find(|line| line.starts_with("  ended: "));
    assert!(ended.unwrap().ends_with(" (sh)"), "{said}");
    assert!(!here.join("log").exists());
    assert_eq!(fs::read(here.join("state.json")).unwrap(), before);
    // The older guard does not call it ended either.
    test_servers::until(Duration::from_secs(60), "the older guard's text", || {
        let said = fs::read_to_string(here.join("errors")).unwrap();
        said.contains(&format!(
            "failed to end what the command started: {child} (sleep) "
        ))
        .then_some(())
    });
    // The mend.
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    assert_eq!(older.0.wait().unwrap().code(), Some(69));
    let said = fs::read_to_string(here.join("errors")).unwrap();
    assert!(
        said.contains("it was ended for a newer token that then was not admitted"),
        "{said}"
    );
    let newer = as_nobody(&guard(here, 8, "echo newer >log"), &copy)
        .current_dir(here)
        .output()
        .unwrap();
    assert_eq!(newer.status.code(), Some(0), "{}", text(&newer.stderr));
}

#[test]
fn a_program_around_an_overtaken_guard_ends_with_it() {
    // It stops itself when what it runs is stopped, as sudo does.
    for frozen in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let here = folder.path();
        let words = guard(here, 7, "echo $PPID >keeper; while :; do sleep 1; done");
        let around = Command::new("runuser")
            .args(["-u", "root", "--"])
            .args(&words)
            .current_dir(here)
            .spawn()
            .unwrap();
        let pid = around.id();
        let mut around = Ended(around);
        await_pid(&here.join("keeper"));
        if frozen {
            let state: String = fs::read_to_string(here.join("state.json")).unwrap();
            let guard = state.split("\"guard\": ").nth(1).unwrap();
            let guard: i32 = guard.split(',').next().unwrap().parse().unwrap();
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(guard),
                nix::sys::signal::Signal::SIGSTOP,
            )
            .unwrap();
            test_servers::until(Duration::from_secs(60), "a stop of both", || {
                let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
                status.contains("State:\tT").then_some(())
            });
        }
        let words = guard(here, 8, "echo newer");
        let newer = Command::new(&words[0]).args(&words[1..]).output().unwrap();
        assert_eq!(newer.status.code(), Some(0), "{}", text(&newer.stderr));
        let ended = test_servers::until(Duration::from_secs(60), "the end of both", || {
            around.0.try_wait().unwrap()
        });
        assert_eq!(ended.code(), Some(77), "frozen: {frozen}");
    }
}
