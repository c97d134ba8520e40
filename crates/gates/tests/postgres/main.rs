//! Gates of the kind `postgres` against real servers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod declared;
mod queries;
mod refusals;
mod states;

use std::time::Duration;

use actions_kit::{Environment, Redactor};
use gates::{Gate, Problems, Surroundings, file};
use probes::{Answer, Observation, postgres::Session, resolver::Resolver};
use test_servers::Postgres;
use tokio::time::Instant;

/// Long enough on a busy machine; what is measured against it is a hang.
const ENOUGH: Duration = Duration::from_secs(20);
/// For servers that never answer.
const SHORT: Duration = Duration::from_millis(1500);

/// A place with these variables; `PASSWORD` is the test server's.
fn around(variables: &[(&str, &str)]) -> Surroundings {
    let mut environment: Environment = variables.iter().copied().collect();
    environment.set_where_unset("PASSWORD", Postgres::PASSWORD);
    Surroundings {
        workspace: std::env::temp_dir(),
        environment,
        redactor: Redactor::new(),
        resolver: Resolver::system(),
    }
}

fn read(keys: &str, around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    file::read(&format!("- {{name: db, postgres: {keys}}}"), around)
}

fn gate(keys: &str) -> Gate {
    let gates = read(keys, &around(&[])).unwrap_or_else(|problems| panic!("{keys}: {problems:?}"));
    gates.into_iter().next().expect("one gate")
}

/// Asks once, as the judgement would.
async fn within(gate: &Gate, time: Duration) -> Observation {
    let seen = gate.probe.check(Instant::now() + time).await;
    let shown = format!("{} {}", gate.probe.identity(), seen.seen);
    assert!(!shown.contains("canary"), "{shown}");
    assert!(!shown.contains('\n'), "{shown}");
    seen
}

async fn ask(keys: &str) -> Observation {
    within(&gate(keys), ENOUGH).await
}

async fn passes(keys: &str, seen: &str) {
    let observation = ask(keys).await;
    assert_eq!(observation.answer, Answer::Pass, "{keys}: {observation:?}");
    assert_eq!(observation.seen, seen, "{keys}");
}

async fn fails(keys: &str, seen: &str) {
    let observation = ask(keys).await;
    assert_eq!(observation.answer, Answer::Fail, "{keys}: {observation:?}");
    assert_eq!(observation.seen, seen, "{keys}");
}

/// The keys of a gate that logs in to `server` as its first user.
fn at(server: &Postgres, more: &str) -> String {
    format!(
        "{{host: 127.0.0.1, port: {}, user: postgres, password: \"${{PASSWORD}}\", {more}}}",
        server.port
    )
}

/// A session of the test's own.
async fn session(server: &Postgres) -> Session {
    let password = format!("password='{}'", Postgres::PASSWORD);
    let settings = format!(
        "host=127.0.0.1 port={} user=postgres application_name=test {password}",
        server.port
    );
    probes::postgres::login(
        &Resolver::system(),
        &settings.parse().unwrap(),
        Instant::now() + ENOUGH,
    )
    .await
    .unwrap()
}

async fn value(session: &Session, question: &str) -> Option<String> {
    session
        .value(question, Instant::now() + ENOUGH)
        .await
        .unwrap()
}

/// Waits until the server has no connection of a gate's any more.
async fn nothing_is_left_open(session: &Session) {
    // A session that is in a transaction would be shown its first look for ever.
    let left = "SELECT count(*) FROM pg_stat_clear_snapshot(), pg_stat_activity WHERE application_name = 'baton'";
    let end = Instant::now() + ENOUGH;
    while value(session, left).await.as_deref() != Some("0") {
        assert!(Instant::now() < end, "a connection is left open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
