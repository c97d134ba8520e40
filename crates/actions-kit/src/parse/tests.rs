//! Every way an input can be right or wrong.

use std::{ffi::OsString, path::Path, time::Duration};

use crate::{Commands, Environment, Parsed, WrongInputs, command::Reader, test_table::TABLE};

const CANARY: &str = "canary-7f3a-b64";

fn args(words: &[&str]) -> Vec<OsString> {
    words.iter().map(OsString::from).collect()
}

fn env(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

/// What a leg's step has at least.
fn leg(more: &[(&str, &str)]) -> Environment {
    [
        ("INPUT_ENVIRONMENT", "production"),
        ("INPUT_RUN", "./deploy"),
    ]
    .iter()
    .chain(more)
    .copied()
    .collect()
}

fn parsed(environment: &Environment, words: &[&str]) -> Parsed {
    TABLE
        .parse(environment, &args(words))
        .unwrap_or_else(|wrong| panic!("{}", wrong.text()))
}

fn wrong(environment: &Environment, words: &[&str]) -> WrongInputs {
    TABLE
        .parse(environment, &args(words))
        .expect_err("wrong inputs")
}

/// `name: seen / wanted / mend` for each finding.
fn findings(wrong: &WrongInputs) -> Vec<String> {
    wrong
        .findings()
        .iter()
        .map(|f| format!("{}: {} / {} / {}", f.name, f.seen, f.wanted, f.mend))
        .collect()
}

#[test]
fn inputs_come_from_the_environment_with_their_kinds() {
    let parsed = parsed(
        &leg(&[
            ("INPUT_ATTEMPT_TIMEOUT", " 90 "),
            ("INPUT_AWAIT_GATES", "TRUE"),
            ("INPUT_CANDIDATE", "2"),
            ("INPUT_LABELS", "a, b\nc"),
            ("INPUT_PRIMARY_RUNNER", "runner-*"),
            ("INPUT_WORKING_DIRECTORY", "app"),
            ("INPUT_ON_PRIMARY_LOST", "Hold"),
            ("INPUT_GITHUB_TOKEN", CANARY),
            ("INPUT_QUEUE_TIMEOUT", "1h"),
        ]),
        &[],
    );
    assert_eq!(parsed.mode(), Some("deploy"));
    assert_eq!(parsed.text("environment"), "production");
    assert_eq!(parsed.duration("attempt-timeout"), Duration::from_secs(90));
    assert_eq!(
        parsed.opt_duration("queue-timeout"),
        Some(Duration::from_secs(3600))
    );
    assert!(parsed.flag("await-gates"));
    assert_eq!(parsed.count("candidate"), 2);
    assert_eq!(parsed.list("labels"), ["a", "b", "c"]);
    assert!(
        parsed
            .glob("primary-runner")
            .is_some_and(|glob| glob.matches("runner-a"))
    );
    assert_eq!(parsed.path("working-directory"), Some(Path::new("app")));
    assert_eq!(parsed.choice("on-primary-lost"), "hold");
    assert_eq!(
        parsed.secret("github-token").map(crate::Secret::expose),
        Some(CANARY)
    );
}

#[test]
fn an_unset_or_blank_input_has_its_default_and_no_other_value() {
    let parsed = parsed(
        &leg(&[
            ("INPUT_STORE", " \n"),
            ("INPUT_CANDIDATE", ""),
            ("INPUT_VERSION", " "),
        ]),
        &[],
    );
    assert_eq!(parsed.text("store"), "git");
    assert_eq!(parsed.count("candidate"), 1);
    assert_eq!(parsed.duration("attempt-timeout"), Duration::from_secs(600));
    assert_eq!(parsed.opt_text("version"), None);
    assert_eq!(parsed.opt_duration("queue-timeout"), None);
    assert!(parsed.secret("github-token").is_none());
    assert!(parsed.list("labels").is_empty());
    assert!(parsed.glob("primary-runner").is_none() && parsed.path("working-directory").is_none());
}

#[test]
fn a_script_is_kept_to_the_letter_and_a_blank_one_is_unset() {
    let script = "\n  if true; then\n    echo x \n  fi\n\n";
    assert_eq!(
        parsed(&leg(&[("INPUT_RUN", script)]), &[]).text("run"),
        script
    );
    let wrong = wrong(&leg(&[("INPUT_RUN", " \n\t")]), &[]);
    assert_eq!(wrong.findings()[0].name, "run");
}

#[test]
fn the_command_line_wins_over_the_environment() {
    let environment = leg(&[
        ("INPUT_MODE", "verdict"),
        ("INPUT_VERSION", "1"),
        ("INPUT_STORE", "env"),
    ]);
    let parsed = parsed(
        &environment,
        &[
            "deploy",
            "--store",
            "flag",
            "--version=2",
            "--await-gates",
            "--attempt-timeout=5m",
            "--run=--help",
        ],
    );
    assert_eq!(parsed.mode(), Some("deploy"));
    assert_eq!(parsed.text("store"), "flag");
    assert_eq!(parsed.opt_text("version"), Some("2"));
    assert_eq!(parsed.text("run"), "--help");
    assert!(parsed.flag("await-gates"));
}

#[test]
fn a_bool_takes_its_value_behind_an_equals_sign_or_a_blank() {
    let environment = leg(&[("INPUT_AWAIT_GATES", "true")]);
    assert!(!parsed(&environment, &["--await-gates=false"]).flag("await-gates"));
    assert!(!parsed(&environment, &["--await-gates", "false", "--store", "x"]).flag("await-gates"));
    assert!(parsed(&leg(&[]), &["--await-gates", "--store", "x"]).flag("await-gates"));
}

#[test]
fn switches_stand_beside_inputs() {
    let parsed = parsed(&leg(&[("INPUT_RUN", "")]), &["status", "--json"]);
    assert!(parsed.has_flag("json") && !parsed.has_flag("watch"));
}

#[test]
fn every_wrong_input_is_reported_at_once_with_what_was_seen_and_wanted_and_its_mend() {
    let environment = env(&[
        ("INPUT_ENVIRONMENT", ""),
        ("INPUT_RUN", "./deploy"),
        ("INPUT_CANDIDATE", "first"),
        ("INPUT_ATTEMPT_TIMEOUT", "2h"),
        ("INPUT_AWAIT_GATES", "yes"),
        ("INPUT_ON_PRIMARY_LOST", "takover"),
        ("INPUT_PRIMARY_RUNNER", "a["),
        ("INPUT_WEBHOOK_URL", "https://hooks"),
    ]);
    let expected = [
        "--stor: a flag that does not exist / a flag from --help / did you mean --store?",
        "environment: nothing / a value (text) / set `environment:` under `with:` (outside a workflow: --environment)",
        "candidate: \"first\" / a whole number from 1 to 99 / set `candidate:`",
        "attempt-timeout: \"2h\" / a duration from 1s to 1h / set `attempt-timeout:`",
        "await-gates: \"yes\" / true or false / set `await-gates:`",
        "on-primary-lost: \"takover\" / one of takeover, hold / did you mean takeover?",
        "primary-runner: \"a[\" / a pattern",
        "webhook-url: \"https://hooks\" / nothing in the mode deploy / leave it out: it belongs to the mode verdict",
    ];
    let found = findings(&wrong(&environment, &["--stor", "git"]));
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn an_input_of_another_mode_is_wrong_only_where_somebody_set_it() {
    let base = [
        ("INPUT_ENVIRONMENT", "production"),
        ("INPUT_MODE", "verdict"),
    ];
    // What action.yml's own defaults and expressions hand to every mode.
    let defaults = [
        ("INPUT_ATTEMPT_TIMEOUT", "10m"),
        ("INPUT_AWAIT_GATES", "false"),
        ("INPUT_ON_PRIMARY_LOST", "takeover"),
        ("INPUT_CANDIDATE", "2"),
        ("INPUT_RUN", ""),
    ];
    let environment: Environment = base.iter().chain(&defaults).copied().collect();
    assert_eq!(parsed(&environment, &[]).mode(), Some("verdict"));
    assert!(
        TABLE
            .parse(
                &env(&[base[0], base[1], ("INPUT_ATTEMPT_TIMEOUT", "600")]),
                &[]
            )
            .is_ok()
    );

    for (variable, value, seen) in [
        ("INPUT_ATTEMPT_TIMEOUT", "11m", "attempt-timeout: \"11m\""),
        ("INPUT_ON_PRIMARY_LOST", "hold", "on-primary-lost: \"hold\""),
        ("INPUT_RUN", "./deploy", "run: a value of 8 characters"),
        ("INPUT_VERSION", "1", "version: \"1\""),
    ] {
        let found = findings(&wrong(&env(&[base[0], base[1], (variable, value)]), &[]));
        let wanted = format!(
            "{seen} / nothing in the mode verdict / leave it out: it belongs to the mode deploy"
        );
        assert_eq!(found, [wanted]);
    }
    let found = findings(&wrong(&env(&base), &["--candidate=1"]));
    assert_eq!(found.len(), 1, "a flag is somebody's own: {found:?}");
}

#[test]
fn an_input_of_several_modes_names_them_all() {
    let environment = env(&[("INPUT_ENVIRONMENT", "p"), ("INPUT_QUEUE_TIMEOUT", "1h")]);
    let found = findings(&wrong(&environment, &["status"]));
    assert!(
        found[0].ends_with("it belongs to the modes deploy, verdict"),
        "{found:?}"
    );
}

#[test]
fn a_switch_of_another_mode_is_wrong() {
    let found = findings(&wrong(&leg(&[]), &["--json"]));
    assert_eq!(
        found,
        ["--json: given / it belongs to the mode status / leave it out"]
    );
}

#[test]
fn a_mode_that_does_not_exist_hides_no_other_finding() {
    let found = findings(&wrong(&env(&[("INPUT_CANDIDATE", "x")]), &["verdikt"]));
    assert!(
        found[0].starts_with(
            "mode: \"verdikt\" / one of deploy, verdict, status / did you mean verdict?"
        )
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.starts_with("environment:")),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|finding| finding.starts_with("candidate:")),
        "{found:?}"
    );
}

#[test]
fn a_command_line_that_makes_no_sense_is_reported() {
    for (words, name, wanted) in [
        (&["--store"][..], "--store", "a value"),
        (&["--store", "--await-gates"], "--store", "a value"),
        (&["deploy", "again"], "arguments", "one mode, then flags"),
        (&["-x"], "-x", "a flag from --help"),
        (
            &["status", "--json=1"],
            "--json",
            "no value: it is a switch",
        ),
    ] {
        let wrong = wrong(&leg(&[]), words);
        let found = &wrong.findings()[0];
        assert_eq!(
            (found.name.as_str(), found.wanted.as_str()),
            (name, wanted),
            "{words:?}"
        );
    }
}

#[test]
fn the_value_of_an_unknown_flag_is_not_taken_for_a_mode() {
    let found = findings(&wrong(&leg(&[]), &["--stroe", "x", "deploy"]));
    assert_eq!(found.len(), 1, "{found:?}");
    let found = findings(&wrong(&leg(&[]), &["--quiet", "deploy"]));
    assert_eq!(
        found.len(),
        1,
        "a mode behind an unknown flag is still the mode: {found:?}"
    );
}

#[cfg(unix)]
#[test]
fn bytes_that_are_not_utf8_are_reported() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![b'x', 0xff]);
    let environment = Environment::from_os([
        (OsString::from("INPUT_ENVIRONMENT"), bytes()),
        ("INPUT_RUN".into(), "x".into()),
    ]);
    let wrong = TABLE
        .parse(&environment, &[bytes()])
        .expect_err("wrong inputs");
    let found = findings(&wrong).join("\n");
    assert!(
        found.contains("environment: a value that is not UTF-8"),
        "{found}"
    );
    assert!(
        found.contains("arguments: an argument that is not UTF-8"),
        "{found}"
    );
}

/// Everything a finding can be shown as.
fn shown(wrong: &WrongInputs) -> String {
    let mut bytes = Vec::new();
    let mut commands = Commands::new(&mut bytes, Reader::Runner, crate::Redactor::new());
    wrong.annotate(&mut commands).expect("written");
    drop(commands);
    let annotations = String::from_utf8(bytes).expect("utf-8");
    format!(
        "{}{}{wrong}{wrong:?}{wrong:#?}{annotations}",
        wrong.text(),
        wrong.markdown()
    )
}

#[test]
fn a_secret_is_in_no_finding_wherever_it_was_put_by_mistake() {
    let long = format!("{}{CANARY}", "x".repeat(73));
    let url = format!("https//u:{CANARY}@host");
    for value in [CANARY.to_owned(), format!("x {CANARY}\ny"), long, url] {
        for input in TABLE.inputs {
            for mode in ["deploy", "verdict", "status", "nonsense"] {
                // The token as it should be, and once more in an input that it does not fit.
                let variable = input.variable();
                let pairs = [
                    ("INPUT_MODE", mode),
                    ("INPUT_GITHUB_TOKEN", CANARY),
                    (&variable, &value),
                ];
                let Err(wrong) = TABLE.parse(&env(&pairs), &[]) else {
                    continue;
                };
                let shown = shown(&wrong);
                assert!(
                    !shown.contains("canary"),
                    "{value:?} as {} in {mode}:\n{shown}",
                    input.name
                );
            }
        }
    }
}

#[test]
fn a_secret_among_the_arguments_is_refused_and_not_shown() {
    let url = format!("postgres://u:{CANARY}@host/db");
    for words in [
        &["--github-token", CANARY][..],
        &["--github-token=canary-7f3a"],
        &["--gihub-token", CANARY],
        &["--gihub-token=canary-7f3a"],
        &["deploy", CANARY],
        &["--store", &url],
        &["-k", CANARY],
        &["--json=canary-7f3a"],
        &["-h=canary-7f3a", "--nonsense"],
    ] {
        let wrong = wrong(&leg(&[]), words);
        let shown = shown(&wrong);
        assert!(!shown.contains("canary"), "{words:?}:\n{shown}");
    }
    let wrong = wrong(&leg(&[]), &["--github-token", CANARY]);
    assert_eq!(
        wrong.findings()[0].mend,
        "set INPUT_GITHUB_TOKEN in the environment instead"
    );
}

#[test]
fn the_password_of_a_mistyped_url_is_not_shown() {
    for url in [
        "htps://u:canary@hooks/x",
        "https//u:canary@hooks/x",
        "https://u:canary@ho oks",
    ] {
        let environment = env(&[
            ("INPUT_MODE", "verdict"),
            ("INPUT_ENVIRONMENT", "p"),
            ("INPUT_WEBHOOK_URL", url),
        ]);
        let shown = shown(&wrong(&environment, &[]));
        assert!(
            shown.contains("webhook-url") && !shown.contains("canary"),
            "{shown}"
        );
    }
}

#[test]
fn a_wrong_secret_shows_its_length_alone() {
    let found = findings(&wrong(&leg(&[("INPUT_GITHUB_TOKEN", "can\0ary")]), &[]));
    assert!(
        found[0].starts_with("github-token: a value of 7 characters / text without NUL"),
        "{found:?}"
    );
}

#[test]
fn findings_of_the_binary_join_those_of_the_parser_and_are_redacted_too() {
    let environment = leg(&[("INPUT_GITHUB_TOKEN", CANARY), ("INPUT_CANDIDATE", "x")]);
    let (parsed, mut wrong) = TABLE.read(&environment, &[]);
    assert_eq!(
        parsed.count("candidate"),
        1,
        "a wrong input reads as its default"
    );
    wrong.push("timing", &format!("D of {CANARY}"), "less", "set it lower");
    wrong.push("timing", &format!("D of {CANARY}"), "less", "set it lower");
    assert_eq!(
        wrong.findings().len(),
        2,
        "the same finding is reported once"
    );
    assert!(!shown(&wrong).contains("canary"));
    assert!(wrong.into_result(()).is_err());
}

#[test]
fn debug_of_the_parsed_inputs_shows_no_value() {
    let parsed = parsed(
        &leg(&[("INPUT_GITHUB_TOKEN", CANARY), ("INPUT_VERSION", CANARY)]),
        &[],
    );
    assert!(!format!("{parsed:?} {parsed:#?}").contains("canary"));
}

#[test]
fn the_parser_s_redactor_knows_secrets_and_the_credentials_of_the_store() {
    let store = "postgres://u:store-canary@host/db";
    let parsed = parsed(
        &leg(&[("INPUT_GITHUB_TOKEN", CANARY), ("INPUT_STORE", store)]),
        &[],
    );
    assert_eq!(
        parsed.text("store"),
        store,
        "the program itself sees the address"
    );
    assert_eq!(
        parsed.redactor().redact("x store-canary canary-7f3a-b64"),
        "x *** ***"
    );
}

#[test]
fn the_findings_read_well_in_each_form() {
    let wrong = wrong(&leg(&[("INPUT_CANDIDATE", "a|b")]), &[]);
    assert_eq!(wrong.to_string(), "read the inputs: candidate");
    assert_eq!(
        wrong.text(),
        "1 input is wrong:\n  candidate\n    seen:   \"a|b\"\n    wanted: a whole number from 1 to 99\n    \
         mend:   set `candidate:` under `with:` (outside a workflow: --candidate)\n"
    );
    assert!(
        wrong.markdown().contains("| `candidate` | \"a\\|b\" |"),
        "{}",
        wrong.markdown()
    );
}

#[test]
#[should_panic(expected = "the table has no input enviroment")]
fn asking_for_an_input_that_is_not_in_the_table_is_a_bug() {
    parsed(&leg(&[]), &[]).text("enviroment");
}

#[test]
#[should_panic(expected = "ask with the opt_ getter")]
fn asking_without_opt_for_an_input_that_may_be_unset_is_a_bug() {
    parsed(&leg(&[("INPUT_VERSION", "1")]), &[]).text("version");
}

#[test]
#[should_panic(expected = "of another kind")]
fn asking_for_another_kind_is_a_bug() {
    parsed(&leg(&[]), &[]).flag("environment");
}
