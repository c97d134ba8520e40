//! What docs/runner-exporter.md shows, done.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use test_servers::{Process, in_network, program, until};

use crate::host::{Host, PATIENCE, Server, label, of, write};

const PAGE: &str = include_str!("../../../../docs/runner-exporter.md");
const UNIT: &str = include_str!("../../../../infrastructure/systemd/runner-exporter.service");

/// The first block of this language in the section under this heading.
fn block(heading: &str, language: &str) -> &'static str {
    let mut sections = PAGE.split("\n## ");
    let section = sections
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("no section {heading}"));
    let rest = section.split_once(&format!("```{language}\n")).unwrap().1;
    rest.split_once("```").unwrap().0
}

/// `sudo`, where one may do everything already.
const SUDO: &str = "#!/bin/sh\nexec \"$@\"\n";

/// `systemctl enable --now`: starts what the unit says with the options of its file, on the runners of this test.
const SYSTEMCTL: &str = r#"#!/usr/bin/env bash
set -euo pipefail
[[ $* == 'enable --now runner-exporter' ]]
unit=$SYSTEM/etc/systemd/system/runner-exporter.service
. "$SYSTEM$(sed -n 's/^EnvironmentFile=-//p' "$unit")"
read -r program variable < <(sed -n 's/^ExecStart=//p' "$unit")
[[ $variable == '$RUNNER_EXPORTER_OPTIONS' ]]
"$SYSTEM$program" $RUNNER_EXPORTER_OPTIONS --docker-socket none --units "$UNITS" --cgroups "$CGROUPS" >"$SYSTEM/log" 2>&1 &
echo $! >"$SYSTEM/pid"
until grep -q 'listening on' "$SYSTEM/log"; do kill -0 $!; sleep 0.05; done
"#;

/// A machine's folders, with the release and the page's commands at hand; what they start ends with it.
struct Machine<'a> {
    host: &'a Host,
}

impl<'a> Machine<'a> {
    fn new(host: &'a Host) -> Machine<'a> {
        let machine = Machine { host };
        for folder in [
            "release/companions/runner-exporter/bin",
            "release/infrastructure/systemd",
            "system/usr/local/bin",
            "system/etc/systemd/system",
            "system/etc/default",
            "commands",
        ] {
            fs::create_dir_all(host.path(folder)).unwrap();
        }
        let companion = host.path("release/companions/runner-exporter");
        fs::copy(
            env!("CARGO_BIN_EXE_runner-exporter"),
            companion.join("bin/runner-exporter-linux-x64"),
        )
        .unwrap();
        let sums = machine.run(
            "cd companions/runner-exporter; sha256sum bin/* >SHA256SUMS; printf '%064d  bin/runner-exporter-linux-arm64\\n' 0 >>SHA256SUMS",
        );
        assert!(sums.status.success(), "{sums:?}");
        write(
            &host.path("release/infrastructure/systemd/runner-exporter.service"),
            UNIT,
        );
        for (name, text) in [("sudo", SUDO), ("systemctl", SYSTEMCTL)] {
            let file = host.path("commands").join(name);
            write(&file, text);
            fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        machine
    }

    /// Runs a page's commands in the release's folder; the system's folders are this machine's.
    fn run(&self, commands: &str) -> Output {
        let system = self.host.path("system");
        let here = |folder: &str| format!("{}{folder}", system.display());
        let commands = commands
            .replace("/usr/local/bin", &here("/usr/local/bin"))
            .replace("/etc/", &here("/etc/"));
        let path = format!(
            "{}:{}",
            self.host.path("commands").display(),
            std::env::var("PATH").unwrap()
        );
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(self.host.path("release"))
            .env("PATH", path)
            .env("no_proxy", "*")
            .env("SYSTEM", &system)
            .env("UNITS", self.host.path("units"))
            .env("CGROUPS", self.host.path("cgroups"))
            .output()
            .unwrap()
    }

    fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.host.path("system/pid")).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

#[test]
fn the_commands_that_install_it_end_with_an_exporter_that_answers_ok() {
    let commands = block("Install", "sh");
    // A network of its own: 9101 is free there.
    in_network("", || {
        let (host, server) = (Host::new(), Server::new());
        let mut runner = host.runner("runner-1");
        runner.listen(&server);
        let machine = Machine::new(&host);
        let output = machine.run(commands);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{output:?}");
        assert!(
            said.contains("bin/runner-exporter-linux-x64: OK\n"),
            "{said}"
        );
        assert!(said.ends_with("\nOK\n"), "{said}");
        let asked = Command::new("curl")
            .args([
                "--silent",
                "--noproxy",
                "*",
                "http://127.0.0.1:9101/metrics",
            ])
            .output()
            .unwrap();
        let line = of(
            &String::from_utf8(asked.stdout).unwrap(),
            "runner_status",
            "runner-1",
        )
        .unwrap();
        assert_eq!(label(&line, "environment"), "production");
        assert_eq!(label(&line, "authorized_for_prod"), "true");
    });
}

#[test]
fn a_binary_with_another_checksum_is_not_installed() {
    let host = Host::new();
    let machine = Machine::new(&host);
    let binary = host.path("release/companions/runner-exporter/bin/runner-exporter-linux-x64");
    fs::OpenOptions::new()
        .append(true)
        .open(binary)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"x"))
        .unwrap();
    let output = machine.run(block("Install", "sh"));
    assert!(!output.status.success(), "{output:?}");
    assert!(!host.path("system/usr/local/bin/runner-exporter").exists());
    assert_eq!(machine.pid(), None);
}

#[test]
fn the_settings_that_the_page_shows_give_each_runner_its_labels() {
    let host = Host::new();
    for name in ["runner-1", "runner-2", "runner-9"] {
        host.runner(name);
    }
    let config = host.path("settings.json");
    write(&config, block("Which runners", "json"));
    let text = host
        .export(&["--config", config.to_str().unwrap()])
        .metrics();
    let labels = |runner: &str| {
        let line = of(&text, "runner_status", runner).unwrap();
        ["environment", "role", "authorized_for_prod"].map(|name| label(&line, name))
    };
    assert_eq!(labels("runner-1"), ["production", "primary", "true"]);
    // Its role stands in its `.env`.
    assert_eq!(labels("runner-2"), ["production", "primary", "false"]);
    assert_eq!(labels("runner-9"), ["staging", "primary", "false"]);
    let info = of(&text, "runner_info", "runner-1").unwrap();
    assert_eq!(label(&info, "labels"), "self-hosted,linux,x64,production");
    assert!(text.contains("\nrunner_exporter_runners 4\n"), "{text}");
}

#[test]
fn the_line_for_node_exporter_writes_its_file_and_goes_on() {
    let host = Host::new();
    let line = block("For node_exporter", "sh");
    let folder = host.path("textfile");
    fs::create_dir(&folder).unwrap();
    let here = line.replace(
        "/var/lib/prometheus/node-exporter",
        folder.to_str().unwrap(),
    );
    assert_ne!(here, line);
    let programs = Path::new(env!("CARGO_BIN_EXE_runner-exporter")).parent();
    let path = format!(
        "{}:{}",
        programs.unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let mut process = Process::start(
        Command::new("bash")
            .args(["-c", &format!("exec {here}")])
            .env("PATH", path),
        &host.path("log"),
    );
    until(PATIENCE, "the file", || {
        folder.join("runner-exporter.prom").exists().then_some(())
    });
    assert_eq!(process.try_wait(), None, "{}", process.log());
    process.signal(Signal::SIGTERM);
    let status = until(PATIENCE, "its end", || process.try_wait());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn the_unit_with_the_group_beside_is_as_closed_as_the_page_says() {
    let shown = block("Permissions", "ini");
    let (place, text) = shown.split_once('\n').unwrap();
    let place = place
        .strip_prefix("# /etc/systemd/system/")
        .expect("the page names the file");
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("runner-exporter.service");
    fs::write(&unit, UNIT).unwrap();
    let beside = folder.path().join(place);
    fs::create_dir(beside.parent().unwrap()).unwrap();
    fs::write(&beside, text).unwrap();
    let analyze = program("systemd-analyze", &[], "systemd-analyze");
    let output = Command::new(analyze)
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        said.contains("exposure level for runner-exporter.service: 1.8"),
        "{said}{output:?}"
    );
    assert!(PAGE.contains("gives it 1.7, and 1.8 with a group beside"));
}
