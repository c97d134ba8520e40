use super::*;

const WELL: [&str; 14] = [
    "--state",
    "/s",
    "--token",
    "7",
    "--deployment",
    "d",
    "--version",
    "v",
    "--runner",
    "r",
    "--by",
    "b",
    "--step",
    "one",
];

fn read_words(words: &[&str]) -> Result<Options, Vec<Wrong>> {
    read(&words.iter().map(OsString::from).collect::<Vec<_>>())
}

fn names(words: &[&str]) -> Vec<String> {
    let wrong = read_words(words).unwrap_err();
    wrong.into_iter().map(|wrong| wrong.name).collect()
}

#[test]
fn a_whole_command_line_is_a_request_and_the_commands_own_options_are_its_own() {
    let words = [&WELL[..], &["--", "sh", "-c", "--token", "--", "--help"]].concat();
    let Ok(Options::Run { state, request }) = read_words(&words) else {
        panic!("{words:?}");
    };
    assert_eq!(state, PathBuf::from("/s"));
    assert_eq!(request.token, 7);
    assert_eq!(request.step, "one");
    assert_eq!(request.command, ["sh", "-c", "--token", "--", "--help"]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    assert_eq!(
        names(&[
            "--unheard-of",
            "7",
            "--version=",
            "--by",
            "a\nb",
            "--step",
            "s",
            "--step",
            "t",
            "loose",
            "--"
        ]),
        [
            "--unheard-of",
            "--step",
            "command",
            "--state",
            "--token",
            "command",
            "--deployment",
            "--version",
            "--runner",
            "--by"
        ]
    );
    let report = report(&read_words(&["--status", "--token", "7"]).unwrap_err());
    assert_eq!(
        report,
        "2 options are wrong:\n  --state\n    seen:   nothing\n    wanted: the path of the state file\n  \
         --status\n    seen:   beside --token\n    wanted: nothing beside it but --state and --json\n\
         fence-guard --help shows them all.\n"
    );
}

#[test]
fn one_mistake_is_one_finding() {
    let whole = [&WELL[..], &["--", "true"]].concat();
    let without = |index: usize| {
        let mut words = whole.clone();
        words.remove(index);
        words
    };
    // The value of `--version` is forgotten; those of the last option before the command; the name is mistyped.
    assert_eq!(names(&without(7)), ["--version"]);
    assert_eq!(names(&without(13)), ["--step"]);
    let mut mistyped = whole.clone();
    mistyped[6] = "--verison";
    assert_eq!(names(&mistyped), ["--verison"]);
    assert_eq!(names(&["--state", "/s", "--staus"]), ["--staus"]);
    // Two dashes are forgotten.
    let command = ["release.sh", "--fast", "v2", "--token"];
    assert_eq!(names(&[&WELL[..], &command].concat()), ["command"]);
    // Nothing is asked, or two things.
    assert_eq!(names(&[]), ["command"]);
    assert_eq!(names(&["--state", "/s"]), ["command"]);
    assert_eq!(names(&[&["--status"][..], &whole].concat()), ["--status"]);
}

#[test]
fn an_option_that_swallows_the_next_one_is_named_with_it() {
    let wrong = read_words(&[
        "--state",
        "/s",
        "--token",
        "7",
        "--deployment",
        "d",
        "--version",
        "--runner=r",
        "--by",
        "b",
        "--",
        "true",
    ]);
    let report = report(&wrong.unwrap_err());
    assert!(
        report.contains("  --version\n    seen:   --runner=r behind it, which is an option\n"),
        "{report}"
    );
    // A value may begin with a dash, and be an option's name behind `=`.
    let mut words = [&WELL[..], &["--", "true"]].concat();
    words[7] = "-1";
    assert!(read_words(&words).is_ok());
    words.splice(6..8, ["--version=--runner"]);
    assert!(read_words(&words).is_ok());
}

#[test]
fn a_token_is_a_number_from_one() {
    let with = |token: &'static str| {
        let mut words = [&WELL[..], &["--", "true"]].concat();
        words[3] = token;
        words
    };
    for token in [
        "0",
        "-1",
        "7a",
        "007",
        "+5",
        "7.0",
        "\u{661}",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "",
        " 7",
    ] {
        assert_eq!(names(&with(token)), ["--token"], "{token:?}");
    }
    assert!(read_words(&with("9223372036854775807")).is_ok());
}

#[test]
fn a_command_stands_behind_two_dashes() {
    assert_eq!(names(&WELL), ["command"]);
    assert_eq!(names(&[&WELL[..], &["--"]].concat()), ["command"]);
    assert_eq!(names(&[&WELL[..], &["true"]].concat()), ["command"]);
}

#[test]
fn a_version_alone_is_a_question_and_with_others_a_value() {
    assert_eq!(read_words(&["--version"]), Ok(Options::Version));
    assert_eq!(read_words(&["-V"]), Ok(Options::Version));
    assert_eq!(read_words(&["--help", "--token"]), Ok(Options::Help));
    assert!(names(&["--version", "v", "-V"]).contains(&"-V".to_owned()));
}

#[test]
fn status_takes_a_state_and_nothing_of_a_command() {
    assert_eq!(
        read_words(&["--state", "/s", "--status", "--json"]),
        Ok(Options::Status {
            state: "/s".into(),
            json: true
        })
    );
    assert_eq!(
        names(&["--state", "/s", "--status", "--", "true"]),
        ["--status"]
    );
    assert!(names(&[&WELL[..], &["--json", "--", "true"]].concat()).contains(&"--json".to_owned()));
    assert_eq!(names(&["--state", "/", "--status"]), ["--state"]);
}

#[test]
fn help_names_every_option_and_every_code_of_the_guards_own() {
    for name in VALUED {
        assert!(HELP.contains(&format!("  --{name} ")), "{name}");
    }
    for code in [0, 64, 69, 77, 126, 127, 129] {
        assert!(HELP.contains(&format!("\n  {code:<4} ")), "{code}");
    }
}
