//! The pages on `tcp`, `dns` and, in a file of its own, `tls`.

mod name_server;
mod tls;

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use self::name_server::{NameServer, Says};
use crate::{
    page::Page,
    world::{in_world, in_world_with},
};

/// Says `word` to everybody at `at` as soon as it has heard `hears`, then waits for the other end to hang up.
fn speaker(at: &str, hears: &'static [u8], word: &'static [u8]) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut heard = vec![0; hears.len()];
            let _gone = stream
                .read_exact(&mut heard)
                .and_then(|()| stream.write_all(word))
                .and_then(|()| stream.read_to_end(&mut heard));
        }
    });
}

/// Hangs up on everybody at `at` who has said `hears`, with a reset where that was not all.
fn hanging_up(at: &str, hears: usize) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut heard = vec![0; hears];
            let _gone = stream.read_exact(&mut heard);
        }
    });
}

#[test]
fn the_examples_of_tcp_pass_where_their_servers_listen() {
    in_world(|world| {
        speaker("10.0.0.7:5432", b"", b"");
        speaker("10.0.0.7:22", b"", b"SSH-2.0-OpenSSH_9.2\r\n");
        speaker("10.0.0.7:11300", b"stats\r\n", b"OK 12\r\n");
        let page = Page::new("gates/tcp.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 2);
        for example in examples {
            world.passes(example, &[]);
        }
    });
}

#[test]
fn everything_that_the_page_on_tcp_says_is_seen_is_seen() {
    const SSH: &str = "{address: \"10.0.0.7:22\", expect: SSH-2.0}";
    let mut seen = Vec::new();
    // A silent try is given up early here, and late on the page.
    let mut keep = |(status, words): (String, String)| {
        seen.push((
            status,
            words
                .replace(" 1.0 s", " 10.0 s")
                .replace(" 1000 ms", " 10.0 s"),
        ));
    };
    in_world(|world| {
        keep(world.sees("tcp: db.internal:5432", &[]));
        speaker("10.0.0.7:5432", b"", b"");
        keep(world.sees("tcp: 10.0.0.7:5432", &[]));
        speaker("10.0.0.7:22", b"", b"SSH-2.0-OpenSSH_9.2\r\n");
        keep(world.sees(&format!("tcp: {SSH}"), &[]));
        speaker("10.0.0.7:2201", b"", b"HTTP/1.1 400 Bad Request\r\n");
        speaker("10.0.0.7:2202", b"", b"");
        hanging_up("10.0.0.7:2203", 1);
        for (port, send) in [(2201, ""), (2202, ""), (2203, "1"), (2203, "12")] {
            let at = format!("10.0.0.7:{port}");
            let mut gate = SSH.replace("10.0.0.7:22", &at);
            if !send.is_empty() {
                gate = gate.replace("}", &format!(", send: '{send}'}}"));
            }
            let (status, words) = world.sees(&format!("tcp: {gate}\n  try-timeout: 1s"), &[]);
            keep((status, words.replace(&at, "10.0.0.7:22")));
        }
    });
    for (setup, wait) in [
        ("route add unreachable 10.0.0.7", "10s"),
        ("route add prohibit 10.0.0.7", "10s"),
        ("", "10s"),
        (
            "link add hole type veth peer name bottom\nlink set bottom arp off up\nlink set hole arp off up\n\
             addr add 10.0.0.1/24 dev hole",
            "1s",
        ),
    ] {
        in_world_with(setup, "10.0.0.7 db.internal\n", |world| {
            keep(world.sees(
                &format!("tcp: db.internal:5432\n  try-timeout: {wait}"),
                &[],
            ));
        });
    }
    for says in [Says::NoSuchName, Says::Nothing] {
        in_world_with("addr add 10.0.0.2/32 dev lo", "", |world| {
            let _server = NameServer::start("10.0.0.2:53", move |_, _| says.clone());
            keep(world.sees("tcp: db.internal:5432\n  try-timeout: 1s", &[]));
        });
    }
    Page::new("gates/tcp.md").shows("What it sees", &seen, str::to_owned);
}

const SHOP: &str = "shop.example.com";

#[test]
fn the_examples_of_dns_pass_where_the_zone_is_so() {
    in_world(|world| {
        let zone = |name: &str, kind: &str| match (name, kind) {
            (SHOP, "A") => Says::records(&["10.0.0.7", "10.0.0.8"]),
            (SHOP, "CNAME") => Says::records(&["green.shop.example.com."]),
            ("example.com", "MX") => Says::records(&["10 mail.example.com.", "20 mx.example.com."]),
            _ => Says::NoSuchType,
        };
        let _servers = ["10.0.0.2:53", "10.0.0.53:53"].map(|at| NameServer::start(at, zone));
        let page = Page::new("gates/dns.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 2);
        for example in examples {
            world.passes(example, &[]);
        }
    });
}

#[test]
fn everything_that_the_page_on_dns_says_is_seen_is_seen() {
    let mut seen = Vec::new();
    let both = Says::records(&["10.0.0.7", "10.0.0.8"]);
    for (says, gate) in [
        (both.clone(), "dns: shop.example.com"),
        (
            Says::records(&["10.0.0.7"]),
            "dns: {name: shop.example.com., type: A, contains: [10.0.0.7, 10.0.0.8]}",
        ),
        (
            Says::records(&["10.0.0.7", "10.0.0.9"]),
            "dns: {name: shop.example.com., type: A, equals: 10.0.0.7}",
        ),
        (Says::NoSuchName, "dns: shop.example.com."),
        (Says::NoSuchType, "dns: {name: shop.example.com., type: MX}"),
        (Says::Failure, "dns: {name: shop.example.com., type: A}"),
        (
            Says::Nothing,
            "dns: {name: shop.example.com., type: A}\n  try-timeout: 1s",
        ),
    ] {
        in_world(|world| {
            let own = [says.clone(), says.clone()];
            let [machine, named] = own;
            let _servers = (
                NameServer::start("10.0.0.2:53", move |_, kind| match kind {
                    "AAAA" if machine.has_addresses() => Says::NoSuchType,
                    _ => machine.clone(),
                }),
                NameServer::start("10.0.0.53:53", move |_, _| named.clone()),
            );
            let (status, words) = world.sees(gate, &[]);
            if status == "unknown" {
                // Of a server that is named, the same is a failure.
                let named = gate.replace("type: A", "type: A, server: 10.0.0.53");
                assert_eq!(world.sees(&named, &[]).0, "fail");
            }
            seen.push((status, words));
        });
    }
    Page::new("gates/dns.md").shows("What it sees", &seen, |text| text.replace("com.", "com"));
}
