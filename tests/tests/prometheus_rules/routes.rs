//! Who is told of an alert, by the shipped routes in a real Alertmanager: one cause wakes once.

use std::{
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_servers::{Alertmanager, Prometheus, PrometheusSetup, Pushgateway, program, until};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use crate::{
    host::Runner,
    shipped,
    watched::{Host, Watched},
};

const EXAMPLE: &str = "infrastructure/alertmanager/alertmanager.yml";

/// Long enough for a scrape, an evaluation and a notification on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of each call of an Alertmanager its path, and of each of its alerts status and labels.
type Calls = Arc<Mutex<Vec<(String, Vec<Told>)>>>;

/// `firing` or `resolved`, and the alert's labels.
#[derive(Clone, Debug)]
struct Told {
    status: String,
    labels: Value,
}

/// Three receivers behind the shipped routes.
struct People {
    _server: MockServer,
    calls: Calls,
    alertmanager: Alertmanager,
    _runtime: tokio::runtime::Runtime,
}

struct Hearing(Calls);

impl Respond for Hearing {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let body: Value = request.body_json().unwrap();
        let alerts = body["alerts"].as_array().unwrap().iter();
        let told = alerts.map(|alert| Told {
            status: alert["status"].as_str().unwrap().to_owned(),
            labels: alert["labels"].clone(),
        });
        let call = (request.url.path().to_owned(), told.collect());
        self.0.lock().unwrap().push(call);
        ResponseTemplate::new(200)
    }
}

impl People {
    /// The example with its waits a second long, and its receivers here.
    fn wait() -> People {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let calls = Calls::default();
        let server = runtime.block_on(async {
            let server = MockServer::start().await;
            let hearing = Hearing(Arc::clone(&calls));
            Mock::given(any())
                .respond_with(hearing)
                .mount(&server)
                .await;
            server
        });
        let here = server.uri();
        let config = shipped::quick(
            &shipped::text(EXAMPLE),
            &[
                ("group_wait: 1m", "group_wait: 1s"),
                ("group_interval: 5m", "group_interval: 1s"),
                ("http://on-call.internal:8080/page", &format!("{here}/page")),
                (
                    "http://chat.internal:8080/deployments",
                    &format!("{here}/morning"),
                ),
                (
                    "http://chat.internal:8080/review",
                    &format!("{here}/review"),
                ),
            ],
        );
        People {
            _server: server,
            calls,
            alertmanager: Alertmanager::start_with(&config),
            _runtime: runtime,
        }
    }

    /// What a receiver was told, call by call: `BothRunnersOffline firing`.
    fn told(&self, receiver: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        let calls = calls.iter().filter(|(path, _)| path == receiver);
        let one = |told: &Told| {
            let name = told.labels["alertname"].as_str().unwrap();
            format!("{name} {}", told.status)
        };
        calls
            .map(|(_, alerts)| alerts.iter().map(one).collect::<Vec<_>>().join(", "))
            .collect()
    }

    /// Waits until a receiver was told this, call by call, and nothing else.
    #[track_caller]
    fn are_told(&self, receiver: &str, wanted: &[&str]) {
        until(PATIENCE, &format!("{receiver} to hear {wanted:?}"), || {
            (self.told(receiver).len() >= wanted.len()).then_some(())
        });
        assert_eq!(self.told(receiver), wanted);
    }

    /// The alerts that stand and are kept quiet, sorted.
    fn inhibited(&self) -> Vec<String> {
        let alerts: Value = serde_json::from_str(&self.alertmanager.alerts()).unwrap();
        let alerts = alerts.as_array().unwrap().iter();
        let quiet = alerts.filter(|alert| {
            let by = alert["status"]["inhibitedBy"].as_array().unwrap();
            alert["status"]["state"] == "suppressed" && !by.is_empty()
        });
        let mut names: Vec<String> = quiet
            .map(|alert| {
                let labels = &alert["labels"];
                let subject = ["runner", "instance", "lock"].map(|label| &labels[label]);
                let subject = subject.iter().find_map(|value| value.as_str()).unwrap();
                format!("{} {subject}", labels["alertname"].as_str().unwrap())
            })
            .collect();
        names.sort();
        names
    }

    fn post(&self, alerts: &[Value]) {
        let alerts: Vec<Value> = alerts
            .iter()
            .map(|labels| json!({"labels": labels}))
            .collect();
        self.alertmanager.post(&Value::from(alerts).to_string());
    }

    /// Waits until each receiver was told this, in whatever order. Then posts alerts that nothing inhibits, one for each
    /// receiver, and waits until they are told: what was posted before has had its time.
    #[track_caller]
    fn settle(&self, before: [&[&str]; 3]) {
        let receivers = ["/page", "/morning", "/review"];
        let hear = |number: usize, receiver: &str| {
            until(PATIENCE, &format!("{number} calls of {receiver}"), || {
                (self.told(receiver).len() >= number).then_some(())
            });
        };
        for (receiver, before) in receivers.into_iter().zip(before) {
            hear(before.len(), receiver);
        }
        self.post(&[
            json!({"alertname": "Last", "severity": "critical"}),
            json!({"alertname": "Last", "severity": "warning"}),
            json!({"alertname": "Last", "severity": "info"}),
        ]);
        for (receiver, before) in receivers.into_iter().zip(before) {
            hear(before.len() + 1, receiver);
            let mut wanted = before.to_vec();
            wanted.push("Last firing");
            wanted.sort_unstable();
            let mut told = self.told(receiver);
            told.sort();
            assert_eq!(told, wanted, "{receiver}");
        }
    }
}

/// The labels of an alert on a runner of production.
fn runner(alert: &str, severity: &str, number: u32) -> Value {
    json!({
        "alertname": alert, "severity": severity, "environment": "production", "job": "github-runner-health",
        "instance": format!("h{number}"), "runner": format!("r{number}"),
    })
}

/// The labels of an exporter that is away.
fn exporter(number: u32) -> Value {
    json!({
        "alertname": "RunnerExporterDown", "cause": "away", "severity": "warning", "environment": "production",
        "job": "github-runner-health", "instance": format!("h{number}"),
    })
}

#[test]
fn amtool_takes_the_example_and_says_who_is_told() {
    let example = shipped::path(EXAMPLE);
    let amtool = |arguments: &[&str]| {
        let output = Command::new(program("amtool", &[], "alertmanager"))
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let file = example.to_str().unwrap();
    let said = amtool(&["check-config", file]);
    assert!(said.contains("SUCCESS"), "{said}");
    for (labels, receiver) in [
        (
            "alertname=BothRunnersOffline page=true severity=critical environment=production",
            "page",
        ),
        (
            "alertname=RunnerOfflinePrimary severity=critical environment=production",
            "page",
        ),
        (
            "alertname=DeploymentFailureRateHigh severity=critical lock=octo/shop/production",
            "page",
        ),
        (
            "alertname=DeploymentFailed severity=critical environment=production lock=a-lock",
            "page",
        ),
        (
            "alertname=HealthGatesFailed severity=critical lock=octo/shop/production",
            "page",
        ),
        (
            "alertname=BothRunnersOffline page=true severity=critical environment=staging",
            "morning",
        ),
        (
            "alertname=DeploymentFailureRateHigh severity=critical lock=octo/shop/staging",
            "morning",
        ),
        (
            "alertname=RunnerOfflineSecondary severity=warning environment=production",
            "morning",
        ),
        (
            "alertname=DeploymentMetricsStale severity=warning cause=refused lock=l",
            "morning",
        ),
        (
            "alertname=DeploymentSuccessRatioLow severity=info lock=l",
            "review",
        ),
    ] {
        let mut arguments = vec!["config", "routes", "test", "--config.file", file];
        arguments.extend(labels.split(' '));
        assert_eq!(amtool(&arguments).trim(), receiver, "{labels}");
    }
}

#[test]
fn two_runners_that_are_gone_wake_once_whatever_else_is_said_of_them() {
    let people = People::wait();
    people.post(&[
        runner("RunnerOfflinePrimary", "critical", 1),
        runner("RunnerOfflineSecondary", "warning", 2),
        runner("RunnerDegradedHighCPU", "warning", 1),
        exporter(1),
        exporter(2),
        json!({"alertname": "BothRunnersOffline", "severity": "critical", "page": "true", "environment": "production"}),
    ]);
    people.are_told("/page", &["BothRunnersOffline firing"]);
    people.settle([&["BothRunnersOffline firing"], &[], &[]]);
    let inhibited = [
        "RunnerDegradedHighCPU r1",
        "RunnerExporterDown h1",
        "RunnerExporterDown h2",
        "RunnerOfflinePrimary r1",
        "RunnerOfflineSecondary r2",
    ];
    assert_eq!(people.inhibited(), inhibited);
}

#[test]
fn runners_of_another_environment_keep_nothing_quiet() {
    let people = People::wait();
    people.post(&[
        runner("RunnerOfflinePrimary", "critical", 1),
        json!({"alertname": "BothRunnersOffline", "severity": "critical", "page": "true", "environment": "canary"}),
    ]);
    people.settle([
        &["BothRunnersOffline firing", "RunnerOfflinePrimary firing"],
        &[],
        &[],
    ]);
}

#[test]
fn an_exporter_that_is_away_keeps_what_was_known_of_its_host_quiet_and_no_other_host() {
    let people = People::wait();
    people.post(&[
        exporter(1),
        runner("RunnerOfflinePrimary", "critical", 1),
        runner("RunnerDegradedHighCPU", "warning", 1),
        runner("RunnerDegradedHighMemory", "warning", 1),
        runner("RunnerDiskHigh", "warning", 1),
        runner("RunnerDiskHigh", "warning", 2),
    ]);
    people.settle([
        &[],
        &["RunnerDiskHigh firing", "RunnerExporterDown firing"],
        &[],
    ]);
    let inhibited = [
        "RunnerDegradedHighCPU r1",
        "RunnerDegradedHighMemory r1",
        "RunnerDiskHigh r1",
        "RunnerOfflinePrimary r1",
    ];
    assert_eq!(people.inhibited(), inhibited);
}

#[test]
fn what_deployments_and_rules_both_tell_of_one_lock_is_told_once() {
    let people = People::wait();
    let lock = "octo/shop/production";
    people.post(&[
        json!({"alertname": "DeploymentFailed", "severity": "critical", "lock": lock, "deployment": "octo/shop/4/1", "environment": "production"}),
        json!({"alertname": "DeploymentFailureRateHigh", "severity": "critical", "lock": lock}),
        json!({"alertname": "DeploymentsWaiting", "severity": "warning", "lock": lock, "deployment": "octo/shop/5/1"}),
        json!({"alertname": "DeploymentQueueDeep", "severity": "warning", "lock": lock}),
    ]);
    people.are_told("/morning", &["DeploymentsWaiting firing"]);
    people.settle([
        &["DeploymentFailed firing"],
        &["DeploymentsWaiting firing"],
        &[],
    ]);
    // A second failure of that lock is another alert, and does not wait for the first one's group.
    people.post(&[json!({"alertname": "DeploymentFailed", "severity": "critical", "lock": lock, "deployment": "octo/shop/6/1", "environment": "production"})]);
    let heard = [
        "DeploymentFailed firing",
        "Last firing",
        "DeploymentFailed firing",
    ];
    people.are_told("/page", &heard);
    let quiet = [
        format!("DeploymentFailureRateHigh {lock}"),
        format!("DeploymentQueueDeep {lock}"),
    ];
    assert_eq!(people.inhibited(), quiet);
}

#[test]
fn what_follows_from_an_alert_that_stands_is_quiet_and_the_rest_is_told() {
    let people = People::wait();
    let stale = |cause: &str, of: (&str, &str)| json!({"alertname": "DeploymentMetricsStale", "severity": "warning", "cause": cause, of.0: of.1});
    people.post(&[
        runner("RunnerOfflinePrimary", "critical", 1),
        runner("RunnerDegradedHighMemory", "warning", 1),
        runner("RunnerDegradedHighMemory", "warning", 2),
        stale("away", ("instance", "gateway:9091")),
        stale("gone", ("lock", "octo/shop/production")),
        stale("behind", ("lock", "octo/till/production")),
    ]);
    let stale = "DeploymentMetricsStale firing";
    people.settle([
        &["RunnerOfflinePrimary firing"],
        &[stale, stale, "RunnerDegradedHighMemory firing"],
        &[],
    ]);
    let quiet = [
        "DeploymentMetricsStale octo/shop/production",
        "RunnerDegradedHighMemory r1",
    ];
    assert_eq!(people.inhibited(), quiet);
}

/// The shipped rules, each waiting seconds instead of minutes, in the same order.
fn hasty_rules() -> Vec<(String, String)> {
    let hasty = |text: String| {
        let minutes = [("2m", "1s"), ("5m", "3s"), ("10m", "5s"), ("15m", "6s")];
        minutes.iter().fold(text, |text, (shown, here)| {
            text.replace(&format!("for: {shown}\n"), &format!("for: {here}\n"))
        })
    };
    let rules = shipped::quick_rules().into_iter();
    rules.map(|(name, text)| (name, hasty(text))).collect()
}

#[test]
fn runners_that_stop_are_told_once_and_once_more_when_they_are_back() {
    let people = People::wait();
    let (first, second) = (Host::start(), Host::start());
    let targets = TempDir::new().unwrap();
    // The example of a target file, with the hosts of this test in the place of its.
    let listed = shipped::quick(
        &shipped::text("infrastructure/prometheus/targets/github-runner-health.json"),
        &[
            ("runner-1.internal:9101", &first.address.to_string()),
            ("runner-2.internal:9101", &second.address.to_string()),
        ],
    );
    std::fs::write(targets.path().join("runners.json"), listed).unwrap();
    // The first exporter was told nothing of its runner: the inventory knows.
    let show = |one: bool, two: bool| {
        let runner = |name, environment, role, online| {
            let runner = Runner {
                name,
                environment,
                role,
                online,
            };
            runner.shown()
        };
        first.says(runner("runner-1", "unknown", "unknown", one));
        second.says(runner("runner-2", "production", "secondary", two));
    };
    show(true, true);
    let gateway = Pushgateway::start();
    let config = shipped::quick(
        &shipped::quick_config(&gateway.address.to_string()),
        &[(
            "targets/*.json",
            &format!("{}/*.json", targets.path().display()),
        )],
    );
    let alerting = people.alertmanager.url.strip_prefix("http://").unwrap();
    let alerting = alerting.strip_suffix(Alertmanager::BASE).unwrap();
    let config = format!(
        "{config}\nalerting: {{alertmanagers: [{{path_prefix: {}, static_configs: [{{targets: ['{alerting}']}}]}}]}}\n",
        Alertmanager::BASE
    );
    let watched = Watched {
        prometheus: Prometheus::start_with(&PrometheusSetup {
            config,
            rules: hasty_rules(),
            history: String::new(),
        }),
    };
    watched.until_number(
        r#"count(runner_status{environment="production", job="github-runner-health"} == 1)"#,
        Some(2.0),
    );
    watched.until_number(
        r#"runner_status{role="primary", instance="runner-1", runner="runner-1"}"#,
        Some(1.0),
    );
    watched.until_number(r#"count({__name__=~".+", exported_role=~".+"})"#, None);

    show(false, true);
    people.are_told("/page", &["RunnerOfflinePrimary firing"]);
    show(true, true);
    let primary = [
        "RunnerOfflinePrimary firing",
        "RunnerOfflinePrimary resolved",
    ];
    people.are_told("/page", &primary);

    show(false, false);
    let mut heard = primary.to_vec();
    heard.push("BothRunnersOffline firing");
    people.are_told("/page", &heard);
    let quiet = [
        "RunnerOfflinePrimary runner-1",
        "RunnerOfflineSecondary runner-2",
    ];
    until(PATIENCE, "both to stand and be quiet", || {
        (people.inhibited() == quiet).then_some(())
    });
    show(true, true);
    heard.push("BothRunnersOffline resolved");
    people.are_told("/page", &heard);
    assert_eq!(people.told("/morning"), Vec::<String>::new());
}
