//! `network.*` where the name server is dead, and where hosts drop or reset.

use std::{net::TcpListener, time::Duration};

use test_servers::in_network;

use crate::program::Preflight;

/// A cable that takes packets for 10.9.0.0/16 and at whose other end nobody wants them; without ARP, so that nobody has
/// to answer for a silent host to be asked.
pub(crate) const DROPPING: &str = "link add hole type veth peer name bottom\n\
    link set bottom arp off up\n\
    link set hole arp off up\n\
    addr add 10.9.255.254/16 dev hole";

#[test]
fn a_dead_name_server_fails_network_dns_and_leaves_the_targets_unknown() {
    let ran = in_network(DROPPING, || {
        Preflight::of("network")
            .file("resolv.conf", "nameserver 10.9.0.53\n")
            .mounting("mount --bind resolv.conf /etc/resolv.conf")
            .with("INPUT_TARGETS", "web1.example,web2.example:2222")
            .with("INPUT_NETWORK_TIMEOUT_SECONDS", 1)
            .run()
    });
    ran.ends(3, "fail", &["network.dns"]);
    ran.tells("network.dns", "fail", &["10.9.0.53"]);
    ran.tells(
        "network.targets",
        "unknown",
        &["could not be asked", "web1.example"],
    );
    assert!(
        ran.row("network.dns").contains("/etc/resolv.conf"),
        "{}",
        ran.summary
    );
    assert!(ran.took < Duration::from_secs(10), "{:?}", ran.took);
}

#[test]
fn a_host_that_drops_and_one_that_resets_are_told_apart() {
    let ran = in_network(DROPPING, || {
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        Preflight::of("network.targets")
            .with("INPUT_TARGETS", format!("10.9.0.1\n{closed}"))
            .with("INPUT_NETWORK_TIMEOUT_SECONDS", 1)
            .run()
    });
    ran.ends(3, "fail", &["network.targets"]);
    ran.tells(
        "network.targets",
        "fail",
        &[
            "2 of 2 targets",
            "no answer in 1.0 s; it does not answer ICMP either",
            "refused (the host is up, the port is closed)",
        ],
    );
}

#[test]
fn the_only_target_is_told_in_one_sentence() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = Preflight::of("network.targets")
        .with("INPUT_TARGETS", closed)
        .run();
    ran.ends(3, "fail", &["network.targets"]);
    let row = ran.row("network.targets");
    assert!(!row.contains("1 of 1"), "{row}");
    assert_eq!(row.matches("refused").count(), 1, "{row}");
    assert_eq!(row.matches(&closed.to_string()).count(), 1, "{row}");
}
