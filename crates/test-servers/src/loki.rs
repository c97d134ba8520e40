//! A Loki.

use std::{net::SocketAddr, path::Path, process::Command, time::Duration};

use tempfile::TempDir;

use crate::{Process, free_port, plain_http};

/// A Loki of its own on 127.0.0.1: one process, files in a temporary folder, nothing reported to anybody.
#[derive(Debug)]
pub struct Loki {
    /// Its address, such as `http://127.0.0.1:1234`.
    pub url: String,
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Loki {
    /// Starts the program `binary`. `limits` are lines of `limits_config`, such as `allow_structured_metadata: false`.
    pub fn start(binary: &Path, limits: &[&str]) -> Loki {
        let limits: String = limits.iter().map(|limit| format!("  {limit}\n")).collect();
        Loki::start_with(binary, |data, http, grpc| {
            format!(
                "\
auth_enabled: false
analytics: {{reporting_enabled: false}}
server: {{http_listen_address: 127.0.0.1, http_listen_port: {http}, grpc_listen_address: 127.0.0.1, grpc_listen_port: {grpc}, log_level: warn}}
common:
  instance_addr: 127.0.0.1
  path_prefix: {data}
  replication_factor: 1
  ring: {{kvstore: {{store: inmemory}}}}
  storage: {{filesystem: {{chunks_directory: {data}/chunks, rules_directory: {data}/rules}}}}
ingester: {{lifecycler: {{min_ready_duration: 0s}}}}
schema_config: {{configs: [{{from: 2020-01-01, store: tsdb, object_store: filesystem, schema: v13, index: {{prefix: index_, period: 24h}}}}]}}
limits_config:
  discover_log_levels: false
{limits}"
            )
        })
    }

    /// Starts the program `binary` with the configuration that `configuration` makes of a folder for its data, a port for
    /// HTTP and one for gRPC.
    pub fn start_with(binary: &Path, configuration: impl FnOnce(&str, u16, u16) -> String) -> Loki {
        let folder = TempDir::new().expect("a folder");
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let data = folder.path().display().to_string();
        let config = configuration(&data, address.port(), free_port());
        let file = folder.path().join("loki.yaml");
        std::fs::write(&file, config).expect("a file");
        let mut process = Process::start(
            Command::new(binary)
                .arg(format!("-config.file={}", file.display()))
                .current_dir(folder.path()),
            &folder.path().join("log"),
        );
        process.await_ready(Duration::from_secs(120), || {
            plain_http::exchange(address, "GET /ready", &[], "")
                .is_ok_and(|answer| answer.status == 200)
        });
        Loki {
            url: format!("http://{address}"),
            address,
            _process: process,
            _folder: folder,
        }
    }

    /// The configuration that it goes by, with every default, as YAML.
    pub fn configuration(&self) -> String {
        let answer = plain_http::exchange(self.address, "GET /config", &[], "");
        answer.expect("an answer").body
    }

    /// Has it write everything to its files.
    pub fn flush(&self) {
        let answer = plain_http::exchange(self.address, "POST /flush", &[], "").expect("an answer");
        assert_eq!(answer.status, 204, "it writes to its files");
    }
}
