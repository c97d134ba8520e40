//! The suite, against each store.

use lease::{conformance, store::memory::Memory, testing::http_git::Server};

use crate::places::{PATIENT, TOKEN, disk, open, options, served};

#[tokio::test]
async fn the_store_in_memory_conforms() {
    let memory = Memory::default();
    conformance::run(|lock| async { memory.store(lock, PATIENT) }).await;
}

#[tokio::test]
async fn a_bare_repository_on_disk_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    conformance::run(|lock| open(options(disk(folder.path()), lock, &scratch))).await;
}

#[tokio::test]
async fn a_repository_behind_http_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    let server = Server::start(folder.path(), TOKEN).unwrap();
    conformance::run(|lock| open(options(served(&server), lock, &scratch))).await;
}
