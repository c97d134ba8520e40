//! What the pages of health gates show does what they say: the lines for a terminal, the files of gates, the reports.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use baton_tests::binaries;
use serde_json::Value;
use tempfile::TempDir;
use test_servers::{Postgres, PostgresSetup, Redis};

fn page(name: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(project.join(name)).unwrap()
}

/// The blocks of this language in the section under this heading.
fn blocks(page: &str, heading: &str, language: &str) -> Vec<String> {
    let mut sections = page.split("\n## ");
    let section = sections.find(|section| section.starts_with(heading));
    section
        .unwrap_or_else(|| panic!("no section {heading}"))
        .split(&format!("```{language}\n"))
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// The port of a web service with all that the examples ask of theirs, until the process ends.
fn healthy_service() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(&stream));
        }
    });
    port
}

fn answer(mut stream: &TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    let asked = lines.next().transpose()?.unwrap_or_default();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let (status, body) = match asked.split(' ').nth(1).unwrap_or_default() {
        "/health" | "/api/health" => ("200 OK", r#"{"status": "healthy"}"#),
        "/actuator/health" => ("200 OK", r#"{"status": "UP"}"#),
        "/realms/shop/protocol/saml/descriptor" => {
            ("200 OK", "<md:EntityDescriptor entityID='shop'/>")
        }
        "/" => ("200 OK", "<title>shop</title>"),
        _ => ("404 Not Found", ""),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Somewhere to start `health-gates` as a person would, by its name.
struct Terminal {
    folder: TempDir,
}

impl Terminal {
    fn new() -> Terminal {
        let folder = tempfile::tempdir().unwrap();
        Terminal { folder }
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join(name);
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, line: &str, variables: &[(&str, &str)]) -> Output {
        let programs = binaries::health_gates().parent().unwrap().display();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", line])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("TMPDIR", self.folder.path())
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    fn report(&self) -> Value {
        let text = fs::read_to_string(self.folder.path().join("report.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What a page shows, with the test's own server in the place of its.
fn at(port: u16, shown: &str) -> String {
    let here = shown.replace("http://localhost:8080", &format!("http://localhost:{port}"));
    assert_ne!(here, shown, "the page names the server: {shown}");
    here
}

fn status(report: &Value, name: &str) -> String {
    let gates = report["gates"].as_array().unwrap();
    let gate = gates.iter().find(|gate| gate["name"] == name);
    let gate = gate.unwrap_or_else(|| panic!("{name} is missing: {report:#}"));
    gate["status"].as_str().unwrap().to_owned()
}

#[test]
fn the_line_for_a_terminal_waits_until_the_address_is_healthy() {
    let lines = blocks(
        &page("actions/health-gates/README.md"),
        "At a terminal",
        "sh",
    );
    let terminal = Terminal::new();
    let output = terminal.run(&at(healthy_service(), &lines[0]), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = terminal.report();
    assert_eq!(report["result"], "pass");
    assert_eq!(status(&report, "api"), "pass");
}

#[test]
fn the_dry_run_of_the_action_s_page_asks_its_file_once_and_ends_well_whatever_came_out() {
    let page = page("actions/health-gates/README.md");
    let line = &blocks(&page, "At a terminal", "sh")[1];
    let file = &blocks(&page, "The file of gates", "yaml")[0];
    let terminal = Terminal::new();
    terminal.write("gates.yml", &at(healthy_service(), file));
    // Nobody listens there.
    let closed = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("postgres://app:canary-7f3a@{closed}/shop");
    let output = terminal.run(line, &[("DATABASE_URL", &url)]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = terminal.report();
    assert_eq!(report["result"], "fail");
    assert_eq!(status(&report, "database"), "fail");
    let everything = format!("{}{report}", said(&output));
    assert!(!everything.contains("canary-7f3a"), "{everything}");
}

#[test]
fn the_gates_of_the_project_s_page_pass_and_in_their_order() {
    let readme = page("README.md");
    let file = readme
        .split("```yaml\n")
        .find(|block| block.starts_with("gates:"))
        .and_then(|rest| rest.split("```").next())
        .expect("the README shows gates");
    let terminal = Terminal::new();
    terminal.write("gates.yml", &at(healthy_service(), file));
    terminal.write("smoke-test.sh", "#!/bin/sh\necho >>asked\n");
    let output = terminal.run("health-gates --gates gates.yml --report report.json", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = terminal.report();
    let of = |at: usize, key: &str| report["gates"][at][key].as_u64().unwrap();
    assert!(of(1, "began_ms") >= of(0, "ended_ms"), "{report:#}");
    let asked = fs::read_to_string(terminal.folder.path().join("asked")).unwrap();
    assert_eq!(asked.lines().count(), 1);
}

#[test]
fn what_is_wrong_in_a_file_of_gates_is_named_at_once_with_line_and_nearest_key() {
    let terminal = Terminal::new();
    terminal.write(
        "gates.yml",
        "gates:\n  - name: api\n    htpp: http://localhost\n  - name: db\n    postgres: ${NOBODY_SET_THIS}\n    timout: 5m\n",
    );
    let output = terminal.run("health-gates --gates gates.yml", &[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(64), "{said}");
    for wanted in [
        "line 3",
        "`http`",
        "line 5",
        "NOBODY_SET_THIS",
        "line 6",
        "`timeout`",
    ] {
        assert!(said.contains(wanted), "{wanted} is missing:\n{said}");
    }
}

/// A PostgreSQL that knows the user whom the pages name.
fn postgres() -> Postgres {
    Postgres::start_with(&PostgresSetup {
        access: "host all all 127.0.0.1/32 trust\n".to_owned(),
        ..PostgresSetup::default()
    })
}

#[test]
fn the_three_simple_inputs_of_the_action_s_page_are_enough_for_a_service_with_its_stores() {
    let shown = &blocks(
        &page("actions/health-gates/README.md"),
        "Minimal use",
        "yaml",
    )[1];
    let (postgres, redis) = (postgres(), Redis::start());
    let here = at(healthy_service(), shown)
        .replace("@localhost:5432", &format!("@127.0.0.1:{}", postgres.port))
        .replace("localhost:6379", &format!("127.0.0.1:{}", redis.port));
    let inputs: Vec<(String, &str)> = here
        .lines()
        .filter_map(|line| line.strip_prefix("    ")?.split_once(": "))
        .map(|(name, value)| {
            (
                format!("INPUT_{}", name.replace('-', "_").to_uppercase()),
                value,
            )
        })
        .collect();
    assert_eq!(inputs.len(), 4, "{here}");
    let variables: Vec<(&str, &str)> = inputs
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect();
    let terminal = Terminal::new();
    let output = terminal.run("health-gates --report report.json", &variables);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = terminal.report();
    for name in ["api", "database", "redis"] {
        assert_eq!(status(&report, name), "pass");
    }
}

#[test]
fn the_example_of_a_web_service_passes_where_all_of_it_is_there() {
    let port = healthy_service();
    let (postgres, redis) = (postgres(), Redis::start());
    let mut file = page("examples/gates.yaml");
    for host in [
        "http://api.internal:8080",
        "http://orders.internal:8081",
        "http://front.internal:3000",
        "https://shop.example.com",
        "https://id.example.com",
    ] {
        assert!(file.contains(host), "{host}");
        file = file.replace(host, &format!("http://127.0.0.1:{port}"));
    }
    // What this machine has left, and a certificate, are tried elsewhere.
    file = file.replace("{disk: 90%, memory: 95%}", "{disk: 100%, memory: 100%}");
    file = file.replace(
        "tls: shop.example.com",
        &format!("tls: 127.0.0.1:{port}\n    timeout: 1s"),
    );
    let terminal = Terminal::new();
    terminal.write("gates.yaml", &file);
    let database = format!("postgres://postgres@127.0.0.1:{}/postgres", postgres.port);
    let cache = format!("redis://127.0.0.1:{}", redis.port);
    let output = terminal.run(
        "health-gates --gates gates.yaml --report report.json",
        &[("DATABASE_URL", &database), ("REDIS_URL", &cache)],
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let report = terminal.report();
    assert_eq!(report["result"], "warn", "there is no TLS: {report:#}");
    let gates = report["gates"].as_array().unwrap();
    assert_eq!(gates.len(), 11);
    for gate in gates.iter().filter(|gate| gate["name"] != "certificate") {
        assert_eq!(gate["status"], "pass", "{gate:#}");
    }
}

fn keys(object: &Value) -> BTreeSet<&str> {
    let object = object.as_object().unwrap_or_else(|| panic!("{object}"));
    object.keys().map(String::as_str).collect()
}

#[test]
fn the_page_describes_every_field_of_the_report() {
    let terminal = Terminal::new();
    terminal.write(
        "gates.yml",
        "- {name: gone, command: exit 3, max-tries: 1}\n- {name: after, command: 'true', depends-on: gone}\n",
    );
    let line = "health-gates --gates gates.yml --report report.json --junit gates.xml";
    let output = terminal.run(line, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let report = terminal.report();
    let page = page("docs/health-gates.md");
    let section = page
        .split("\n## ")
        .find(|section| section.starts_with("The reports"))
        .unwrap();
    let rows: Vec<(BTreeSet<&str>, BTreeSet<&str>)> = section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line.trim_start_matches("| ").split_once(" | "))
        .map(|(field, holds)| (code(field), code(holds)))
        .collect();
    let fields: BTreeSet<&str> = rows
        .iter()
        .flat_map(|(fields, _)| fields.iter().copied())
        .filter(|field| !field.contains('.'))
        .collect();
    assert_eq!(keys(&report), fields, "the report's fields and the page's");
    let described = |field: &str| {
        let row = rows.iter().find(|(fields, _)| fields.contains(field));
        &row.unwrap_or_else(|| panic!("{field} is not described")).1
    };
    for (object, field) in [
        (&report["about"], "about"),
        (&report["gates"][0], "gates"),
        (&report["gates"][0]["history"][0], "gates[].history"),
        (&report["alert"], "alert"),
    ] {
        let undescribed: Vec<&str> = keys(object).difference(described(field)).copied().collect();
        assert!(undescribed.is_empty(), "{field}: {undescribed:?}");
    }
    for (at, end) in [(0, "tries_used"), (1, "blocked")] {
        assert_eq!(report["gates"][at]["end"], end);
        assert!(described("gates[].end").contains(end));
    }
    assert_eq!(report["gates"][1]["blocked_by"], "gone");
    let xml = fs::read_to_string(terminal.folder.path().join("gates.xml")).unwrap();
    assert!(
        xml.contains("<failure ") && xml.contains("<skipped "),
        "{xml}"
    );
}

/// What stands between backquotes.
fn code(text: &str) -> BTreeSet<&str> {
    text.split('`').skip(1).step_by(2).collect()
}
