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
            "--tokn",
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
            "--tokn",
            "--step",
            "loose",
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
         --token\n    seen:   set\n    wanted: nothing beside --status but --state and --json\n\
         fence-guard --help shows them all.\n"
    );
}

#[test]
fn a_token_is_a_number_from_one() {
    for token in ["0", "-1", "7a", "18446744073709551616", "", " 7"] {
        let mut words = [&WELL[..], &["--", "true"]].concat();
        words[3] = token;
        assert_eq!(names(&words), ["--token"], "{token:?}");
    }
}

#[test]
fn a_command_stands_behind_two_dashes() {
    assert_eq!(names(&WELL), ["command"]);
    assert_eq!(names(&[&WELL[..], &["--"]].concat()), ["command"]);
    assert_eq!(names(&[&WELL[..], &["true"]].concat()), ["true", "command"]);
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
        ["command"]
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
