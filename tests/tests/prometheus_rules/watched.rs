//! A Prometheus with the shipped rules, the gateways that it scrapes, and what it answers.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ledger::Role;
use metrics::{Gateway, GatewayError, Group};
use serde_json::Value;
use test_servers::{Prometheus, PrometheusSetup, Pushgateway, until};

use crate::{
    history::{Ledger, Series},
    shipped,
};

/// Long enough for a push, a scrape and an evaluation on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Puts both groups of a ledger, as `push-metrics` does.
pub(crate) fn push(ledger: &Ledger, server: &Pushgateway) {
    for role in [Role::Primary, Role::Secondary] {
        let text = metrics::text(&ledger.moment(), role).unwrap();
        put(ledger, role, &text, server).unwrap();
    }
}

/// Puts a text in the place of one group.
pub(crate) fn put(
    ledger: &Ledger,
    role: Role,
    text: &str,
    server: &Pushgateway,
) -> Result<(), GatewayError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let gateway = Gateway::new(&server.url(), None, None).unwrap();
    let group = Group {
        subject: ledger.subject.clone(),
        role,
    };
    runtime.block_on(gateway.put(&group, text, (Instant::now() + PATIENCE).into()))
}

/// What a gateway shows now, as if Prometheus had scraped it every minute for `hours` until two minutes ago.
pub(crate) fn past(server: &Pushgateway, hours: u64) -> String {
    let metrics = server.metrics();
    let pushed: Vec<&str> = metrics
        .lines()
        .filter(|line| line.contains("job=\"github-actions-deployments\""))
        .collect();
    assert!(!pushed.is_empty());
    let now = crate::history::now().0 / 1000;
    let mut text = String::new();
    for line in pushed {
        for minute in (2..hours * 60).rev() {
            text.push_str(&format!("{line} {}\n", now - minute * 60));
        }
    }
    text + "# EOF\n"
}

/// A Prometheus with the shipped rules.
pub(crate) struct Watched {
    pub(crate) prometheus: Prometheus,
}

impl Watched {
    /// `config` as [`shipped::quick_config`] gives it, with `history` behind it.
    pub(crate) fn start(config: String, history: String) -> Watched {
        let prometheus = Prometheus::start_with(&PrometheusSetup {
            config,
            rules: shipped::quick_rules(),
            history,
        });
        Watched { prometheus }
    }

    /// The answer to a query; panics where Prometheus refuses it.
    pub(crate) fn ask(&self, promql: &str) -> Value {
        let answer = self.prometheus.query(promql);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{promql}: {answer}");
        answer["data"]["result"].clone()
    }

    /// The series of a query with their values.
    pub(crate) fn vector(&self, promql: &str) -> BTreeMap<Series, f64> {
        let answer = self.ask(promql);
        let series = answer.as_array().unwrap().iter();
        series
            .map(|one| (labels(one), number(&one["value"][1])))
            .collect()
    }

    /// The one number of a query, if it has one.
    pub(crate) fn number(&self, promql: &str) -> Option<f64> {
        let vector = self.vector(promql);
        assert!(vector.len() < 2, "{promql}: {vector:?}");
        vector.into_values().next()
    }

    /// Waits until the query's series are these.
    pub(crate) fn until(&self, promql: &str, wanted: &BTreeMap<Series, f64>) {
        let end = Instant::now() + PATIENCE;
        loop {
            let seen = self.vector(promql);
            if agree(&seen, wanted) {
                return;
            }
            assert!(
                Instant::now() < end,
                "{promql}\nshows  {seen:#?}\nwanted {wanted:#?}"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the query's one number is this one; `None` for no number.
    pub(crate) fn until_number(&self, promql: &str, wanted: Option<f64>) {
        until(PATIENCE, &format!("{promql} to be {wanted:?}"), || {
            (self.number(promql) == wanted).then_some(())
        });
    }

    /// Each series of the query in the time since the start, oldest value first.
    pub(crate) fn course(&self, selector: &str) -> Vec<(Series, Vec<f64>)> {
        let answer = self.ask(&format!("{selector}[10m]"));
        let series = answer.as_array().unwrap().iter();
        series
            .map(|one| {
                let values = one["values"].as_array().unwrap().iter();
                let values = values.map(|value| number(&value[1]));
                (labels(one), values.collect())
            })
            .collect()
    }
}

fn agree(seen: &BTreeMap<Series, f64>, wanted: &BTreeMap<Series, f64>) -> bool {
    seen.len() == wanted.len()
        && seen
            .iter()
            .zip(wanted)
            .all(|((series, value), (other, expected))| {
                // Sums of seconds are not exact in floating point.
                series == other && (value - expected).abs() < 1e-6
            })
}

fn labels(one: &Value) -> Series {
    let labels = one["metric"].as_object().unwrap().iter();
    labels
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

/// A host whose exporter shows the text that it is given, until the test ends.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    shown: Arc<Mutex<String>>,
}

impl Host {
    pub(crate) fn start() -> Host {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let text = Arc::clone(&shown);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _asked = stream.read(&mut [0; 4096]);
                let body = text.lock().unwrap().clone();
                let _gone = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
            }
        });
        Host { address, shown }
    }

    pub(crate) fn show(&self, ledger: &Ledger) {
        self.says(metrics::textfile(&ledger.subject, &ledger.moment()).unwrap());
    }

    pub(crate) fn says(&self, text: String) {
        *self.shown.lock().unwrap() = text;
    }
}
