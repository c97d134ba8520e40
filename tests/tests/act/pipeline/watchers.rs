//! Who watches the deployments: a Pushgateway, the Prometheus that scrapes it with the rules as they are shipped, and an
//! Alertmanager with somebody behind it.

use std::{fs, time::Duration};

use baton_tests::patience;
use ledger::Role;
use serde_json::Value;
use test_servers::{Alertmanager, Prometheus, PrometheusSetup, Pushgateway};
use tokio::runtime::Runtime;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

use crate::trial::project;

/// How long Prometheus and Alertmanager may take to pass on what they know.
const SOON: Duration = Duration::from_secs(30);

/// A number that Prometheus is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Attempts(Role),
    Successes,
    Failures,
    /// Of one reason.
    Takeovers(&'static str),
}

impl Count {
    /// As docs/metrics.md asks for it.
    pub(super) fn query(self) -> String {
        match self {
            Count::Attempts(role) => {
                format!("sum(role:deployment_attempts:total{{role=\"{role}\"}})")
            }
            Count::Successes => "sum by (lock) (role:deployment_success:total)".to_owned(),
            Count::Failures => {
                "sum by (lock) (role:deployment_failure:total{failure_reason=\"exit_code\"})"
                    .to_owned()
            }
            Count::Takeovers(reason) => {
                format!(
                    "sum by (lock, reason) (role:deployment_failover:total{{reason=\"{reason}\"}})"
                )
            }
        }
    }
}

/// All of them.
pub(super) struct Watchers {
    pub(super) gateway: Pushgateway,
    pub(super) alertmanager: Alertmanager,
    prometheus: Prometheus,
    /// Whom Alertmanager tells.
    person: MockServer,
    runtime: Runtime,
}

impl Watchers {
    pub(super) fn start() -> Watchers {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let person = runtime.block_on(async {
            let person = MockServer::start().await;
            Mock::given(any())
                .respond_with(ResponseTemplate::new(200))
                .mount(&person)
                .await;
            person
        });
        let gateway = Pushgateway::start();
        let prometheus = Prometheus::start_with(&PrometheusSetup {
            config: shipped_config(&gateway),
            rules: shipped_rules(),
            history: String::new(),
        });
        Watchers {
            alertmanager: Alertmanager::start(&person.uri()),
            gateway,
            prometheus,
            person,
            runtime,
        }
    }

    /// What Prometheus answers; nothing where it has no such series.
    pub(super) fn shown(&self, promql: &str) -> Option<f64> {
        let answer: Value = serde_json::from_str(&self.prometheus.query(promql)).unwrap();
        let series = answer["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{promql}: {answer}"));
        assert!(series.len() <= 1, "{promql}: {answer}");
        series.first()?["value"][1].as_str()?.parse().ok()
    }

    pub(super) fn until_shown(&self, promql: &str, number: f64) {
        let mut seen = None;
        let shown = patience::within_reach(SOON, || {
            seen = self.shown(promql);
            (seen == Some(number)).then_some(())
        });
        assert!(shown.is_some(), "{promql}: {seen:?} and not {number}");
    }

    /// Status and deployment of every alert that a person was told of, in order.
    pub(super) fn woken(&self) -> Vec<(String, String)> {
        let requests = self.runtime.block_on(self.person.received_requests());
        let bodies = requests.unwrap_or_default().into_iter();
        let bodies = bodies.map(|request| request.body_json::<Value>().unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        bodies
            .flat_map(|body| body["alerts"].as_array().cloned().unwrap_or_default())
            .map(|alert| (text(&alert["status"]), text(&alert["labels"]["deployment"])))
            .collect()
    }

    /// Waits until a person was told of so much, and sees that it is that and no more.
    pub(super) fn until_woken(&self, wanted: &[(String, String)]) {
        patience::within_reach(SOON, || (self.woken().len() >= wanted.len()).then_some(()));
        assert_eq!(self.woken(), wanted);
    }

    /// The deployments whose alerts stand at Alertmanager now.
    pub(super) fn alerts(&self) -> Vec<String> {
        let alerts: Value = serde_json::from_str(&self.alertmanager.alerts()).unwrap();
        let all = alerts.as_array().unwrap().iter();
        all.map(|alert| alert["labels"]["deployment"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// The configuration of the pages, every second instead of every minute.
fn shipped_config(gateway: &Pushgateway) -> String {
    let text =
        fs::read_to_string(project().join("infrastructure/prometheus/prometheus.yml")).unwrap();
    let address = gateway.address.to_string();
    [("1m", "1s"), ("pushgateway.internal:9091", &address)]
        .into_iter()
        .fold(text, |text, (shown, here)| {
            assert!(text.contains(shown), "the example shows {shown}");
            text.replace(shown, here)
        })
}

/// The rules as they are, every second instead of every minute.
fn shipped_rules() -> Vec<(String, String)> {
    let folder = project().join("infrastructure/prometheus/rules");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let rules: Vec<_> = files
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            (name, text.replace("interval: 1m\n", "interval: 1s\n"))
        })
        .collect();
    assert!(!rules.is_empty(), "rules are shipped");
    rules
}
