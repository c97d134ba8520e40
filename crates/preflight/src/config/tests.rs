//! Reading the configuration: defaults, precedence, and everything that is wrong at once.

use super::*;

const CANARY: &str = "canary-7f3a9c5e21";

fn read<'a>(more: &[(&'a str, &'a str)]) -> Result<Config, WrongInputs> {
    let given = [
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_RUN_ID", "77"),
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_ACTOR", "ada"),
        ("RUNNER_NAME", "runner-a"),
        ("INPUT_ENVIRONMENT", "production"),
        ("INPUT_GITHUB_TOKEN", CANARY),
    ];
    let environment = given.into_iter().chain(more.iter().copied()).collect();
    Config::read(environment, &[])
}

fn wrong(more: &[(&str, &str)]) -> String {
    match read(more) {
        Err(wrong) => wrong.text(),
        Ok(_) => panic!("nothing is wrong"),
    }
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let config = read(&[]).unwrap_or_else(|wrong| panic!("{}", wrong.text()));
    let settings = &config.settings;
    assert_eq!(
        (settings.cpu_percent_max, settings.memory_percent_max),
        (80.0, 80.0)
    );
    assert_eq!(
        (settings.disk_gb_min, settings.secret_age_days_max),
        (10.0, 90)
    );
    assert_eq!((settings.queue_depth_max, settings.approvals_min), (3, 2));
    assert_eq!(settings.docker_version_min, "20.10");
    assert_eq!(settings.network_timeout.as_secs(), 5);
    assert!(!settings.active_fails);
    let patterns: Vec<&str> = settings.branches.iter().map(Pattern::as_str).collect();
    assert_eq!(patterns, ["main", "release/*"]);
    assert_eq!(config.checks.len(), CHECKS.len());
    assert_eq!(config.leg.unwrap().deployment.id, "o/r/77/1");
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_never_a_secret() {
    let text = wrong(&[
        ("INPUT_ENVIRONMENT", ""),
        ("INPUT_CONFIG", "cpu_percent_max: many\nspoon: 1\n"),
        ("INPUT_CHECKS", "dokcer"),
        ("INPUT_IGNORE", "network"),
        ("INPUT_IGNORE_UNTIL", "2026-13-01"),
        ("INPUT_MEMORY_PERCENT_MAX", "200"),
        ("INPUT_TARGETS", "web1:ssh"),
        ("INPUT_IMAGES", "shop/APP:1"),
        ("INPUT_DOCKER_VERSION_MIN", "new"),
        ("INPUT_SECRETS", "not a name"),
        ("INPUT_INVENTORY", "/no/such/inventory"),
        ("INPUT_STORE", "mysql://u:canary-7f3a9c5e21@h/db"),
        ("INPUT_BRANCHES", "[main"),
    ]);
    for name in [
        "environment",
        "config",
        "config: cpu_percent_max (`config` line 1)",
        "checks",
        "ignore-reason",
        "ignore-until",
        "memory-percent-max",
        "targets",
        "images",
        "docker-version-min",
        "secrets",
        "inventory",
        "store",
        "branches",
    ] {
        assert!(
            text.contains(&format!("  {name}\n")),
            "{name} is missing in\n{text}"
        );
    }
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn a_value_in_place_of_a_secrets_name_is_not_repeated() {
    let text = wrong(&[("INPUT_SECRETS", "canary-7f3a9c5e21")]);
    assert!(!text.contains(CANARY), "{text}");
}

#[test]
fn an_override_names_its_actor_and_ends_with_its_day() {
    let given = |until: &str| {
        let inputs = [
            ("INPUT_IGNORE", "network.targets"),
            ("INPUT_IGNORE_REASON", "web3 is being replaced"),
            ("INPUT_IGNORE_UNTIL", until),
        ];
        let config = read(&inputs).unwrap_or_else(|wrong| panic!("{}", wrong.text()));
        config.policy.ignored.unwrap()
    };
    assert_eq!(given("").actor, "ada");
    assert!(!given("").expired && !given("9999-12-31").expired);
    let today = leg::wall().day();
    assert!(!given(&today).expired, "the day itself counts");
    assert!(given("2020-01-31").expired);
}

#[test]
fn an_override_of_everything_is_refused() {
    let text = wrong(&[("INPUT_IGNORE", "all"), ("INPUT_IGNORE_REASON", "hurry")]);
    assert!(text.contains("name each check"), "{text}");
}

#[test]
fn without_a_store_nothing_of_a_run_is_needed() {
    let environment = [("INPUT_ENVIRONMENT", "production"), ("INPUT_STORE", "none")];
    let config = Config::read(environment.into_iter().collect(), &[]);
    let config = config.unwrap_or_else(|wrong| panic!("{}", wrong.text()));
    assert!(config.leg.is_none());
}

#[test]
fn the_values_of_secrets_are_redacted_from_then_on() {
    let config = read(&[
        ("INPUT_SECRETS", "DB_PASSWORD"),
        ("DB_PASSWORD", "canary-of-the-database"),
    ]);
    let config = config.unwrap_or_else(|wrong| panic!("{}", wrong.text()));
    let shown = config
        .redactor
        .redact("see canary-of-the-database")
        .into_owned();
    assert!(!shown.contains("canary"), "{shown}");
}
