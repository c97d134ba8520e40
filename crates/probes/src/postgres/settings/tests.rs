//! Connection strings as libpq's documentation has them, and broken ones.

use super::*;

fn read(text: &str) -> Settings {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn shown(text: &str) -> String {
    let settings = read(text);
    format!("{}@{settings}", settings.user)
}

#[test]
fn urls_of_libpqs_documentation_mean_what_they_say() {
    assert_eq!(shown("postgresql://me@localhost"), "me@localhost:5432/me");
    assert_eq!(
        shown("postgres://me:pw@localhost:5433/db"),
        "me@localhost:5433/db"
    );
    assert_eq!(
        shown(
            "postgresql://me@host1:123,host2:456/somedb?target_session_attrs=any&application_name=x"
        ),
        "me@host1:123,host2:456/somedb"
    );
    assert_eq!(
        shown("postgresql://me@[2001:db8::1234]:99/db"),
        "me@[2001:db8::1234]:99/db"
    );
    assert_eq!(
        shown("postgresql://me@%2Fvar%2Flib%2Fpostgresql/db"),
        "me@/var/lib/postgresql/.s.PGSQL.5432/db"
    );
    assert_eq!(
        shown("postgresql:///db?host=localhost&port=5434&user=other&password=secret"),
        "other@localhost:5434/db"
    );
    assert_eq!(shown("postgresql://me@/db"), "me@localhost:5432/db");
}

#[test]
fn percent_signs_encode_in_every_part_of_a_url() {
    let settings = read("postgres://a%40b:p%40ss%2Fw%3Ard@h/d%20b");
    assert_eq!(settings.user, "a@b");
    assert_eq!(settings.password.as_deref(), Some("p@ss/w:rd"));
    assert_eq!(settings.database, "d b");
}

#[test]
fn key_value_text_takes_spaces_quotation_marks_and_backslashes() {
    let settings = read(
        r"host = db.example port=5433  user=me password = 'it\'s \\ here' dbname=a\ b connect_timeout=10",
    );
    assert_eq!(settings.to_string(), "db.example:5433/a b");
    assert_eq!(settings.password.as_deref(), Some(r"it's \ here"));
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(10)));
    assert_eq!(read("user=me password=''").password, None);
}

#[test]
fn one_port_is_every_hosts_and_an_empty_one_is_the_default() {
    assert_eq!(shown("host=a,b port=1 user=me"), "me@a:1,b:1/me");
    assert_eq!(shown("host=a,b port=1,2 user=me"), "me@a:1,b:2/me");
    assert_eq!(shown("postgres://me@a:1,b/db"), "me@a:1,b:5432/db");
    assert!(matches!(
        "host=a,b,c port=1,2".parse::<Settings>(),
        Err(SettingsError::Lists {
            hosts: 3,
            ports: 2,
            ..
        })
    ));
}

#[test]
fn an_address_beside_the_name_is_where_to_connect() {
    let settings = read("host=db.example hostaddr=192.0.2.7 user=me");
    let endpoint = Endpoint::Host {
        name: "db.example".to_owned(),
        address: Some("192.0.2.7".parse().unwrap()),
    };
    assert_eq!(settings.servers[0].endpoint, endpoint);
}

#[test]
fn tls_is_as_sslmode_says_and_the_systems_trust_wants_the_name_checked() {
    let mode = |text: &str| read(text).ssl_mode;
    assert_eq!(mode("host=a"), SslMode::Prefer);
    assert_eq!(mode("postgres://h/?ssl=true"), SslMode::Require);
    assert_eq!(mode("postgres://h/?sslmode=verify-ca"), SslMode::VerifyCa);
    assert_eq!(
        mode("postgres://h/?sslrootcert=system"),
        SslMode::VerifyFull
    );
    assert_eq!(read("host=h sslrootcert=system").ssl_root_cert, None);
    assert_eq!(
        read("host=h sslrootcert=/etc/ca.pem")
            .ssl_root_cert
            .as_deref(),
        Some(std::path::Path::new("/etc/ca.pem"))
    );
}

#[test]
fn what_is_wrong_is_named_and_never_quoted() {
    for (text, named) in [
        ("postgres://me:canary@h:canary/db", "port wants numbers"),
        (
            "postgres://me:canary@h/db?sslmode=canary",
            "sslmode wants disable",
        ),
        ("postgres://me:canary%zz@h/db", "password holds a `%`"),
        (
            "postgres://me:canary@h/db?sslmod=require",
            "the parameter sslmod is none of libpq's; is sslmode meant?",
        ),
        (
            "postgres://me:canary@h:0/db?sslmod=require&sslmode=canary&nonsense=canary&sslcrl=canary&connect_timeout=canary",
            "the parameter sslmod is none of libpq's; is sslmode meant?; sslmode wants disable, allow, prefer, require, \
             verify-ca, or verify-full; the parameter nonsense is none of libpq's; the parameter sslcrl is not supported; \
             connect_timeout wants a whole number of seconds; port wants numbers",
        ),
        // What could be the rest of a password is told by its place.
        ("postgres://me:1?canary=x@h/db", "parameter 3 is none"),
        (
            "postgres://me@h/db?password=a&canary=b",
            "parameter 5 is none",
        ),
        (
            "postgres://me:x@h/db?canary-canary=b",
            "parameter 5 is none",
        ),
        (
            "postgres://me:canary@h/db?sslcrl=canary",
            "sslcrl is not supported",
        ),
        (
            "postgres://me:canary@h/db?sslcert=canary",
            "sslkey wants the private key",
        ),
        (
            "host=h sslmode=require sslrootcert=system",
            "sslmode wants verify-full",
        ),
        ("host=h password='canary", "parameter 2 has no closing"),
        // A sign that should have been encoded cuts the password up, and its rest looks like something else.
        ("postgres://me:can?canary=ary@h/db", "`?` is %3F"),
        ("postgres://me:can?canary@h/db", "`?` is %3F"),
        ("postgres://me:1?canary@h/db", "`?` is %3F"),
        ("postgres://me:can/canary@h/db", "`/` is %2F"),
        ("postgres://me:1/canary@h/db", "`/` is %2F"),
        ("postgres://me:can@canary@h/db", "`@` is %40"),
        ("postgres://me:can@a/b?canary@h:1/db", "`@` is %40"),
        (
            "host=h password=a canary=b",
            "parameter 3 is none of libpq's",
        ),
        ("mysql://me:canary@h/db?a=b", "none of libpq's"),
        ("mysql://me:canary@h/db", "neither a postgres:// URL"),
        ("just canary words", "neither a postgres:// URL"),
        ("host=h connect_timeout=canary", "connect_timeout wants"),
        ("host=h hostaddr=canary", "hostaddr wants"),
    ] {
        let error = text.parse::<Settings>().unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
        assert!(!error.contains("canary"), "{text}: {error}");
    }
}

#[test]
fn the_password_is_in_no_shown_form() {
    let settings = read("postgres://me:canary@h/db");
    assert!(!format!("{settings:?} {settings}").contains("canary"));
}

#[test]
fn an_at_sign_that_is_where_it_may_be_is_no_mistake() {
    for text in [
        "postgres://me@h/db?application_name=a@b",
        "postgres://h:5432/db?application_name=a@b",
        "postgres://[::1]/db?application_name=a@b",
        "postgres://me:p%40ss@h/db",
    ] {
        read(text);
    }
}

#[test]
fn what_is_given_apart_needs_no_encoding_and_wins() {
    let settings = Settings::read(
        "postgres://me:old@h/db",
        &[("password", "p%@/ ?'s"), ("dbname", "other")],
        |_| None,
    )
    .unwrap();
    assert_eq!(settings.password.as_deref(), Some("p%@/ ?'s"));
    assert_eq!(settings.to_string(), "h:5432/other");
    let settings = Settings::read("", &[("host", "a,b"), ("port", "1,2")], |_| None).unwrap();
    assert_eq!(settings.servers.len(), 2);
}

#[test]
fn the_environment_fills_in_only_what_is_left_out() {
    let variable = |name: &str| {
        let value = match name {
            "PGHOST" => "elsewhere",
            "PGPORT" => "6543",
            "PGUSER" => "somebody",
            "PGPASSWORD" => "from the environment",
            "PGDATABASE" => "",
            "PGSSLMODE" => "disable",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let settings = Settings::read("postgres://me@h/", &[], variable).unwrap();
    assert_eq!(settings.to_string(), "h:6543/me");
    assert_eq!(settings.user, "me");
    assert_eq!(settings.password.as_deref(), Some("from the environment"));
    assert_eq!(settings.ssl_mode, SslMode::Disable);
}

#[test]
fn what_is_wrong_in_the_environment_is_said_to_be_there() {
    for (name, value, wanted) in [
        (
            "PGPORT",
            "canary",
            "from the environment's PG* variables what the connection string leaves out: port wants",
        ),
        ("PGSERVICE", "canary", "service is not supported"),
    ] {
        let variable = |asked: &str| (asked == name).then(|| value.to_owned());
        let error = Settings::read("host=h", &[], variable)
            .unwrap_err()
            .to_string();
        assert!(error.contains(wanted), "{error}");
        assert!(!error.contains("canary"), "{error}");
    }
    let variable = |asked: &str| (asked == "PGPORT").then(|| "x".to_owned());
    let own = Settings::read("host=h sslmode=x", &[], variable).unwrap_err();
    assert!(matches!(own, SettingsError::Value { key: "sslmode", .. }));
}
