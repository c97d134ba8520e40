//! What `infrastructure/` ships for Loki: its configuration, and what the boards of Grafana ask it.

use ledger::{Entry, Timestamp};
use serde_json::Value;

use super::{HOUR, ask, await_lines, binary, client, deadline, now, query};
use crate::entries::{entry, every_event, origin};

const CONFIGURATION: &str = include_str!("../../../../../infrastructure/loki/loki.yml");
const BOARD: &str =
    include_str!("../../../../../infrastructure/grafana/dashboards/deployments.json");

/// The shipped configuration, at free ports and with its data in a folder of the test.
fn shipped() -> test_servers::Loki {
    test_servers::Loki::start_with(&binary(), |data, http, grpc| {
        let changes = [
            ("/var/lib/loki", data.to_owned()),
            (
                "http_listen_port: 3100",
                format!("http_listen_port: {http}"),
            ),
            (
                "grpc_listen_port: 9096",
                format!("grpc_listen_port: {grpc}"),
            ),
        ];
        changes
            .into_iter()
            .fold(CONFIGURATION.to_owned(), |text, (shown, here)| {
                assert!(text.contains(shown), "the configuration shows {shown}");
                text.replace(shown, &here)
            })
    })
}

/// One of every event, within the last minute.
fn trail() -> Vec<Entry> {
    let begin = now() - 60_000;
    let made = |(event, seq)| Entry {
        at: Timestamp(begin + seq),
        ..entry(seq, event)
    };
    every_event().into_iter().zip(1..).map(made).collect()
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn the_shipped_configuration_keeps_a_year_takes_the_trail_and_answers_of_all_of_it() {
    let server = shipped();
    let configuration = server.configuration();
    // As Loki understood it: a setting in the wrong place is not there.
    for line in [
        "retention_enabled: true",
        "retention_period: 1y",
        "delete_request_store: filesystem",
        "max_query_length: 366d",
        "reject_old_samples_max_age: 1w",
        "discover_log_levels: false",
        "reporting_enabled: false",
    ] {
        assert!(
            configuration.lines().any(|shown| shown.trim() == line),
            "{line} is not in\n{configuration}"
        );
    }
    let all = trail();
    let pushed = client(&server).push(&all, &origin(), deadline()).await;
    assert_eq!(pushed.expect("pushed").accepted, all.len());
    await_lines(&server, "{job=\"baton\"}", all.len()).await;
    let year = [
        ("query", "{job=\"baton\"}"),
        ("start", &format!("{}000000", now() - 365 * 24 * HOUR)),
        ("end", &format!("{}000000", now() + HOUR)),
    ];
    let answer = ask(&server, "query_range", &year).await;
    let streams = answer["data"]["result"].as_array().expect("streams");
    assert!(!streams.is_empty(), "a year can be asked for at once");
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn every_panel_that_asks_loki_finds_who_deployed_what_and_only_what_was_chosen() {
    let board: Value = serde_json::from_str(BOARD).expect("JSON");
    let panels = board["panels"].as_array().expect("panels");
    let targets = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().into_iter().flatten())
        .filter(|target| target["datasource"]["type"] == "loki");
    let queries: Vec<&str> = targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .collect();
    assert_eq!(queries.len(), 3);
    let server = shipped();
    let all = trail();
    let pushed = client(&server).push(&all, &origin(), deadline()).await;
    assert_eq!(pushed.expect("pushed").accepted, all.len());
    await_lines(&server, "{job=\"baton\"}", all.len()).await;
    let mut told = String::new();
    for text in queries {
        for (environment, repository, runner, there) in [
            (".*", ".*", ".*", true),
            ("production", "octo/shop", "runner-b", true),
            ("staging", ".*", ".*", false),
            (".*", "octo/till", ".*", false),
            (".*", ".*", "runner-a", false),
        ] {
            let text = text
                .replace("$environment", environment)
                .replace("$repository", repository)
                .replace("$runner", runner)
                .replace("$__range", "1h");
            assert!(!text.contains('$'), "{text}");
            let found = if text.starts_with("sum ") {
                let answer = ask(&server, "query", &[("query", &text)]).await;
                let result = answer["data"]["result"].clone();
                told.push_str(&result.to_string());
                result.as_array().map_or(0, Vec::len)
            } else {
                let found = query(&server, &text).await;
                told.extend(found.iter().map(|found| found.line.as_str()));
                found.len()
            };
            assert_eq!(found > 0, there, "{found} of {text}");
        }
    }
    for word in ["mona", "1.2.3", "runner-b"] {
        assert!(told.contains(word), "{word} is not in {told}");
    }
}
