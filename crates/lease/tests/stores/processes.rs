//! What a git that hangs shows of itself, and that it dies when its time is over.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use lease::{
    store::{
        Store, StoreError, Swap,
        git::{GitOptions, GitStore},
    },
    testing::{
        http_git::{Mode, Server, USER},
        writes::claim,
    },
};

use crate::places::{TOKEN, claimed, open, options, served, until};

#[tokio::test]
async fn the_token_is_in_no_argument_and_no_file_while_a_push_hangs() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    server.set(Mode::HoldPush);
    let store = Arc::new(store);
    let push = tokio::spawn({
        let (store, write) = (Arc::clone(&store), Arc::new(claim(&lock, &seen)));
        async move { store.swap(write).await }
    });
    until(|| async { (server.held() == 1).then_some(()) }).await;
    let encoded = STANDARD.encode(format!("{USER}:{TOKEN}"));
    let shown: Vec<String> = every_process()
        .into_iter()
        .map(|(_, shown)| shown)
        .collect();
    assert!(
        shown.iter().filter(|s| s.contains(&server.url())).count() >= 2,
        "git and its HTTP helper are seen"
    );
    for shown in shown {
        assert!(
            !shown.contains(TOKEN) && !shown.contains(&encoded),
            "{shown}"
        );
    }
    for file in files(folder.path()) {
        let bytes = fs::read(&file).unwrap_or_default();
        let holds = |secret: &str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!holds(TOKEN) && !holds(&encoded), "{}", file.display());
    }
    server.set(Mode::Serve);
    push.await.unwrap();
}

#[tokio::test]
async fn gits_whole_process_group_is_dead_after_a_timeout() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    drop(store);
    let options = options(served(&server), lock.clone(), folder.path());
    let store = Arc::new(
        open(GitOptions {
            request_timeout: Duration::from_secs(2),
            ..options
        })
        .await,
    );
    store.read().await.unwrap();
    server.set(Mode::HoldPush);
    let (push, gits) = hanging(&store, &server, Arc::new(claim(&lock, &seen))).await;
    let swap = push.await.unwrap();
    assert!(
        matches!(swap, Swap::Unknown(StoreError::TimedOut { .. })),
        "{swap:?}"
    );
    until(|| async { gits.iter().all(|git| !lives(*git)).then_some(()) }).await;
}

#[tokio::test]
async fn gits_whole_process_group_is_dead_after_the_caller_lost_interest() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, lock, seen) = claimed(&server, folder.path()).await;
    let store = Arc::new(store);
    server.set(Mode::HoldPush);
    let (push, gits) = hanging(&store, &server, Arc::new(claim(&lock, &seen))).await;
    push.abort();
    assert!(push.await.unwrap_err().is_cancelled());
    until(|| async { gits.iter().all(|git| !lives(*git)).then_some(()) }).await;
}

#[tokio::test]
async fn the_scratch_repository_goes_with_its_store() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    let server = Server::start(folder.path(), TOKEN).unwrap();
    let (store, ..) = claimed(&server, &scratch).await;
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 1);
    drop(store);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0);
}

/// A send that the server holds, and the processes that wait for its answer.
async fn hanging(
    store: &Arc<GitStore>,
    server: &Server,
    write: Arc<lease::store::Write>,
) -> (tokio::task::JoinHandle<Swap>, Vec<u32>) {
    let store = Arc::clone(store);
    let push = tokio::spawn(async move { store.swap(write).await });
    until(|| async { (server.held() == 1).then_some(()) }).await;
    let url = server.url();
    let gits: Vec<u32> = every_process()
        .into_iter()
        .filter(|(_, shown)| shown.contains(&url))
        .map(|(p, _)| p)
        .collect();
    assert!(gits.len() >= 2, "git and its HTTP helper are seen");
    (push, gits)
}

/// Number and arguments of every process.
fn every_process() -> Vec<(u32, String)> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| {
            let number = entry.file_name().to_str()?.parse().ok()?;
            let arguments = fs::read(entry.path().join("cmdline")).ok()?;
            Some((
                number,
                String::from_utf8_lossy(&arguments).replace('\0', " "),
            ))
        })
        .collect()
}

/// Whether a process is there and more than a zombie that nobody has reaped yet.
fn lives(process: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat")) else {
        return false;
    };
    let state = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    !matches!(state, Some('Z' | 'X'))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            _ => found.push(entry.path()),
        }
    }
    found
}
