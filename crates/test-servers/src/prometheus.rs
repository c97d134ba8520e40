//! A Prometheus, with a configuration of its own or one that scrapes one target every second.

use std::{fs, net::SocketAddr, process::Command, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, free_port, plain_http, program};

/// How to start one.
#[derive(Clone, Debug, Default)]
pub struct PrometheusSetup {
    /// `prometheus.yml`, whole.
    pub config: String,
    /// Files of rules by name and text: they lie in `rules/` beside the configuration.
    pub rules: Vec<(String, String)>,
    /// What it has already seen, in the OpenMetrics format with a time on each sample; nothing where this is empty.
    pub history: String,
}

/// A Prometheus of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Prometheus {
    /// Its address with its base path, such as `http://127.0.0.1:1234/metrics-server`.
    pub url: String,
    address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// The path that everything of it lies under.
    pub const BASE: &str = "/metrics-server";

    /// Starts one that scrapes `http://<target>/metrics` under the job `test`.
    pub fn start(target: SocketAddr) -> Prometheus {
        Prometheus::start_with(&PrometheusSetup {
            config: format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: test, static_configs: [{{targets: [\"{target}\"]}}]}}\n"
            ),
            ..PrometheusSetup::default()
        })
    }

    /// Starts one that keeps 32 days, and waits until it is ready.
    pub fn start_with(setup: &PrometheusSetup) -> Prometheus {
        let binary = program("prometheus", &[], "prometheus");
        let folder = TempDir::new().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let data = folder.path().join("data");
        fs::write(&config, &setup.config).expect("a file");
        fs::create_dir(folder.path().join("rules")).expect("a folder");
        for (name, text) in &setup.rules {
            fs::write(folder.path().join("rules").join(name), text).expect("a file");
        }
        if !setup.history.is_empty() {
            let history = folder.path().join("history");
            fs::write(&history, &setup.history).expect("a file");
            let output = Command::new(program("promtool", &[], "prometheus"))
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .args([&history, &data])
                .output()
                .expect("promtool");
            assert!(
                output.status.success(),
                "failed to write the past: {output:?}"
            );
        }
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let base = Prometheus::BASE;
        let mut process = Process::start(
            Command::new(binary)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!("--storage.tsdb.path={}", data.display()))
                .arg("--storage.tsdb.retention.time=32d")
                .arg(format!("--web.listen-address={address}"))
                .arg(format!("--web.external-url=http://{address}{base}"))
                .arg("--log.level=warn"),
            &folder.path().join("log"),
        );
        process.await_ready(Duration::from_secs(30), || {
            plain_http::exchange(address, &format!("GET {base}/-/ready"), &[], "")
                .is_ok_and(|answer| answer.status == 200)
        });
        Prometheus {
            url: format!("http://{address}{base}"),
            address,
            process,
            _folder: folder,
        }
    }

    /// What it answers to a query of this moment, as JSON
    /// (<https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries>).
    pub fn query(&self, promql: &str) -> String {
        let encoded: String = promql.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.get(&format!("/api/v1/query?query={encoded}"))
    }

    /// What lies under a path such as `/api/v1/rules`; a refusal too, with its words.
    pub fn get(&self, path: &str) -> String {
        let request = format!("GET {}{path}", Prometheus::BASE);
        let answer = plain_http::exchange(self.address, &request, &[], "");
        answer.expect("a running Prometheus").body
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}
