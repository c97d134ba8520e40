use proptest::prelude::*;

use super::*;

fn redactor(secrets: &[&str]) -> Redactor {
    let redactor = Redactor::new();
    for secret in secrets {
        redactor.add(&Secret::new(*secret).expect("a secret"));
    }
    redactor
}

#[test]
fn variables_whose_names_say_so_are_learnt_and_no_others() {
    let redactor = Redactor::new();
    redactor.add_environment([
        ("DB_PASSWORD", "canary-db"),
        ("deploy_token", "canary-token"),
        ("SSH_PRIVATE_KEY", "-----BEGIN\ncanary-line\n-----END"),
        ("API_PASS", "yes"),
        ("PWD", "/srv/deploy"),
        ("KEYBOARD", "canary-none"),
        ("REGION", "eu-west"),
    ]);
    for secret in ["canary-db", "canary-token", "canary-line"] {
        assert_eq!(redactor.redact(&format!("a {secret} b")), "a *** b");
    }
    for open in ["/srv/deploy", "canary-none", "eu-west", "yes"] {
        assert_eq!(redactor.redact(open), open);
    }
}

#[test]
fn every_way_in_which_a_variable_is_called_a_secret_counts() {
    let redactor = Redactor::new();
    let named = [
        "PGPASSWORD",
        "MYSECRET",
        "DEPLOYTOKEN",
        "APIKEY",
        "NPM_AUTH",
        "SLACK_WEBHOOK_URL",
        "DATABASE_DSN",
        "githubToken",
        "DB_PWD",
        "INPUT_PUSHGATEWAY-AUTH",
        "SIGNING_KEY_1",
    ];
    let values: Vec<String> = (0..named.len())
        .map(|at| format!("canary-{at:02}-x"))
        .collect();
    redactor.add_environment(named.into_iter().zip(values.iter().map(String::as_str)));
    for (name, value) in named.iter().zip(&values) {
        assert_eq!(
            redactor.redact(&format!("{name}={value}")),
            format!("{name}=***")
        );
    }
}

#[test]
fn the_password_in_a_url_is_learnt_whatever_its_variable_is_called() {
    let redactor = Redactor::new();
    redactor.add_environment([
        ("DATABASE_URL", "postgres://shop:c%61nary-1@db/shop"),
        ("MIRROR", "https://mirror-user@host/?token=canary-2"),
    ]);
    assert_eq!(
        redactor.redact("c%61nary-1 canary-1 canary-2 mirror-user shop"),
        "*** *** *** mirror-user shop"
    );
}

#[test]
fn what_is_no_secret_under_a_secrets_name_stays() {
    let redactor = Redactor::new();
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("utf-8");
    let plain = [
        ("SSH_AUTH_SOCK", folder),
        ("OLDPWD", "/nowhere/was"),
        ("TOKEN_LIFETIME", "3600000"),
        ("AUTH", "enabled"),
        ("CSRF_TOKEN", "short"),
        ("AUTHOR_PATTERN", "mona-lisa"),
        ("COMPASS", "northern"),
    ];
    redactor.add_environment(plain);
    for (name, value) in plain {
        assert_eq!(redactor.redact(value), value, "{name}");
    }
    redactor.add_environment([
        ("PGPASSWORD", "20241107"),
        ("SESSION_KEY", "/9j/4AAQcanary="),
    ]);
    assert_eq!(redactor.redact("20241107 /9j/4AAQcanary="), "*** ***");
}

#[test]
fn a_huge_environment_teaches_so_much_and_no_more() {
    let redactor = Redactor::new();
    let variables: Vec<(String, String)> = (0..2 * names::VARIABLES)
        .map(|at| (format!("TOKEN_{at}"), format!("canary-{at:04}")))
        .collect();
    redactor.add_environment(
        variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let known = redactor.known.read().expect("not poisoned");
    assert_eq!(known.values.len(), names::VARIABLES);
}

#[test]
fn one_apart_keeps_to_itself_what_it_learns() {
    let redactor = Redactor::new();
    redactor.add_value("canary-one");
    let apart = redactor.apart();
    apart.add_value("canary-two");
    assert_eq!(apart.redact("canary-one canary-two"), "*** ***");
    assert_eq!(redactor.redact("canary-one canary-two"), "*** canary-two");
}

#[test]
fn a_text_without_secrets_is_handed_back_as_it_is() {
    assert!(matches!(
        redactor(&["canary-7f3a"]).redact("all is well"),
        Cow::Borrowed("all is well")
    ));
}

#[test]
fn a_secret_is_replaced_wherever_it_stands() {
    let redactor = redactor(&["canary-7f3a"]);
    assert_eq!(
        redactor.redact("a canary-7f3a b canary-7f3a"),
        "a *** b ***"
    );
    assert_eq!(redactor.redact("canary-7f3acanary-7f3a"), "***");
}

#[test]
fn the_longest_of_secrets_that_overlap_is_replaced_whole() {
    let redactor = redactor(&["canary", "canary-7f3a", "7f3a-tail"]);
    assert_eq!(redactor.redact("x canary-7f3a y"), "x *** y");
    assert_eq!(redactor.redact("x canary-7f3a-tail y"), "x *** y");
    assert_eq!(self::redactor(&["aXaXa"]).redact("aXaXaXa"), "***");
}

#[test]
fn values_under_four_characters_are_left_alone() {
    // `YWJj` is the base64 form of `abc`.
    let text = "abcabc a YWJj";
    assert_eq!(redactor(&["abc", "  a "]).redact(text), text);
}

#[test]
fn base64_of_a_secret_is_replaced_alone_behind_a_user_and_in_the_middle() {
    let secret = "canary-7f3a-secret";
    let redactor = redactor(&[secret]);
    for prefix in ["", "x-access-token:", "baton:", "u:", "ab"] {
        for suffix in ["", "\n", "tail"] {
            let text = general_purpose::STANDARD.encode(format!("{prefix}{secret}{suffix}"));
            let shown = redactor.redact(&text).into_owned();
            assert!(shown.contains(MASK), "{prefix:?} {suffix:?}: {shown}");
            let left = shown.replace(MASK, "");
            let edges = (prefix.len() + suffix.len()) * 8 / 6 + 6;
            assert!(left.len() <= edges, "{prefix:?} {suffix:?}: {left}");
        }
    }
}

#[test]
fn the_header_that_git_sends_for_a_token_is_replaced_whole() {
    let redactor = redactor(&["canary-7f3a-secret"]);
    for text in ["canary-7f3a-secret", "x-access-token:canary-7f3a-secret"] {
        let header = format!("basic {}", general_purpose::STANDARD_NO_PAD.encode(text));
        assert_eq!(redactor.redact(&header), "basic ***");
    }
}

#[test]
fn what_basic_authorization_sends_of_a_password_is_replaced_whole() {
    let learnt = Redactor::new();
    learnt.add_basic("usr", "c4n");
    learnt.add_credentials_in("https://us%72:can%61ry-7f3a@h/");
    for (user, password) in [("usr", "c4n"), ("usr", "canary-7f3a")] {
        let whole = format!("{user}:{password}");
        for engine in [
            &general_purpose::STANDARD,
            &general_purpose::STANDARD_NO_PAD,
        ] {
            let header = format!("authorization: Basic {}.", engine.encode(&whole));
            assert_eq!(learnt.redact(&header), "authorization: Basic ***.");
        }
    }
}

#[test]
fn of_a_header_that_a_server_repeats_nothing_is_left() {
    let learnt = redactor(&["canary-7f3a-x"]);
    learnt.add_credentials_in("https://canary-9e0b@h/");
    for text in [
        "canary-7f3a-x:",
        "u:canary-7f3a-x",
        "canary-9e0b:",
        "canary-9e0b",
    ] {
        let header = format!("sent Basic {}, see", general_purpose::STANDARD.encode(text));
        assert_eq!(learnt.redact(&header), "sent Basic ***, see");
    }
    let words = Redactor::new();
    words.add_value("canary");
    assert_eq!(words.redact("Bearer xcanaryx: no"), "Bearer ***: no");
}

#[test]
fn what_a_cut_left_of_a_secret_is_replaced() {
    let learnt = redactor(&["canary-7f3a-canary", "ürgödör"]);
    for (text, clean) in [
        ("\"token canary-7f…\", wanted", "\"token ***…\", wanted"),
        ("x can…", "x ***…"),
        ("x ca…", "x ca…"),
        ("1: …anary: bad", "1: …***: bad"),
        ("1: …ry: bad", "1: …ry: bad"),
        ("1: …nary-7f3a-can… 2", "1: …***… 2"),
        ("…ary x canary…", "…*** x ***…"),
        ("a canary", "a canary"),
        ("x ürgö… …dör", "x ***… …***"),
        ("Y2FuYXJ5LTdmM2…", "***…"),
    ] {
        assert_eq!(learnt.redact(text), clean, "{text}");
    }
}

#[test]
fn percent_encoded_and_json_forms_are_replaced() {
    let redactor = redactor(&["p/ss w+rd\"ä"]);
    for text in [
        "p%2Fss%20w%2Brd%22%C3%A4",
        "p%2fss%20w%2brd%22%c3%a4",
        "p%2Fss+w%2Brd%22%C3%A4",
        r#"p/ss w+rd\"ä"#,
        "p/ss%20w+rd%22%C3%A4",
    ] {
        assert_eq!(redactor.redact(text), MASK, "{text}");
    }
}

#[test]
fn each_line_of_a_secret_of_several_lines_is_replaced() {
    let redactor = redactor(&["-----BEGIN KEY-----\nMIIcanary\r\n  abc\nxyz-last\n"]);
    assert_eq!(
        redactor.redact("line MIIcanary and xyz-last, abc"),
        "line *** and ***, abc"
    );
    assert_eq!(
        redactor.redact(r"-----BEGIN KEY-----\nMIIcanary\r\n  abc\nxyz-last"),
        MASK
    );
}

#[test]
fn masks_in_streamed_output_are_learnt() {
    let redactor = Redactor::new();
    redactor.clone().learn_from("::add-mask::canary%25one");
    redactor.learn_from("##[add-mask]canary-two");
    redactor.learn_from("::notice::canary-three");
    assert_eq!(
        redactor.redact("canary%one canary-two canary-three"),
        "*** *** canary-three"
    );
}

#[test]
fn credentials_in_urls_are_replaced_and_learnt() {
    let redactor = Redactor::new();
    assert_eq!(
        redactor.redact("postgres://u:canary@h/d is away"),
        "postgres://***@h/d is away"
    );
    redactor.add_credentials_in("postgres://u:p%40ss-canary@h/d");
    assert_eq!(
        redactor.redact("password p@ss-canary, p%40ss-canary"),
        "password ***, ***"
    );
}

#[test]
fn a_chance_hit_of_a_short_secret_is_no_finding() {
    let redactor = redactor(&["prod", "canary-7f3a"]);
    assert!(!redactor.finds_secret_in("production"));
    assert!(redactor.finds_secret_in("x canary-7f3a"));
    assert!(redactor.finds_secret_in("https://u:p@h/"));
}

#[test]
fn a_thousand_cuts_beside_a_thousand_secrets_cost_less_than_looking_for_the_secrets_does() {
    let learnt = Redactor::new();
    for number in 0..1000 {
        learnt.add_value(&format!("canary-{number}-x7f3a"));
    }
    let timed = |line: &str| {
        let text = line.repeat(1000);
        let begun = std::time::Instant::now();
        let shown = learnt.redact(&text).into_owned();
        (begun.elapsed(), shown)
    };
    let (plain, _) = timed("503, wanted 200; the body begins \"canary-999-x7f.\"\n");
    let (cut, shown) = timed("503, wanted 200; the body begins \"canary-999-x7f…\"\n");
    assert!(!shown.contains("canary"));
    // Compared one by one they took thirty times as long.
    assert!(cut < plain * 5, "{cut:?} in place of {plain:?}");
}

proptest! {
    #[test]
    fn no_secret_survives(secret in "[ -~äß€]{4,40}", before in "\\PC{0,20}", after in "\\PC{0,20}") {
        let trimmed = secret.trim();
        prop_assume!(trimmed.len() >= SHORTEST && !MASK.contains(trimmed) && !trimmed.contains(MASK));
        let redactor = redactor(&[&secret]);
        let text = format!("{before}{secret}{after}");
        let shown = redactor.redact(&text).into_owned();
        // A mask between the pieces of a secret could make it up again only if the secret holds the mask.
        prop_assert!(!shown.contains(trimmed), "{} in {}", trimmed, shown);
        let encoded = utf8_percent_encode(trimmed, NON_ALPHANUMERIC).to_string();
        prop_assert_eq!(redactor.redact(&encoded), MASK);
        for (at, _) in trimmed.char_indices().filter(|(at, _)| *at >= SHORTEST_REST) {
            let cut = format!("x{}…", &trimmed[..at]);
            let shown = redactor.redact(&cut).into_owned();
            prop_assert!(!shown.contains(&trimmed[..at]), "{} in {}", trimmed, shown);
        }
    }
}
