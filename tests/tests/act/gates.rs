//! A deployment that ends with its gates: the workflow of the examples, with services that the test has in its hands.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ledger::{Event, FailureReason, GateStatus, Outcome};
use test_servers::Redis;

use crate::{
    consumer::{consumer, example},
    running::Ended,
    trial::Trial,
};

const LOCK: &str = "octo/shop/production";
const PATIENCE: Duration = Duration::from_secs(180);

/// An API that says `{"status": "healthy"}`, or answers 503, as the test wants.
struct Api {
    port: u16,
    healthy: Arc<AtomicBool>,
}

impl Api {
    fn start(healthy: bool) -> Api {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let flag = Arc::new(AtomicBool::new(healthy));
        let healthy = Arc::clone(&flag);
        // It ends with the process of the tests, as its port does.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _gone = answer(&stream, healthy.load(Ordering::SeqCst));
            }
        });
        Api {
            port,
            healthy: flag,
        }
    }

    fn set(&self, healthy: bool) {
        self.healthy.store(healthy, Ordering::SeqCst);
    }
}

fn answer(mut stream: &TcpStream, healthy: bool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut lines = BufReader::new(stream).lines();
    while lines
        .next()
        .transpose()?
        .is_some_and(|line| !line.is_empty())
    {}
    let (status, body) = if healthy {
        ("200 OK", r#"{"status": "healthy"}"#)
    } else {
        ("503 Service Unavailable", "warming up")
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// The consumer with the example's workflow, and gates of two services of this test.
fn web_service(api: &Api, redis: &Redis) -> Trial {
    let gates = format!(
        "defaults: {{timeout: 6s}}\ngates:\n  - name: cache\n    redis: ${{REDIS_URL}}\n  - name: api\n    http:\n      \
         url: http://127.0.0.1:{}/health\n      json: {{/status: healthy}}\n    depends-on: cache\n",
        api.port
    );
    let roll_back =
        "#!/usr/bin/env bash\nprintf 'roll-back\\n' >>\"$RUNNER_TOOL_CACHE/target.log\"\n";
    let workflow = example("web-service.yml");
    let trial = consumer(
        &[("deploy.yml", &workflow)],
        &[("gates.yaml", &gates), ("roll-back.sh", roll_back)],
    );
    let secret = format!("REDIS_URL=redis://127.0.0.1:{}", redis.port);
    trial.with(&["--secret", "DATABASE_URL=unused", "--secret", &secret])
}

fn target(trial: &Trial) -> String {
    fs::read_to_string(trial.tool_cache().join("target.log")).unwrap_or_default()
}

#[test]
fn gates_end_the_deployment_well_or_fail_it_and_roll_it_back() {
    let redis = Redis::start();
    let api = Api::start(true);
    let mut trial = web_service(&api, &redis);

    let ended = trial.push(".github/workflows/deploy.yml").wait(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    assert_end(&trial, 1, Outcome::Succeeded, None);
    let summary = ended.summary("health-gates");
    for wanted in [
        "### Health gates for production",
        "✅ all 2 health gates passed",
        "| ✅ | `api` |",
        "| ✅ | `cache` |",
    ] {
        assert!(summary.contains(wanted), "{wanted} is missing:\n{summary}");
    }
    assert!(ended.summary("verdict").contains("✅ "));
    assert!(!target(&trial).contains("roll-back"), "{}", target(&trial));

    api.set(false);
    let ended = trial.push(".github/workflows/deploy.yml").wait(PATIENCE);
    assert_eq!(ended.code, Some(1), "{}", ended.log());
    assert_end(&trial, 2, Outcome::Failed, Some(FailureReason::Gates));
    assert_eq!(target(&trial).matches("roll-back").count(), 1);
    assert_failure_is_told(&trial, &ended);
}

fn assert_end(trial: &Trial, token: u64, outcome: Outcome, reason: Option<FailureReason>) {
    let audit = trial.audit(LOCK);
    let record = audit.record().expect("a record");
    assert_eq!(record.token, token, "the command ran once a deployment");
    let ends = audit.ends(&record.deployment.id);
    assert_eq!(ends.len(), 1, "{ends:?}");
    assert_eq!((ends[0].0, ends[0].1), (outcome, reason));
}

fn assert_failure_is_told(trial: &Trial, ended: &Ended) {
    let summary = ended.summary("health-gates");
    for wanted in [
        "❌ 1 of 2 health gates failed",
        "503 Service Unavailable",
        "the command of `on-failure` ran and ended well",
    ] {
        assert!(summary.contains(wanted), "{wanted} is missing:\n{summary}");
    }
    let verdict = ended.summary("verdict");
    assert!(verdict.contains("❌ "), "{verdict}");
    let entries = trial.audit(LOCK).entries();
    let failed: Vec<&str> = entries
        .iter()
        .filter_map(|entry| match &entry.event {
            Event::Gates { gates } => Some(gates),
            _ => None,
        })
        .flatten()
        .filter(|gate| gate.status == GateStatus::Fail)
        .map(|gate| gate.service.as_str())
        .collect();
    assert_eq!(failed, ["api"]);
    let rolled_back = entries
        .iter()
        .filter(|entry| matches!(entry.event, Event::OnFailureStarted))
        .count();
    assert_eq!(rolled_back, 1);
}
