//! The alert and the ledger's line.

use actions_kit::Redactor;
use gates::judgement::Judged;
use health_gates::report::{About, Alert, Report};

use crate::world::{about, failed, judgement, passed, report, stopped, unknown, warned};

fn alert_of(about: &About) -> Alert {
    let judgement = judgement(vec![failed("api", "503 Service Unavailable, wanted 200")]);
    let report = Report::new(&judgement, about, &Redactor::new());
    report.alert().expect("an alert")
}

#[test]
fn the_alert_has_the_evidence_and_says_how_to_go_back() {
    let alert = alert_of(&about());
    assert_eq!(
        alert.text,
        "production: the health gate api failed on runner-a\n\
         version v2 is deployed and NOT healthy; the last version that was proven healthy is v1: roll back by re-running \
         the run that deployed it\n\
         - api (GET http://api.internal/health): 503 Service Unavailable, wanted 200; failed: no pass within 5m, 34 tries\n\
         deployment: octo/shop/7/1"
    );
}

#[test]
fn what_is_said_of_going_back_follows_from_what_is_known() {
    let none = About {
        last_good_version: None,
        ..about()
    };
    let same = About {
        last_good_version: Some("v2".to_owned()),
        ..about()
    };
    let undone = About {
        on_failure: Some(true),
        ..about()
    };
    let stuck = About {
        on_failure: Some(false),
        ..about()
    };
    for (about, wanted) in [
        (
            none,
            "the ledger knows no version before it that was proven healthy",
        ),
        (same, "the same version was proven healthy before"),
        (undone, "the command of `on-failure` ran and ended well"),
        (stuck, "the command of `on-failure` ran and FAILED"),
    ] {
        let roll_back = alert_of(&about).roll_back.expect("a deployment's alert");
        assert!(roll_back.contains(wanted), "{roll_back}");
    }
}

#[test]
fn used_alone_there_is_nothing_to_roll_back() {
    let alone = About {
        deployment: None,
        environment: String::new(),
        ..about()
    };
    let alert = alert_of(&alone);
    assert_eq!(alert.roll_back, None);
    assert_eq!(alert.title, "the health gate api failed on runner-a");
    assert!(!alert.text.contains("deployment"), "{}", alert.text);
}

#[test]
fn nobody_is_woken_for_a_warning_a_pass_or_a_stop() {
    for gates in [
        vec![warned("search", "404")],
        vec![passed("api")],
        vec![failed("redis", "x"), stopped("api", "503")],
    ] {
        assert_eq!(report(gates).alert(), None);
    }
}

#[test]
fn the_evidence_of_a_thousand_gates_is_bounded() {
    let gates = (0..1000)
        .map(|n| failed(&format!("gate-{n}"), &"x".repeat(500)))
        .collect();
    let alert = report(gates).alert().unwrap();
    assert_eq!(alert.evidence.len(), 21);
    assert_eq!(alert.evidence[20], "and 980 more; the report has them all");
    assert!(alert.text.len() < 20_000, "{}", alert.text.len());
}

#[test]
fn the_ledgers_line_says_what_failed_and_never_passes_two_hundred_characters() {
    let detail = |gates: Vec<Judged>| report(gates).detail();
    assert_eq!(
        detail(vec![
            failed("api", "503, wanted 200"),
            passed("x"),
            unknown("dns", "no resolver")
        ]),
        "api: 503, wanted 200; dns: no resolver"
    );
    assert_eq!(
        detail(vec![passed("api")]),
        "the health gate api passed on runner-a"
    );
    for count in [1, 2, 3, 12] {
        for length in (0..250).step_by(3) {
            let gates = (0..count).map(|n| failed(&format!("gate-{n}"), &"ä".repeat(length)));
            let line = detail(gates.collect());
            assert!(
                line.chars().count() <= 200,
                "{count} gates, {length}: {line}"
            );
            assert!(line.starts_with("gate-0: "), "{line}");
            let told = line.matches("gate-").count();
            let more = match count - told {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            assert!(line.ends_with(&more), "{count} gates, {length}: {line}");
        }
    }
}
