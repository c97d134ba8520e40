//! A Redis server that writes everything to its disk before it answers; and where the round fails over, a replica on
//! another host, and a sentinel that lets it take over.

use std::process::Command;

use baton_tests::patience;
use lease::LockName;
use nix::sys::signal::Signal;
use test_servers::{Hosts, Redis, RedisSetup, program};

use super::{Access, Books, Servers, Store};
use crate::{
    faults::{Fault, StoreFault},
    plan::Plan,
    play::PATIENCE,
    stage::{self, STORES, Stage},
};

/// What docs/stores.md asks for: nothing that was acknowledged is lost by a crash.
const KEPT: &str = "appendonly yes\nappendfsync always\nrepl-diskless-sync-delay 0\n";

struct Pair {
    first: Option<Redis>,
    setup: RedisSetup,
    /// The replica, and who lets it take over.
    others: Option<(Redis, Redis)>,
}

/// Starts the servers.
pub(super) fn start(plan: &Plan, stage: &Stage) -> Store {
    let fails_over = plan
        .happenings
        .iter()
        .any(|h| matches!(h.fault, Fault::Store(StoreFault::FailOver)));
    let start = |host: u8, mut setup: RedisSetup| {
        setup.address = Some(Hosts::address(host));
        setup.parent = Some(stage.scene.folder().to_owned());
        let server = stage.hosts.on(host, || Redis::start_with(&setup));
        setup.port = Some(server.port);
        (server, setup)
    };
    let with = |config: String, sentinel| RedisSetup {
        config,
        sentinel,
        ..RedisSetup::default()
    };
    let [one, two] = STORES.map(Hosts::address);
    let (first, setup) = start(STORES[0], with(KEPT.to_owned(), false));
    let place = format!("{one}:{}", first.port);
    let (address, others) = if fails_over {
        let config = format!("{KEPT}replicaof {one} {}\n", first.port);
        let (second, _) = start(STORES[1], with(config, false));
        patience::until(PATIENCE, format!("a copy at {two}"), || {
            second
                .command(&["INFO", "replication"])
                .contains("master_link_status:up")
                .then_some(())
        });
        // A copy that has heard nothing for longer than ten times that is not let take over.
        let config = format!(
            "sentinel monitor store {one} {} 1\nsentinel down-after-milliseconds store 3000\n\
             sentinel failover-timeout store 5000\n",
            first.port
        );
        let (sentinel, _) = start(stage::WATCH, with(config, true));
        patience::until(PATIENCE, "the sentinel to know the replica", || {
            let known = sentinel.command(&["SENTINEL", "replicas", "store"]);
            known.contains(&two.to_string()).then_some(())
        });
        let watch = Hosts::address(stage::WATCH);
        let address = format!(
            "redis-sentinel://{watch}:{}/0?sentinelMasterId=store",
            sentinel.port
        );
        (address, Some((second, sentinel)))
    } else {
        (format!("redis://{place}/0"), None)
    };
    // The first for as long as it lives, then the one that took over.
    let copy = others.as_ref().map(|(second, _)| second.port);
    let asked: Vec<String> = [place]
        .into_iter()
        .chain(copy.map(|port| format!("{two}:{port}")))
        .collect();
    Store {
        access: Access::Same(address),
        reader: Box::new(move |stage| asked.iter().find_map(|place| books(stage, place))),
        servers: Box::new(Pair {
            first: Some(first),
            setup,
            others,
        }),
    }
}

/// Read with redis-cli, and not by the store's own hand.
fn books(stage: &Stage, place: &str) -> Option<Books> {
    let lock = LockName::new(stage.scene.lock()).expect("a lock").encoded();
    let (host, port) = place.split_once(':')?;
    let ask = |words: &[&str]| {
        let output = stage.hosts.on(stage::WATCH, || {
            Command::new("timeout")
                .args(["--kill-after=1", "20"])
                .arg(program("redis-cli", &[], "redis"))
                .args(["-e", "-h", host, "-p", port])
                .args(words)
                .output()
                .expect("timeout, of coreutils")
        });
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then_some(text)
    };
    let chain = ask(&["XRANGE", &format!("baton:{{{lock}}}:ledger"), "-", "+"])?;
    let lines = chain.lines().filter(|l| l.starts_with('{'));
    let entries = lines.map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")));
    let entries = entries.collect();
    let record = ask(&["HGET", &format!("baton:{{{lock}}}:lease"), "record"])?;
    Some(Books {
        entries,
        held: record.contains(r#""phase":"held""#),
    })
}

impl Servers for Pair {
    fn strike(&mut self, stage: &Stage, fault: StoreFault) {
        match fault {
            StoreFault::Restart => {
                let first = self.first.take().expect("a server");
                let setup = &self.setup;
                let again = stage.hosts.on(STORES[0], || first.restart_with(setup));
                self.first = Some(again);
            }
            StoreFault::Stand(stands) => {
                if let Some(first) = &self.first {
                    first.signal(match stands {
                        true => Signal::SIGSTOP,
                        false => Signal::SIGCONT,
                    });
                }
            }
            StoreFault::FailOver => {
                self.first = None;
                let (second, _) = self.others.as_ref().expect("a replica");
                patience::until(PATIENCE, "the replica to take over", || {
                    second
                        .command(&["ROLE"])
                        .starts_with("master")
                        .then_some(())
                });
            }
            StoreFault::Answer(..) | StoreFault::Full(_) => unreachable!("faults of git alone"),
        }
    }

    fn let_go(&mut self, _stage: &Stage) {
        if let Some(first) = &self.first {
            first.signal(Signal::SIGCONT);
        }
    }
}
