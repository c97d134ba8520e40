//! What a query's answer comes to.

use super::*;

#[tokio::test]
async fn the_first_value_and_the_number_of_rows_are_held_against_what_is_wanted() {
    let server = Postgres::start();
    let query = |sql: &str, more: &str| at(&server, &format!("query: \"{sql}\", {more}"));

    passes(&query("SELECT 6 * 7", "value: 42"), "42").await;
    passes(&query("SELECT 6 * 7;", "value: '>= 42'"), "42").await;
    passes(&query("SELECT true", "value: true"), "\"t\"").await;
    passes(
        &query("SELECT 'ok', 'more'", "value: ok, rows: 1"),
        "\"ok\"; 1 row",
    )
    .await;
    passes(&query("SELECT generate_series(1, 3)", ""), "3 rows").await;
    passes(&query("SHOW server_encoding", "value: UTF8"), "\"UTF8\"").await;
    // PostgreSQL's text, whatever the type: this one is known to no client.
    passes(
        &query("SELECT '1 day'::interval", "value: 1 day"),
        "\"1 day\"",
    )
    .await;

    fails(&query("SELECT 2", "value: '>= 3'"), "2, wanted >= 3").await;
    fails(
        &query("SELECT 'degraded'", "value: ok"),
        "\"degraded\", wanted \"ok\"",
    )
    .await;
    fails(&query("SELECT NULL", "value: ok"), "NULL, wanted \"ok\"").await;
    fails(
        &query("SELECT 1 WHERE false", "value: 1"),
        "no row, wanted 1",
    )
    .await;
    fails(
        &query("SELECT 1 WHERE false", "rows: '>= 1'"),
        "0 rows, wanted >= 1",
    )
    .await;
    fails(
        &query("SELECT generate_series(1, 3)", "rows: 1..2"),
        "3 rows, wanted 1..2",
    )
    .await;
    let long = format!("\"{}…\", wanted \"{}…\"", "s".repeat(80), "w".repeat(80));
    let wanted = format!("value: {}", "w".repeat(500));
    fails(&query("SELECT repeat('s', 5000)", &wanted), &long).await;
    nothing_is_left_open(&session(&server).await).await;
}

#[tokio::test]
async fn an_error_of_the_query_is_told_in_the_servers_words_with_its_code() {
    let server = Postgres::start();
    let admin = session(&server).await;
    value(&admin, "CREATE TABLE orders (id int)").await;
    value(&admin, "CREATE ROLE app LOGIN PASSWORD 'app'").await;
    let query = |sql: &str| at(&server, &format!("query: {sql:?}"));

    fails(
        &query("SELEC 1"),
        "syntax error at or near \"SELEC\" (42601)",
    )
    .await;
    fails(
        &query("SELECT * FROM none"),
        "relation \"none\" does not exist (42P01)",
    )
    .await;
    fails(&query("SELECT 1 / 0"), "division by zero (22012)").await;
    let useless = format!(
        "failed to use the answer of 127.0.0.1:{}: it holds no rows; COPY is not understood here",
        server.port
    );
    fails(&query("COPY (SELECT 1) TO STDOUT"), &useless).await;
    fails(
        &query("SELECT E'a\\nb\\u202e'::int"),
        "invalid input syntax for type integer: \"a\\nb\\u{202e}\" (22P02)",
    )
    .await;
    let app = format!(
        "{{host: 127.0.0.1, port: {}, user: app, password: app, database: postgres, query: SELECT * FROM orders}}",
        server.port
    );
    fails(&app, "permission denied for table orders (42501)").await;
    nothing_is_left_open(&admin).await;
}

#[tokio::test]
async fn a_query_changes_nothing_unless_it_may() {
    let server = Postgres::start();
    let admin = session(&server).await;
    value(&admin, "CREATE TABLE orders (id int)").await;
    value(&admin, "CREATE SEQUENCE numbers").await;
    let query = |sql: &str, more: &str| at(&server, &format!("query: {sql:?}, {more}"));
    for sql in [
        "INSERT INTO orders VALUES (1) RETURNING id",
        "WITH new AS (INSERT INTO orders VALUES (1) RETURNING id) SELECT * FROM new",
        "SELECT nextval('numbers')",
        "DO $$ BEGIN INSERT INTO orders VALUES (1); END $$",
        "CREATE TABLE more (id int)",
    ] {
        let seen = ask(&query(sql, "")).await;
        assert_eq!(seen.answer, Answer::Fail, "{sql}: {seen:?}");
        assert!(
            seen.seen.ends_with("in a read-only transaction (25006)"),
            "{sql}: {seen:?}"
        );
    }
    // Within its transaction a statement cannot make it another one, nor leave it.
    for sql in [
        "SET TRANSACTION READ WRITE",
        "DO $$ BEGIN COMMIT; INSERT INTO orders VALUES (1); END $$",
    ] {
        let _seen = ask(&query(sql, "")).await;
    }
    assert_eq!(
        value(&admin, "SELECT count(*) FROM orders")
            .await
            .as_deref(),
        Some("0")
    );

    let write = query(
        "INSERT INTO orders VALUES (7) RETURNING id",
        "read-only: false, value: 7",
    );
    passes(&write, "7").await;
    assert_eq!(
        value(&admin, "SELECT count(*) FROM orders")
            .await
            .as_deref(),
        Some("1")
    );
    nothing_is_left_open(&admin).await;
    assert!(!server.log().contains("unexpected EOF"), "{}", server.log());
}

#[tokio::test]
async fn a_query_that_goes_on_is_ended_at_the_server_before_the_try_is_over() {
    let server = Postgres::start();
    let admin = session(&server).await;
    let gate = gate(&at(&server, "query: SELECT pg_sleep(600)"));
    let seen = within(&gate, Duration::from_secs(3)).await;
    assert_eq!(seen.answer, Answer::Fail);
    assert_eq!(
        seen.seen,
        "canceling statement due to statement timeout (57014)"
    );
    assert!(seen.took < Duration::from_secs(3), "{seen:?}");
    nothing_is_left_open(&admin).await;
    // Nor does one stay behind that waits for somebody else's lock.
    value(&admin, "CREATE TABLE orders (id int)").await;
    value(&admin, "BEGIN; LOCK TABLE orders").await;
    let gate = super::gate(&at(&server, "query: SELECT * FROM orders"));
    let seen = within(&gate, Duration::from_secs(2)).await;
    assert_eq!(
        seen.seen,
        "canceling statement due to statement timeout (57014)"
    );
    nothing_is_left_open(&admin).await;
}

#[tokio::test]
async fn an_endless_answer_is_read_only_as_far_as_it_matters() {
    let server = Postgres::start();
    let query = |sql: &str, more: &str| at(&server, &format!("query: {sql:?}, {more}"));
    let many = "SELECT generate_series(1, 100000000)";
    fails(&query(many, "rows: 5"), "more than 10000 rows, wanted 5").await;
    passes(&query(many, "value: 1"), "1").await;
    fails(
        &query("SELECT repeat('x', 100000000)", "value: x"),
        &format!(
            "failed to read the answer of 127.0.0.1:{}: it is longer than 16 MiB",
            server.port
        ),
    )
    .await;
    nothing_is_left_open(&session(&server).await).await;
}
