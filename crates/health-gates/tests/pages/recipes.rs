//! The page on the whole: its files of gates.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use test_servers::{Postgres, PostgresSetup};

use crate::{
    page::Page,
    web::{reply, serve},
    world::{World, forward, in_world},
};

/// A database that lets everybody in, at the URL that it gives.
fn database() -> (Postgres, String) {
    let server = Postgres::start_with(&PostgresSetup {
        access: "host all all 127.0.0.1/32 trust\n".to_owned(),
        ..PostgresSetup::default()
    });
    forward("10.0.0.7:5432", server.port);
    let url = "postgres://postgres@db.internal/postgres".to_owned();
    (server, url)
}

fn status(world: &World, example: &str, name: &str, variables: &[(&str, &str)]) -> String {
    let judged = world.once(example, variables);
    let gate = judged.gates.into_iter().find(|gate| gate.0 == name);
    gate.unwrap_or_else(|| panic!("{name} in {example}")).1
}

#[test]
fn the_file_and_the_recipes_pass_where_their_services_are_healthy() {
    in_world(|world| {
        let (_server, url) = database();
        serve("127.0.0.1:8080", None, |_| {
            reply("200 OK", r#"{"status": "healthy"}"#)
        });
        serve("127.0.0.1:9200", None, |asked| match asked.line.as_str() {
            "GET /_cluster/health" => reply("200 OK", "{}"),
            _ => reply("404 Not Found", ""),
        });
        serve("192.0.2.12:80", None, |asked| {
            match asked.has("host: shop.example.com") {
                true => reply("200 OK", ""),
                false => reply("421 Misdirected Request", ""),
            }
        });
        let examples = Page::new("health-gates.md");
        let examples = examples.examples();
        assert_eq!(examples.len(), 5);
        for example in examples {
            world.passes(example, &[("DATABASE_URL", &url)]);
        }
    });
}

#[test]
fn what_is_not_required_warns_and_what_waits_for_another_is_not_asked_before_it() {
    in_world(|world| {
        let page = Page::new("health-gates.md");
        let gone = ("DATABASE_URL", "postgres://postgres@db.internal/postgres");
        let first = page.example("defaults:");
        assert_eq!(status(world, first, "search", &[gone]), "warn");
        let judged = world.judge(&first.replace("2m", "1s"), &[gone]);
        assert_eq!(judged.exit, Some(1));
        let words: Vec<(&str, &str)> = judged
            .gates
            .iter()
            .map(|(name, status, _)| (name.as_str(), status.as_str()))
            .collect();
        assert_eq!(
            words,
            [("database", "fail"), ("api", "unknown"), ("search", "warn")]
        );
    });
}

#[test]
fn three_successes_in_a_row_take_two_waits_of_two_seconds_and_start_anew_after_a_failure() {
    in_world(|world| {
        static ASKED: AtomicUsize = AtomicUsize::new(0);
        serve("127.0.0.1:8080", None, |_| {
            match ASKED.fetch_add(1, Ordering::SeqCst) {
                1 => reply("503 Service Unavailable", ""),
                _ => reply("200 OK", ""),
            }
        });
        let page = Page::new("health-gates.md");
        let begun = Instant::now();
        world.passes(page.example("successes: 3"), &[]);
        let took = begun.elapsed();
        assert_eq!(ASKED.load(Ordering::SeqCst), 5);
        // Four waits of two seconds, each up to a tenth shorter or longer by chance.
        assert!(took > Duration::from_secs(6), "{took:?}");
    });
}
