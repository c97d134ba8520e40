//! The page on `tls`.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{Certificate, CertificateParams, KeyPair, date_time_ymd};
use rustls::{ServerConfig, SupportedProtocolVersion, crypto::ring};
use test_servers::{Postgres, PostgresSetup};

use crate::{
    page::{Page, without_numbers},
    web::{Authority, private, reply, serve},
    world::{World, forward, in_world_with},
};

const ADDRESSES: &str = "addr add 10.0.0.7/32 dev lo";
const HOSTS: &str = "127.0.0.51 shop.example.com\n10.0.0.7 db.internal\n";
const SHOP: &str = "shop.example.com";
const DAY: u64 = 24 * 60 * 60;

/// Valid from the year 2020 until so many days from now.
fn valid_for(days: u64) -> impl Fn(&mut CertificateParams) {
    move |params| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let until = now.unwrap() + Duration::from_secs(days * DAY + DAY / 2);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(1970, 1, 1) + until;
    }
}

/// What a server shows.
fn showing(
    chain: &[&Certificate],
    key: &KeyPair,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ServerConfig> {
    let chain = chain.iter().map(|one| one.der().clone()).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, private(key))
        .unwrap();
    Arc::new(config)
}

/// In a network of its own: what a gate sees of a server that shows this, where these authorities are the machine's.
fn sees(
    config: Option<Arc<ServerConfig>>,
    trusted: &str,
    own: &str,
    gate: &str,
) -> (String, String) {
    let mut seen = None;
    in_world_with(ADDRESSES, HOSTS, |world| {
        world.write("trusted.pem", trusted);
        world.write("deploy/ca.pem", own);
        let silent = match config {
            Some(config) => {
                serve("127.0.0.51:443", Some(config), |_| reply("200 OK", ""));
                None
            }
            None => Some(TcpListener::bind("127.0.0.51:443").unwrap()),
        };
        seen = Some(world.sees(gate, &[]));
        drop(silent);
    });
    seen.unwrap()
}

#[test]
fn the_examples_of_tls_pass_with_the_machine_s_authorities_and_with_one_s_own() {
    in_world_with(ADDRESSES, HOSTS, |world: &World| {
        let (machine, own) = (Authority::new("Public CA"), Authority::new("Our CA"));
        world.write("trusted.pem", &machine.pem());
        world.write("deploy/ca.pem", &own.pem());
        let answer = |_: &_| reply("200 OK", "");
        serve("127.0.0.51:443", Some(machine.server(&[SHOP])), answer);
        serve(
            "10.0.0.7:8883",
            Some(own.server(&["broker.internal"])),
            answer,
        );
        let (certificate, key) = own.sign(&["db.internal"]);
        let postgres = Postgres::start_with(&PostgresSetup {
            tls: Some((certificate.pem(), key.serialize_pem())),
            ..PostgresSetup::default()
        });
        forward("10.0.0.7:5432", postgres.port);
        let page = Page::new("gates/tls.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 2);
        for example in examples {
            world.passes(example, &[]);
        }
    });
}

#[test]
fn everything_that_the_page_on_tls_says_is_seen_is_seen() {
    const ALL: &[&SupportedProtocolVersion] = rustls::ALL_VERSIONS;
    const OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const GATE: &str = "tls: shop.example.com";
    const OWN: &str = "tls: {address: shop.example.com, ca-file: deploy/ca.pem}";
    let ours = Authority::new("Our CA");
    let other = Authority::new("Public CA");
    let machine = format!("{}{}", ours.pem(), other.pem());
    let mut seen = Vec::new();
    let mut keep = |config, trusted: &str, own: &str, gate: &str| {
        seen.push(sees(config, trusted, own, gate));
    };

    let (good, key) = ours.sign_with(&[SHOP], valid_for(72));
    let newest = "tls: {address: shop.example.com, min-version: 1.3}";
    keep(Some(showing(&[&good], &key, ALL)), &machine, "", GATE);
    keep(Some(showing(&[&good], &key, OLD)), &machine, "", newest);
    keep(
        Some(showing(&[&good], &key, ALL)),
        &other.pem(),
        &Authority::new("Our CA").pem(),
        OWN,
    );
    let (short, key) = ours.sign_with(&[SHOP], valid_for(5));
    keep(Some(showing(&[&short], &key, ALL)), &machine, "", GATE);
    let (expired, key) = ours.sign_with(&[SHOP], |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2020, 1, 1);
    });
    keep(Some(showing(&[&expired], &key, ALL)), &machine, "", GATE);
    let (early, key) = ours.sign_with(&[SHOP], |params| {
        params.not_before = date_time_ymd(2990, 1, 1);
    });
    keep(Some(showing(&[&early], &key, ALL)), &machine, "", GATE);
    let (elsewhere, key) = ours.sign(&["www.example.com"]);
    keep(Some(showing(&[&elsewhere], &key, ALL)), &machine, "", GATE);

    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![SHOP.to_owned()]).unwrap();
    let own = params.self_signed(&key).unwrap();
    keep(Some(showing(&[&own], &key, ALL)), &machine, "", GATE);
    keep(
        Some(showing(&[&own], &key, ALL)),
        &machine,
        &ours.pem(),
        OWN,
    );

    let public = format!("{}{}", other.pem(), Authority::new("Second CA").pem());
    let (sent, key) = ours.sign(&[SHOP]);
    let root = ours.certificate();
    keep(Some(showing(&[&sent, &root], &key, ALL)), &public, "", GATE);
    keep(Some(showing(&[&sent], &key, ALL)), &public, "", GATE);

    let (between, of_between) = ours.below("Our CA 2", |params| {
        params.not_before = date_time_ymd(2019, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    });
    let (behind, key) = between.sign(&[SHOP]);
    keep(
        Some(showing(&[&behind, &of_between], &key, ALL)),
        &machine,
        "",
        GATE,
    );
    keep(None, &machine, "", &format!("{GATE}\n  try-timeout: 1s"));
    let mut plain = None;
    in_world_with(ADDRESSES, HOSTS, |world| {
        world.write("deploy/ca.pem", &ours.pem());
        let postgres = Postgres::start();
        forward("10.0.0.7:5432", postgres.port);
        let gate = "tls: {address: db.internal, start: postgres, ca-file: deploy/ca.pem}";
        plain = Some(world.sees(gate, &[]));
    });
    seen.extend(plain);

    for (_, words) in &seen {
        let of_certificate = words.starts_with("failed to accept");
        let front = "failed to accept the certificate of shop.example.com:443: ";
        assert!(!of_certificate || words.starts_with(front), "{words}");
    }
    Page::new("gates/tls.md").shows("What it sees", &seen, without_numbers);
}
