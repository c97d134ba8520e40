//! The audit trail as a file, among processes that die and processes at the same time.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Barrier},
    thread,
    time::{Duration, Instant},
};

use crate::entries::{chain, origin};
use audit::{EventsFile, FileError, Origin, line};
use ledger::Entry;
use nix::fcntl::{Flock, FlockArg};
use serde_json::Value;
use tempfile::TempDir;

struct Trail {
    _folder: TempDir,
    path: PathBuf,
    file: EventsFile,
}

fn trail() -> Trail {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("events.jsonl");
    let file = EventsFile::open(&path).expect("a place for a file");
    Trail {
        _folder: folder,
        path,
        file,
    }
}

fn ids(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).expect("the file");
    assert!(text.ends_with('\n'), "the last line has its end");
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).expect("JSON");
            value["audit_id"].as_u64().expect("a number")
        })
        .collect()
}

fn text(entries: &[Entry]) -> String {
    entries
        .iter()
        .map(|entry| line(entry, &origin()) + "\n")
        .collect()
}

/// Waits until `path` is open for a second time in this process: who opens it waits for the lock then.
fn await_opened_twice(path: &Path) {
    test_servers::until(Duration::from_secs(10), "another to open it", || {
        let open = fs::read_dir("/proc/self/fd")
            .expect("open files")
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .filter(|opened| opened == path)
            .count();
        (open >= 2).then_some(())
    });
}

#[test]
fn a_file_goes_on_where_it_ends_and_doubles_nothing() {
    let trail = trail();
    assert_eq!(trail.file.last(&origin().lock), Ok(None));
    let all = chain(9);
    assert_eq!(trail.file.append(&all[..4], &origin()), Ok(4));
    assert_eq!(trail.file.last(&origin().lock), Ok(Some(4)));
    assert_eq!(trail.file.append(&all[..4], &origin()), Ok(0));
    assert_eq!(trail.file.append(&all[2..], &origin()), Ok(5));
    assert_eq!(fs::read_to_string(&trail.path).expect("it"), text(&all));
}

#[test]
fn a_new_file_begins_with_what_it_is_given() {
    let trail = trail();
    assert_eq!(trail.file.append(&chain(9)[6..], &origin()), Ok(3));
    assert_eq!(ids(&trail.path), [7, 8, 9]);
    let mode = trail.path.metadata().expect("it").permissions().mode();
    assert_eq!(mode & 0o777 & !0o640, 0, "{mode:o}");
    assert_eq!(mode & 0o600, 0o600, "{mode:o}");
}

#[test]
fn locks_that_share_a_file_are_counted_apart() {
    let trail = trail();
    let other = Origin {
        lock: "octo/shop/staging".to_owned(),
        ..origin()
    };
    assert_eq!(trail.file.append(&chain(5), &origin()), Ok(5));
    assert_eq!(trail.file.append(&chain(2), &other), Ok(2));
    assert_eq!(trail.file.append(&chain(6), &origin()), Ok(1));
    assert_eq!(trail.file.last(&other.lock), Ok(Some(2)));
    assert_eq!(trail.file.last(&origin().lock), Ok(Some(6)));
    assert_eq!(trail.file.last("another"), Ok(None));
}

#[test]
fn a_line_torn_anywhere_is_mended_before_more_is_added() {
    let all = chain(3);
    let two = text(&all[..2]);
    let third = text(&all[2..]);
    // Each is written to the disk: not every byte, but both ends of the line.
    let bytes = (0..third.len()).filter(|at| *at < 20 || at % 37 == 0 || at + 4 > third.len());
    for torn in bytes {
        let trail = trail();
        fs::write(&trail.path, format!("{two}{}", &third[..torn])).expect("a file");
        assert_eq!(trail.file.last(&origin().lock), Ok(Some(2)), "{torn}");
        // Where the end of the line alone was missing, it is whole.
        let missing = usize::from(torn < third.len() - 1);
        assert_eq!(trail.file.append(&all, &origin()), Ok(missing), "{torn}");
        assert_eq!(
            fs::read_to_string(&trail.path).expect("it"),
            text(&all),
            "{torn}"
        );
    }
}

#[test]
fn a_first_line_that_was_torn_and_what_a_power_cut_left_are_cut_off() {
    let all = chain(2);
    for left in ["{\"aud", "{\"audit_id\":1,\"a\0\0\0"] {
        let trail = trail();
        fs::write(&trail.path, left).expect("a file");
        assert_eq!(trail.file.append(&all, &origin()), Ok(2), "{left:?}");
        assert_eq!(fs::read_to_string(&trail.path).expect("it"), text(&all));
    }
    for left in ["\0\0\0\0", "{\0", "{\"audit_id\":2,\"a\0\0\0"] {
        let trail = trail();
        fs::write(&trail.path, text(&all[..1]) + left).expect("a file");
        assert_eq!(trail.file.append(&all, &origin()), Ok(1), "{left:?}");
        assert_eq!(fs::read_to_string(&trail.path).expect("it"), text(&all));
    }
}

#[test]
fn what_may_be_somebody_elses_at_the_end_of_a_file_is_not_cut() {
    for left in [
        "\0\0\0\0",
        "{",
        "{\0",
        "text\n\0\0",
        "text\n{",
        "\n{\"audit_",
    ] {
        let trail = trail();
        fs::write(&trail.path, left).expect("a file");
        let error = trail.file.append(&chain(1), &origin()).expect_err(left);
        assert!(matches!(error, FileError::Foreign { .. }), "{error}");
        assert_eq!(fs::read_to_string(&trail.path).expect("it"), left);
    }
}

#[test]
fn events_of_another_ledger_of_the_same_lock_are_told_apart() {
    let trail = trail();
    let old = chain(5);
    assert_eq!(trail.file.append(&old, &origin()), Ok(5));
    let mut anew = chain(9);
    for entry in &mut anew {
        entry.at.0 += 86_400_000;
    }
    // The chain is as long as the file or longer: the entries differ.
    let error = trail.file.append(&anew[4..], &origin());
    let error = error.expect_err("another ledger");
    assert_eq!(
        error.to_string(),
        format!(
            "add to {}: it holds events of another ledger of this lock; name a new file",
            trail.path.display()
        )
    );
    // It is shorter.
    for shorter in [&anew[..0], &anew[..4]] {
        let error = trail.file.reached(5, shorter).expect_err("another ledger");
        assert!(matches!(error, FileError::OtherLedger { .. }), "{error}");
    }
    assert_eq!(trail.file.reached(5, &old[4..]), Ok(()));
    assert_eq!(ids(&trail.path), [1, 2, 3, 4, 5]);
    // Where another process was faster, what is here is older than what stands there.
    assert_eq!(trail.file.append(&old[..3], &origin()), Ok(0));
    // Another lock's lines are no matter of this ledger.
    let other = Origin {
        lock: "octo/shop/staging".to_owned(),
        ..origin()
    };
    assert_eq!(trail.file.append(&anew, &other), Ok(9));
    assert_eq!(trail.file.append(&chain(6)[4..], &origin()), Ok(1));
}

#[test]
fn a_line_that_another_version_worded_is_still_the_entrys() {
    let trail = trail();
    let all = chain(3);
    let worded = text(&all[..2]).replace("\"message\":\"", "\"message\":\"once: ");
    fs::write(&trail.path, worded).expect("a file");
    assert_eq!(trail.file.append(&all[1..], &origin()), Ok(1));
    assert_eq!(ids(&trail.path), [1, 2, 3]);
}

#[test]
fn a_link_that_leads_nowhere_is_named_and_one_to_a_new_file_makes_it() {
    let trail = trail();
    let to = trail.path.with_file_name("missing/there.jsonl");
    std::os::unix::fs::symlink(&to, &trail.path).expect("a link");
    let error = trail.file.append(&chain(1), &origin());
    assert_eq!(
        error.expect_err("nowhere").to_string(),
        format!(
            "open {}: the link leads to {}, which is not there",
            trail.path.display(),
            to.display()
        )
    );
    fs::create_dir(to.parent().expect("a folder")).expect("made");
    assert_eq!(trail.file.append(&chain(1), &origin()), Ok(1));
    assert_eq!(ids(&to), [1]);
}

#[test]
fn a_file_of_somebody_else_is_not_cut() {
    let trail = trail();
    fs::write(&trail.path, "root:x:0:0").expect("a file");
    let error = trail
        .file
        .append(&chain(1), &origin())
        .expect_err("not ours");
    assert!(matches!(error, FileError::Foreign { .. }), "{error}");
    assert_eq!(fs::read_to_string(&trail.path).expect("it"), "root:x:0:0");
    // With an end, it is somebody's line among ours.
    fs::write(&trail.path, "root:x:0:0\n").expect("a file");
    assert_eq!(trail.file.append(&chain(1), &origin()), Ok(1));
    assert_eq!(trail.file.last(&origin().lock), Ok(Some(1)));
}

#[test]
fn many_that_add_the_same_at_once_add_each_once_and_in_order() {
    const WRITERS: usize = 8;
    let trail = trail();
    let all = Arc::new(chain(400));
    let start = Arc::new(Barrier::new(WRITERS));
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            // Each opens the file itself, as another process does: a lock belongs to the open file.
            let file = EventsFile::open(&trail.path).expect("a place");
            let (all, start) = (Arc::clone(&all), Arc::clone(&start));
            thread::spawn(move || {
                start.wait();
                (1..=20)
                    .map(|part| file.append(&all[..part * 20], &origin()).expect("added"))
                    .sum::<usize>()
            })
        })
        .collect();
    let added: usize = writers
        .into_iter()
        .map(|writer| writer.join().expect("a writer"))
        .sum();
    assert_eq!(added, 400);
    assert_eq!(ids(&trail.path), (1..=400).collect::<Vec<u64>>());
}

#[test]
fn who_waits_for_another_writer_adds_behind_it() {
    let trail = trail();
    let all = chain(5);
    let held = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&trail.path)
        .expect("a file");
    let mut held = Flock::lock(held, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .expect("a lock");
    let file = trail.file.clone();
    let more = all.clone();
    let waiting = thread::spawn(move || file.append(&more, &origin()));
    held.write_all(text(&all[..3]).as_bytes()).expect("written");
    await_opened_twice(&trail.path);
    drop(held);
    assert_eq!(waiting.join().expect("a writer"), Ok(2));
    assert_eq!(ids(&trail.path), [1, 2, 3, 4, 5]);
}

#[test]
fn a_file_that_was_moved_away_meanwhile_is_begun_anew() {
    let trail = trail();
    trail.file.append(&chain(3), &origin()).expect("added");
    let held = File::open(&trail.path).expect("it");
    let held = Flock::lock(held, FlockArg::LockExclusive)
        .map_err(|(_, errno)| errno)
        .expect("a lock");
    let file = trail.file.clone();
    let waiting = thread::spawn(move || file.append(&chain(4)[3..], &origin()));
    await_opened_twice(&trail.path);
    let old = trail.path.with_extension("old");
    fs::rename(&trail.path, &old).expect("moved");
    drop(held);
    assert_eq!(waiting.join().expect("a writer"), Ok(1));
    assert_eq!(ids(&trail.path), [4]);
    assert_eq!(ids(&old), [1, 2, 3]);
}

#[test]
fn the_newest_of_a_large_file_is_found_without_reading_the_whole() {
    let trail = trail();
    let mut file = File::create(&trail.path).expect("a file");
    // Two gigabytes of nothing that take no room on the disk, and cannot be read within the time.
    file.set_len(2 << 30).expect("a long file");
    file = OpenOptions::new()
        .append(true)
        .open(&trail.path)
        .expect("it");
    write!(file, "\n{}", text(&chain(3))).expect("written");
    let begun = Instant::now();
    assert_eq!(trail.file.last(&origin().lock), Ok(Some(3)));
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(trail.file.append(&chain(4), &origin()), Ok(1));
}

#[test]
fn lines_longer_than_what_is_read_at_once_are_found() {
    let trail = trail();
    let mut all = chain(3);
    for entry in &mut all {
        entry.deployment.version = "v".repeat(200_000);
    }
    assert_eq!(trail.file.append(&all, &origin()), Ok(3));
    let other = Origin {
        lock: "other".to_owned(),
        ..origin()
    };
    assert_eq!(trail.file.append(&all[..1], &other), Ok(1));
    assert_eq!(trail.file.last(&origin().lock), Ok(Some(3)));
}

#[test]
fn a_missing_folder_and_what_is_no_file_are_named() {
    let folder = TempDir::new().expect("a folder");
    let missing = folder.path().join("missing/events.jsonl");
    let error = EventsFile::open(&missing).expect_err("no folder");
    assert_eq!(
        error.to_string(),
        format!(
            "find the folder of the events file, {}/missing: entity not found",
            folder.path().display()
        )
    );
    let error = EventsFile::open(folder.path()).expect_err("a folder");
    assert!(matches!(error, FileError::NotAFile { .. }), "{error}");
    let error = EventsFile::open("/dev/null").expect_err("a device");
    assert!(matches!(error, FileError::NotAFile { .. }), "{error}");
}
