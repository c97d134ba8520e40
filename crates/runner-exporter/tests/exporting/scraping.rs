//! Both formats, as promtool and a real Prometheus read them.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use test_servers::{Prometheus, PrometheusSetup, program, until};

use crate::host::{Host, PATIENCE, Server};

const OPENMETRICS: &str =
    "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

#[test]
fn promtool_finds_nothing_wrong_but_the_names_that_the_design_gives() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-\"1\\");
    std::fs::write(
        runner.folder.join(".runner"),
        r#"{"agentName": "a\"b\\c\nd", "poolName": "ü"}"#,
    )
    .unwrap();
    runner.start();
    runner.connect(&server);
    let text = host.export(&[]).metrics();
    let mut promtool = Command::new(program("promtool", &[], "prometheus"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    let unexpected: Vec<&str> = said
        .lines()
        .filter(|line| {
            !line.contains("_usage_percent use base unit \"ratio\" instead of \"percent\"")
        })
        .collect();
    assert!(unexpected.is_empty(), "{unexpected:?}\n{text}");
}

#[test]
fn openmetrics_is_given_by_accept_with_its_exact_type() {
    let host = Host::new();
    host.runner("runner-1");
    let exporter = host.export(&[]);
    let answer = exporter.send(&format!(
        "GET /metrics HTTP/1.1\r\nAccept: {OPENMETRICS}\r\nConnection: close\r\n\r\n"
    ));
    let kind = "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n";
    assert!(answer.head.contains(kind), "{}", answer.head);
    assert!(answer.body.ends_with("\n# EOF\n"));
    let answer = exporter.get("/metrics");
    assert!(
        answer
            .head
            .contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
        "{}",
        answer.head
    );
    assert!(!answer.body.contains("# EOF"));
}

#[test]
fn prometheus_reads_openmetrics_and_sees_a_stopped_service_at_the_next_scrape() {
    let (host, server) = (Host::new(), Server::new());
    let mut runner = host.runner("runner-1");
    runner.listen(&server);
    let exporter = host.export(&[]);
    let prometheus = Prometheus::start(exporter.address);
    let status = |wanted: &str| {
        until(PATIENCE, wanted, || {
            let answer = prometheus.query(
                "runner_status{runner=\"runner-1\",environment=\"production\",role=\"primary\"}",
            );
            answer.contains(wanted).then_some(())
        });
    };
    status(",\"1\"]");
    runner.deactivate();
    status(",\"0\"]");
    let errors = prometheus.query("runner_exporter_scrape_errors_total{collector=\"diag\"}");
    assert!(errors.contains(",\"0\"]"), "{errors}");
}

#[test]
fn prometheus_reads_the_text_format_of_a_file() {
    let host = Host::new();
    host.runner("runner-1");
    let done = host
        .exporter()
        .args(["--docker-socket", "none", "--textfile"])
        .arg(host.folder.path())
        .status()
        .unwrap();
    assert!(done.success());
    let text = std::fs::read_to_string(host.path("runner-exporter.prom")).unwrap();
    // What serves the file serves nothing else.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut request = [0; 4096];
            let _read = std::io::Read::read(&mut stream, &mut request);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                text.len()
            );
            let _gone = stream.write_all((head + &text).as_bytes());
        }
    });
    let prometheus = Prometheus::start_with(&PrometheusSetup {
        config: format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: node, static_configs: [{{targets: [\"{address}\"]}}]}}\n"
        ),
        ..PrometheusSetup::default()
    });
    until(PATIENCE, "the file's series", || {
        let answer = prometheus.query("runner_cpu_usage_percent{runner=\"runner-1\"}");
        answer.contains("\"value\":").then_some(())
    });
}
