//! The page on `redis`.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use test_servers::{Redis, RedisCluster, RedisSetup, until};

use crate::{
    page::Page,
    web::Authority,
    world::{World, forward, in_world},
};

/// A password with all that a URL would have encoded.
const PASSWORD: &str = "canary@/%:#?p";
const VARIABLES: &[(&str, &str)] = &[
    (
        "REDIS_URL",
        "redis://app:canary%40%2F%25%3A%23%3Fp@cache.internal",
    ),
    ("REDIS_PASSWORD", PASSWORD),
    ("SENTINEL_PASSWORD", "canary-of-sentinels"),
    ("VERSION", "v42"),
];

/// Servers and clients are this patient.
const ENOUGH: Duration = Duration::from_secs(30);

fn with(config: &str) -> Redis {
    Redis::start_with(&RedisSetup {
        config: config.to_owned(),
        ..RedisSetup::default()
    })
}

fn replica_of(port: u16, more: &str) -> Redis {
    with(&format!("replicaof 127.0.0.1 {port}\n{more}"))
}

fn sees(world: &World, keys: &str) -> (String, String) {
    let (status, seen) = world.sees(&format!("redis: {keys}"), VARIABLES);
    assert!(!seen.contains("canary"), "{seen}");
    (status, seen)
}

/// Asks until `wanted` is part of what is seen: what servers know of each other takes a moment.
fn sees_soon(world: &World, keys: &str, wanted: &str) -> (String, String) {
    until(ENOUGH, wanted, || {
        Some(sees(world, keys)).filter(|(_, seen)| seen.contains(wanted))
    })
}

#[test]
fn the_examples_of_a_server_alone_pass_with_its_password_in_a_url_or_beside_it() {
    in_world(|world| {
        let server = with(&format!(
            "user app on \">{PASSWORD}\" ~* -@all +ping +get\n"
        ));
        server.command(&["SET", "deploy:version", "v42"]);
        forward("127.0.0.21:6379", server.port);
        let page = Page::new("gates/redis.md");
        assert_eq!(page.examples().len(), 7);
        for part in [
            "redis: ${REDIS_URL}",
            "username: app",
            "[GET, deploy:version]",
        ] {
            world.passes(page.example(part), VARIABLES);
        }
        server.command(&["SET", "deploy:version", "v41"]);
        let judged = world.once(page.example("[GET, deploy:version]"), VARIABLES);
        assert_eq!(judged.gates[0].1, "fail", "{}", judged.gates[0].2);
    });
}

#[test]
fn the_example_of_a_master_passes_with_both_of_its_replicas() {
    in_world(|world| {
        let master = with("repl-diskless-sync-delay 0\n");
        let first = replica_of(master.port, "");
        forward("127.0.0.21:6379", master.port);
        let example = Page::new("gates/redis.md");
        let example = example.example("min-replicas: 2");
        let one = sees_soon(
            world,
            "{url: cache.internal, min-replicas: 2}",
            "1 replica online",
        );
        assert_eq!(one.0, "fail", "{}", one.1);
        let second = replica_of(master.port, "");
        world.passes(example, VARIABLES);
        for replica in [first, second] {
            let url = format!("127.0.0.1:{}", replica.port);
            let replica = sees_soon(world, &format!("{{url: '{url}', role: replica}}"), "PONG");
            assert_eq!(replica.0, "pass", "{}", replica.1);
        }
    });
}

#[test]
fn the_example_of_sentinels_passes_where_two_of_three_name_a_master_with_a_replica() {
    in_world(|world| {
        let login = format!("requirepass \"{PASSWORD}\"\nmasterauth \"{PASSWORD}\"\n");
        let master = with(&format!("{login}repl-diskless-sync-delay 0\n"));
        let _replica = replica_of(master.port, &login);
        let _sentinels: Vec<Redis> = ["127.0.0.11:26379", "127.0.0.12:26379"]
            .map(|at| {
                let sentinel = Redis::start_with(&RedisSetup {
                    sentinel: true,
                    config: format!(
                        "sentinel monitor shop 127.0.0.1 {} 2\nsentinel auth-pass shop \"{PASSWORD}\"\n\
                         requirepass canary-of-sentinels\n",
                        master.port
                    ),
                    ..RedisSetup::default()
                });
                forward(at, sentinel.port);
                sentinel
            })
            .into();
        let page = Page::new("gates/redis.md");
        world.passes(page.example("sentinel:"), VARIABLES);
    });
}

#[test]
fn the_example_of_a_cluster_passes_with_all_of_its_masters() {
    in_world(|world| {
        let cluster = RedisCluster::start(3, "");
        forward("127.0.0.41:6379", cluster.nodes[0].port);
        world.passes(
            Page::new("gates/redis.md").example("cluster: true"),
            VARIABLES,
        );
    });
}

#[test]
fn the_example_of_tls_passes_where_both_ends_trust_the_authority() {
    in_world(|world| {
        let authority = Authority::new("Our CA");
        let (certificate, key) = authority.sign(&["cache.internal"]);
        let (client, client_key) = authority.sign(&["runner"]);
        world.write("deploy/ca.pem", &authority.pem());
        world.write("deploy/client.pem", &client.pem());
        world.write("deploy/client.key", &client_key.serialize_pem());
        let server = Redis::start_with(&RedisSetup {
            tls: Some((certificate.pem(), key.serialize_pem())),
            clients_of: Some(authority.pem()),
            ..RedisSetup::default()
        });
        forward("127.0.0.21:6379", server.port);
        let page = Page::new("gates/redis.md");
        let example = page.example("rediss:");
        world.passes(example, VARIABLES);
        let open = example.replace("ca-file: deploy/ca.pem", "skip-verify: true");
        let judged = world.once(&open, VARIABLES);
        assert!(
            judged.gates[0].2.ends_with("(certificate not verified)"),
            "{}",
            judged.gates[0].2
        );
        // In the clear where TLS is spoken: a hint. A file that is not there: nobody was asked.
        let (status, seen) = sees(world, "redis://cache.internal:6379");
        assert_eq!(status, "fail", "{seen}");
        assert!(seen.contains("rediss://"), "{seen}");
        let lost = example.replace("deploy/ca.pem", "deploy/none.pem");
        assert_eq!(world.once(&lost, VARIABLES).gates[0].1, "unknown");
    });
}

#[test]
fn everything_that_the_page_on_redis_says_is_seen_is_seen() {
    let mut seen = Vec::new();
    in_world(|world| {
        let master = with("repl-diskless-sync-delay 0\n");
        let _replicas = [replica_of(master.port, ""), replica_of(master.port, "")];
        forward("127.0.0.21:6379", master.port);
        let at = "{url: cache.internal, role: master}";
        seen.push(sees_soon(world, at, "2 replicas online"));
        let lonely = Redis::start();
        let at = |port: u16, more: &str| format!("{{url: '127.0.0.1:{port}'{more}}}");
        seen.push(sees(world, &at(lonely.port, ", min-replicas: 1")));

        // Nobody answers there.
        let lost = with("replicaof 10.0.0.5 6379\nreplica-serve-stale-data no\n");
        seen.push(sees(world, &at(lost.port, "")));
        let lost = with("replicaof 10.0.0.5 6379\n");
        seen.push(sees(world, &at(lost.port, ", role: master")));
        seen.push(sees_soon(
            world,
            &at(lost.port, ", role: replica"),
            "is connect,",
        ));

        let closed = with(&format!(
            "requirepass s3cret\nuser app on \">{PASSWORD}\" ~* -@all +get\n"
        ));
        seen.push(sees(world, &at(closed.port, "")));
        let login = ", username: app, password: \"${REDIS_PASSWORD}\"";
        seen.push(sees(world, &at(closed.port, login)));
        seen.push(sees(
            world,
            &at(closed.port, ", username: app, password: wrong"),
        ));

        let loading = Redis::start();
        loading.command(&["DEBUG", "POPULATE", "20000"]);
        loading.command(&["SAVE"]);
        let loading = loading.restart_with(&RedisSetup {
            config: "key-load-delay 10000\nloading-process-events-interval-bytes 1024\n".to_owned(),
            ..RedisSetup::default()
        });
        seen.push(sees(world, &at(loading.port, "")));

        let full = with("maxclients 1\n");
        let _only = until(ENOUGH, "room for one client", || {
            let mut only = TcpStream::connect(("127.0.0.1", full.port)).ok()?;
            let mut said = [0; 7];
            only.write_all(b"PING\r\n").ok()?;
            only.read_exact(&mut said).ok()?;
            (said == *b"+PONG\r\n").then_some(only)
        });
        seen.push(sees(world, &at(full.port, "")));
    });
    in_world(|world| {
        let mut cluster = RedisCluster::start(3, "");
        let first = cluster.nodes.remove(0);
        let at = format!(
            "{{url: '127.0.0.1:{}', cluster: true}}",
            cluster.nodes[0].port
        );
        drop(first);
        seen.push(sees_soon(world, &at, "cluster_state is fail: 5461 of"));

        let sentinel = Redis::start_with(&RedisSetup {
            sentinel: true,
            ..RedisSetup::default()
        });
        let one = format!("127.0.0.1:{}", sentinel.port);
        seen.push(sees(
            world,
            &format!("{{sentinel: {{master: shop, at: '{one}'}}}}"),
        ));
        let master = Redis::start();
        sentinel.command(&[
            "SENTINEL",
            "MONITOR",
            "shop",
            "127.0.0.1",
            &master.port.to_string(),
            "1",
        ]);
        let three = format!("['{one}', sentinel-2, sentinel-3]");
        seen.push(sees(
            world,
            &format!("{{sentinel: {{master: shop, at: {three}}}}}"),
        ));
    });
    for (status, words) in &mut seen {
        assert_eq!(status == "pass", words.starts_with("PONG"), "{words}");
        // The page has no column for it.
        status.clear();
    }
    Page::new("gates/redis.md").shows("What it says", &seen, str::to_owned);
}
