//! The page on `postgres`.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use test_servers::{Postgres, PostgresSetup, program, until};

use crate::{
    page::Page,
    web::Authority,
    world::{World, forward, in_world},
};

/// The password of `app`: whatever a URL would have encoded.
const PASSWORD: &str = "canary@/%:?#p";

/// What an administrator would have run.
fn sql(server: &Postgres, database: &str, text: &str) {
    let done = Command::new(program("psql", &[], "postgresql"))
        .args([
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
        ])
        .args(["-p", &server.port.to_string(), "-U", Postgres::USER])
        .args(["-d", database, "-c", text])
        .env("PGPASSWORD", Postgres::PASSWORD)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{text}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A server with the shop of the page's examples.
fn shop(setup: &PostgresSetup) -> Postgres {
    let server = Postgres::start_with(setup);
    sql(
        &server,
        "postgres",
        &format!("CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'"),
    );
    sql(&server, "postgres", "CREATE DATABASE shop OWNER app");
    for statement in [
        "CREATE TABLE schema_migrations (version int)",
        "INSERT INTO schema_migrations VALUES (41), (42)",
        "CREATE TABLE jobs (id int, state text)",
        "INSERT INTO jobs VALUES (1, 'done')",
        "CREATE TABLE orders (id int)",
        "GRANT SELECT ON schema_migrations, jobs TO app",
        "GRANT INSERT ON jobs TO app",
    ] {
        sql(&server, "shop", statement);
    }
    server
}

fn variables() -> [(&'static str, String); 2] {
    let encoded = "canary%40%2F%25%3A%3F%23p";
    [
        ("DB_PASSWORD", PASSWORD.to_owned()),
        (
            "DATABASE_URL",
            format!("postgres://app:{encoded}@db.internal/shop"),
        ),
    ]
}

fn passes(world: &World, example: &str) {
    let variables = variables();
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    world.passes(example, &variables);
}

fn sees(world: &World, kind: &str) -> (String, String) {
    let variables = variables();
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let (status, seen) = world.sees(kind, &variables);
    assert!(!seen.contains("canary"), "{seen}");
    (status, seen)
}

/// A client that stays.
fn holder(server: &Postgres) -> Child {
    Command::new(program("psql", &[], "postgresql"))
        .args(["-h", "127.0.0.1", "-p", &server.port.to_string()])
        .args(["-U", Postgres::USER, "-d", "postgres"])
        .args(["-c", "SELECT pg_sleep(60)"])
        .env("PGPASSWORD", Postgres::PASSWORD)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn the_examples_of_postgres_pass_at_a_shop_with_a_standby_and_tls() {
    in_world(|world| {
        let authority = Authority::new("Our CA");
        world.write("deploy/database-ca.pem", &authority.pem());
        let (certificate, key) = authority.sign(&["db.internal"]);
        let primary = shop(&PostgresSetup {
            tls: Some((certificate.pem(), key.serialize_pem())),
            access: "hostssl all app 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n\
                     host replication all 127.0.0.1/32 scram-sha-256\n"
                .to_owned(),
            ..PostgresSetup::default()
        });
        let standby = Postgres::standby_of(&primary, true);
        forward("10.0.0.7:5432", primary.port);
        forward("127.0.0.31:5432", primary.port);
        forward("127.0.0.32:5432", standby.port);
        let page = Page::new("gates/postgres.md");
        let examples = page.examples();
        assert_eq!(examples.len(), 6);
        for example in examples {
            passes(world, example);
        }
        // The other way round, each names what it found.
        for (role, host) in [("primary", "db-2"), ("standby", "db-1")] {
            let gate = format!(
                "postgres: {{url: 'postgres://app:${{DB_PASSWORD}}@{host}.internal/shop', role: {role}}}"
            );
            let (status, seen) = sees(world, &gate);
            assert_eq!(status, "fail");
            assert!(seen.ends_with(&format!("wanted a {role}")), "{seen}");
        }
    });
}

#[test]
fn each_way_to_write_a_value_or_a_number_of_rows_passes_where_the_page_says_so() {
    in_world(|world| {
        let server = shop(&PostgresSetup::default());
        forward("10.0.0.7:5432", server.port);
        for (query, keys, wanted) in [
            ("SELECT 'ok'", "value: ok", "pass"),
            ("SELECT true", "value: 'true'", "pass"),
            ("SELECT false", "value: f", "pass"),
            ("SELECT 'other'", "value: '!= degraded'", "pass"),
            ("SELECT 'degraded'", "value: '!= degraded'", "fail"),
            ("SELECT 42", "value: '>= 42'", "pass"),
            ("SELECT 0.1", "value: '> 0'", "pass"),
            ("SELECT 1.50", "value: '<= 1.5'", "pass"),
            ("SELECT 10", "value: '< 10'", "fail"),
            (
                "SELECT 9007199254740993",
                "value: '> 9007199254740992'",
                "pass",
            ),
            ("SELECT '>= 42'", "value: '= >= 42'", "pass"),
            ("SELECT NULL", "value: '!= x'", "fail"),
            ("SELECT 1 WHERE false", "value: '!= x'", "fail"),
            (
                "SELECT version() ~ '^PostgreSQL 1[5-9]'",
                "value: true",
                "pass",
            ),
            ("SELECT generate_series(1, 3)", "rows: 3", "pass"),
            ("SELECT generate_series(1, 3)", "rows: '>= 1'", "pass"),
            ("SELECT generate_series(1, 3)", "rows: '> 3'", "fail"),
            ("SELECT generate_series(1, 5)", "rows: '<= 5'", "pass"),
            ("SELECT generate_series(1, 5)", "rows: '< 5'", "fail"),
            ("SELECT generate_series(1, 5)", "rows: 1..5", "pass"),
            (
                "SELECT generate_series(1, 3)",
                "{value: 1, rows: 3}",
                "pass",
            ),
        ] {
            let keys = keys.trim_matches(['{', '}']);
            let gate =
                format!("postgres: {{url: \"${{DATABASE_URL}}\", query: \"{query}\", {keys}}}");
            let (status, seen) = sees(world, &gate);
            assert_eq!(status, wanted, "{query}, {keys}: {seen}");
        }
    });
}

#[test]
fn everything_that_the_page_on_postgres_says_is_shown_is_shown() {
    let mut seen = Vec::new();
    in_world(|world| {
        let server = shop(&PostgresSetup {
            access: "host none all all scram-sha-256\nhost shop,postgres app,postgres 127.0.0.1/32 scram-sha-256\n\
                     host replication all 127.0.0.1/32 scram-sha-256\n"
                .to_owned(),
            settings: ["max_connections=6", "max_wal_senders=2", "superuser_reserved_connections=0"]
                .map(str::to_owned)
                .to_vec(),
            ..PostgresSetup::default()
        });
        forward("10.0.0.7:5432", server.port);
        let query = |text: &str, more: &str| {
            format!("postgres: {{url: \"${{DATABASE_URL}}\", query: \"{text}\"{more}}}")
        };
        for gate in [
            "postgres: {host: db.internal, user: app, password: wrong, database: shop}",
            &query("SELECT * FROM orders", ""),
            &query("INSERT INTO jobs VALUES (2, 'stuck')", ""),
            &format!("{}\n  try-timeout: 2s", query("SELECT pg_sleep(60)", "")),
            &query("SELECT 41", ", value: '>= 42'"),
            &query("COPY jobs TO STDOUT", ""),
        ] {
            seen.push(sees(world, gate));
        }
        let lost = "postgres: {host: db.internal, user: app, password: \"${DB_PASSWORD}\", database: none}";
        let (status, words) = sees(world, lost);
        seen.push((status, words.replace("\"none\"", "\"shop\"")));

        let mut holders = Vec::new();
        let full = until(Duration::from_secs(30), "a server without room", || {
            let (status, words) = sees(world, "postgres: ${DATABASE_URL}");
            if status == "pass" {
                holders.push(holder(&server));
            }
            (status == "fail").then_some((status, words))
        });
        seen.push(full);
        for mut holder in holders {
            holder.kill().unwrap();
            holder.wait().unwrap();
        }
    });
    in_world(|world| {
        let server = shop(&PostgresSetup {
            access: "host all postgres 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n".to_owned(),
            ..PostgresSetup::default()
        });
        forward("10.0.0.7:5432", server.port);
        let (status, words) = sees(world, "postgres: ${DATABASE_URL}");
        seen.push((status, words.replace("127.0.0.1", "10.0.0.7")));
        let cold = Postgres::standby_of(&server, false);
        let hot = Postgres::standby_of(&server, true);
        let starting = Postgres::start_with(&PostgresSetup {
            starting_up: true,
            ..PostgresSetup::default()
        });
        for (port, more) in [
            (cold.port, ""),
            (starting.port, ""),
            (hot.port, ", role: primary"),
        ] {
            let gate = format!(
                "postgres: {{host: 127.0.0.1, port: {port}, user: {}, password: {}{more}}}",
                Postgres::USER,
                serde_json::json!(Postgres::PASSWORD)
            );
            seen.push(sees(world, &gate));
        }
    });
    let page = Page::new("gates/postgres.md");
    for (status, words) in &seen {
        assert_eq!(status, "fail", "{words}");
    }
    page.shows("What it shows", &seen, str::to_owned);
}
