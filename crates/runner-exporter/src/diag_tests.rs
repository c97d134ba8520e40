use std::{fs::OpenOptions, io::Write};

use super::*;
use crate::session::Loss;

const CREATED: &str = "[2026-03-01 10:00:00Z INFO BrokerMessageListener] Session created.\n";
const LOST: &str =
    "[2026-03-01 10:00:00Z ERR  BrokerMessageListener] Catch exception during get next message.\n";
const VERSION: &str = "[2026-03-01 10:00:00Z INFO Listener] Version: 2.330.0\n";
const IDLE: &str =
    "[2026-03-01 10:00:00Z INFO RSAFileKeyManager] Loading RSA key parameters from file /x\n";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        append(&folder, name, text);
    }
    folder
}

fn append(folder: &tempfile::TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn written(folder: &tempfile::TempDir, name: &str, at: SystemTime) {
    let file = File::options()
        .append(true)
        .open(folder.path().join(name))
        .unwrap();
    file.set_modified(at).unwrap();
}

fn verdict(diag: &mut Diag, folder: &tempfile::TempDir) -> Verdict {
    diag.look(folder.path()).unwrap().verdict
}

#[test]
fn a_log_is_read_as_it_grows_and_half_a_line_waits_for_its_other_half() {
    let now = chronological(SystemTime::now());
    let lost = LOST.replace("2026-03-01 10:00:00Z", &now);
    let folder = folder(&[("Runner_20260301-100000-utc.log", CREATED)]);
    let mut diag = Diag::default();
    assert_eq!(verdict(&mut diag, &folder), Verdict::Connected);
    let (half, other) = lost.split_at(50);
    append(&folder, "Runner_20260301-100000-utc.log", half);
    assert_eq!(verdict(&mut diag, &folder), Verdict::Connected);
    append(&folder, "Runner_20260301-100000-utc.log", other);
    assert_eq!(
        verdict(&mut diag, &folder),
        Verdict::Lost(Loss::Disconnected)
    );
    append(&folder, "Runner_20260301-100000-utc.log", CREATED);
    assert_eq!(verdict(&mut diag, &folder), Verdict::Connected);
}

/// As a log writes it; the day of the epoch's tests will do.
fn chronological(at: SystemTime) -> String {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("@{seconds}"), "+%Y-%m-%d %H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn a_new_log_of_a_restarted_listener_says_nothing_good_of_the_new_one() {
    let folder = folder(&[("Runner_20260301-100000-utc.log", CREATED)]);
    let mut diag = Diag::default();
    assert_eq!(verdict(&mut diag, &folder), Verdict::Connected);
    let starts = "[2026-03-01 11:00:00Z INFO BrokerMessageListener] Attempt to create session.\n";
    append(&folder, "Runner_20260301-110000-utc.log", starts);
    assert_eq!(verdict(&mut diag, &folder), Verdict::Lost(Loss::Connecting));
}

#[test]
fn a_new_page_of_a_log_goes_on_from_the_page_before() {
    let folder = folder(&[
        (
            "Runner_20260301-100000-utc.log",
            &format!("{VERSION}{CREATED}"),
        ),
        ("Runner_20260305-100000-utc.log", IDLE),
    ]);
    let told = Diag::default().look(folder.path()).unwrap();
    assert_eq!(told.verdict, Verdict::Connected);
    assert_eq!(told.version.as_deref(), Some("2.330.0"));
}

#[test]
fn what_tells_is_found_megabytes_before_the_end() {
    let long = format!("{VERSION}{CREATED}{}", IDLE.repeat(20_000));
    let folder = folder(&[("Runner_20260301-100000-utc.log", &long)]);
    let told = Diag::default().look(folder.path()).unwrap();
    assert_eq!(told.verdict, Verdict::Connected);
    assert_eq!(told.version.as_deref(), Some("2.330.0"));
}

#[test]
fn a_clock_set_back_does_not_hide_the_newer_log() {
    let folder = folder(&[
        ("Runner_20260301-100000-utc.log", LOST),
        ("Runner_20260301-090000-utc.log", CREATED),
    ]);
    let now = SystemTime::now();
    written(
        &folder,
        "Runner_20260301-100000-utc.log",
        now + Duration::from_secs(3600),
    );
    written(&folder, "Runner_20260301-090000-utc.log", now);
    assert_eq!(verdict(&mut Diag::default(), &folder), Verdict::Connected);
}

#[test]
fn a_log_that_was_cut_is_read_anew() {
    let folder = folder(&[("Runner_20260301-100000-utc.log", &IDLE.repeat(9))]);
    let mut diag = Diag::default();
    assert_eq!(verdict(&mut diag, &folder), Verdict::Untold);
    fs::write(
        folder.path().join("Runner_20260301-100000-utc.log"),
        CREATED,
    )
    .unwrap();
    assert_eq!(verdict(&mut diag, &folder), Verdict::Connected);
}

#[test]
fn the_newest_jobs_log_gives_the_time_of_the_last_job() {
    let folder = folder(&[
        ("Runner_20260301-100000-utc.log", CREATED),
        ("Worker_20260301-100000-utc.log", ""),
        ("Worker_20260301-110000-utc.log", ""),
        ("blocks", ""),
    ]);
    let at = UNIX_EPOCH + Duration::from_secs(1_772_359_200);
    written(
        &folder,
        "Worker_20260301-100000-utc.log",
        at - Duration::from_secs(60),
    );
    written(&folder, "Worker_20260301-110000-utc.log", at);
    let mut diag = Diag::default();
    assert_eq!(diag.last_job(folder.path()), None);
    diag.look(folder.path()).unwrap();
    assert_eq!(diag.last_job(folder.path()), Some(1_772_359_200.0));
}

#[test]
fn a_folder_without_logs_and_none_at_all_are_told_apart() {
    let empty = folder(&[]);
    let error = Diag::default().look(empty.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("find a log of the listener in "),
        "{error}"
    );
    let error = Diag::default()
        .look(Path::new("/nowhere/_diag"))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "read /nowhere/_diag: No such file or directory (os error 2)"
    );
}
