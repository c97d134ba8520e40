//! Echo requests, with and without the kernel's permission.

use std::{
    fs,
    process::{Command, Stdio},
    time::Duration,
};

use probes::{
    Answer, Probe,
    icmp::{Icmp, IcmpError, Pinger, ping},
};
use tokio::time::Instant;

use crate::{DROPPING, SILENT, in_network, literals, within};

const PERMISSION: &str = "/proc/sys/net/ipv4/ping_group_range";

#[test]
fn hosts_of_both_families_reply_to_a_raw_socket() {
    in_network("", async || {
        assert_eq!(
            fs::read_to_string(PERMISSION).unwrap(),
            "1\t0\n",
            "nobody, by default"
        );
        for host in ["127.0.0.1", "::1"] {
            let echo = ping(&literals(), host, within(5.0)).await.unwrap();
            assert_eq!(echo.address.to_string(), host);
        }
    });
}

#[test]
fn hosts_of_both_families_reply_to_an_unprivileged_socket() {
    in_network("", async || {
        fs::write(PERMISSION, "0 0").unwrap();
        for host in ["127.0.0.1", "::1"] {
            let echo = ping(&literals(), host, within(5.0)).await.unwrap();
            assert_eq!(echo.address.to_string(), host);
        }
    });
}

#[test]
fn a_silent_host_is_asked_again_until_the_deadline() {
    in_network(DROPPING, async || {
        let begun = Instant::now();
        let pinger = Pinger::new();
        let error = pinger
            .echo(SILENT.parse().unwrap(), within(1.5))
            .await
            .unwrap_err();
        assert!(
            begun.elapsed() < Duration::from_secs(4),
            "{:?}",
            begun.elapsed()
        );
        assert!(
            matches!(error, IcmpError::Silent { requests: 2, .. }),
            "{error}"
        );
        assert!(error.is_about_host());
        assert_eq!(
            error.to_string(),
            "ping 10.9.0.1: no reply to 2 requests in 1.5 s"
        );
    });
}

#[test]
fn one_socket_serves_many_hosts_at_once() {
    in_network(DROPPING, async || {
        let pinger = std::sync::Arc::new(Pinger::new());
        let mut running = tokio::task::JoinSet::new();
        for last in 1..=200_u8 {
            let pinger = std::sync::Arc::clone(&pinger);
            running.spawn(async move {
                let alive = last % 2 == 0;
                let net = if alive {
                    [127, 0, 3, last]
                } else {
                    [10, 9, 3, last]
                };
                (alive, net, pinger.echo(net.into(), within(2.5)).await)
            });
        }
        for (alive, address, echo) in running.join_all().await {
            match echo {
                Ok(echo) => assert!(alive && echo.address == std::net::IpAddr::from(address)),
                Err(error) => assert!(!alive, "{error}"),
            }
        }
    });
}

#[test]
fn the_probe_tells_a_silent_host_from_a_reply() {
    in_network(DROPPING, async || {
        for (host, wanted) in [("127.0.0.1", Answer::Pass), (SILENT, Answer::Fail)] {
            let probe = Icmp {
                resolver: literals(),
                host: host.to_owned(),
            };
            assert_eq!(probe.identity(), format!("icmp {host}"));
            let seen = probe.check(within(1.0)).await;
            assert_eq!(seen.answer, wanted, "{}", seen.seen);
        }
    });
}

/// Set in the process that has no permission.
const CHILD: &str = "BATON_TEST_WITHOUT_PERMISSION";

#[test]
fn a_process_without_permission_says_what_to_permit() {
    if std::env::var_os(CHILD).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let probe = Icmp {
                resolver: literals(),
                host: "127.0.0.1".to_owned(),
            };
            let seen = probe.check(within(5.0)).await;
            println!("{:?}: {}", seen.answer, seen.seen);
        });
        return;
    }
    in_network("", async || {
        let copy = crate::sweep::readable_copy();
        let setpriv = test_servers::program("setpriv", &[], "iproute2");
        let child = Command::new(setpriv)
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(copy.path().join("net"))
            .args([
                "--exact",
                "--nocapture",
                "icmp::a_process_without_permission_says_what_to_permit",
            ])
            .env(CHILD, "1")
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let printed = String::from_utf8(child.stdout).unwrap();
        assert!(child.status.success(), "{printed}");
        assert!(
            printed.contains("Unknown: failed to open an ICMP socket: not permitted"),
            "{printed}"
        );
        assert!(printed.contains("net.ipv4.ping_group_range"), "{printed}");
    });
}
