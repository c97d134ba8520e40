//! An Alertmanager that tells one webhook.

use std::{net::SocketAddr, process::Command, time::Duration};

use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::{Process, free_port, plain_http, program};

/// An Alertmanager of its own on 127.0.0.1, without a cluster.
#[derive(Debug)]
pub struct Alertmanager {
    /// Its address with its base path, such as `http://127.0.0.1:1234/alerts`.
    pub url: String,
    address: SocketAddr,
    process: Process,
    _folder: TempDir,
}

impl Alertmanager {
    /// The path that everything of it lies under.
    pub const BASE: &str = "/alerts";

    /// Starts one that tells `receiver`, an address, of every alert by itself: at once, and once more when it is over.
    pub fn start(receiver: &str) -> Alertmanager {
        Alertmanager::start_with(&format!(
            "route: {{receiver: test, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 4h}}\n\
             receivers:\n- name: test\n  webhook_configs: [{{url: \"{receiver}\", send_resolved: true}}]\n"
        ))
    }

    /// Starts one with an `alertmanager.yml`, whole.
    pub fn start_with(configuration: &str) -> Alertmanager {
        let binary = program("prometheus-alertmanager", &[], "alertmanager");
        let folder = TempDir::new().expect("a folder");
        let config = folder.path().join("alertmanager.yml");
        std::fs::write(&config, configuration).expect("a file");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let base = Alertmanager::BASE;
        let mut process = Process::start(
            Command::new(binary)
                .arg(format!("--config.file={}", config.display()))
                .arg(format!(
                    "--storage.path={}",
                    folder.path().join("data").display()
                ))
                .arg(format!("--web.listen-address={address}"))
                .arg(format!("--web.external-url=http://{address}{base}"))
                .arg("--cluster.listen-address=")
                .arg("--log.level=warn"),
            &folder.path().join("log"),
        );
        process.await_ready(Duration::from_secs(30), || {
            plain_http::exchange(address, &format!("GET {base}/-/ready"), &[], "")
                .is_ok_and(|answer| answer.status == 200)
        });
        Alertmanager {
            url: format!("http://{address}{base}"),
            address,
            process,
            _folder: folder,
        }
    }

    /// Every alert that stands now, as JSON (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).
    pub fn alerts(&self) -> String {
        let request = format!("GET {}/api/v2/alerts", Alertmanager::BASE);
        let answer = plain_http::exchange(self.address, &request, &[], "");
        answer.expect("a running Alertmanager").body
    }

    /// Tells it of alerts, a JSON list, as Prometheus does.
    pub fn post(&self, alerts: &str) {
        let request = format!("POST {}/api/v2/alerts", Alertmanager::BASE);
        let json = [("Content-Type", "application/json")];
        let answer = plain_http::exchange(self.address, &request, &json, alerts);
        let answer = answer.expect("a running Alertmanager");
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Sends a signal, such as SIGSTOP to make it hang.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }
}
