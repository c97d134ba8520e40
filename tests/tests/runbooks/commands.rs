//! The commands of the pages for whoever is on call, run as they stand there.

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    process::{Command, Output},
    time::Duration,
};

use baton_tests::{Run, Scene, binaries};
use tempfile::TempDir;

use crate::{FAILURES, blocks, path, text};

const RUNNERS: &str = "docs/runbooks/runner-failover.md";
const SECRETS: &str = "docs/secrets.md";
const PAGES: &[&str] = &[
    FAILURES,
    RUNNERS,
    SECRETS,
    "docs/infrastructure/github-runners.md",
    "docs/infrastructure/deployment-pipeline.md",
    "docs/infrastructure/deployment-impact.md",
];

/// How long anything may take that should happen at once, on a busy machine.
const SOON: Duration = Duration::from_secs(30);

/// How long a takeover may take with the short timing, on a busy machine.
const TAKEOVER: Duration = Duration::from_secs(60);

/// Every block of commands on the pages that has `word` in it, once each.
fn with(word: &str) -> BTreeSet<String> {
    let all = PAGES.iter().flat_map(|page| blocks(&text(page), "sh"));
    let found: BTreeSet<String> = all.filter(|block| block.contains(word)).collect();
    assert!(!found.is_empty(), "no page says {word}");
    found
}

/// Where a person sits: the programs by their names, what the pages call `STORE` and `LOCK`, and nothing of a run.
struct Terminal {
    folder: TempDir,
    store: String,
    lock: String,
}

impl Terminal {
    fn at(scene: &Scene) -> Terminal {
        Terminal {
            folder: tempfile::tempdir().unwrap(),
            store: format!("git+file://{}", scene.repository().display()),
            lock: scene.lock(),
        }
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn run(&self, block: &str) -> (Option<i32>, String) {
        let programs = [
            binaries::runner_failover(),
            binaries::preflight(),
            binaries::health_gates(),
            binaries::fence_guard(),
        ];
        let folders: BTreeSet<String> = programs
            .iter()
            .map(|program| program.parent().unwrap().display().to_string())
            .collect();
        let folders: Vec<String> = folders.into_iter().collect();
        let path = format!("{}:{}", folders.join(":"), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", block])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .env("USER", "mona")
            .env("STORE", &self.store)
            .env("LOCK", &self.lock)
            .env("STATE", self.folder.path().join("state.json"))
            .envs([("DB_PASSWORD", "canary-7f3a"), ("API_KEY", "")])
            .output()
            .unwrap();
        (output.status.code(), said(&output))
    }

    fn well(&self, block: &str) -> String {
        let (code, said) = self.run(block);
        assert_eq!(code, Some(0), "{block}{said}");
        said
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn every_command_of_the_pages_is_run_by_a_test_or_belongs_to_a_runners_host() {
    let programs = [
        "runner-failover",
        "preflight",
        "health-gates",
        "fence-guard",
        "git",
    ];
    let on_hosts = ["systemctl", "journalctl", "curl"];
    for page in PAGES {
        for block in blocks(&text(page), "sh") {
            let joined = block.replace("\\\n", " ").replace("|\n", "| ");
            for line in joined.lines() {
                let program = line.split_whitespace().next().unwrap();
                let known = programs.contains(&program)
                    || on_hosts.contains(&program)
                    || program == "ansible-playbook";
                assert!(known, "{page}: {line}");
            }
        }
    }
}

#[test]
fn a_person_looks_and_hands_over_as_the_pages_say() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let terminal = Terminal::at(&scene);
    let mut primary = scene.candidate(&run, 1, "write deploy forever").start();
    let mut standby = scene.candidate(&run, 2, "write deploy 0.3").start();
    scene.target().await_start(1, "deploy", SOON);
    standby.says("is ready", SOON);
    let mut looks = with("runner-failover status");
    looks.retain(|block| !block.contains("override"));
    for block in looks {
        let said = terminal.well(&block);
        assert!(said.contains("runner-a"), "{block}{said}");
    }
    for block in with("git ls-remote") {
        let said = terminal.well(&block);
        assert!(said.contains("octo%2Fshop%2Fproduction/lease"), "{said}");
    }
    let transfers = with("runner-failover transfer");
    assert_eq!(transfers.len(), 1);
    let said = terminal.well(transfers.first().unwrap());
    assert!(said.contains("to hand octo/shop/4701/1 over; its command is being stopped"));
    primary.wait(TAKEOVER).expect(1);
    standby.wait(TAKEOVER).expect(0);
    let (code, said) = terminal.run(transfers.first().unwrap());
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("failed to transfer the deployment: "),
        "{said}"
    );
}

#[test]
fn a_person_releases_what_is_held_as_the_pages_say() {
    let scene = Scene::new();
    let terminal = Terminal::at(&scene);
    let unlocks = with("runner-failover unlock");
    assert_eq!(unlocks.len(), 2);
    for (number, block) in (1..).zip(unlocks) {
        let run = Run::number(number);
        let leg = |n| {
            scene
                .candidate(&run, n, "write deploy forever")
                .input("on-primary-lost", "hold")
                .start()
        };
        let (primary, mut standby) = (leg(1), leg(2));
        let count = usize::try_from(number).unwrap();
        scene.target().await_start(count, "deploy", SOON);
        standby.says("is ready", SOON);
        primary.lose();
        let held = standby.wait(TAKEOVER).expect(3);
        let section = "[held-lease](https://";
        assert!(held.summary().contains(section), "{}", held.summary());
        let said = terminal.well(&block);
        assert!(said.contains("is ended as failed; the lock"), "{said}");
        let (code, said) = terminal.run(&block);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("failed to unlock: the lock is not held"));
    }
}

#[test]
fn the_ledger_tells_who_went_on_although_a_check_had_failed() {
    let (scene, run) = (Scene::new(), Run::number(1));
    let terminal = Terminal::at(&scene);
    let block = with("\"event\":\"override\"");
    let block = block.first().unwrap();
    // Nobody listens there any more.
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    scene
        .preflight(&run, 1, "network.targets")
        .input("targets", format!("127.0.0.1:{port}"))
        .input("ignore", "network.targets")
        .input("ignore-reason", "web3 is in repair")
        .finish(SOON)
        .expect(0);
    let said = terminal.well(block);
    assert!(said.contains("web3 is in repair"), "{said}");
    assert!(said.contains("mona"), "{said}");
}

#[test]
fn the_checks_and_gates_that_the_pages_ask_by_hand_are_asked() {
    let scene = Scene::new();
    let terminal = Terminal::at(&scene);
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let inventory = format!("[web]\nweb1 ansible_host=127.0.0.1 ansible_port={port}\n");
    terminal.write("inventory/production", &inventory);
    let gate = format!("gates:\n  - name: api\n    tcp: 127.0.0.1:{port}\n");
    terminal.write("gates.yml", &gate);
    for block in with("preflight --environment") {
        let (code, said) = terminal.run(&block);
        assert!(!said.contains("canary-7f3a"), "{said}");
        let wanted: &[i32] = if block.contains("secrets.present") {
            &[4]
        } else if block.contains("--checks network") {
            &[3]
        } else {
            // Whether this machine is fit is not the page's to say.
            &[0, 1, 2]
        };
        assert!(wanted.contains(&code.unwrap()), "{block}{code:?} {said}");
    }
    for block in with("health-gates --gates") {
        let said = terminal.well(&block);
        assert!(said.contains("api"), "{said}");
    }
    for block in with("fence-guard --state") {
        let said = terminal.well(&block);
        assert!(said.contains("fencing token"), "{said}");
    }
}

#[test]
fn the_playbooks_that_the_pages_run_are_there_and_read() {
    let blocks = with("ansible-playbook");
    let mut read = 0;
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let output = Command::new("bash")
            .args(["-euc", &format!("{line} --syntax-check")])
            .current_dir(path("infrastructure/ansible"))
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}: {}", said(&output));
        read += 1;
    }
    assert!(read >= 4, "{read}");
}
