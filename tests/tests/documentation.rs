//! What the pages say is there is there: links, tests, entry points; and the commands they show do what they say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use baton_tests::{Run, Scene, binaries};
use serde_json::Value;
use tempfile::TempDir;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

/// Every page of the project, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others"])
        .args(["--exclude-standard", "--deduplicate", "--", "*.md"])
        .current_dir(project())
        .output()
        .unwrap();
    assert!(listed.status.success(), "the project is a git checkout");
    let names = String::from_utf8(listed.stdout).unwrap();
    let pages: Vec<_> = names
        .split_terminator('\0')
        .map(|name| project().join(name))
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect();
    assert!(pages.len() >= 4, "the pages are found: {pages:?}");
    pages
}

/// Text and target of every link of a page.
fn links(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("](") {
        let (target, _) = after.split_once(')').unwrap_or((after, ""));
        let shown = before.rsplit_once('[').map_or("", |(_, shown)| shown);
        found.push((shown, target));
        rest = after;
    }
    found
}

/// A heading as GitHub makes an anchor of it.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn has_anchor(file: &Path, wanted: &str) -> bool {
    fs::read_to_string(file)
        .unwrap_or_default()
        .lines()
        .filter(|line| line.starts_with('#'))
        .any(|line| anchor(line.trim_start_matches('#').trim()) == wanted)
}

/// The shell blocks of the section under this heading, in order.
fn commands<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .unwrap_or_else(|| panic!("no section {heading}"));
    section
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn every_link_within_the_project_leads_somewhere() {
    for (page, text) in pages() {
        for (shown, target) in links(&text) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let (path, wanted) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => page.clone(),
                path => page.parent().unwrap().join(path),
            };
            let told = format!("{}: [{shown}]({target})", page.display());
            assert!(file.exists(), "{told} leads nowhere");
            assert!(
                wanted.is_empty() || has_anchor(&file, wanted),
                "{told} names no heading"
            );
        }
    }
}

#[test]
fn every_test_that_the_guarantees_name_is_there() {
    let page = project().join("docs/guarantees.md");
    let text = fs::read_to_string(&page).unwrap();
    let mut named = 0;
    for section in text
        .split("\n## ")
        .filter(|s| s.starts_with(char::is_numeric) || s.starts_with("What preflight says"))
    {
        let tests: Vec<_> = links(section)
            .into_iter()
            .filter(|(_, target)| target.ends_with(".rs"))
            .collect();
        assert!(!tests.is_empty(), "a promise without a test: {section}");
        for (name, target) in tests {
            let source = fs::read_to_string(page.parent().unwrap().join(target)).unwrap();
            assert!(
                source.contains(&format!("fn {name}()")),
                "{target} has no test {name}"
            );
            named += 1;
        }
    }
    assert!(named >= 7, "{named} tests");
}

#[test]
fn every_entry_point_that_a_page_names_is_in_the_makefile() {
    let makefile = fs::read_to_string(project().join("Makefile")).unwrap();
    let mut named = 0;
    for (page, text) in pages() {
        // Every second piece is code, between backquotes one or three.
        for code in text.split('`').skip(1).step_by(2) {
            let lines = code.split(['\n', '&', '|']).map(str::trim);
            for target in lines.filter_map(|line| line.strip_prefix("make ")) {
                let target = target.split(' ').next().unwrap_or_default();
                assert!(
                    makefile.contains(&format!("\n{target}: ##")),
                    "{} names `make {target}`, which the Makefile does not have",
                    page.display()
                );
                named += 1;
            }
        }
    }
    assert!(named >= 4, "{named} entry points");
}

#[test]
fn the_readme_clones_the_repository_that_this_is() {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let cloned = format!(
        "git clone {} && cd baton\nmake demo\n",
        env!("CARGO_PKG_REPOSITORY")
    );
    assert_eq!(commands(&readme, "Quick start"), [cloned]);
}

#[test]
fn the_commands_that_read_the_ledger_show_what_the_page_says() {
    let scene = Scene::new();
    let run = Run::number(1);
    let mut first = scene
        .candidate(&run, 1, "exit 1")
        .input("attempts", 1)
        .start();
    let second = scene
        .candidate(&run, 2, "true")
        .finish(Duration::from_secs(60));
    second.expect(0);
    first.wait(Duration::from_secs(60)).expect(1);

    let clone = scene.folder().join("clone");
    let page = fs::read_to_string(project().join("docs/architecture.md")).unwrap();
    let blocks = commands(&page, "Reading the ledger");
    assert_eq!(blocks.len(), 3, "fetch, trail, details");
    let mut script = format!(
        "git init -q {clone}; cd {clone}; git remote add origin {store}\n",
        clone = clone.display(),
        store = scene.repository().display()
    );
    for block in blocks {
        script.push_str(block);
        script.push_str("echo =====\n");
    }
    let ran = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&ran.stdout);
    assert!(
        ran.status.success(),
        "{shown}{}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let parts: Vec<&str> = shown.split("=====\n").collect();
    assert!(
        parts[0].contains("refs/baton/octo%2Fshop%2Fproduction/lease"),
        "{}",
        parts[0]
    );
    let trail: Vec<&str> = parts[1].lines().collect();
    assert_eq!(trail.len(), scene.audit().entries().len());
    assert!(
        trail
            .last()
            .unwrap()
            .contains("succeeded [octo/shop/4701/1]"),
        "{trail:?}"
    );
    for wanted in [
        "takes over from candidate 1",
        "\"event\": \"deployment_finished\"",
        "\"phase\": \"succeeded\"",
    ] {
        assert!(
            parts[2].contains(wanted),
            "{wanted} is missing in:\n{}",
            parts[2]
        );
    }
}

/// Somewhere to start `preflight` as a person would, by its name.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    fn new() -> Terminal {
        let folder = tempfile::tempdir().unwrap();
        Terminal { folder }
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn run(&self, line: &str) -> Output {
        let path = format!(
            "{}:{}",
            binaries::preflight().parent().unwrap().display(),
            std::env::var("PATH").unwrap()
        );
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .envs([("DB_PASSWORD", "canary-7f3a"), ("API_KEY", "")])
            .output()
            .unwrap()
    }

    fn report(&self) -> Value {
        let text = fs::read_to_string(self.folder.path().join("preflight.json")).unwrap();
        assert!(!text.contains("canary-7f3a"), "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The finding of a check.
fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let checks = report["checks"].as_array().unwrap();
    let check = checks.iter().find(|check| check["id"] == id);
    &check.unwrap_or_else(|| panic!("{id} was not asked: {report:#}"))["finding"]
}

fn readme_of_preflight() -> String {
    fs::read_to_string(project().join("actions/preflight/README.md")).unwrap()
}

/// The block of settings that a page shows.
fn settings_of(page: &str) -> &str {
    let mut blocks = page
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .filter(|block| block.contains("cpu_percent_max: "));
    let block = blocks.next().expect("the page shows a settings file");
    assert_eq!(blocks.next(), None, "one settings file");
    block
}

#[test]
fn the_line_for_a_terminal_checks_this_machine_and_leaves_the_report_that_the_page_describes() {
    let page = readme_of_preflight();
    let lines = commands(&page, "Without lease and ledger");
    let terminal = Terminal::new();
    let output = terminal.run(lines[0]);
    let report = terminal.report();
    // Whether this machine is fit is not the page's to say; that code and report agree is.
    assert_eq!(
        output.status.code().map(i64::from),
        report["exit_code"].as_i64(),
        "{}",
        said(&output)
    );
    let asked: BTreeSet<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["group"].as_str().unwrap())
        .collect();
    assert_eq!(asked, BTreeSet::from(["docker", "runner"]));

    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("The report"))
        .unwrap();
    let rows: Vec<(Vec<&str>, Vec<&str>)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .map(|row| row.split_once(" | ").unwrap())
        .map(|(fields, holds)| (code("`", fields), code("", holds)))
        .collect();
    let named: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(fields, _)| fields.iter().copied())
        .filter(|field| !field.contains('.'))
        .collect();
    let found: BTreeSet<&str> = keys(&report);
    assert_eq!(found, named, "the report's fields and the page's");
    let described = |field: &str| -> BTreeSet<&str> {
        let row = rows.iter().find(|(fields, _)| fields.contains(&field));
        row.unwrap().1.iter().copied().collect()
    };
    for (object, field) in [
        (&report["about"], "about"),
        (&report["checks"][0], "checks"),
        (&report["checks"][0]["finding"], "checks[].finding"),
        (&report["not_asked"][0], "not_asked"),
    ] {
        let undescribed: Vec<&str> = keys(object)
            .difference(&described(field))
            .copied()
            .collect();
        assert!(undescribed.is_empty(), "{field}: {undescribed:?}");
    }
}

fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().unwrap_or_else(|| panic!("{object}"));
    object.keys().map(String::as_str).collect()
}

/// What stands between backquotes; `before` was cut off the text.
fn code<'a>(before: &str, text: &'a str) -> Vec<&'a str> {
    let first = usize::from(before.is_empty());
    text.split('`').skip(first).step_by(2).collect()
}

#[test]
fn the_settings_file_of_the_action_s_page_sets_the_thresholds_and_asks_for_the_secrets() {
    let terminal = Terminal::new();
    terminal.write(".github/preflight.yml", settings_of(&readme_of_preflight()));
    let output = terminal.run(
        "preflight --environment production --store none --config .github/preflight.yml \
         --checks runner,secrets.present --report preflight.json",
    );
    let report = terminal.report();
    assert_eq!(finding(&report, "runner.cpu")["wanted"], "below 80 %");
    assert_eq!(finding(&report, "runner.memory")["wanted"], "below 80 %");
    let disk = finding(&report, "runner.disk")["wanted"].as_str().unwrap();
    assert!(disk.contains("10 GB"), "{disk}");
    let secrets = finding(&report, "secrets.present");
    assert_eq!(secrets["seen"], "1 of 2 are not there");
    assert_eq!(secrets["parts"][0]["subject"], "API_KEY");
    assert!(!said(&output).contains("canary-7f3a"), "{}", said(&output));
}

#[test]
fn the_settings_file_of_the_project_s_page_finds_its_inventory() {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let terminal = Terminal::new();
    terminal.write("preflight.yml", settings_of(&readme));
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let inventory = format!("[web]\nweb1 ansible_host=127.0.0.1 ansible_port={port}\n");
    terminal.write("inventory/production", &inventory);
    let output = terminal.run(
        "preflight --environment production --store none --config preflight.yml --report preflight.json",
    );
    let report = terminal.report();
    let targets = finding(&report, "network.targets");
    assert_eq!(targets["status"], "pass", "{}", said(&output));
    let told = format!("web1 (127.0.0.1:{port})");
    assert_eq!(targets["parts"][0]["subject"], told.as_str());
    let not_asked: BTreeSet<&str> = report["not_asked"]
        .as_array()
        .unwrap()
        .iter()
        .map(|missed| missed["id"].as_str().unwrap())
        .collect();
    assert!(not_asked.contains("artifacts.images"), "{not_asked:?}");
    let docker = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .any(|check| check["group"] == "docker");
    assert!(!docker && !not_asked.contains("docker.daemon"), "left out");
}

#[test]
fn an_override_as_the_page_shows_it_lets_a_failure_pass_until_its_day_is_over() {
    let page = readme_of_preflight();
    let shown = page
        .split("\n## ")
        .find(|section| section.starts_with("Overrides"))
        .unwrap();
    let input = |name: &str| -> String {
        let line = format!("    {name}: ");
        let rest = shown.split_once(&line).expect("the input is shown").1;
        rest.lines().next().unwrap().trim_matches('\'').to_owned()
    };
    let (ignore, reason) = (input("ignore"), input("ignore-reason"));
    // Nobody listens there any more.
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let run = |until: &str| {
        let terminal = Terminal::new();
        let output = terminal.run(&format!(
            "preflight --environment production --store none --checks network.targets \
             --targets 127.0.0.1:{port} --ignore {ignore} --ignore-reason '{reason}' \
             --ignore-until {until} --report preflight.json"
        ));
        let report = terminal.report();
        assert_eq!(finding(&report, "network.targets")["status"], "fail");
        assert_eq!(report["override"]["reason"], reason);
        (output.status.code(), said(&output), report)
    };
    let (code, said, report) = run("9999-12-31");
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("network.targets, ignored (web3"), "{said}");
    assert_eq!(report["checks"][0]["status"], "warn");
    let (code, said, report) = run("2020-12-31");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("nothing is ignored"), "{said}");
    assert_eq!(report["override"]["expired"], true);
    // The day that the page shows is one.
    assert_eq!(input("ignore-until").len(), 10);
}

#[test]
fn what_is_wrong_in_a_settings_file_is_named_at_once_with_the_nearest_key() {
    let terminal = Terminal::new();
    terminal.write("preflight.yml", "cpu_percent: 80\ndisk_gb_mim: 10\n");
    let output =
        terminal.run("preflight --environment production --store none --config preflight.yml");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    for wanted in ["line 1", "`cpu_percent_max`", "line 2", "`disk_gb_min`"] {
        assert!(said.contains(wanted), "{wanted} is missing:\n{said}");
    }
}
