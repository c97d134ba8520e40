//! Many targets at once: within time, within memory, within the limit of descriptors.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::Duration,
};

use hickory_resolver::proto::rr::{RData, RecordType, rdata::A};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use probes::{
    Answer,
    icmp::IcmpError,
    resolver::Resolver,
    sweep::{HostState, SweepOptions, Swept, sweep},
    tcp::TcpError,
};
use tokio::time::Instant;

use crate::{
    DROPPING, SILENT, closed_port, in_network, listener, literals,
    name_server::{NameServer, Says},
    within,
};

const TARGETS: usize = 1000;
const DROPPED: usize = 300;
const TIMEOUT: Duration = Duration::from_secs(5);
/// What a sweep may hold resident (megabytes of 1024 × 1024 bytes).
const MEMORY_MB: u64 = 30;

/// This test program, in a folder that other users may read.
pub(crate) fn readable_copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = folder.path().join("net");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn options(seconds: f64, icmp: bool) -> SweepOptions {
    SweepOptions {
        timeout: Duration::from_secs_f64(seconds),
        icmp,
    }
}

/// The most this process has held resident, in kilobytes.
fn peak_memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Runs this very test again in a process of its own, whose memory, limits and network are its own.
fn again(test: &str, role: &str) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(role, "1")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let printed = String::from_utf8(child.stdout).unwrap();
    assert!(child.status.success(), "{printed}");
    printed
}

fn current_thread() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// 700 hosts that answer by turns with 300 that drop; the port is the listener's.
fn thousand(port: u16) -> Vec<(String, u16)> {
    (0..TARGETS)
        .map(|place| {
            let (high, low) = (place / 250, place % 250 + 1);
            let net = if place % 10 < 3 { "10.9" } else { "127.0" };
            (format!("{net}.{high}.{low}"), port)
        })
        .collect()
}

#[test]
fn a_thousand_targets_of_which_300_drop_end_in_time_and_in_little_memory() {
    const PORT: &str = "BATON_TEST_SWEEP_PORT";
    const NAME: &str =
        "sweep::a_thousand_targets_of_which_300_drop_end_in_time_and_in_little_memory";
    if let Ok(port) = std::env::var(PORT) {
        let port = port.parse().unwrap();
        // What a service gets from systemd.
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 1024, hard).unwrap();
        current_thread().block_on(async {
            let before = peak_memory();
            let begun = Instant::now();
            let swept = sweep(&literals(), thousand(port), options(5.0, true), within(6.5)).await;
            let took = begun.elapsed();
            let up = swept.iter().filter(|one| one.tcp.is_ok()).count();
            let down = swept.iter().filter(|one| one.state == HostState::Down).count();
            let in_order = swept.iter().map(|one| (one.host.clone(), one.port)).eq(thousand(port));
            println!(
                "swept: {up} up, {down} down, in order {in_order}, {} ms, peak {} kB ({before} kB before)",
                took.as_millis(),
                peak_memory()
            );
        });
        return;
    }
    in_network(DROPPING, async || {
        let (listening, address) = listener("0.0.0.0:0").await;
        let accepting = tokio::spawn(async move {
            loop {
                drop(listening.accept().await);
            }
        });
        let printed = tokio::task::spawn_blocking(move || {
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "--nocapture", NAME])
                .env(PORT, address.port().to_string())
                .stderr(Stdio::inherit())
                .output()
                .unwrap();
            assert!(child.status.success());
            String::from_utf8(child.stdout).unwrap()
        })
        .await
        .unwrap();
        accepting.abort();
        let line = printed
            .lines()
            .find(|line| line.contains("swept: "))
            .expect(&printed);
        println!("{line}");
        assert!(
            line.contains(&format!(
                "{} up, {DROPPED} down, in order true",
                TARGETS - DROPPED
            )),
            "{line}"
        );
        let number = |after: &str, before: &str| -> u64 {
            let rest = line.split_once(after).unwrap().1;
            rest.split_once(before).unwrap().0.parse().unwrap()
        };
        let took = Duration::from_millis(number("true, ", " ms"));
        assert!(took < TIMEOUT + Duration::from_secs(5), "{line}");
        assert!(number("peak ", " kB (") <= MEMORY_MB * 1024, "{line}");
    });
}

#[test]
fn each_kind_of_host_is_told_in_the_order_of_the_question() {
    in_network(DROPPING, async || {
        let (_listening, open) = listener("127.0.0.1:0").await;
        let closed = closed_port("127.0.0.1:0").await;
        let targets = [
            (SILENT.to_owned(), 22),
            ("127.0.0.1".to_owned(), open.port()),
            ("bad name".to_owned(), 22),
            ("127.0.0.1".to_owned(), closed.port()),
        ];
        let swept = sweep(
            &literals(),
            targets.clone(),
            options(1.0, true),
            within(3.0),
        )
        .await;
        let asked: Vec<(String, u16)> = swept
            .iter()
            .map(|one| (one.host.clone(), one.port))
            .collect();
        assert_eq!(asked, targets);
        let states: Vec<&HostState> = swept.iter().map(|one| &one.state).collect();
        assert_eq!(
            states,
            [
                &HostState::Down,
                &HostState::Up,
                &HostState::Unknown(None),
                &HostState::Up
            ]
        );
        assert_eq!(swept[1].tcp.as_ref().unwrap().address, open);
        assert!(swept[3].tcp.as_ref().unwrap_err().is_refused());
    });
}

#[test]
fn a_host_that_drops_tcp_and_replies_to_icmp_is_up() {
    // The address is this host's own, but TCP to it is routed into the hole.
    let setup = format!(
        "{DROPPING}\n\
         addr add 10.8.0.1/32 dev lo\n\
         route add 10.8.0.0/24 dev hole table 200\n\
         rule add pref 10 to 10.8.0.0/24 ipproto tcp lookup 200\n\
         rule add pref 100 lookup local\n\
         rule del pref 0"
    );
    in_network(&setup, async || {
        let target = ("10.8.0.1".to_owned(), 22);
        let swept = sweep(&literals(), [target], options(2.0, true), within(4.0)).await;
        let error = swept[0].tcp.as_ref().unwrap_err();
        assert!(!error.is_refused(), "{error}");
        assert_eq!(swept[0].state, HostState::Up, "{error}");
    });
}

#[test]
fn without_icmp_a_silent_host_is_not_called_down() {
    in_network(DROPPING, async || {
        let swept = sweep(
            &literals(),
            [(SILENT.to_owned(), 22)],
            options(0.5, false),
            within(3.0),
        )
        .await;
        assert_eq!(swept[0].state, HostState::Unknown(None));
        assert_eq!(swept[0].tcp.as_ref().unwrap_err().answer(), Answer::Fail);
    });
}

#[test]
fn names_of_a_dead_name_server_are_unknown_in_time() {
    in_network("", async || {
        let server = NameServer::start("127.0.0.1:0", |_, _| Says::Nothing).await;
        let resolver = Resolver::with_servers(&[server.address]);
        let targets: Vec<(String, u16)> = (0..300)
            .map(|place| (format!("web{place}.example"), 22))
            .collect();
        let begun = Instant::now();
        let swept = sweep(&resolver, targets, options(1.0, true), within(2.0)).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(swept.len(), 300);
        for one in swept {
            let error = one.tcp.unwrap_err();
            assert_eq!(error.answer(), Answer::Unknown, "{error}");
            assert!(
                error.to_string().contains(&server.address.to_string()),
                "{error}"
            );
        }
    });
}

#[test]
fn a_thousand_names_are_resolved_through_one_name_server() {
    in_network("", async || {
        let (listening, open) = listener("127.0.0.1:0").await;
        let accepting = tokio::spawn(async move {
            loop {
                drop(listening.accept().await);
            }
        });
        let server = NameServer::start("127.0.0.1:0", |_, family| match family {
            RecordType::A => Says::Records(vec![RData::A(A("127.0.0.1".parse().unwrap()))]),
            _ => Says::Records(vec![]),
        })
        .await;
        let resolver = Resolver::with_servers(&[server.address]);
        let targets: Vec<(String, u16)> = (0..TARGETS)
            .map(|place| (format!("web{place}.example"), open.port()))
            .collect();
        let begun = Instant::now();
        let swept = sweep(&resolver, targets, options(20.0, false), within(30.0)).await;
        println!("1,000 names took {:?}", begun.elapsed());
        for one in &swept {
            assert!(one.tcp.is_ok(), "{:?}", one.tcp);
        }
        accepting.abort();
    });
}

#[test]
fn a_low_limit_of_descriptors_leaves_targets_unasked_and_says_so() {
    const ROLE: &str = "BATON_TEST_FEW_DESCRIPTORS";
    if std::env::var_os(ROLE).is_none() {
        let printed = again(
            "sweep::a_low_limit_of_descriptors_leaves_targets_unasked_and_says_so",
            ROLE,
        );
        assert!(printed.contains("few descriptors: all told"), "{printed}");
        return;
    }
    in_network(DROPPING, async || {
        let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
        setrlimit(Resource::RLIMIT_NOFILE, 256, hard).unwrap();
        let targets: Vec<(String, u16)> = (0..200)
            .map(|place| (format!("10.9.1.{place}"), 22))
            .collect();
        let begun = Instant::now();
        let swept = sweep(&literals(), targets, options(1.0, false), within(1.5)).await;
        assert!(
            begun.elapsed() < Duration::from_secs(5),
            "{:?}",
            begun.elapsed()
        );
        let unasked = |one: &&Swept| matches!(one.tcp, Err(TcpError::NotTried { .. }));
        let left = swept.iter().filter(unasked).count();
        assert!(left > 0 && left < 200, "{left} of 200 unasked");
        for one in swept.iter().filter(unasked) {
            let error = one.tcp.as_ref().unwrap_err();
            assert_eq!(error.answer(), Answer::Unknown);
            assert!(error.to_string().contains("ulimit -n"), "{error}");
        }
        println!("few descriptors: all told");
    });
}

#[test]
fn without_permission_for_icmp_a_silent_host_is_unknown_with_the_reason() {
    const ROLE: &str = "BATON_TEST_SWEEP_WITHOUT_PERMISSION";
    if std::env::var_os(ROLE).is_some() {
        current_thread().block_on(async {
            let swept = sweep(
                &literals(),
                [(SILENT.to_owned(), 22)],
                options(1.0, true),
                within(3.0),
            )
            .await;
            assert_eq!(
                swept[0].state,
                HostState::Unknown(Some(IcmpError::NotPermitted))
            );
            println!("without permission: told");
        });
        return;
    }
    in_network(DROPPING, async || {
        let copy = readable_copy();
        let child = Command::new(test_servers::program("setpriv", &[], "iproute2"))
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(copy.path().join("net"))
            .args(["--exact", "--nocapture"])
            .arg("sweep::without_permission_for_icmp_a_silent_host_is_unknown_with_the_reason")
            .env(ROLE, "1")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let printed = String::from_utf8(child.stdout).unwrap();
        assert!(printed.contains("without permission: told"), "{printed}");
    });
}
