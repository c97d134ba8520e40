//! The example of docs/fence-guard.md as it stands there, over a real SSH server. Only its folders and its server are the
//! test's own.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use test_servers::{Sshd, until};

const PAGE: &str = include_str!("../../../docs/fence-guard.md");
const PATIENCE: Duration = Duration::from_secs(60);

struct Site {
    folder: tempfile::TempDir,
    server: Sshd,
}

/// The one code block of the page that holds `part`.
fn block(part: &str) -> &'static str {
    let mut found = PAGE
        .split("\n```")
        .filter_map(|block| block.split_once('\n').map(|(_, text)| text))
        .filter(|text| text.contains(part));
    let block = found.next().unwrap();
    assert!(found.next().is_none(), "{part} stands in one block");
    block
}

impl Site {
    fn new() -> Site {
        let folder = tempfile::tempdir().unwrap();
        let site = Site {
            folder,
            server: Sshd::start(""),
        };
        fs::create_dir(site.at("lib")).unwrap();
        site.script(
            "deploy-shop",
            &site.own(block("exec /usr/local/bin/fence-guard")),
        );
        site.script(
            "ssh",
            &format!(
                "#!/bin/sh\nexec /usr/bin/ssh -F {} \"$@\"\n",
                site.server.config.display()
            ),
        );
        let release = "#!/bin/sh\necho \"$BATON_FENCING_TOKEN $1\" >>LOG\n";
        site.script(
            "release.sh",
            &release.replace("LOG", &site.at("log").display().to_string()),
        );
        fs::copy(env!("CARGO_BIN_EXE_fence-guard"), site.at("fence-guard")).unwrap();
        site
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A text of the page with this site's folders in it.
    fn own(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        text.replace("/usr/local/bin", &folder)
            .replace("/var/lib/baton", &format!("{folder}/lib"))
            .replace("/srv/shop", &folder)
    }

    fn script(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What a runner starts, with what `runner-failover` gives it.
    fn runner(&self, script: &str, token: u64) -> Command {
        let path = format!(
            "{}:{}",
            self.folder.path().display(),
            std::env::var("PATH").unwrap()
        );
        let mut bash = Command::new("bash");
        bash.args(["-eo", "pipefail", "-c", script])
            .env("PATH", path)
            .env("BATON_FENCING_TOKEN", token.to_string())
            .env("BATON_DEPLOYMENT_ID", format!("acme/shop/{token}/1"))
            .env("BATON_VERSION", format!("v{token}"))
            .env("BATON_RUNNER", "runner-1")
            .env("BATON_ACTOR", "octocat")
            .stdin(Stdio::null());
        bash
    }

    fn deploys(&self, script: &str, token: u64) -> (Option<i32>, String) {
        let output = self.runner(script, token).output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap_or_default()
    }
}

#[test]
fn the_pages_example_deploys_and_refuses_an_older_token() {
    let site = Site::new();
    let script = site.own(block("ssh -o BatchMode=yes"));
    assert_eq!(site.deploys(&script, 8), (Some(0), String::new()));
    let (code, said) = site.deploys(&script, 7);
    assert_eq!(code, Some(77), "{said}");
    assert!(
        said.contains("admit token 7: this target has admitted token 8"),
        "{said}"
    );
    assert_eq!(site.log(), "8 v8\n");
    // The page's status is what there is, but for names and times.
    let shown = Command::new(site.at("fence-guard"))
        .arg("--state")
        .arg(site.at("lib/production.json"))
        .arg("--status")
        .output()
        .unwrap();
    let names = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.starts_with('$'));
        lines
            .map(|line| line.split("  ").next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&String::from_utf8(shown.stdout).unwrap()),
        names(block("--status\n"))
    );
}

#[test]
fn the_pages_key_can_do_nothing_but_deploy() {
    let site = Site::new();
    let line = site.own(block("restrict,command="));
    site.server
        .allow(line.split(" ssh-ed25519").next().unwrap());
    let script = site
        .own(block("ssh -o BatchMode=yes"))
        .replace(&site.at("deploy-shop").display().to_string(), "");
    assert_eq!(site.deploys(&script, 8), (Some(0), String::new()));
    assert_eq!(site.log(), "8 v8\n");
    for other in [
        "ssh web1 'id; touch stolen'",
        "ssh web1",
        "ssh web1 '9 d v r b;id' x",
    ] {
        let (code, said) = site.deploys(other, 9);
        assert_eq!(code, Some(64), "{other}: {said}");
    }
    // No word of a caller is read as a command.
    let (code, _) = site.deploys("ssh web1 '9' 'd;id' '$(id)' '`id`' 'b'", 9);
    assert_eq!(code, Some(0));
    assert_eq!(site.log(), "8 v8\n9 $(id)\n");
}

fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap()
}

fn await_file(path: &Path) {
    until(PATIENCE, &path.display().to_string(), || {
        path.exists().then_some(())
    });
}

#[test]
fn a_command_whose_connection_is_lost_gets_sighup_without_a_terminal_and_with_one() {
    for terminal in ["", "-tt "] {
        let site = Site::new();
        let here = site.folder.path().display().to_string();
        site.script(
            "release.sh",
            &format!(
                "#!/bin/sh\nexec >/dev/null 2>&1\ntrap 'touch {here}/hung-up; exit 1' HUP\ntouch {here}/started\nwhile :; do sleep 0.05; done\n"
            ),
        );
        let script = site
            .own(block("ssh -o BatchMode=yes"))
            .replace("ssh -o", &format!("exec ssh {terminal}-o"));
        let mut client = start(&mut site.runner(&script, 8));
        await_file(&site.at("started"));
        client.kill().unwrap();
        client.wait().unwrap();
        await_file(&site.at("hung-up"));
        // And the state knows its end.
        until(PATIENCE, "the end in the state", || {
            let state = fs::read_to_string(site.at("lib/production.json")).ok()?;
            state.contains("\"running\": null").then_some(())
        });
    }
}
