//! A PostgreSQL server, and where the round fails over a synchronous standby on another host.

use std::process::Command;

use ledger::Entry;
use nix::sys::signal::Signal;
use test_servers::{Hosts, Postgres, PostgresSetup, program};

use super::{Access, Books, Servers, Store};
use crate::{
    faults::{Fault, StoreFault},
    plan::Plan,
    stage::{self, STORES, Stage},
};

/// Everybody, also who copies, without a password: proving one costs a development build most of a request's time, and is
/// proven elsewhere.
const ACCESS: &str = "local all all trust\n\
    host all all 10.66.0.0/24 trust\n\
    host replication all 10.66.0.0/24 trust\n";

/// The chain, one entry a line, and the phase after it.
const BOOKS: &str = "SELECT entry::text FROM baton_ledger ORDER BY seq;
SELECT 'phase ' || coalesce(record->>'phase', '') FROM baton_leases";

struct Pair {
    first: Postgres,
    second: Option<Postgres>,
}

/// Starts the servers.
pub(super) fn start(plan: &Plan, stage: &Stage) -> Store {
    let fails_over = plan
        .happenings
        .iter()
        .any(|h| matches!(h.fault, Fault::Store(StoreFault::FailOver)));
    let setup = |host, settings: &[&str]| PostgresSetup {
        access: ACCESS.to_owned(),
        settings: settings.iter().map(|s| (*s).to_owned()).collect(),
        address: Some(Hosts::address(host)),
        parent: Some(stage.scene.folder().to_owned()),
        ..PostgresSetup::default()
    };
    let [one, two] = STORES;
    // Whoever stands by must have a write before anybody is told that it is done.
    let settings: &[&str] = match fails_over {
        true => &["synchronous_standby_names=*"],
        false => &[],
    };
    let first = stage
        .hosts
        .on(one, || Postgres::start_with(&setup(one, settings)));
    let second = fails_over.then(|| {
        // What a lost host has sent is soon known to be lost.
        let settings = ["wal_receiver_timeout=3s", "synchronous_standby_names="];
        stage.hosts.on(two, || {
            Postgres::standby_with(&first, true, &setup(two, &settings))
        })
    });
    let mut servers = format!("{}:{}", Hosts::address(one), first.port);
    if let Some(second) = &second {
        servers += &format!(",{}:{}", Hosts::address(two), second.port);
    }
    let address = format!(
        "postgres://{}:{}@{servers}/postgres?target_session_attrs=read-write&sslmode=disable",
        Postgres::USER,
        "canary%2Fp%40ss%20w%3Ard"
    );
    let asked = address.clone();
    Store {
        access: Access::Same(address),
        reader: Box::new(move |stage| books(stage, &asked)),
        servers: Box::new(Pair { first, second }),
    }
}

/// Read with psql, and not by the store's own hand.
fn books(stage: &Stage, address: &str) -> Option<Books> {
    let output = stage.hosts.on(stage::WATCH, || {
        Command::new("timeout")
            .args(["--kill-after=1", "20"])
            .arg(program("psql", &[], "postgresql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", BOOKS, address])
            .env("PGCONNECT_TIMEOUT", "5")
            .output()
            .expect("timeout, of coreutils")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && !said.contains("does not exist") {
        return None;
    }
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut books = Books::default();
    for line in text.lines() {
        match line.strip_prefix("phase ") {
            Some(phase) => books.held = phase == "held",
            None => books.entries.push(entry(line)),
        }
    }
    Some(books)
}

fn entry(line: &str) -> Entry {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

impl Servers for Pair {
    fn strike(&mut self, stage: &Stage, fault: StoreFault) {
        match fault {
            StoreFault::Restart => {
                self.first.crash();
                stage.hosts.on(STORES[0], || self.first.start_again());
            }
            StoreFault::Stand(true) => self.first.signal_all(Signal::SIGSTOP),
            StoreFault::Stand(false) => self.first.signal_all(Signal::SIGCONT),
            StoreFault::FailOver => {
                let second = self.second.as_ref().expect("a standby");
                self.first.crash();
                second.promote();
            }
            StoreFault::Answer(..) | StoreFault::Full(_) => unreachable!("faults of git alone"),
        }
    }

    fn let_go(&mut self, _stage: &Stage) {
        self.first.signal_all(Signal::SIGCONT);
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // One that stands still does not hear of its end.
        self.first.signal_all(Signal::SIGCONT);
    }
}
