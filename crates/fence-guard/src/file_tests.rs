use super::*;

fn state_in(folder: &Path) -> StateFile {
    StateFile::at(&folder.join("state.json"))
}

fn state(token: u64) -> State {
    State::parse(format!("{{\"schema\": 1, \"fencing_token\": {token}}}\n").as_bytes()).unwrap()
}

#[test]
fn a_lock_is_one_processes_until_it_is_released() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    let lock = file.lock().unwrap();
    let other = File::open(folder.path().join("state.json.lock")).unwrap();
    assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
    assert_eq!(holder(&other), format!("process {}", std::process::id()));
    lock.release().unwrap();
    other.try_lock().unwrap();
}

#[test]
fn the_lock_is_never_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    let inode = || {
        fs::metadata(folder.path().join("state.json.lock"))
            .unwrap()
            .ino()
    };
    file.lock().unwrap().release().unwrap();
    let first = inode();
    for token in 1..4 {
        let lock = file.lock().unwrap();
        file.write(&lock, &state(token)).unwrap();
        lock.release().unwrap();
    }
    assert_eq!(inode(), first);
}

#[test]
fn a_lock_on_a_file_that_was_removed_binds_nobody_and_is_taken_anew() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    let held = file.lock().unwrap();
    let path = folder.path().join("state.json.lock");
    // Whoever waits for the old file must not take it for the lock once it is free.
    let waits = {
        let file = file.clone();
        std::thread::spawn(move || {
            let lock = file.lock().unwrap();
            lock.file.metadata().unwrap().ino()
        })
    };
    fs::remove_file(&path).unwrap();
    held.release().unwrap();
    assert_eq!(waits.join().unwrap(), fs::metadata(&path).unwrap().ino());
}

#[test]
fn a_write_leaves_no_other_file_and_what_a_killed_one_left_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    fs::write(folder.path().join("state.json.new"), "{\"sch").unwrap();
    let lock = file.lock().unwrap();
    file.write(&lock, &state(3)).unwrap();
    assert_eq!(file.read(&lock).unwrap().fencing_token, 3);
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["state.json", "state.json.lock"]);
}

#[test]
fn a_file_too_large_to_be_a_state_is_not_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    File::create(folder.path().join("state.json"))
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    let error = file.look().unwrap_err().to_string();
    assert!(error.ends_with("it is larger than any state"), "{error}");
}

#[test]
fn a_long_wait_for_the_lock_is_told_once_with_its_holder_and_its_end_and_then_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    let held = file.lock().unwrap();
    let said = std::sync::Mutex::new(Vec::new());
    let tell = |line: &str| said.lock().unwrap().push(line.to_owned());
    let second = Duration::from_secs(1);
    let error = file.lock_within(second, Duration::ZERO, tell).unwrap_err();
    let own = std::process::id();
    let lock = folder.path().join("state.json.lock");
    assert_eq!(
        error.to_string(),
        format!(
            "take the lock {} within 1 s: process {own} holds it",
            lock.display()
        )
    );
    let said = said.into_inner().unwrap();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(&format!(
            "waiting for the lock {}, which process {own} holds; given up in ",
            lock.display()
        )),
        "{said:?}"
    );
    held.release().unwrap();
    let silent = |line: &str| panic!("{line}");
    file.lock_within(second, Duration::ZERO, silent).unwrap();
}

#[test]
fn a_state_that_anybody_else_touched_is_not_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = state_in(folder.path());
    let path = folder.path().join("state.json");
    let lock = file.lock().unwrap();
    assert!(!file.is_as_written(&lock));
    for token in [9, 10] {
        file.write(&lock, &state(token)).unwrap();
        assert!(file.is_as_written(&lock));
    }
    let text = fs::read(&path).unwrap();
    // The same text once more; a copy in its place; nothing.
    // Once the kernel's clock for files has gone on: a few milliseconds.
    let deadline = Instant::now() + Duration::from_secs(60);
    while file.is_as_written(&lock) {
        assert!(Instant::now() < deadline, "a touched state is as written");
        fs::write(&path, &text).unwrap();
    }
    file.write(&lock, &state(11)).unwrap();
    fs::copy(&path, folder.path().join("copy")).unwrap();
    fs::rename(folder.path().join("copy"), &path).unwrap();
    assert!(!file.is_as_written(&lock));
    fs::remove_file(&path).unwrap();
    assert!(!file.is_as_written(&lock));
}
