//! Reading the configuration: defaults, precedence, and everything that is wrong at once.

use ledger::Role;

use super::*;

const CANARY: &str = "canary-7f3a9c5e21";

fn on_github(more: &[(&str, &str)]) -> Environment {
    let given = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_RUN_NUMBER", "5"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_SHA", "c0ffee"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_WORKFLOW", "deploy"),
        ("RUNNER_NAME", "runner-a"),
        ("INPUT_ENVIRONMENT", "production"),
        ("INPUT_GITHUB_TOKEN", CANARY),
        ("INPUT_RUN", "true"),
    ];
    given.into_iter().chain(more.iter().copied()).collect()
}

fn read(more: &[(&str, &str)]) -> Result<Config, WrongInputs> {
    Config::read(on_github(more), &[])
}

fn candidate(more: &[(&str, &str)]) -> CandidateConfig {
    match read(more).unwrap().mode {
        Mode::Deploy(_, mode) => mode.candidate,
        _ => panic!("another mode"),
    }
}

fn lock(config: Config) -> Lock {
    match config.mode {
        Mode::Deploy(lock, _) => lock,
        _ => panic!("another mode"),
    }
}

fn wrong(more: &[(&str, &str)]) -> String {
    match read(more) {
        Err(wrong) => wrong.text(),
        Ok(_) => panic!("nothing is wrong"),
    }
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let candidate = candidate(&[]);
    assert_eq!(candidate.deployment.id, "o/r/77/1");
    assert_eq!(candidate.deployment.run, "o/r/77");
    assert_eq!(candidate.lock.as_str(), "o/r/production");
    assert_eq!(
        (
            candidate.me.candidate,
            candidate.candidates,
            candidate.attempts
        ),
        (1, 2, 3)
    );
    assert_eq!(candidate.attempt_timeout, Duration::from_secs(600));
    assert_eq!(candidate.retry_wait, Duration::from_secs(30));
    assert_eq!(candidate.timeout, Duration::from_secs(2100));
    assert_eq!(candidate.primary_grace, Duration::from_secs(20));
    assert_eq!(candidate.queue_timeout, Duration::from_secs(1800));
    assert_eq!(candidate.policy.timing, Timing::GIT);
    assert_eq!(candidate.policy.gates_deadline, Duration::from_secs(300));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_never_a_secret() {
    let text = wrong(&[
        ("INPUT_ENVIRONMENT", ""),
        ("INPUT_RUN", " "),
        ("INPUT_CANDIDATE", "3"),
        ("INPUT_ATTEMPTS", "none"),
        ("INPUT_STORE", "mysql://u:canary-7f3a9c5e21@h/db"),
        ("INPUT_HEARTBEAT", "20s"),
        ("INPUT_WORKING_DIRECTORY", "/no/such/folder"),
        ("BATON_RUNNER_ROLE", "boss"),
        ("INPUT_REASON", "because"),
    ]);
    for name in [
        "environment",
        "run",
        "candidate",
        "attempts",
        "store",
        "heartbeat",
        "working-directory",
        "BATON_RUNNER_ROLE",
        "reason",
    ] {
        assert!(
            text.contains(&format!("  {name}\n")),
            "{name} is missing in\n{text}"
        );
    }
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn the_runners_own_word_comes_before_the_pattern_and_the_pattern_before_the_number() {
    let role = |more: &[(&str, &str)]| candidate(more).me.role;
    assert_eq!(role(&[]), Role::Primary);
    assert_eq!(role(&[("INPUT_CANDIDATE", "2")]), Role::Secondary);
    assert_eq!(
        role(&[("INPUT_PRIMARY_RUNNER", "runner-b*")]),
        Role::Secondary
    );
    assert_eq!(
        role(&[
            ("INPUT_PRIMARY_RUNNER", "runner-a*"),
            ("INPUT_CANDIDATE", "2")
        ]),
        Role::Primary
    );
    let both = [
        ("INPUT_PRIMARY_RUNNER", "runner-a*"),
        ("BATON_RUNNER_ROLE", "secondary"),
    ];
    assert_eq!(role(&both), Role::Secondary);
    let all = [
        ("INPUT_ROLE", "primary"),
        ("BATON_RUNNER_ROLE", "secondary"),
    ];
    assert_eq!(role(&all), Role::Primary);
}

#[test]
fn a_shorter_lease_keeps_every_proportion() {
    let timing = candidate(&[("INPUT_LEASE_TIME", "2200ms")]).policy.timing;
    assert_eq!(timing.heartbeat, Duration::from_secs(1));
    assert_eq!(timing.deadline, Duration::from_millis(1800));
    assert_eq!(timing.kill, Duration::from_millis(200));
}

#[test]
fn under_act_the_store_is_a_repository_in_the_tool_cache() {
    let config = read(&[
        ("ACT", "true"),
        ("GITHUB_RUN_ID", "1"),
        ("ACTIONS_CACHE_URL", "http://x/1"),
        ("RUNNER_TOOL_CACHE", "/cache"),
    ]);
    assert_eq!(
        lock(config.unwrap()).place.text(),
        "git /cache/baton/o%2Fr.git"
    );
}

/// An environment whose `RUNNER_TEMP` holds what an earlier deploy step of this leg left.
fn after_a_deploy_step(environment: &str, lock: &str) -> (tempfile::TempDir, String) {
    let temp = tempfile::tempdir().unwrap();
    let mut file = CandidateFile::new("o/r/77/1", environment, 1, 2, "primary");
    file.lock_name = Some(lock.to_owned());
    file.other
        .insert("deployed_locks".to_owned(), vec![lock.to_owned()].into());
    file.write(temp.path(), &Redactor::new()).unwrap();
    let path = temp.path().display().to_string();
    (temp, path)
}

#[test]
fn a_second_deploy_step_for_one_lock_is_refused_instead_of_finding_it_done() {
    let (_temp, path) = after_a_deploy_step("production", "o/r/production");
    let text = wrong(&[("RUNNER_TEMP", &path)]);
    assert!(text.contains("  run\n"), "{text}");
    assert!(text.contains("a second deploy step of this job"), "{text}");
}

#[test]
fn another_environment_inherits_neither_lock_nor_store() {
    let (_temp, path) = after_a_deploy_step("staging", "shared-eu");
    let config = read(&[("RUNNER_TEMP", &path)]).unwrap();
    assert_eq!(lock(config).name.as_str(), "o/r/production");
}

#[test]
fn windows_line_ends_of_a_script_become_those_of_linux() {
    match read(&[("INPUT_RUN", "if true; then\r\n  echo x\r\nfi\r\n")])
        .unwrap()
        .mode
    {
        Mode::Deploy(_, mode) => assert_eq!(mode.run, "if true; then\n  echo x\nfi\n"),
        _ => panic!("another mode"),
    }
}
