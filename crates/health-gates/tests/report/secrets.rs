//! No escape hides a secret from the redactor.

use actions_kit::Redactor;
use health_gates::report::{About, Report};

use crate::world::{about, blocked, failed, judgement, redactor};

/// Every text that leaves a report.
fn everything(report: &Report) -> Vec<(&'static str, String)> {
    let nobody = Redactor::new();
    let mut all = vec![
        ("headline", report.headline()),
        ("detail", report.detail()),
        ("summary", report.summary("").text(&nobody)),
        ("json", report.json().to_string()),
        ("junit", report.junit()),
        ("alert", report.alert().expect("an alert").text),
    ];
    all.extend(
        report
            .annotations()
            .into_iter()
            .map(|one| ("annotation", one.text)),
    );
    all
}

#[test]
fn a_secret_is_gone_from_every_text_whatever_an_escape_would_make_of_it() {
    // Each is another text behind the escapes of Markdown, XML or JSON.
    for secret in [
        "can_ary*7f3a",
        "can<ary>&7f3a",
        "can\"ary\\7f3a",
        "can|ary|7f3a",
        "canary@7f3a/%",
        "can`ary`7f3a",
    ] {
        let said = format!("password {secret} is wrong");
        let mut gate = failed(&format!("api-{secret}"), &said);
        gate.target = format!("GET http://h/?key={secret}");
        let about = About {
            version: secret.to_owned(),
            last_good_version: Some(secret.to_owned()),
            ..about()
        };
        let gates = vec![gate, blocked("courses", &format!("api-{secret}"))];
        let report = Report::new(&judgement(gates), &about, &redactor(secret));
        for (what, text) in everything(&report) {
            assert!(!text.contains("7f3a"), "{secret} in {what}:\n{text}");
        }
        assert!(
            report.headline().contains("api-***"),
            "{}",
            report.headline()
        );
    }
}

#[test]
fn a_secret_that_stands_across_the_place_where_a_text_is_cut_is_gone_before() {
    let secret = "canary-7f3a-canary-7f3a";
    let seen = format!("{}{secret}", "x".repeat(190));
    let report = Report::new(
        &judgement(vec![failed("api", &seen)]),
        &about(),
        &redactor(secret),
    );
    for (what, text) in everything(&report) {
        assert!(!text.contains("canary"), "{what}: {text}");
    }
}

#[test]
fn what_the_cut_of_a_foreign_text_left_of_a_secret_is_gone_from_every_text_and_from_the_ledger() {
    let seen = "500, the body begins \"xxcanary-7f…\"; exit code 1: …nary-7f3a: no";
    let report = Report::new(
        &judgement(vec![failed("api", seen)]),
        &about(),
        &redactor("canary-7f3a-canary-7f3a"),
    );
    let mut all = everything(&report);
    all.extend(report.gates().into_iter().map(|gate| ("ledger", gate.seen)));
    for (what, text) in all {
        assert!(!text.contains("nary"), "{what}: {text}");
    }
    let wanted = "500, the body begins \"xx***…\"; exit code 1: …***: no";
    assert_eq!(report.gates()[0].seen, wanted);
}

#[test]
fn the_password_of_an_address_is_gone_although_nobody_knew_it() {
    let mut gate = failed("db", "no route");
    gate.target = "postgres://app:s3cr3t-pw@db/app".to_owned();
    let report = Report::new(&judgement(vec![gate]), &about(), &Redactor::new());
    for (what, text) in everything(&report) {
        assert!(!text.contains("s3cr3t"), "{what}: {text}");
    }
}

#[test]
fn a_gate_that_is_called_like_a_weak_password_keeps_its_name() {
    let report = Report::new(
        &judgement(vec![failed("redis", "refused")]),
        &about(),
        &redactor("redis"),
    );
    assert_eq!(report.json()["gates"][0]["name"], "redis");
    assert!(report.headline().contains(" redis"));
}
