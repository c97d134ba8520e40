//! Headline, summary and annotations.

use std::time::Duration;

use actions_kit::{Environment, Redactor, command::Level};
use gates::judgement::{End, Judged, Turn};
use health_gates::report::{self, About, Report};
use probes::Answer;

use crate::world::{about, blocked, failed, judgement, passed, stopped, unknown, warned};

fn shown(gates: Vec<Judged>) -> String {
    crate::world::report(gates)
        .summary("")
        .text(&Redactor::new())
}

#[test]
fn the_first_line_says_how_many_failed_where_and_which() {
    let five = vec![
        failed("api", "503 Service Unavailable, wanted 200"),
        passed("front"),
        failed("redis", "LOADING"),
        passed("proxy"),
        passed("disk"),
    ];
    for (gates, wanted) in [
        (five, "2 of 5 health gates failed on runner-a: api, redis"),
        (
            vec![failed("api", "503"), unknown("dns", "no resolver")],
            "1 of 2 health gates failed on runner-a: api; 1 could not be asked: dns",
        ),
        (
            vec![
                failed("api", "503"),
                blocked("courses", "api"),
                unknown("dns", "x"),
            ],
            "1 of 3 health gates failed on runner-a: api; 1 could not be asked: dns; 1 was never asked: courses",
        ),
        (
            vec![warned("api", "503"), blocked("courses", "api")],
            "1 of 2 health gates was never asked on runner-a: courses",
        ),
        (
            vec![passed("api"), unknown("dns", "no resolver")],
            "1 of 2 health gates could not be asked on runner-a: dns",
        ),
        (
            vec![passed("api"), warned("search", "404")],
            "healthy on runner-a, but 1 of 2 health gates did not pass, which is not required: search",
        ),
        (
            vec![passed("api"), passed("db")],
            "all 2 health gates passed on runner-a",
        ),
        (
            vec![passed("api")],
            "the health gate api passed on runner-a",
        ),
        (
            vec![stopped("api", "503"), passed("db"), failed("redis", "x")],
            "stopped on runner-a while 1 of 3 health gates had not passed: api; failed before: redis",
        ),
        (
            vec![stopped("api", "503")],
            "stopped on runner-a before the health gate api passed",
        ),
        (
            vec![unknown("dns", "no resolver")],
            "the health gate dns could not be asked on runner-a",
        ),
        (
            vec![warned("search", "404")],
            "the health gate search, which is not required, did not pass on runner-a",
        ),
        (
            vec![warned("a", "404"), warned("b", "404"), passed("c")],
            "healthy on runner-a, but 2 of 3 health gates did not pass, which are not required: a, b",
        ),
        (
            vec![warned("a", "404"), blocked("b", "a"), blocked("c", "a")],
            "2 of 3 health gates were never asked on runner-a: b, c",
        ),
        (vec![], "no health gate was asked on runner-a"),
    ] {
        assert_eq!(crate::world::report(gates).headline(), wanted);
    }
}

#[test]
fn a_headline_names_ten_gates_and_counts_the_rest() {
    let gates = (0..1000)
        .map(|n| failed(&format!("gate-{n}"), "x"))
        .collect();
    let headline = crate::world::report(gates).headline();
    assert!(
        headline.ends_with("gate-8, gate-9 and 990 more"),
        "{headline}"
    );
}

#[test]
fn a_dry_run_says_that_it_is_one() {
    let about = About {
        dry_run: true,
        ..about()
    };
    let judgement = judgement(vec![failed("api", "503")]);
    let report = Report::new(&judgement, &about, &Redactor::new());
    assert!(
        report
            .headline()
            .ends_with("api failed on runner-a (dry run)")
    );
    assert_eq!(report.annotations()[0].level, Level::Warning);
    assert_eq!(report.alert(), None, "nobody is woken");
}

#[test]
fn the_outputs_name_what_failed_and_not_what_was_stopped() {
    for (gates, result, failed) in [
        (
            vec![
                failed("a", "x"),
                unknown("b", "x"),
                warned("c", "x"),
                blocked("d", "a"),
            ],
            "fail",
            &["a", "b", "d"][..],
        ),
        (vec![warned("c", "x")], "warn", &[]),
        (vec![passed("c")], "pass", &[]),
        (vec![failed("a", "x"), stopped("b", "x")], "stopped", &["a"]),
    ] {
        let judgement = judgement(gates);
        assert_eq!(report::result(&judgement), result);
        assert_eq!(report::failed(&judgement), failed);
    }
}

#[test]
fn each_row_says_what_was_asked_how_it_ended_what_was_seen_and_for_how_long_the_failed_ones_first()
{
    let text = shown(vec![
        passed("front"),
        warned("search", "404 Not Found, wanted 200"),
        unknown("dns", "no resolver"),
        blocked("courses", "api"),
        failed("api", "503 Service Unavailable, wanted 200"),
    ]);
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("| `")).collect();
    assert_eq!(
        rows,
        [
            "| ❌ | `api` | GET http://api.internal/health | failed: no pass within 5m \
             | 503 Service Unavailable, wanted 200 | 34 | 5m |",
            "| ⚠️ | `dns` | GET http://dns.internal/health | could not be asked: no pass within 5m | no resolver | 34 | 5m |",
            "| ⚠️ | `courses` | GET http://courses.internal/health | never asked, since api did not pass | — | 0 | — |",
            "| ⚠️ | `search` | GET http://search.internal/health | not required: no pass within 5m \
             | 404 Not Found, wanted 200 | 34 | 5m |",
            "| ✅ | `front` | GET http://front.internal/health | passed | 200 OK | 1 | 24 ms |",
        ]
    );
    assert!(
        text.contains("Not healthy yet when their time was up: search, dns, api."),
        "{text}"
    );
    assert!(text.contains("### Health gates for production"), "{text}");
    assert!(text.contains("5 gates in 5m."), "{text}");
}

#[test]
fn the_timeline_shows_in_turn_what_was_seen_of_gates_that_did_not_pass_at_once() {
    let mut slow = passed("api");
    slow.tries = 4;
    slow.history = vec![
        Turn {
            at: Duration::from_millis(3),
            answer: Answer::Fail,
            seen: "connection refused".to_owned(),
            times: 3,
        },
        Turn {
            at: Duration::from_millis(7_200),
            answer: Answer::Pass,
            seen: "200 OK".to_owned(),
            times: 1,
        },
    ];
    let text = shown(vec![slow, passed("front")]);
    let (_, fold) = text.split_once("<details>").expect("a fold");
    assert!(
        fold.contains(
            "api: passed\n      3 ms  ❌ connection refused (3 times)\n     7.2 s  ✅ 200 OK\n"
        ),
        "{fold}"
    );
    assert!(!fold.contains("front"), "{fold}");
    assert!(!shown(vec![passed("front")]).contains("<details>"));
}

#[test]
fn what_follows_and_how_to_go_back_stand_above_the_table() {
    let text = crate::world::report(vec![failed("api", "503")])
        .summary("set `on-failure`")
        .text(&Redactor::new());
    let (above, _) = text.split_once("| --- |").unwrap();
    for wanted in [
        "❌ the health gate api failed on runner-a",
        "**version v2 is deployed and NOT healthy; the last version that was proven healthy is v1",
        "**What now:** set `on-failure`",
    ] {
        assert!(above.contains(wanted), "{wanted} is missing:\n{above}");
    }
}

/// What a hostile or unlucky server can make of 200 characters.
fn worst(letter: char) -> String {
    letter.to_string().repeat(300)
}

#[test]
fn a_thousand_gates_whatever_their_servers_say_leave_a_summary_that_github_shows() {
    for letter in ['x', '&', '@', '|', '`', '\u{1f525}', '\n', '<'] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.md");
        let gates = (0..1000)
            .map(|n| {
                let mut gate = failed(&format!("gate-{n}"), &worst(letter));
                gate.target = worst(letter);
                let turn = gate.history[0].clone();
                gate.history = vec![turn; 10];
                gate
            })
            .collect();
        let summary = crate::world::report(gates).summary("");
        let environment = Environment::from([("GITHUB_STEP_SUMMARY", path.to_string_lossy())]);
        let _to_file = summary.write(&environment, &Redactor::new()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.len() < 1024 * 1024, "{letter:?}: {}", text.len());
        assert!(
            !text.contains("was cut here"),
            "{letter:?}: the summary's own limit was met"
        );
        assert!(text.ends_with("1000 gates in 5m.\n\n"), "{letter:?}");
    }
}

#[test]
fn a_thousand_gates_of_the_usual_length_are_all_in_the_table() {
    let gates = (0..1000)
        .map(|n| failed(&format!("gate-{n}"), "503 Service Unavailable, wanted 200"))
        .collect();
    let text = shown(gates);
    assert_eq!(text.matches("| ❌ |").count(), 1000);
}

#[test]
fn at_most_ten_annotations_name_what_failed_and_what_to_do() {
    let mut gates: Vec<Judged> = (0..30)
        .map(|n| warned(&format!("soft-{n}"), "404"))
        .collect();
    gates.push(failed("api", "503 Service Unavailable, wanted 200"));
    gates.push(blocked("courses", "api"));
    gates.push(passed("front"));
    let annotations = crate::world::report(gates).annotations();
    assert_eq!(annotations.len(), 10);
    assert_eq!(annotations[0].level, Level::Error);
    assert_eq!(
        annotations[0].text,
        "gate api: 503 Service Unavailable, wanted 200; failed: no pass within 5m (34 tries in 5m); asked: GET \
         http://api.internal/health. Now: see whether it runs, and what its own log says; where it only needs longer, raise the \
         gate's `timeout`"
    );
    assert_eq!(
        annotations[1].text,
        "gate courses: never asked, since api did not pass; asked: GET http://courses.internal/health. Now: mend api first"
    );
    assert_eq!(annotations[2].level, Level::Warning);
    assert!(
        annotations[9]
            .text
            .starts_with("23 more gates did not pass: soft-7, soft-8, "),
        "{}",
        annotations[9].text
    );
}

#[test]
fn a_gate_that_was_stopped_has_no_annotation() {
    let mut pending = stopped("api", "503");
    pending.end = End::Stopped;
    assert_eq!(crate::world::report(vec![pending]).annotations(), []);
}

#[test]
fn a_gate_that_was_being_asked_when_it_was_stopped_says_for_how_long() {
    let mut first = stopped("run", "");
    (first.tries, first.cut_off) = (1, Some(Duration::from_millis(2_500)));
    first.ended = Duration::from_millis(2_500);
    first.history.clear();
    assert_eq!(
        report::ended(&first),
        "⚠️ run after 2.5 s: was being asked for 2.5 s"
    );
    let mut later = stopped("api", "503 Service Unavailable, wanted 200");
    later.cut_off = Some(Duration::from_millis(400));
    let mut waiting = stopped("slow", "");
    (waiting.tries, waiting.began) = (0, None);
    waiting.history.clear();
    assert_eq!(report::ended(&waiting), "⚠️ slow after 5m: not asked yet");
    let report = crate::world::report(vec![first, later, waiting]);
    let text = report.summary("").text(&Redactor::new());
    for wanted in [
        "| stopped before it passed | was being asked for 2.5 s | 1 | 2.5 s |",
        "| stopped before it passed, 400 ms into a try | 503 Service Unavailable, wanted 200 | 34 |",
        "| stopped before it passed | — | 0 | — |",
    ] {
        assert!(text.contains(wanted), "{wanted} is missing:\n{text}");
    }
    let xml = report.junit();
    assert!(xml.contains("was being asked for 2.5 s; stopped"), "{xml}");
    assert_eq!(report.json()["gates"][0]["cut_off_ms"], 2_500);
}

#[test]
fn a_gate_that_lost_its_time_waiting_for_turns_names_the_input_that_gives_more() {
    let mut gate = failed("api", "503 Service Unavailable, wanted 200");
    gate.queued = Duration::from_secs(29);
    let text = |gate: &Judged| {
        let report = crate::world::report(vec![gate.clone()]);
        report.annotations()[0].text.clone()
    };
    assert!(!text(&gate).contains("max-parallel"), "a tenth is none");
    gate.queued = Duration::from_secs(100);
    let text = text(&gate);
    assert!(
        text.contains("failed: no pass within 5m, 1m40s of that waiting for its turn"),
        "{text}"
    );
    assert!(text.contains("raise the input `max-parallel`"), "{text}");
}

#[test]
fn what_is_advised_follows_from_how_it_ended_and_from_what_was_seen() {
    let advice = |gate: Judged| {
        let text = crate::world::report(vec![gate]).annotations()[0]
            .text
            .clone();
        let (_, advice) = text.split_once(". Now: ").expect("an advice");
        advice.to_owned()
    };
    let refused = "failed to connect to 127.0.0.1:9: refused (the host is up, the port is closed)";
    let mut used = failed("api", refused);
    used.end = End::TriesUsed { tries: 34 };
    assert!(advice(used).ends_with("raise the gate's `max-tries`"));
    let mut once = failed("api", refused);
    once.end = End::Once;
    assert_eq!(
        advice(once),
        "see whether it runs, and what its own log says"
    );
    let mut flaps = failed("api", "200 OK, 2 of 3 in a row");
    flaps.history[0].answer = Answer::Pass;
    assert!(advice(flaps).starts_with("it answers as wanted, only not often enough in a row"));
    // No time helps these, and no log of a service says more.
    for seen in ["404 Not Found, wanted 200", "401 Unauthorized, wanted 200"] {
        let advice = advice(failed("api", seen));
        assert!(advice.starts_with("correct "), "{advice}");
        assert!(
            !advice.contains("raise") && !advice.contains("log"),
            "{advice}"
        );
    }
    let mut soft = warned("dns", "no resolver");
    soft.history[0].answer = Answer::Unknown;
    assert!(advice(soft).starts_with("this runner could not ask it"));
}

#[test]
fn what_fails_the_whole_is_an_error_whatever_its_sign() {
    let report = crate::world::report(vec![
        warned("search", "404"),
        blocked("courses", "search"),
        unknown("dns", "no resolver"),
    ]);
    let levels: Vec<Level> = report.annotations().iter().map(|one| one.level).collect();
    assert_eq!(levels, [Level::Error, Level::Error, Level::Warning]);
    let text = report.summary("").text(&Redactor::new());
    for name in ["courses", "dns", "search"] {
        assert!(text.contains(&format!("| ⚠️ | `{name}` |")), "{text}");
    }
}
