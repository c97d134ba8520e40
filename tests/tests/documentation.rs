//! What the pages say is there is there: links, tests, entry points; and the commands they show do what they say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use baton_tests::{Run, Scene};

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
        .filter(|s| s.starts_with(char::is_numeric))
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
