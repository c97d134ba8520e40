//! The program as a step of a job, in front of stores and files that are not as they should be. What is pushed and
//! shipped where all is well is proven elsewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's own set-up; a panic is its failure"
)]

use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

const TOTALS: &str = "deployment_success_total{role=\"primary\"} 3\n";

/// A step that has not started.
struct Step {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

struct Ended {
    code: Option<i32>,
    log: String,
    outputs: String,
    summary: String,
}

impl Step {
    /// With an empty store on disk.
    fn new() -> Step {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).display().to_string();
        for name in ["temp/baton", "work"] {
            fs::create_dir_all(folder.path().join(name)).unwrap();
        }
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare"])
            .arg(folder.path().join("store.git"))
            .status();
        assert!(made.unwrap().success());
        let environment = [
            ("PATH", std::env::var("PATH").unwrap()),
            ("HOME", file("work")),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_ACTOR", "mona".to_owned()),
            ("GITHUB_OUTPUT", file("output")),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_REPOSITORY", "acme/shop".to_owned()),
            ("GITHUB_RUN_ATTEMPT", "1".to_owned()),
            ("GITHUB_RUN_ID", "7".to_owned()),
            ("GITHUB_RUN_NUMBER", "7".to_owned()),
            ("GITHUB_SHA", "a".repeat(40)),
            ("GITHUB_STEP_SUMMARY", file("summary.md")),
            ("GITHUB_WORKFLOW", "deploy".to_owned()),
            ("GITHUB_WORKSPACE", file("work")),
            ("RUNNER_NAME", "runner-1".to_owned()),
            ("RUNNER_TEMP", file("temp")),
            ("INPUT_ENVIRONMENT", "production".to_owned()),
            ("INPUT_STORE", format!("git+file://{}", file("store.git"))),
        ];
        Step {
            environment: environment.map(|(n, v)| (n.to_owned(), v)).into(),
            folder,
        }
    }

    fn input(self, name: &str, value: &str) -> Step {
        self.variable(
            &format!("INPUT_{}", name.to_uppercase().replace('-', "_")),
            value,
        )
    }

    fn variable(mut self, name: &str, value: &str) -> Step {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The deploy step of this leg held the lease.
    fn carried(self) -> Step {
        let file = r#"{"schema":1,"deployment_id":"acme/shop/7/1","environment":"production","candidate":1,
            "candidates":2,"role":"primary","stood_by":false}"#;
        fs::write(self.file("temp/baton/candidate.json"), file).unwrap();
        self
    }

    fn start(&self) -> Child {
        let log = File::create(self.file("log")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_push-metrics"))
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.file("work"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    fn ended(&self, code: Option<i32>) -> Ended {
        let read = |name| fs::read_to_string(self.file(name)).unwrap_or_default();
        Ended {
            code,
            log: read("log"),
            outputs: read("output"),
            summary: read("summary.md"),
        }
    }

    #[track_caller]
    fn expect(&self, code: i32) -> Ended {
        let ended = self.ended(self.start().wait().unwrap().code());
        assert_eq!(ended.code, Some(code), "{}", ended.log);
        ended
    }
}

impl Ended {
    #[track_caller]
    fn has_result(&self, wanted: &str) {
        let lines: Vec<&str> = self.outputs.lines().collect();
        // The newest, where one step ran after the other.
        let at = lines.iter().rposition(|line| line.starts_with("result<<"));
        let result = at.and_then(|at| lines.get(at + 1));
        assert_eq!(result, Some(&wanted), "{}", self.log);
    }

    /// How many annotations name this input first.
    fn times_named(&self, input: &str) -> usize {
        self.log.matches(&format!("::{input}: seen ")).count()
    }
}

#[test]
fn an_empty_ledger_of_a_leg_that_carried_a_deployment_is_a_failure_and_the_textfile_stays() {
    let step = Step::new().carried().input("textfile", "baton.prom");
    fs::write(step.file("work/baton.prom"), TOTALS).unwrap();
    let ended = step.expect(0);
    ended.has_result("incomplete");
    for part in [
        "the ledger under acme/shop/production in ",
        "is empty, but this leg carried a deployment",
    ] {
        assert!(ended.log.contains(part), "{}", ended.log);
    }
    assert!(ended.summary.contains("❌ ledger"), "{}", ended.summary);
    assert!(!ended.summary.contains("Nothing is lost"));
    assert_eq!(
        fs::read_to_string(step.file("work/baton.prom")).unwrap(),
        TOTALS
    );
    step.input("required", "true").expect(1);
}

#[test]
fn a_textfile_with_totals_is_not_replaced_by_one_of_an_empty_ledger() {
    let step = Step::new().input("textfile", "baton.prom");
    fs::write(step.file("work/baton.prom"), TOTALS).unwrap();
    let ended = step.expect(0);
    ended.has_result("incomplete");
    assert!(ended.log.contains("holds totals"), "{}", ended.log);
    assert_eq!(
        fs::read_to_string(step.file("work/baton.prom")).unwrap(),
        TOTALS
    );
}

#[test]
fn an_empty_ledger_where_nothing_was_deployed_is_a_warning() {
    let ended = Step::new().input("required", "true").expect(0);
    ended.has_result("pass");
    assert!(ended.summary.contains("⚠️ ledger"), "{}", ended.summary);
    assert!(ended.log.contains("::warning"), "{}", ended.log);
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_a_step_that_reads() {
    let step = Step::new();
    let store = step.file("none.git");
    let step = step.input("store", &format!("git+file://{}", store.display()));
    let ended = step.expect(0);
    ended.has_result("incomplete");
    assert!(
        ended.log.contains("no repository is there"),
        "{}",
        ended.log
    );
    assert!(!ended.log.contains("Nothing is lost"), "{}", ended.log);
    assert!(!store.exists(), "it was made");
    step.input("required", "true").expect(69);
}

#[test]
fn outputs_or_a_summary_that_cannot_be_written_are_no_success_where_all_must_arrive() {
    for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        let step = Step::new().variable(name, "/nonexistent/file");
        step.expect(0);
        step.input("required", "true").expect(1);
    }
}

#[test]
fn a_report_that_nobody_asked_for_fails_no_step() {
    let step = Step::new().input("required", "true");
    let own = step.file("temp/baton");
    fs::remove_dir(&own).unwrap();
    fs::write(&own, "somebody else's").unwrap();
    let ended = step.expect(0);
    ended.has_result("pass");
    assert!(ended.summary.contains("⚠️ report"), "{}", ended.summary);
    let wanted = own.join("report.json").display().to_string();
    let ended = step.input("report", &wanted).expect(1);
    ended.has_result("incomplete");
    assert!(!ended.log.contains("Nothing is lost"), "{}", ended.log);
}

#[test]
fn a_step_that_is_told_to_stop_says_so_in_outputs_and_summary() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let store = format!("git+http://{}/store.git", silent.local_addr().unwrap());
    let step = Step::new().input("store", &store);
    let mut child = step.start();
    // It waits for an answer that does not come.
    let _question = silent.accept().unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    let ended = step.ended(child.wait().unwrap().code());
    assert_eq!(ended.code, Some(143), "{}", ended.log);
    ended.has_result("incomplete");
    assert!(ended.summary.contains("told to stop"), "{}", ended.summary);
}

#[test]
fn each_wrong_input_is_named_once_whatever_else_is_wrong() {
    let step = Step::new()
        .input("pushgateway-url", "http://gate.internal/metrics")
        .input("pushgateway-auth", "line\nbreak")
        .input("loki-url", "http://loki.internal/?tenant=a")
        .input("loki-tenant", "line\nbreak")
        .input("ca-file", "none.pem")
        .input("concurrency-group", "deploy\nproduction")
        .input("lock-name", "plain")
        .input("environment", "prod\nuction")
        .input("window", "36d")
        .input("report", ".");
    let ended = step.expect(64);
    // Of ten annotations a step may have, the last stands for the rest.
    for input in [
        "pushgateway-url",
        "pushgateway-auth",
        "loki-url",
        "loki-tenant",
        "ca-file",
        "concurrency-group",
        "environment",
        "window",
        "report",
    ] {
        assert_eq!(ended.times_named(input), 1, "{input}: {}", ended.log);
    }
    assert!(ended.log.contains("from 1d to 31d"), "{}", ended.log);
}

#[test]
fn a_bad_file_of_authorities_is_told_of_once_for_both_services() {
    let step = Step::new()
        .input("pushgateway-url", "https://gate.internal")
        .input("loki-url", "https://loki.internal")
        .input("ca-file", "none.pem");
    let ended = step.expect(64);
    assert_eq!(ended.log.matches("::error").count(), 1, "{}", ended.log);
    assert_eq!(ended.times_named("ca-file"), 1, "{}", ended.log);
    let alone = Step::new().input("ca-file", "none.pem").expect(64);
    assert!(alone.log.contains("`loki-url` are unset"), "{}", alone.log);
}

#[test]
fn one_path_for_two_files_is_refused_with_both_names() {
    let step = Step::new()
        .input("textfile", "one.prom")
        .input("events-file", "../work/one.prom")
        .input("report", "./one.prom");
    let ended = step.expect(64);
    for input in ["events-file", "report"] {
        assert_eq!(ended.times_named(input), 1, "{input}: {}", ended.log);
    }
    assert_eq!(ended.log.matches("which is `textfile` too").count(), 2);
    assert!(!step.file("work/one.prom").exists());
}
