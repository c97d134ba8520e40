//! The network of the pages: their hosts and addresses on one machine, and the program that asks them.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;
use test_servers::in_named_network;

/// The addresses that the pages write out.
const ADDRESSES: &str = "addr add 10.0.0.7/32 dev lo\naddr add 10.0.0.8/32 dev lo\n\
    addr add 10.0.0.2/32 dev lo\naddr add 10.0.0.53/32 dev lo\n\
    addr add 192.0.2.10/32 dev lo\naddr add 192.0.2.12/32 dev lo";

/// The hosts that the pages name.
const HOSTS: &str = "127.0.0.1 localhost
127.0.0.1 api.internal courses.internal web.internal orders.internal search.internal
127.0.0.1 idp.example.com api.example.com www.example.com
10.0.0.7 db.internal bastion.internal queue.internal broker.internal
127.0.0.31 db-1.internal
127.0.0.32 db-2.internal
127.0.0.11 sentinel-1
127.0.0.12 sentinel-2
127.0.0.13 sentinel-3
127.0.0.21 cache.internal
127.0.0.41 sessions-1.internal
";

/// The workspace of a step in that network.
pub(crate) struct World {
    folder: TempDir,
}

/// Runs `body` in the network of the pages.
pub(crate) fn in_world(body: impl FnOnce(&World) + Send) {
    in_world_with(ADDRESSES, HOSTS, body);
}

/// The same with other addresses and hosts. The name server is always 10.0.0.2.
pub(crate) fn in_world_with(addresses: &str, hosts: &str, body: impl FnOnce(&World) + Send) {
    in_named_network(addresses, hosts, "nameserver 10.0.0.2\n", || {
        let folder = tempfile::tempdir().unwrap();
        body(&World { folder });
    });
}

/// What a judgement came to.
pub(crate) struct Judged {
    pub(crate) exit: Option<i32>,
    pub(crate) said: String,
    /// Name, status and what was seen last.
    pub(crate) gates: Vec<(String, String, String)>,
}

impl World {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Judges a file of gates. A gate that does not say for how long fails after a minute.
    pub(crate) fn judge(&self, gates: &str, variables: &[(&str, &str)]) -> Judged {
        self.run(gates, variables, &["--timeout", "1m"])
    }

    /// Asks every gate once.
    pub(crate) fn once(&self, gates: &str, variables: &[(&str, &str)]) -> Judged {
        self.run(gates, variables, &["--dry-run"])
    }

    fn run(&self, gates: &str, variables: &[(&str, &str)], more: &[&str]) -> Judged {
        self.write("gates.yml", gates);
        let report = self.path("report.json");
        let _earlier = fs::remove_file(&report);
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(env!("CARGO_BIN_EXE_health-gates"))
            .args(["--gates", "gates.yml", "--report", "report.json"])
            .args(more)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("TMPDIR", self.folder.path())
            .env("SSL_CERT_FILE", self.path("trusted.pem"))
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        let text = fs::read_to_string(&report).unwrap_or_else(|_| panic!("{gates}\n{said}"));
        let report: Value = serde_json::from_str(&text).unwrap();
        let word = |gate: &Value, key: &str| gate[key].as_str().unwrap_or_default().to_owned();
        let gates = report["gates"].as_array().unwrap();
        Judged {
            exit: status.code(),
            said,
            gates: gates
                .iter()
                .map(|gate| (word(gate, "name"), word(gate, "status"), word(gate, "seen")))
                .collect(),
        }
    }

    /// Judges a file of gates, every one of which must pass.
    pub(crate) fn passes(&self, gates: &str, variables: &[(&str, &str)]) {
        let judged = self.judge(gates, variables);
        assert_eq!(judged.exit, Some(0), "{gates}\n{}", judged.said);
        for (name, status, seen) in &judged.gates {
            assert_eq!(status, "pass", "{name}: {seen}\n{gates}");
        }
    }

    /// Status and sight of one gate, given without its name, that is asked once.
    pub(crate) fn sees(&self, kind: &str, variables: &[(&str, &str)]) -> (String, String) {
        let judged = self.once(&format!("- name: x\n  {kind}\n"), variables);
        let (_, status, seen) = judged.gates.into_iter().next().unwrap();
        (status, seen)
    }
}

/// Passes what comes to `at` on to a port of 127.0.0.1, as long as the test runs.
pub(crate) fn forward(at: &str, port: u16) {
    let listener = TcpListener::bind(at).unwrap();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                continue;
            };
            for (mut from, mut to) in [
                (near.try_clone().unwrap(), far.try_clone().unwrap()),
                (far, near),
            ] {
                std::thread::spawn(move || {
                    let _ended = std::io::copy(&mut from, &mut to);
                    let _gone = to.shutdown(std::net::Shutdown::Write);
                });
            }
        }
    });
}
