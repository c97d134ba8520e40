//! How many connections to its server each process keeps open: what docs/stores.md says, counted at the servers.

use std::{ops::RangeInclusive, thread, time::Duration};

use baton_tests::{Run, Scene, patience};

use crate::{SOON, page, server::Server};

/// How often it is counted: over several polls and heartbeats.
const COUNTS: usize = 50;

/// What a candidate keeps open: one to ask, one to be told, and those on which requests went side by side.
fn of_a_candidate(server: &Server) -> RangeInclusive<usize> {
    match server {
        Server::Postgres(_) => 2..=3,
        Server::Redis(_) => 2..=5,
    }
}

/// What `verdict` and `status --watch` keep open: one to ask, one to be told, and one more where their server was slow once.
const WATCHING: RangeInclusive<usize> = 2..=3;

/// That so many stay open. A request that overtakes a slow one has one of its own for a moment, so it is the usual count
/// that counts.
fn keep(server: &Server, wanted: RangeInclusive<usize>) {
    patience::within_reach(SOON, || {
        wanted.contains(&server.connections()).then_some(())
    });
    let counted = (0..COUNTS).map(|_| {
        thread::sleep(Duration::from_millis(100));
        server.connections()
    });
    let mut counted: Vec<usize> = counted.collect();
    counted.sort_unstable();
    let usual = counted[COUNTS / 2];
    assert!(
        wanted.contains(&usual),
        "{} {counted:?}, wanted {wanted:?}",
        server.shown()
    );
}

#[test]
fn each_process_keeps_as_many_connections_as_the_page_says() {
    for server in Server::each() {
        let (scene, run) = (Scene::new(), Run::number(1));
        let status = server.keeps(scene.person("status"));
        let status = status.flag("--watch").start();
        status.says("never deployed", SOON);
        keep(&server, WATCHING);
        drop(status);
        let verdict = server.keeps(scene.verdict(&run)).start();
        keep(&server, WATCHING);
        drop(verdict);
        let leg = |number| {
            let leg = scene.candidate(&run, number, "write deploy forever");
            server.keeps(leg).default_of(&["lease-time"]).start()
        };
        let (least, most) = of_a_candidate(&server).into_inner();
        let _holder = leg(1);
        scene.target().await_start(1, "deploy", SOON);
        keep(&server, least..=most);
        let standby = leg(2);
        standby.says("is ready", SOON);
        keep(&server, 2 * least..=2 * most);
    }
}

#[test]
fn a_process_that_ends_leaves_no_connection() {
    for server in Server::each() {
        let scene = Scene::new();
        let status = server.keeps(scene.person("status"));
        status.finish(SOON).expect(0);
        patience::until(SOON, "the end of its connection", || {
            (server.connections() == 0).then_some(())
        });
    }
}

#[test]
fn the_page_says_what_is_counted() {
    let said = |range: RangeInclusive<usize>| format!("{} to {}", range.start(), range.end());
    let [postgres, redis] = Server::each().map(|server| said(of_a_candidate(&server)));
    let watching = said(WATCHING);
    let rows = [
        format!("| connections that a candidate keeps open | none | {postgres} | {redis} |"),
        format!("| `verdict`, `status --watch` | none | {watching} | {watching} |"),
    ];
    let page = page::text();
    for row in rows {
        assert!(page.contains(&row), "{row}");
    }
}
