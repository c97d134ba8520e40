//! The files of `infrastructure/prometheus` and the page about them, as they stand.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use test_servers::program;

/// A file of the project, by its path in it.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

pub(crate) fn text(name: &str) -> String {
    let path = path(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The YAML files of a folder under `infrastructure/prometheus`, sorted; never none.
pub(crate) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = path("infrastructure/prometheus").join(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|file| file.extension().is_some_and(|end| end == "yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// The rules for a Prometheus of a test: evaluated every second instead of every minute, otherwise as they are.
pub(crate) fn quick_rules() -> Vec<(String, String)> {
    files("rules")
        .iter()
        .map(|file| {
            let text = fs::read_to_string(file).unwrap();
            let quick = text.replace("interval: 1m\n", "interval: 1s\n");
            assert_ne!(quick, text, "{} says how often", file.display());
            let name = file.file_name().unwrap().to_str().unwrap().to_owned();
            (name, quick)
        })
        .collect()
}

/// The example configuration, every second instead of every minute, with `gateway` in the place of its.
pub(crate) fn quick_config(gateway: &str) -> String {
    quick(
        &text("infrastructure/prometheus/prometheus.yml"),
        &[
            ("1m", "1s"),
            ("scrape_interval: 15s", "scrape_interval: 1s"),
            ("scrape_timeout: 10s", "scrape_timeout: 1s"),
            ("pushgateway.internal:9091", gateway),
        ],
    )
}

/// A shipped text with other words in the place of some of its own, each of which it must have.
pub(crate) fn quick(text: &str, changes: &[(&str, &str)]) -> String {
    let mut text = text.to_owned();
    for (shown, here) in changes {
        assert!(text.contains(shown), "the example shows {shown}");
        text = text.replace(shown, here);
    }
    text
}

/// The blocks of a language on a page, without their fences.
pub(crate) fn blocks(page: &str, language: &str) -> Vec<String> {
    page.split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// What promtool says; it must be content.
pub(crate) fn promtool(arguments: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(program("promtool", &[], "prometheus"))
        .args(arguments)
        .args(files)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    said
}
