//! `runner.prometheus` where Prometheus is down, says nothing usable, contradicts itself, or is a real one.

use std::{io::Write as _, net::TcpListener, time::Duration};

use serde_json::{Value, json};

use crate::{
    program::{Preflight, Ran},
    server::{Server, whole},
};

fn asked(url: &str) -> Ran {
    Preflight::of("runner.prometheus")
        .with("INPUT_PROMETHEUS_URL", url)
        .run()
}

/// A Prometheus whose every series has `values`, one an instance, and is `age` seconds old.
fn says(values: &'static [&'static str], age: &'static str) -> Ran {
    let server = Server::start(move |first, _, stream| {
        let of_age = first.contains("timestamp");
        let result: Vec<Value> = values
            .iter()
            .enumerate()
            .map(|(place, value)| {
                let value = if of_age { age } else { value };
                json!({"metric": {"runner": "runner-a", "instance": place.to_string()}, "value": [1.0, value]})
            })
            .collect();
        let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
        let text = whole(
            "200 OK",
            "Content-Type: application/json\r\n",
            &body.to_string(),
        );
        let _gone = stream.write_all(text.as_bytes());
    });
    asked(&server.url())
}

#[test]
fn a_prometheus_that_is_down_is_unknown_and_stops_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let ran = asked(&format!("http://{closed}"));
    ran.ends(0, "warn", &[]);
    ran.tells(
        "runner.prometheus",
        "unknown",
        &["failed to", "connection refused"],
    );
}

#[test]
fn no_series_a_stale_one_and_one_that_is_not_a_number_are_unknown() {
    for (values, age, words) in [
        (&[][..], "1", "has no series"),
        (&["1"][..], "600", "is stale: 600 s old"),
        (&["NaN"][..], "1", "is NaN"),
    ] {
        let ran = says(values, age);
        ran.ends(0, "warn", &[]);
        ran.tells("runner.prometheus", "unknown", &[words]);
        let row = ran.row("runner.prometheus");
        assert_eq!(
            row.matches("cpu").count(),
            1,
            "nothing is said twice: {row}"
        );
    }
}

#[test]
fn two_series_that_contradict_each_other_are_unknown_and_two_that_agree_are_not() {
    let ran = says(&["1", "0"], "1");
    ran.tells("runner.prometheus", "unknown", &["contradicts itself"]);
    let ran = says(&["1", "1"], "1");
    ran.ends(0, "pass", &[]);
    let ran = says(&["0", "0"], "1");
    ran.ends(1, "fail", &["runner.prometheus"]);
}

#[test]
fn a_real_prometheus_tells_what_the_exporter_says() {
    let series = "# TYPE runner_status gauge\nrunner_status{runner=\"runner-a\"} 1\n\
         # TYPE runner_cpu_usage_percent gauge\nrunner_cpu_usage_percent{runner=\"runner-a\"} 93\n\
         # TYPE runner_memory_usage_percent gauge\nrunner_memory_usage_percent{runner=\"runner-a\"} 12\n";
    let exporter = Server::saying(
        "200 OK",
        "Content-Type: text/plain; version=0.0.4\r\n",
        series,
    );
    let prometheus = test_servers::Prometheus::start(exporter.address);
    let ran = test_servers::until(Duration::from_secs(30), "the first scrape", || {
        let ran = asked(&prometheus.url);
        (ran.measured("runner.prometheus") != "unknown").then_some(ran)
    });
    ran.ends(1, "fail", &["runner.prometheus"]);
    ran.tells(
        "runner.prometheus",
        "fail",
        &["runner_status is 1", "is 93"],
    );
}
