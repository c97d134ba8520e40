//! Servers that say no.

use test_servers::PostgresSetup;

use super::*;

#[tokio::test]
async fn a_refusal_is_told_in_the_servers_words_with_its_code() {
    let server = Postgres::start_with(&PostgresSetup {
        access:
            "host all old all md5\nhost all banned all reject\nhostssl all tls all scram-sha-256\n\
                 host all postgres,app all scram-sha-256\n"
                .to_owned(),
        ..PostgresSetup::default()
    });
    let admin = session(&server).await;
    value(
        &admin,
        "CREATE ROLE app LOGIN PASSWORD 'app' CONNECTION LIMIT 1",
    )
    .await;
    value(&admin, "SET password_encryption = md5").await;
    value(&admin, "CREATE ROLE old LOGIN PASSWORD 'old'").await;
    let by = |user: &str, password: &str, more: &str| {
        format!(
            "{{host: 127.0.0.1, port: {}, user: {user}, password: {password}, database: postgres, {more}}}",
            server.port
        )
    };
    let wrong = |user: &str| format!("password authentication failed for user \"{user}\" (28P01)");
    fails(&by("app", "canary", ""), &wrong("app")).await;
    // One try, one attempt to log in: none that a server counts twice.
    assert_eq!(
        server
            .log()
            .matches("password authentication failed")
            .count(),
        1
    );
    fails(&by("old", "canary", ""), &wrong("old")).await;
    let answers = format!("127.0.0.1:{} answers SELECT 1", server.port);
    passes(&by("old", "old", ""), &answers).await;
    fails(
        &by("app", "app", "database: none").replace("database: postgres, ", ""),
        "database \"none\" does not exist (3D000)",
    )
    .await;
    let no_entry = |user: &str| {
        format!(
            "no pg_hba.conf entry for host \"127.0.0.1\", user \"{user}\", database \"postgres\", no encryption (28000)"
        )
    };
    fails(&by("nobody", "x", ""), &no_entry("nobody")).await;
    fails(&by("tls", "x", "sslmode: disable"), &no_entry("tls")).await;
    fails(
        &by("banned", "x", ""),
        "pg_hba.conf rejects connection for host \"127.0.0.1\", user \"banned\", database \"postgres\", no encryption (28000)",
    )
    .await;
    fails(
        &by("app", "app", "sslmode: require"),
        &format!(
            "failed to speak TLS with 127.0.0.1:{}: the server offers none, and sslmode wants it",
            server.port
        ),
    )
    .await;
    value(&admin, "ALTER ROLE app CONNECTION LIMIT 0").await;
    fails(
        &by("app", "app", ""),
        "too many connections for role \"app\" (53300)",
    )
    .await;
    let none = format!("{{host: 127.0.0.1, port: {}, user: app}}", server.port);
    fails(
        &none,
        &format!(
            "failed to log in to 127.0.0.1:{} as app: it asks for a password, and none is set",
            server.port
        ),
    )
    .await;
    // All the while it takes connections.
    let ready = ask(&by("banned", "x", "ready: true")).await;
    assert_eq!(ready.answer, Answer::Pass, "{ready:?}");
    nothing_is_left_open(&admin).await;
}

#[tokio::test]
async fn a_server_without_room_for_one_more_fails_and_is_ready_all_the_same() {
    let server = Postgres::start_with(&PostgresSetup {
        settings: [
            "max_connections=2",
            "superuser_reserved_connections=0",
            "max_wal_senders=0",
        ]
        .map(str::to_owned)
        .to_vec(),
        ..PostgresSetup::default()
    });
    let gate = gate(&at(&server, ""));
    assert_eq!(within(&gate, ENOUGH).await.answer, Answer::Pass);
    let _first = session(&server).await;
    let second = session(&server).await;
    fails(&at(&server, ""), "sorry, too many clients already (53300)").await;
    passes(
        &at(&server, "ready: true"),
        &format!(
            "127.0.0.1:{} takes connections (though not this one: SQLSTATE 53300)",
            server.port
        ),
    )
    .await;
    second.close(Instant::now() + ENOUGH).await;
    let end = Instant::now() + ENOUGH;
    while within(&gate, ENOUGH).await.answer != Answer::Pass {
        assert!(
            Instant::now() < end,
            "there is room again, and nobody notices"
        );
    }
}
