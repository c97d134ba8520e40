//! Many deployments thrown at one store at once: every one of them ends, once, in order, and nobody healthy is taken for
//! dead.
//!
//! What runs is the shipped protocol, its shell and the shipped stores on real servers, each candidate with a store of its
//! own; the candidates share one process, and their commands only keep a log. `BATON_LOAD_ENVIRONMENTS` says how many
//! environments (3 where unset), `BATON_LOAD_DEPLOYMENTS` how many deployments each (4 where unset),
//! `BATON_LOAD_LONGEST` how many seconds the longest command takes (3 where unset), `BATON_LOAD_SLOWER` how many times as
//! long as by default a git store's leases are.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test's own set-up; a panic is its failure; the table is what it is for"
)]

mod counted;
mod judge;
mod places;
mod play;
mod table;

use std::{env, sync::Arc, time::Duration};

use lease::{Timing, store::History};
use ledger::Entry;

use counted::Traffic;
use places::{Git, InMemory, InPostgres, InRedis};
use play::{Place, Size};

fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap())
}

fn size() -> Size {
    let size = Size {
        environments: number("BATON_LOAD_ENVIRONMENTS", 3),
        deployments: number("BATON_LOAD_DEPLOYMENTS", 4),
        longest: Duration::from_secs(number("BATON_LOAD_LONGEST", 3)),
        patience: Duration::from_secs(number("BATON_LOAD_PATIENCE", 1700)),
    };
    assert!(
        size.environments * size.deployments > 0,
        "no load, no proof"
    );
    size
}

/// Git's default timing, or `BATON_LOAD_SLOWER` times as long (10 where unset): among other tests nobody may lose a lease
/// because this machine is slow.
fn git_timing() -> Timing {
    match number("BATON_LOAD_SLOWER", 10) as u32 {
        1 => Timing::GIT,
        slower => Timing {
            request_timeout: Duration::from_secs(20),
            ..Timing::GIT.with_lease(Timing::GIT.lease * slower)
        },
    }
}

fn throw_at(name: &str, place: impl Place) {
    let (size, traffic) = (size(), Traffic::new(place.at_once()));
    let place = Arc::new(place);
    let played = play::play(size, &place, &traffic);
    let name = match place.at_once() {
        Some(most) => format!("{name}, at most {most} requests at once"),
        None => name.to_owned(),
    };
    println!("{}", table::table(&name, size, &played, &traffic.so_far()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let chains: Vec<Vec<Entry>> = (0..size.environments)
        .map(|environment| {
            runtime.block_on(async {
                let store = place.open(play::lock(environment)).await.unwrap();
                store.history(History::FromSeq(1)).await.unwrap()
            })
        })
        .collect();
    let complaints = judge::judge(size, &played, &chains);
    let first = &complaints[..complaints.len().min(20)];
    let all = complaints.len();
    assert!(
        complaints.is_empty(),
        "{name}: {all} complaints: {first:#?}"
    );
}

#[test]
fn all_that_is_thrown_at_a_store_in_memory_ends_once_and_in_order() {
    throw_at("memory", InMemory::default());
}

#[test]
fn all_that_is_thrown_at_a_postgres_server_ends_once_and_in_order() {
    throw_at("PostgreSQL", InPostgres::start());
}

#[test]
fn all_that_is_thrown_at_a_redis_server_ends_once_and_in_order() {
    throw_at("Redis", InRedis::start());
}

#[test]
fn all_that_is_thrown_at_a_repository_on_disk_ends_once_and_in_order() {
    throw_at("git on disk", Git::on_disk(git_timing()));
}

#[test]
fn all_that_is_thrown_at_a_repository_over_http_ends_once_and_in_order() {
    throw_at("git over HTTP", Git::over_http(git_timing()));
}
