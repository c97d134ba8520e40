//! How a gate is written.

use super::*;

fn problem(keys: &str, variables: &[(&str, &str)]) -> String {
    match read(keys, &around(variables)) {
        Ok(_) => panic!("{keys} is taken"),
        Err(problems) => {
            let text = format!("{problems:?}");
            assert!(!text.contains("canary"), "{text}");
            text
        }
    }
}

#[tokio::test]
async fn a_server_is_named_by_url_by_keywords_by_keys_or_by_the_environment() {
    let server = Postgres::start();
    let port = server.port;
    let answers = format!("127.0.0.1:{port} answers SELECT 1");
    // The password holds `/`, `@`, a space and a colon.
    let url = format!("postgres://postgres:canary%2Fp%40ss%20w%3Ard@127.0.0.1:{port}/postgres");
    passes(&url, &answers).await;
    passes(&format!("{{url: \"{url}\", database: postgres}}"), &answers).await;
    passes(
        &format!("\"host=127.0.0.1 port={port} user=postgres password='${{PASSWORD}}'\""),
        &answers,
    )
    .await;
    passes(
        &format!("'postgres://postgres:${{PASSWORD}}@127.0.0.1:{port}/'"),
        &answers,
    )
    .await;
    passes(&at(&server, ""), &answers).await;
    passes(
        &format!(
            "{{host: '{}', port: {port}, user: postgres, password: \"${{PASSWORD}}\"}}",
            server.folder().display()
        ),
        &format!(
            "{}/.s.PGSQL.{port} answers SELECT 1",
            server.folder().display()
        ),
    )
    .await;

    let port = port.to_string();
    let variables = [
        ("PGPORT", port.as_str()),
        ("PGPASSWORD", Postgres::PASSWORD),
    ];
    let around = around(&variables);
    let gate = read("postgres://postgres@127.0.0.1/", &around)
        .unwrap()
        .remove(0);
    let seen = within(&gate, ENOUGH).await;
    assert_eq!((seen.answer, seen.seen), (Answer::Pass, answers));
    assert_eq!(
        gate.probe.identity(),
        format!("postgres login 127.0.0.1:{port}/postgres")
    );
    // Whatever is shown later: the password is known by then.
    assert_eq!(around.redactor.redact(Postgres::PASSWORD), "***");

    // Readiness needs neither password nor user.
    passes(
        &format!("{{url: 'postgres://nobody@127.0.0.1:{port}/none', ready: true}}"),
        &format!("127.0.0.1:{port} takes connections"),
    )
    .await;
    nothing_is_left_open(&session(&server).await).await;
}

#[test]
fn a_password_that_cuts_the_url_up_is_told_with_its_mend() {
    for password in [
        "canary/x",
        "ca/canary",
        "canary@x",
        "canary?x",
        "canary%x",
        "1/canary",
    ] {
        let url = format!("postgres://me:{password}@db.example/app");
        let text = problem("'${URL}'", &[("URL", &url)]);
        assert!(text.contains("percent-encode"), "{password}: {text}");
        assert!(text.contains("key `password`"), "{password}: {text}");
        for keys in [
            "'postgres://me:${P}@db.example/app'",
            "{url: 'postgres://me@db.example/app', password: \"${P}\"}",
            "{host: db.example, user: me, database: app, password: \"${P}\"}",
        ] {
            let around = around(&[("P", password)]);
            let gate = read(keys, &around).unwrap().remove(0);
            assert_eq!(
                gate.probe.identity(),
                "postgres login db.example:5432/app",
                "{keys}"
            );
            assert_eq!(around.redactor.redact(password), "***", "{keys}");
        }
    }
}

#[test]
fn what_does_not_fit_is_told_at_its_key() {
    for (keys, wanted) in [
        ("{}", "nothing that names a server"),
        ("{url: ''}", "`url`"),
        ("just canary words", "neither a postgres:// URL"),
        ("{host: h, port: canary}", "`port`"),
        ("{host: 'a,b,c', port: '1,2'}", "`host`"),
        ("{host: h, sslcert: c.pem}", "the private key of sslcert"),
        ("{host: h, value: 3}", "no `query`"),
        ("{host: h, rows: 3}", "no `query`"),
        ("{host: h, query: SELECT 1, value: '>= many'}", "no number"),
        (
            "{host: h, query: SELECT 1, rows: many}",
            "no number of rows",
        ),
        (
            "{host: h, query: 'COMMIT; DELETE FROM t'}",
            "more than one statement",
        ),
        ("{host: h, query: '-- SELECT 1'}", "no statement"),
        (
            "{host: h, ready: true, query: SELECT 1}",
            "`ready` beside it",
        ),
        ("{host: h, ready: true, role: primary}", "`ready` beside it"),
        (
            "{host: h, role: primary, target-session-attrs: any}",
            "one of the two",
        ),
        ("{host: h, role: leader}", "primary"),
    ] {
        let text = problem(keys, &[]);
        assert!(text.contains(wanted), "{keys}: {text}");
    }
    let text = problem("{host: h}", &[("PGSSLMODE", "canary")]);
    assert!(
        text.contains("the environment's PG* variables: sslmode wants"),
        "{text}"
    );
    let text = problem("{host: h, sslmode: require}", &[("PGSERVICE", "canary")]);
    assert!(text.contains("service is not supported"), "{text}");
}

#[tokio::test]
async fn certificates_are_looked_for_in_the_workspace_and_what_cannot_be_read_there_is_unknown() {
    let server = Postgres::start();
    let folder = around(&[]).workspace;
    for (keys, file) in [
        (
            "sslmode: verify-full, sslrootcert: no-such-ca.pem",
            "no-such-ca.pem",
        ),
        (
            "sslmode: require, sslcert: no-such.crt, sslkey: no-such.key",
            "no-such.crt",
        ),
    ] {
        let seen = ask(&at(&server, keys)).await;
        assert_eq!(seen.answer, Answer::Unknown, "{seen:?}");
        assert!(
            seen.seen.contains(&folder.join(file).display().to_string()),
            "{seen:?}"
        );
    }
}
