//! A thousand hosts of an inventory, three hundred of which drop every packet: all told, in time and in little memory.

use std::{
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use test_servers::in_network;

use crate::{
    names::DROPPING,
    program::{Preflight, Ran},
};

const NAME: &str = "thousand::a_thousand_hosts_of_which_300_drop_are_all_told";
/// Set for the process that starts the program and does nothing else, so that its children's memory is the program's.
const ROLE: &str = "BATON_TEST_THOUSAND_PORT";
/// How much more than for one host the program may hold resident, in KiB. The program's own code is the greater part of
/// an unoptimised build's memory; the bench judges the shipped one, which may hold 30 MiB in all.
const MEMORY: i64 = 16 * 1024;

/// 700 hosts that answer and 300 that drop, with their port.
fn inventory(port: u16) -> String {
    let mut text = String::from("[web]\n");
    for (count, net, name) in [(175, 127, "up"), (75, 10, "down")] {
        for part in 0..4 {
            let second = if net == 127 { 0 } else { 9 };
            for host in 1..=count {
                text.push_str(&format!(
                    "{name}-{part}-{host:03} ansible_host={net}.{second}.{part}.{host}\n"
                ));
            }
        }
    }
    text.push_str(&format!("[web:vars]\nansible_port={port}\n"));
    text
}

/// The same hosts by ranges, as a person would write them: their names are their addresses.
fn ranges(port: u16) -> String {
    format!(
        "[up]\n127.0.[0:3].[1:175]\n[down]\n10.9.[0:3].[1:75]\n[all:vars]\nansible_port={port}\n"
    )
}

fn asked(inventory: &str) -> Preflight {
    Preflight::of("network.targets")
        .file("hosts.ini", inventory)
        .with("INPUT_INVENTORY", "hosts.ini")
        // Another reader's memory and start are not this program's.
        .with("PATH", "/nowhere")
}

/// Runs the program once, prints its memory, and leaves the files for the one who judges.
fn run_and_weigh(port: u16) {
    let most = || getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    let one = asked(&format!("127.0.0.1 ansible_port={port}\n")).run();
    one.ends(0, "pass", &[]);
    let base = most();
    let preflight = asked(&ranges(port));
    let begun = Instant::now();
    let ended = preflight.command().output().unwrap();
    let took = begun.elapsed();
    let peak = most();
    let ran = preflight.left(&ended, took);
    judge(&ran);
    println!(
        "weighed: {} ms, {} KiB more than {base}",
        took.as_millis(),
        peak - base
    );
}

fn judge(ran: &Ran) {
    ran.ends(3, "fail", &["network.targets"]);
    let mut away: Vec<&str> = ran
        .parts("network.targets")
        .into_iter()
        .filter(|(_, status, _)| *status == "fail")
        .map(|(subject, ..)| subject)
        .collect();
    away.sort_unstable();
    away.dedup();
    assert_eq!(away.len(), 300, "{away:?}");
    assert!(away.iter().all(|host| host.contains("10.9.")), "{away:?}");
    assert_eq!(ran.parts("network.targets").len(), 1000);
    ran.tells(
        "network.targets",
        "fail",
        &["300 of 1000 targets", "and 297 more"],
    );
    // What a person reads stays short; the report has them all.
    assert!(ran.row("network.targets").len() < 1200, "{}", ran.summary);
    for line in ran.log.lines() {
        assert!(line.len() < 1200, "{line}");
    }
    assert!(ran.summary.len() < 20_000, "{} bytes", ran.summary.len());
}

#[test]
fn a_thousand_hosts_of_which_300_drop_are_all_told() {
    if let Ok(port) = std::env::var(ROLE) {
        return run_and_weigh(port.parse().unwrap());
    }
    let printed = in_network(DROPPING, || {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                drop(stream);
            }
        });
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", NAME])
            .env(ROLE, port.to_string())
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(
            child.status.success(),
            "{}",
            String::from_utf8_lossy(&child.stdout)
        );
        String::from_utf8(child.stdout).unwrap()
    });
    let line = printed
        .lines()
        .find(|line| line.contains("weighed: "))
        .unwrap();
    println!("{line}");
    let number = |after: &str, before: &str| -> i64 {
        let rest = line.split_once(after).unwrap().1;
        rest.split_once(before).unwrap().0.parse().unwrap()
    };
    let more = number(" ms, ", " KiB");
    assert!((1..=MEMORY).contains(&more), "{line}");
    // 7 s on a quiet machine; a busy one is no defect of the program.
    assert!(number("weighed: ", " ms") < 20_000, "{line}");
}

#[test]
fn with_ansible_inventory_the_same_hosts_are_told() {
    let ansible = test_servers::program("ansible-inventory", &[], "ansible");
    let folder = Path::new(&ansible).parent().unwrap().display().to_string();
    let ran = in_network(DROPPING, || {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                drop(stream);
            }
        });
        asked(&inventory(port))
            .with("PATH", format!("{folder}:/usr/bin:/bin"))
            .run()
    });
    judge(&ran);
    println!("with ansible-inventory: {} ms", ran.took.as_millis());
    assert!(ran.took < Duration::from_secs(30), "{:?}", ran.took);
}
