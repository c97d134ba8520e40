//! The audit trail in a real Loki: `make e2e-loki`.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use audit::{Loki, LokiOptions, Origin, Output, line};
use ledger::{Entry, Event, Timestamp};
use probes::http::{Client, ClientOptions, Request};
use serde_json::Value;
use tokio::time::{Instant, sleep};

use crate::entries::{HOSTILE, deployment, entry, every_event, origin};

mod shipped;

const HOUR: u64 = 3_600_000;

fn binary() -> PathBuf {
    std::env::var_os("BATON_LOKI")
        .map(PathBuf::from)
        .expect("BATON_LOKI names the program: run `make e2e-loki`")
}

fn start(limits: &[&str]) -> test_servers::Loki {
    test_servers::Loki::start(&binary(), limits)
}

fn client(server: &test_servers::Loki) -> Loki {
    Loki::new(LokiOptions {
        url: server.url.clone(),
        tenant: None,
        credentials: None,
        ca_file: None,
    })
    .expect("a client")
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock").as_millis() as u64
}

/// One line as Loki gives it back: its nanoseconds, its labels with its structured metadata, and itself.
#[derive(Debug)]
struct Found {
    nanoseconds: u64,
    tags: BTreeMap<String, String>,
    line: String,
}

async fn ask(server: &test_servers::Loki, what: &str, parameters: &[(&str, &str)]) -> Value {
    let client = Client::new(ClientOptions {
        body_limit: 64 << 20,
        ..ClientOptions::default()
    })
    .expect("a client");
    let pairs: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let url = format!(
        "{}/loki/api/v1/{what}?{}",
        server.url,
        Request::form(&pairs)
    );
    let request = Request::new("GET", &url).expect("a request");
    let answer = client.ask(&request, deadline()).await.expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().expect("JSON")
}

/// How many lines `selector` finds of the last hour.
async fn count(server: &test_servers::Loki, selector: &str) -> String {
    let query = format!("sum(count_over_time({selector}[1h]))");
    let answer = ask(server, "query", &[("query", &query)]).await;
    let number = &answer["data"]["result"][0]["value"][1];
    number.as_str().unwrap_or("none").to_owned()
}

/// What `selector` finds of the last day, in Loki's order of times.
async fn query(server: &test_servers::Loki, selector: &str) -> Vec<Found> {
    let answer = ask(
        server,
        "query_range",
        &[
            ("query", selector),
            ("start", &format!("{}000000", now() - 24 * HOUR)),
            ("end", &format!("{}000000", now() + HOUR)),
            ("limit", "5000"),
            ("direction", "forward"),
        ],
    )
    .await;
    let mut found = Vec::new();
    for stream in answer["data"]["result"].as_array().expect("streams") {
        let tags: BTreeMap<String, String> =
            serde_json::from_value(stream["stream"].clone()).expect("labels");
        for value in stream["values"].as_array().expect("values") {
            let text = |at: usize| value[at].as_str().expect("a text").to_owned();
            found.push(Found {
                nanoseconds: text(0).parse().expect("a number"),
                tags: tags.clone(),
                line: text(1),
            });
        }
    }
    found.sort_by_key(|found| found.nanoseconds);
    found
}

/// What `selector` finds once it finds `count` lines or more.
async fn await_lines(server: &test_servers::Loki, selector: &str, count: usize) -> Vec<Found> {
    loop {
        let found = query(server, selector).await;
        if found.len() >= count {
            return found;
        }
        assert!(
            Instant::now() < deadline(),
            "{} of {count} lines",
            found.len()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

/// Two of every event, the second half within one millisecond, with hostile text wherever a person or a workflow may
/// write.
fn entries(begin: u64) -> Vec<Entry> {
    let events = every_event();
    let first = events.len() as u64;
    events
        .into_iter()
        .chain(every_event())
        .zip(1..)
        .map(|(event, seq)| {
            let mut made = entry(seq, event);
            made.at = Timestamp(begin + seq.min(first) * 1000);
            HOSTILE.clone_into(&mut made.deployment.version);
            HOSTILE.clone_into(&mut made.deployment.git_ref);
            if let Some(party) = &mut made.by {
                HOSTILE.clone_into(&mut party.runner);
            }
            made
        })
        .collect()
}

fn prove(found: &[Found], entries: &[Entry], origin: &Origin) {
    let lines: Vec<&str> = found.iter().map(|found| found.line.as_str()).collect();
    let wanted: Vec<String> = entries.iter().map(|entry| line(entry, origin)).collect();
    assert_eq!(lines, wanted, "each once, in the chain's order, unchanged");
    for (found, entry) in found.iter().zip(entries) {
        let written: Value = serde_json::from_str(&found.line).expect("JSON");
        let tags = [
            ("job", "baton"),
            ("environment", &origin.environment),
            ("repository", &origin.repository),
            ("event", written["event"].as_str().expect("a name")),
            ("audit_id", &entry.seq.to_string()),
            ("deployment_id", "octo/shop/4711/2"),
            ("workflow_run_id", "4711"),
            ("lock", &origin.lock),
        ];
        for (name, value) in tags {
            assert_eq!(
                found.tags.get(name).map(String::as_str),
                Some(value),
                "{name}"
            );
        }
        let runner = entry.by.as_ref().map(|party| party.runner.as_str());
        assert_eq!(found.tags.get("runner_id").map(String::as_str), runner);
    }
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn entries_pushed_again_and_out_of_order_are_found_once_in_order_with_their_tags() {
    let server = start(&[]);
    let loki = client(&server);
    let from = Origin {
        environment: HOSTILE.to_owned(),
        ..origin()
    };
    let mut all = entries(now() - 60_000);
    for entry in &mut all {
        entry.deployment.environment = HOSTILE.to_owned();
    }
    let push = async |part: &[Entry]| {
        let pushed = loki.push(part, &from, deadline()).await.expect("pushed");
        assert_eq!(
            (pushed.accepted, pushed.late),
            (part.len(), 0),
            "{pushed:?}"
        );
    };
    // The newest first, then the oldest, then all of it, and twice.
    push(&all[30..]).await;
    push(&all[..10]).await;
    push(&all).await;
    push(&all).await;
    prove(
        &await_lines(&server, "{job=\"baton\"}", all.len()).await,
        &all,
        &from,
    );
    // What is on its disk is not doubled by what comes after.
    server.flush();
    push(&all).await;
    push(&all[5..25]).await;
    prove(
        &await_lines(&server, "{job=\"baton\"}", all.len()).await,
        &all,
        &from,
    );
    // The tags are there to be asked for.
    let found = query(
        &server,
        "{job=\"baton\", event=\"failover\"} | deployment_id=\"octo/shop/4711/2\" | workflow_run_id=\"4711\"",
    )
    .await;
    assert_eq!(found.len(), 2);
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn entries_that_are_far_behind_are_counted_as_late_and_the_rest_is_taken() {
    let server = start(&[]);
    let loki = client(&server);
    let at = |seq: u64, at: u64| {
        let mut made = entry(seq, Event::DeploymentStarted);
        made.at = Timestamp(at);
        made
    };
    let newest = now() - 1000;
    loki.push(&[at(9, newest)], &origin(), deadline())
        .await
        .expect("pushed");
    let behind = [
        at(3, newest - 3 * HOUR),
        at(4, newest - 2 * HOUR),
        at(10, newest + 1),
    ];
    let pushed = loki
        .push(&behind, &origin(), deadline())
        .await
        .expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (1, 2), "{pushed:?}");
    let because = pushed.late_because.expect("told");
    assert!(because.contains("too far behind"), "{because}");
    let old = [
        at(1, newest - 9 * 24 * HOUR),
        at(2, newest - 8 * 24 * HOUR),
        at(11, newest + 2),
    ];
    let pushed = loki
        .push(&old, &origin(), deadline())
        .await
        .expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (1, 2), "{pushed:?}");
    let because = pushed.late_because.expect("told");
    assert!(because.contains("timestamp too old"), "{because}");
    // Both at once: one says it, the other is counted with it.
    let both = [
        at(1, newest - 9 * 24 * HOUR),
        at(3, newest - 3 * HOUR),
        at(12, newest + 3),
    ];
    let pushed = loki
        .push(&both, &origin(), deadline())
        .await
        .expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (1, 2), "{pushed:?}");
    let found = await_lines(&server, "{job=\"baton\"}", 4).await;
    let ids: Vec<&str> = found.iter().map(|f| f.tags["audit_id"].as_str()).collect();
    assert_eq!(ids, ["9", "10", "11", "12"]);
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn output_pushed_twice_is_found_once_line_by_line() {
    let server = start(&[]);
    let loki = client(&server);
    let deployment = deployment();
    let about = Output {
        deployment: &deployment,
        runner: "runner-b",
        candidate: 2,
        attempt: 3,
        began: Timestamp(now() - 5000),
    };
    let mut lines: Vec<String> = (0..1500).map(|number| format!("line {number}")).collect();
    lines.extend([
        "same".to_owned(),
        "same".to_owned(),
        HOSTILE.to_owned(),
        String::new(),
    ]);
    for _ in 0..2 {
        let pushed = loki
            .push_output(&lines, &about, &origin(), deadline())
            .await
            .expect("pushed");
        assert_eq!(pushed.accepted, lines.len());
    }
    let found = await_lines(&server, "{event=\"output\"}", lines.len()).await;
    let seen: Vec<&String> = found.iter().map(|found| &found.line).collect();
    assert_eq!(seen, lines.iter().collect::<Vec<_>>());
    assert_eq!(found[0].tags["attempt"], "3");
    assert_eq!(found[0].tags["candidate"], "2");
    assert_eq!(found[0].tags["runner_id"], "runner-b");
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn a_loki_that_disallows_structured_metadata_gets_every_line() {
    let server = start(&["allow_structured_metadata: false"]);
    let loki = client(&server);
    let all = entries(now() - 60_000);
    for _ in 0..2 {
        let pushed = loki
            .push(&all, &origin(), deadline())
            .await
            .expect("pushed");
        assert_eq!((pushed.accepted, pushed.late), (all.len(), 0));
    }
    let found = await_lines(&server, "{job=\"baton\"}", all.len()).await;
    let lines: Vec<&str> = found.iter().map(|found| found.line.as_str()).collect();
    let wanted: Vec<String> = all.iter().map(|entry| line(entry, &origin())).collect();
    assert_eq!(lines, wanted);
    assert!(
        found
            .iter()
            .all(|found| !found.tags.contains_key("audit_id"))
    );
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn a_ledger_larger_than_loki_takes_at_once_is_pushed_whole() {
    let server = start(&["ingestion_rate_mb: 1", "ingestion_burst_size_mb: 2"]);
    let loki = client(&server);
    let begin = now() - 60_000;
    let all: Vec<Entry> = (1..=4000)
        .map(|seq| {
            let mut made = entry(seq, Event::DeploymentStarted);
            made.at = Timestamp(begin + seq);
            made.deployment.version = "v".repeat(1000);
            made
        })
        .collect();
    let pushed = loki
        .push(&all, &origin(), deadline())
        .await
        .expect("pushed");
    assert_eq!((pushed.accepted, pushed.late), (4000, 0));
    // Too much to be read back at once.
    assert_eq!(count(&server, "{job=\"baton\"}").await, "4000");
}

#[tokio::test]
#[ignore = "needs a Loki: make e2e-loki"]
async fn every_query_that_the_page_shows_finds_what_it_asks_for() {
    let page = include_str!("../../../../docs/audit.md");
    let queries: Vec<&str> = page
        .split("```logql\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::trim)
        .collect();
    assert!(queries.len() >= 5, "the page shows queries: {queries:?}");
    let server = start(&[]);
    let loki = client(&server);
    let begin = now() - 60_000;
    let made = |(event, seq)| {
        let mut made = entry(seq, event);
        made.at = Timestamp(begin + seq);
        made
    };
    let all: Vec<Entry> = every_event().into_iter().zip(1..).map(made).collect();
    loki.push(&all, &origin(), deadline())
        .await
        .expect("pushed");
    await_lines(&server, "{job=\"baton\"}", all.len()).await;
    for text in queries.iter().copied() {
        let found = if text.starts_with("sum ") {
            let answer = ask(&server, "query", &[("query", text)]).await;
            answer["data"]["result"].as_array().map_or(0, Vec::len)
        } else {
            query(&server, text).await.len()
        };
        assert!(found > 0, "{text} finds nothing");
    }
    // Every event has its own sentence and its own reviewer's words.
    let told = query(
        &server,
        queries[0]
            .split(" | line_format")
            .next()
            .unwrap_or_default(),
    )
    .await;
    assert_eq!(told.len(), all.len());
}
