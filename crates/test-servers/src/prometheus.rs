//! A Prometheus that scrapes one target every second.

use std::{net::SocketAddr, process::Command, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, free_port, plain_http, program};

/// A Prometheus of its own on 127.0.0.1.
#[derive(Debug)]
pub struct Prometheus {
    /// Its address with its base path, such as `http://127.0.0.1:1234/metrics-server`.
    pub url: String,
    process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// The path that everything of it lies under.
    pub const BASE: &str = "/metrics-server";

    /// Starts one that scrapes `http://<target>/metrics` under the job `test`.
    pub fn start(target: SocketAddr) -> Prometheus {
        let binary = program("prometheus", &[], "prometheus");
        let folder = TempDir::new().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        std::fs::write(
            &config,
            format!(
                "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n- {{job_name: test, static_configs: [{{targets: [\"{target}\"]}}]}}\n"
            ),
        )
        .expect("a file");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let base = Prometheus::BASE;
        let mut process = Process::start(
            Command::new(binary)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.tsdb.path={}",
                    folder.path().join("data").display()
                ))
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
            process,
            _folder: folder,
        }
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}
