//! The reader with kinds of its own, which have keys of every shape: what stands here holds for all kinds.

use std::{sync::Arc, time::Duration};

use actions_kit::{Environment, Redactor};
use probes::{Answer, Observation, Probe, ProbeFuture, resolver::Resolver};
use proptest::prelude::*;
use serde_json::json;
use tokio::time::Instant;

use super::*;
use crate::{Fields, Key, Patience, Setting, Shape};

const KEYS: &[Key] = &[
    Key::new("url", Shape::Address, "where").required(),
    Key::new("method", Shape::Choice(&["GET", "POST"]), "how").with_default("GET"),
    Key::new("status", Shape::List(&Shape::Count { least: 100 }), "which").with_default("200"),
    Key::new("headers", Shape::Map(&Shape::Secret), "which"),
    Key::new("body", Shape::Secret, "what"),
    Key::new("json", Shape::Map(&Shape::Json), "what"),
    Key::new("within", Shape::Duration, "how long"),
    Key::new("full", Shape::Percent, "how much"),
    Key::new("ratio", Shape::Number, "how much"),
    Key::new("follow", Shape::Flag, "whether").with_default("true"),
    Key::new("version", Shape::Text, "which"),
    Key::new("run", Shape::Script, "what"),
    Key::new("tls", Shape::Object(TLS), "how"),
    Key::new("steps", Shape::List(&Shape::Object(TLS)), "what"),
];

const TLS: &[Key] = &[
    Key::new("ca", Shape::Text, "which"),
    Key::new("verify", Shape::Flag, "whether").with_default("true"),
];

const KINDS: &[Kind] = &[
    Kind {
        name: "ask",
        help: "asks",
        keys: KEYS,
        short: Some("url"),
        build,
    },
    Kind {
        name: "look",
        help: "looks",
        keys: &[Key::new("disk", Shape::Percent, "how full").with_default("90%")],
        short: None,
        build,
    },
];

thread_local! {
    /// What the kinds of this thread's test were built of.
    static BUILT: std::cell::RefCell<Vec<Fields>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn build(fields: &Fields, _: &Surroundings, problems: &mut Problems) -> Option<Arc<dyn Probe>> {
    if fields.text("version") == Some("odd") {
        fields.wrong("version", "`odd`", "an even one", "add one", problems);
        return None;
    }
    BUILT.with_borrow_mut(|built| built.push(fields.clone()));
    Some(Arc::new(Silent))
}

struct Silent;

impl Probe for Silent {
    fn identity(&self) -> String {
        String::from("nothing")
    }

    fn check(&self, _: Instant) -> ProbeFuture<'_> {
        Box::pin(std::future::ready(Observation {
            answer: Answer::Pass,
            seen: String::new(),
            took: Duration::ZERO,
        }))
    }
}

fn around(variables: &[(&str, &str)]) -> Surroundings {
    Surroundings {
        workspace: "/nowhere".into(),
        environment: variables.iter().copied().collect::<Environment>(),
        redactor: Redactor::new(),
        resolver: Resolver::with_servers(&[]),
    }
}

fn read_around(text: &str, around: &Surroundings) -> Result<Vec<Gate>, Problems> {
    BUILT.with_borrow_mut(Vec::clear);
    let declared = Declared {
        text: Some(text),
        ..Declared::default()
    };
    gates_of(&declared, around, KINDS)
}

fn read(text: &str) -> Result<Vec<Gate>, Problems> {
    read_around(text, &around(&[]))
}

/// The settings of the only gate, `ask` with the lines of `mapping` in it.
fn settings(mapping: &str, variables: &[(&str, &str)]) -> (Fields, Redactor) {
    let around = around(variables);
    let text = gate_with(mapping);
    match read_around(&text, &around) {
        Ok(_) => {}
        Err(problems) => panic!("{text}\n{}", told(&problems)),
    }
    let fields = BUILT.with_borrow(|built| built[0].clone());
    (fields, around.redactor)
}

fn gate_with(mapping: &str) -> String {
    let url = if mapping.contains("url:") {
        ""
    } else {
        "    url: http://h/\n"
    };
    let lines: String = mapping
        .lines()
        .map(|line| format!("    {line}\n"))
        .collect();
    format!("- name: a\n  ask:\n{url}{lines}")
}

/// What is wrong, one line each.
fn told(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| {
            let line = problem
                .line
                .map_or(String::new(), |line| format!("line {line}: "));
            format!(
                "{line}{}: {}, wanted {}: {}\n",
                problem.place, problem.seen, problem.wanted, problem.mend
            )
        })
        .collect()
}

fn wrong(text: &str) -> String {
    wrong_around(text, &around(&[]))
}

fn wrong_around(text: &str, around: &Surroundings) -> String {
    match read_around(text, around) {
        Ok(_) => panic!("nothing is wrong with\n{text}"),
        Err(problems) => told(&problems),
    }
}

#[test]
fn every_shape_is_read_as_its_table_says() {
    let (fields, _) = settings(
        "method: POST\nstatus: [200, 204]\nheaders: {X-A: 1, X-B: 'b'}\nbody: |\n  one\n  two\nwithin: 1h30m\n\
         full: 90%\nratio: -1.5e3\nfollow: false\nversion: 1.10\nrun: echo ${HOME}\ntls: {ca: x}\n\
         steps: [{ca: y}, {verify: false}]\njson: {/a: 1, /b: yes, /c: null, /d: [1.5, 'x', {e: true}], /f: 2026-01-02}",
        &[],
    );
    assert_eq!(fields.place, "gate a, ask");
    assert_eq!(fields.text("url"), Some("http://h/"));
    assert_eq!(fields.text("method"), Some("POST"));
    assert_eq!(
        fields.list("status"),
        [Setting::Count(200), Setting::Count(204)]
    );
    assert_eq!(
        fields.map("headers")[0],
        ("X-A".into(), Setting::Text("1".into()))
    );
    assert_eq!(fields.text("body"), Some("one\ntwo\n"));
    assert_eq!(fields.duration("within"), Some(Duration::from_secs(5400)));
    assert_eq!(fields.number("full"), Some(90.0));
    assert_eq!(fields.number("ratio"), Some(-1500.0));
    assert!(!fields.flag("follow"));
    assert_eq!(fields.text("version"), Some("1.10"));
    assert_eq!(fields.text("run"), Some("echo ${HOME}"));
    assert_eq!(fields.object("tls").unwrap().text("ca"), Some("x"));
    assert!(fields.object("tls").unwrap().flag("verify"));
    let steps = fields.objects("steps");
    assert_eq!(steps[1].place, "gate a, ask, steps 2");
    assert!(!steps[1].flag("verify"));
    let values: Vec<_> = fields
        .map("json")
        .iter()
        .map(|(_, value)| value.clone())
        .collect();
    let wanted = [
        json!(1),
        json!("yes"),
        json!(null),
        json!([1.5, "x", {"e": true}]),
        json!("2026-01-02"),
    ];
    assert_eq!(values, wanted.map(Setting::Json));
}

#[test]
fn what_is_not_written_holds_its_default() {
    let gates = read("- {name: a, ask: 'http://h/'}\n- {name: b, look: }\n").unwrap();
    assert_eq!((gates[0].kind, gates[1].kind), ("ask", "look"));
    assert_eq!((gates[0].line, gates[1].line), (Some(1), Some(2)));
    let built = BUILT.with_borrow(Clone::clone);
    assert_eq!(built[0].text("method"), Some("GET"));
    assert_eq!(built[0].list("status"), [Setting::Count(200)]);
    assert!(built[0].flag("follow") && built[0].text("body").is_none());
    assert_eq!(built[1].number("disk"), Some(90.0));
    assert!(gates[0].required);
    assert_eq!(
        gates[0].patience,
        Patience {
            timeout: Duration::from_secs(300),
            try_timeout: Duration::from_secs(10),
            initial_delay: Duration::ZERO,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(30),
            max_tries: None,
            successes: 1,
            failure_limit: None,
        }
    );
}

#[test]
fn a_gate_goes_over_defaults_and_defaults_over_the_action() {
    let text = "defaults: {timeout: 2m, required: false, max-tries: 4}\n\
                gates:\n- {name: a, look: }\n- {name: b, look: , timeout: 1m, required: true}\n";
    let around = around(&[]);
    let declared = |text| Declared {
        text: Some(text),
        timeout: Some(Duration::from_secs(60 * 60)),
        simple: &[],
    };
    let gates = gates_of(&declared(text), &around, KINDS)
        .map_err(|p| told(&p))
        .unwrap();
    let seen: Vec<_> = gates
        .iter()
        .map(|gate| {
            (
                gate.patience.timeout.as_secs(),
                gate.required,
                gate.patience.max_tries,
            )
        })
        .collect();
    assert_eq!(seen, [(120, false, Some(4)), (60, true, Some(4))]);
    let gates = gates_of(&declared("- {name: a, look: }"), &around, KINDS).map_err(|p| told(&p));
    assert_eq!(gates.unwrap()[0].patience.timeout.as_secs(), 3600);
}

#[test]
fn a_default_that_was_not_written_gives_way_to_what_was() {
    let gates = read(
        "- {name: a, look: , timeout: 3s}\n- {name: b, look: , backoff: 1m}\n- {name: c, look: , max-backoff: 100ms}\n",
    )
    .map_err(|problems| told(&problems))
    .unwrap();
    assert_eq!(gates[0].patience.try_timeout, Duration::from_secs(3));
    assert_eq!(gates[1].patience.longest_wait, Duration::from_secs(60));
    assert_eq!(gates[2].patience.first_wait, Duration::from_millis(100));
}

#[test]
fn simple_inputs_are_gates_that_gates_of_the_text_may_wait_for_and_nothing_in_them_is_filled_in() {
    let around = around(&[("X", "filled")]);
    let simple = [Simple {
        name: "api",
        kind: "ask",
        value: "http://u:canary-${X}@h/".into(),
    }];
    let declared = Declared {
        simple: &simple,
        text: Some("- {name: late, look: , depends-on: api}"),
        timeout: None,
    };
    let gates = gates_of(&declared, &around, KINDS)
        .map_err(|p| told(&p))
        .unwrap();
    assert_eq!(gates[1].depends_on, [0]);
    assert_eq!((gates[0].line, gates[1].line), (None, Some(1)));
    assert_eq!(around.redactor.redact("canary-${X}"), "***");
    let again = Declared {
        text: Some("- {name: api, look: }"),
        ..declared
    };
    let problems = gates_of(&again, &around, KINDS).map(drop).unwrap_err();
    assert!(told(&problems).contains("the name of a simple input's gate"));
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let gates = read(
        "gates:\n- &first {name: a, ask: &ask {url: http://h/, version: 1}, timeout: 1m}\n\
         - {<<: *first, name: b}\n- {name: c, ask: {<<: *ask, version: 2}}\n",
    )
    .map_err(|problems| told(&problems))
    .unwrap();
    assert_eq!(gates.len(), 3);
    assert_eq!(gates[1].patience.timeout.as_secs(), 60);
    let built = BUILT.with_borrow(Clone::clone);
    assert_eq!(built[2].text("version"), Some("2"));
    assert_eq!(built[2].text("url"), Some("http://h/"));
}

#[test]
fn json_line_ends_of_windows_and_a_mark_of_byte_order_are_read() {
    for text in [
        r#"{"gates": [{"name": "a", "ask": {"url": "http://h/", "status": [200]}, "required": false}]}"#,
        "\u{feff}gates:\r\n- name: a\r\n  ask: http://h/\r\n  required: false\r\n",
        "---\n- name: a\n  ask: http://h/\n  required: false\n...\n",
    ] {
        let gates = read(text).map_err(|problems| told(&problems)).unwrap();
        assert_eq!(gates[0].name, "a", "{text:?}");
        assert!(!gates[0].required, "{text:?}");
        BUILT.with_borrow(|built| assert_eq!(built[0].text("url"), Some("http://h/")));
    }
}

#[test]
fn a_secret_never_shows_in_what_is_wrong_with_it() {
    let variables = [("NUMBER", "canary-7f3a"), ("DB_PASSWORD", "canary-9b1c")];
    let text = "- name: a\n  ask:\n    url: [canary-1, 'http://u:canary-2@h/']\n    body: {x: canary-3}\n    \
                within: ${NUMBER}\n    status: ${DB_PASSWORD}\n    headers: canary-4\n    canary 5: 1\n    json: !x canary-6\n";
    let told = wrong_around(text, &around(&variables));
    assert!(!told.contains("canary"), "{told}");
    assert!(told.contains("the value of `${NUMBER}`"), "{told}");
    for foreign in [
        "canary-7f3a\n",
        "root:canary-7f3a:0:0\n",
        "canary 7f3a: 1\n",
        "canary7f3acanary7f3acanary7f3acanary7f3acanary7f3a: 1\n",
        "- canary-7f3a\n",
        "\"canary",
    ] {
        let told = wrong(foreign);
        assert!(!told.contains("canary"), "{told}");
    }
}

#[test]
fn a_variable_is_filled_in_once_and_its_value_is_only_data() {
    let (fields, _) = settings(
        "version: '${A}-$${A}-${B:-none}-${C:-c}'\nbody: ${D}",
        &[("A", "x${A}y"), ("C", "set"), ("D", "q\"'\n%@/: #\n")],
    );
    assert_eq!(fields.text("version"), Some("x${A}y-${A}-none-set"));
    assert_eq!(fields.text("body"), Some("q\"'\n%@/: #"));
}

#[test]
fn a_variable_in_an_address_cannot_change_where_it_leads() {
    let variables = [
        ("PW", "p@s/s%w?#:d"),
        ("USER", "app"),
        ("BASE", "https://h:8443/prefix"),
        ("TOKEN", "a&b=c"),
    ];
    let (fields, redactor) = settings(
        "url: postgres://${USER}:${PW}@db/x?sslmode=require",
        &variables,
    );
    assert_eq!(
        fields.text("url"),
        Some("postgres://app:p%40s%2Fs%25w%3F%23%3Ad@db/x?sslmode=require")
    );
    assert_eq!(
        redactor.redact("said p@s/s%w?#:d, app on db, require"),
        "said ***, app on db, require"
    );
    let (fields, redactor) = settings("url: ${BASE}/health?key=${TOKEN}", &variables);
    assert_eq!(
        fields.text("url"),
        Some("https://h:8443/prefix/health?key=a%26b%3Dc")
    );
    assert_eq!(redactor.redact("a&b=c h:8443/prefix"), "*** h:8443/prefix");
}

#[test]
fn what_may_be_secret_is_learned_and_what_a_person_needs_is_not() {
    let variables = [
        ("API_TOKEN", "canary-token"),
        ("PLAIN", "canary-plain"),
        ("DB_HOST", "db.internal"),
        ("DATABASE_URL", "postgres://app:canary-pass@db.internal/x"),
        ("GITHUB_REPOSITORY_OWNER_KEY", "octo-org"),
        ("FLAG_SECRET", "true"),
        ("PORT_KEY", "5432"),
    ];
    let (_, redactor) = settings(
        "url: ${DATABASE_URL}\nheaders:\n  Authorization: Bearer ${API_TOKEN}\n  Accept: application/json\n  \
         X: ${PLAIN}\nversion: ${DB_HOST} ${GITHUB_REPOSITORY_OWNER_KEY} ${FLAG_SECRET} ${PORT_KEY}\nbody: literal body",
        &variables,
    );
    for secret in [
        "canary-token",
        "canary-plain",
        "canary-pass",
        "literal body",
    ] {
        assert_eq!(redactor.redact(secret), "***");
    }
    for needed in [
        "db.internal",
        "octo-org",
        "application/json",
        "true",
        "port 5432",
        "app",
    ] {
        assert_eq!(redactor.redact(needed), needed);
    }
}

#[test]
fn an_alias_of_aliases_is_told_and_not_followed() {
    let mut bomb = String::from("x: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n");
    for level in 1..20 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("x{level}: &a{level} [{}]\n", below.trim_end_matches(", "));
    }
    bomb += "gates: [{name: a, ask: {url: http://h/, json: {/x: *a19}}}]\n";
    let told = wrong(&bomb);
    assert!(
        told.contains("more than 100000 values, aliases followed"),
        "{told}"
    );
    let many: String = (0..40)
        .map(|at| {
            format!(
                "- {{name: a{at}, ask: {{url: 'http://h/', version: '{}'}}}}\n",
                "${V}".repeat(90)
            )
        })
        .collect();
    let told = wrong_around(&many, &around(&[("V", &"v w x y z\n".repeat(2000))]));
    assert!(told.contains("variables filled in"), "{told}");
}

#[test]
fn a_thousand_gates_are_read_and_one_more_is_told() {
    let list = |count: usize| -> String {
        (0..count)
            .map(|at| format!("- {{name: g{at}, ask: 'http://u:secret-{at}@h/'}}\n"))
            .collect()
    };
    assert_eq!(read(&list(1000)).unwrap().len(), 1000);
    assert!(wrong(&list(1001)).contains("1001 gates, wanted at most 1000"));
}

#[test]
fn a_chain_of_all_gates_is_no_circle_and_its_closing_is_shown_whole() {
    let chain = |closed: bool| -> String {
        (0..1000)
            .map(|at| match (at, closed) {
                (0, false) => String::from("- {name: g0, look: }\n"),
                (0, true) => String::from("- {name: g0, look: , depends-on: g999}\n"),
                _ => format!("- {{name: g{at}, look: , depends-on: [g{}]}}\n", at - 1),
            })
            .collect()
    };
    assert_eq!(
        read(&chain(false)).map_err(|p| told(&p)).unwrap()[999].depends_on,
        [998]
    );
    let told = wrong(&chain(true));
    assert_eq!(told.lines().count(), 1);
    assert!(told.contains("a circle: g0 -> g999 -> g998"), "{told}");
    assert!(told.contains("g1 -> g0, wanted"), "{told}");
}

#[test]
fn only_the_first_hundred_problems_are_told_and_the_rest_is_counted() {
    let told = wrong(&"- {name: a b, look: }\n".repeat(150));
    assert_eq!(told.lines().count(), 101);
    assert!(
        told.ends_with("50 more problems, wanted none: mend those above first\n"),
        "{told}"
    );
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|([-:#&*!|>'\"%@`{}\\[\\],? \n\ta<0.~$]{0,80})") {
        let _ = read_around(&text, &around(&[("a", "b")]));
    }

    #[test]
    fn no_value_in_a_gate_makes_the_reader_panic(key in 0..KEYS.len(), value in "[-0-9a-zA-Z.:%_+$(){}\\[\\], '\"\n/@?&=]{0,40}") {
        let text = format!("- name: a\n  ask: {{url: x, {}: {value}}}\n", KEYS[key].name);
        let _ = read_around(&text, &around(&[("a", "b")]));
        let quoted = serde_json::to_string(&value).unwrap();
        let text = format!("- name: a\n  ask: {{url: x, {}: {quoted}}}\n", KEYS[key].name);
        let _ = read_around(&text, &around(&[("a", "b")]));
    }
}
