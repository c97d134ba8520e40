//! `secrets.present`, and every secret there is as a canary that must be in nothing that is written.

use std::{fs, io::Write as _, path::Path, process::Command};

use serde_json::json;

use crate::{
    program::{Preflight, Ran},
    server::{Server, whole},
};

/// Secrets' values; the second has lines, the third what Base64 makes of registry credentials.
const VALUE: &str = "canary-value-5c1e";
const LINES: &str = "canary-first-line-77\ncanary-second-line-78";
const REGISTRY: &str = "canary-registry-90ab";
const JOB: &str = "ghs_canaryjob1122";
const ADMIN: &str = "ghp_canaryadmin3344";
const SCRAPER: &str = "canary-prometheus-55";
const STORE: &str = "canary-store-6677";

/// What must stand nowhere.
const CANARIES: [&str; 8] = [
    VALUE,
    "canary-first-line-77",
    "canary-second-line-78",
    REGISTRY,
    JOB,
    ADMIN,
    SCRAPER,
    STORE,
];

#[track_caller]
fn clean(text: &str) {
    for canary in CANARIES {
        assert!(!text.contains(canary), "{canary} is in\n{text}");
    }
    // What a `docker login` leaves is the same in Base64.
    assert!(!text.contains("Y2FuYXJ5"), "{text}");
}

#[test]
fn an_empty_secret_and_one_that_is_not_set_fail_with_their_own_mends() {
    let ran = Preflight::of("secrets.present")
        .with("INPUT_SECRETS", "DB,EMPTY,GONE,LINES")
        .with("DB", VALUE)
        .with("EMPTY", "")
        .with("LINES", LINES)
        .run();
    ran.ends(4, "fail", &["secrets.present"]);
    ran.tells(
        "secrets.present",
        "fail",
        &["EMPTY: set, but empty", "GONE: not set"],
    );
    assert!(
        !ran.row("secrets.present").contains("DB"),
        "{}",
        ran.summary
    );
    clean(&ran.everything());
}

#[test]
fn the_only_secret_is_told_in_one_sentence() {
    let ran = Preflight::of("secrets.present")
        .with("INPUT_SECRETS", "GONE")
        .run();
    let row = ran.row("secrets.present");
    assert!(!row.contains("1 of 1"), "{row}");
    assert!(row.contains("| GONE: not set |"), "{row}");
    assert!(
        row.contains("secrets.GONE"),
        "the mend names the line: {row}"
    );
}

/// Runs with every secret that exists, against servers that echo what they are sent.
fn with_every_secret(store: &str) -> (Ran, Vec<String>) {
    let echo = |status: &'static str| {
        Server::start(move |_, head, stream| {
            let body = json!({"message": head, "error": head, "errors": [{"code": "DENIED", "message": head}]});
            let headers =
                "Content-Type: application/json\r\nWWW-Authenticate: Basic realm=\"r\"\r\n";
            let _gone = stream.write_all(whole(status, headers, &body.to_string()).as_bytes());
        })
    };
    let (github, prometheus, registry) = (
        echo("403 Forbidden"),
        echo("400 Bad Request"),
        echo("401 Unauthorized"),
    );
    let login = Command::new("sh")
        .args(["-c", "printf %s \"$1\" | base64", "sh"])
        .arg(format!("canary:{REGISTRY}"))
        .output()
        .unwrap();
    let login = String::from_utf8(login.stdout).unwrap();
    let docker = json!({"auths": {registry.address.to_string(): {"auth": login.trim()}}});
    let preflight = Preflight::of("all,!runner,!docker,!network")
        .file("docker/config.json", &docker.to_string())
        .with("INPUT_STORE", store)
        .with("INPUT_CHECKS", "all,!docker,!network.dns")
        .with("GITHUB_API_URL", github.url())
        .with("GITHUB_SERVER_URL", github.url())
        .with("INPUT_GITHUB_TOKEN", JOB)
        .with("INPUT_ADMIN_TOKEN", ADMIN)
        .with("INPUT_PROMETHEUS_URL", prometheus.url())
        .with("INPUT_PROMETHEUS_AUTH", format!("scraper:{SCRAPER}"))
        .with("INPUT_SECRETS", "DB,LINES")
        .with("DB", VALUE)
        .with("LINES", LINES)
        .with("INPUT_IMAGES", format!("{}/shop:1", registry.address))
        .with("INPUT_APPROVAL_ENVIRONMENT", "production")
        .with("INPUT_CONCURRENCY_GROUP", "deploy")
        .with("INPUT_IGNORE", "runner,artifacts")
        .with("INPUT_IGNORE_REASON", format!("they said {VALUE}"))
        .with("DOCKER_CONFIG", "docker");
    let preflight = {
        let folder = preflight.folder().join("docker").display().to_string();
        preflight.with("DOCKER_CONFIG", folder)
    };
    let ran = preflight.run();
    let left = files_below(&preflight.folder().join("temp"));
    (ran, left)
}

/// The text of every file that a run left.
fn files_below(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts.extend(files_below(&path));
        } else {
            texts.push(String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned());
        }
    }
    texts
}

#[test]
fn no_secret_is_in_any_output_nor_in_the_ledger() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store.git");
    let made = Command::new("git")
        .args(["init", "--quiet", "--bare"])
        .arg(&store)
        .status();
    assert!(made.unwrap().success());
    let (ran, left) = with_every_secret(&format!("git+file://{}", store.display()));
    assert_eq!(
        ran.measured("artifacts.images"),
        "fail",
        "the login was used"
    );
    assert_eq!(ran.measured("secrets.present"), "pass");
    let told = Command::new("git")
        .arg("-C")
        .arg(&store)
        .args(["log", "--all", "--patch", "--format=%B"])
        .output()
        .unwrap();
    let ledger = String::from_utf8_lossy(&told.stdout);
    assert!(
        ledger.contains("preflight"),
        "the ledger was told: {ledger}"
    );
    assert!(ledger.contains("they said"), "the reason is kept: {ledger}");
    clean(&ledger);
    clean(&ran.everything());
    for text in left {
        clean(&text);
    }
}

#[test]
fn a_stores_credentials_are_in_no_output() {
    let refusing = Server::saying(
        "401 Unauthorized",
        "WWW-Authenticate: Basic realm=\"r\"\r\n",
        "",
    );
    let store = format!("git+http://deploy:{STORE}@{}/store.git", refusing.address);
    let (ran, left) = with_every_secret(&store);
    assert!(ran.code.is_some(), "{}", ran.everything());
    clean(&ran.everything());
    for text in left {
        clean(&text);
    }
}

#[test]
fn of_several_secrets_the_only_one_that_is_missing_gives_the_mend() {
    let ran = Preflight::of("secrets.present")
        .with("INPUT_SECRETS", "DB,GONE")
        .with("DB", VALUE)
        .run();
    let row = ran.row("secrets.present");
    assert!(row.contains("1 of 2 are not there: GONE: not set"), "{row}");
    assert!(
        row.contains("secrets.GONE"),
        "the mend names the line: {row}"
    );
}
