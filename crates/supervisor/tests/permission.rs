//! Processes that the supervisor's user may not signal, and cgroups of several kinds. These tests need root, to become
//! somebody else and to delegate cgroups.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test ends where its preparation fails"
)]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal::SIGKILL;
use support::{Run, cgroup_mount, signal};

const NOBODY: u32 = 65534;

/// Leaves a writer behind that runs as root: real, effective and saved user, so that nobody but root may signal it.
const SUDO: &str = r#""$D/as-root" --reuid=0 --regid=0 --clear-groups bash "$W" "$D" &
while [[ ! -s $D/grows ]]; do sleep 0.01; done
exit 0"#;

/// A supervisor that runs as `nobody`, started through `before` (shell text).
fn unprivileged(containment: &str, script: &str, before: &str) -> Run {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root, to run a supervisor as another user"
    );
    Run::with(containment, script, |command| {
        let arguments: Vec<_> = command.get_args().map(std::ffi::OsStr::to_owned).collect();
        let folder = Path::new(&arguments[0]).to_owned();
        // The build folder need not be open to others.
        let program = folder.join("supervise");
        fs::copy(command.get_program(), &program).unwrap();
        let setpriv = folder.join("as-root");
        fs::copy("/usr/bin/setpriv", &setpriv).unwrap();
        fs::set_permissions(&setpriv, fs::Permissions::from_mode(0o4755)).unwrap();
        chown(&folder, Some(NOBODY), Some(NOBODY)).unwrap();
        let shell = format!(
            "{before}\nexec setpriv --reuid={NOBODY} --regid={NOBODY} --clear-groups \"$0\" \"$@\""
        );
        let mut wrapped = Command::new("bash");
        wrapped.args(["-ec", &shell]).arg(program).args(arguments);
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        *command = support::detached(wrapped);
    })
}

#[test]
fn a_process_of_another_user_is_reported_alive_and_blocks_the_next_attempt_until_it_is_gone() {
    let mut run = unprivileged("auto", SUDO, "");
    run.order("keep 5000");
    run.order("start -");
    assert!(
        run.note("Started").contains("Subreaper"),
        "nobody has a cgroup here: {:#?}",
        run.notes()
    );
    assert!(
        run.note("Exited").contains("code: Some(0)"),
        "{:#?}",
        run.notes()
    );
    let alive = run.note("TreeAlive");
    assert!(
        alive.contains(r#"name: "bash""#) && alive.contains("denied: true"),
        "{alive}"
    );
    run.grows();
    run.order("start -");
    assert_eq!(
        run.note("refused"),
        "refused: start a command while the tree before it is not proven dead"
    );
    assert!(!run.has("TreeDead"), "{:#?}", run.notes());
    // What a person with the right to does.
    for pid in run.tree().into_iter().filter(|&pid| pid != run.watchdog) {
        signal(pid, SIGKILL);
    }
    run.note("TreeDead");
    run.is_dead();
}

#[test]
fn after_the_watchdog_is_lost_such_a_process_is_not_called_dead_either() {
    let mut run = unprivileged(
        "subreaper",
        SUDO.replace("exit 0", "sleep 600").as_str(),
        "",
    );
    run.started();
    signal(run.watchdog, SIGKILL);
    run.note("WatchdogLost");
    let alive = run.note("TreeAlive");
    assert!(alive.contains("denied: true"), "{alive}");
    assert!(!run.has("TreeDead"), "{:#?}", run.notes());
    run.order("quit");
    assert_eq!(run.note("shut down"), "shut down Err(TreeNotProvenDead)");
    run.tree().into_iter().for_each(|pid| signal(pid, SIGKILL));
}

/// A cgroup given to `nobody`, as systemd's `Delegate=yes` does. Removed when dropped.
struct Delegated(PathBuf);

impl Delegated {
    fn new(name: &str) -> Self {
        let path = cgroup_mount().join(format!("baton-test-{name}-{}", std::process::id()));
        fs::create_dir(&path)
            .unwrap_or_else(|error| panic!("cgroups cannot be made on this host: {error}"));
        for file in [
            "",
            "cgroup.procs",
            "cgroup.subtree_control",
            "cgroup.threads",
        ] {
            chown(path.join(file), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self(path)
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let _killed = fs::write(self.0.join("cgroup.kill"), "1");
        support::wait_for(
            || fs::remove_dir(&self.0).is_ok() || !self.0.exists(),
            || format!("{} to be empty", self.0.display()),
        );
    }
}

#[test]
fn a_delegated_cgroup_kills_processes_of_other_users_too() {
    for lost_watchdog in [false, true] {
        let group = Delegated::new(if lost_watchdog { "lost" } else { "kept" });
        let enter = format!("echo $$ > {}/cgroup.procs", group.0.display());
        let mut run = unprivileged("auto", SUDO.replace("exit 0", "sleep 600").as_str(), &enter);
        run.started();
        assert!(run.note("Started").contains("Cgroup"), "{:#?}", run.notes());
        if lost_watchdog {
            signal(run.watchdog, SIGKILL);
        } else {
            run.order("now");
        }
        run.note("TreeDead");
        run.is_dead();
        assert!(!run.has("TreeAlive"), "{:#?}", run.notes());
        run.order("quit");
        run.note("shut down");
    }
}

#[test]
fn a_process_that_leaves_its_cgroup_is_killed_as_a_descendant() {
    let mut run = Run::new("cgroup", r#"echo $$ > "$ROOT/cgroup.procs"; bash "$W" "$D""#.replace(
        "$ROOT",
        cgroup_mount().to_str().unwrap(),
    ).as_str());
    let top = run.started();
    let groups = fs::read_to_string(format!("/proc/{top}/cgroup")).unwrap();
    assert!(
        groups.lines().any(|line| line == "0::/"),
        "it did not leave: {groups}"
    );
    run.order("now");
    run.note("TreeDead");
    run.is_dead();
}

#[test]
fn a_cgroup_mount_at_any_place_is_found() {
    let mut run = Run::with("cgroup", r#"bash "$W" "$D""#, |command| {
        let mut wrapped = Command::new("unshare");
        wrapped
            .args(["--mount", "--propagation", "private", "bash", "-ec"])
            .arg("umount $(grep ' - cgroup2 ' /proc/self/mountinfo | cut -d' ' -f5); mkdir \"$D/my groups\"; \
                  mount -t cgroup2 none \"$D/my groups\"; exec \"$0\" \"$@\"")
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                wrapped.env(name, value);
            }
        }
        *command = support::detached(wrapped);
    });
    run.started();
    assert!(run.note("Started").contains("Cgroup"));
    run.order("now");
    run.note("TreeDead");
    run.is_dead();
}

#[test]
fn where_no_cgroup_can_be_had_auto_goes_on_without_and_cgroup_refuses() {
    let mut run = unprivileged("auto", "exit 0", "");
    run.order("keep 5000");
    run.order("start -");
    assert!(
        run.note("Started").contains("Subreaper"),
        "{:#?}",
        run.notes()
    );
    run.note("TreeDead");
    let refused = Command::new("setpriv")
        .args([
            &format!("--reuid={NOBODY}"),
            &format!("--regid={NOBODY}"),
            "--clear-groups",
        ])
        .arg(run.path("supervise"))
        .arg(run.folder())
        .args(["cgroup", "500", "500"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&refused.stderr);
    assert!(
        !refused.status.success() && text.contains("Permission denied"),
        "{text}"
    );
}
