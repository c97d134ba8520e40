//! Every conclusion against its exit code and its words.

use lease::store::StoreError;
use ledger::{Party, TakeoverReason};

use super::*;

fn party(candidate: u32) -> Party {
    Party {
        candidate,
        runner: format!("runner-{candidate}"),
        ..Party::default()
    }
}

fn about(received: Option<Received>) -> About<'static> {
    About {
        version: "0123456789abcdef0123456789abcdef01234567",
        target: "production",
        me: party(1).to_string(),
        received,
        state: None,
    }
}

fn over(outcome: Outcome) -> Conclusion {
    Conclusion::Over {
        outcome,
        reason: None,
        detail: String::new(),
        by_me: false,
    }
}

fn verdict(outcome: Outcome) -> Conclusion {
    Conclusion::Judged(Verdict {
        deployment: "o/r/1/1".to_owned(),
        outcome,
        reason: None,
        detail: String::new(),
        closed_it: false,
    })
}

#[test]
fn every_conclusion_has_the_exit_code_of_the_issue_and_the_right_proceed() {
    let proceed = |finished, gates_only| Conclusion::Proceed {
        token: 7,
        finished,
        gates_only,
    };
    let signalled = |cancelled| Conclusion::Signalled {
        name: "SIGINT".to_owned(),
        held: true,
        cancelled,
    };
    let unreachable = StoreError::Unreachable {
        place: "git x".to_owned(),
        detail: "gone".to_owned(),
    };
    let held = Conclusion::Held {
        deployment: "o/r/1/1".to_owned(),
        detail: String::new(),
    };
    let handed = Conclusion::HandedOver {
        reason: TakeoverReason::PrimaryExitCode,
        detail: "exit code 3".to_owned(),
        to: party(2),
    };
    let already = Conclusion::AlreadyDeployed {
        deployment: "o/r/1/1".to_owned(),
        certain: true,
    };
    let cases = [
        (proceed(true, false), 0, "succeeded", true),
        (proceed(false, false), 0, "deployed", true),
        (proceed(false, true), 0, "deployed", true),
        (over(Outcome::Succeeded), 0, "succeeded", false),
        (over(Outcome::Superseded), 0, "superseded", false),
        (already, 0, "succeeded", false),
        (handed, 1, "", false),
        (Conclusion::LostLease { to: party(2) }, 1, "", false),
        (over(Outcome::Failed), 1, "failed", false),
        (Conclusion::Unfit, 1, "", false),
        (Conclusion::RollingBack { on: party(2) }, 1, "failed", false),
        (held, 3, "held", false),
        (over(Outcome::Held), 3, "held", false),
        (Conclusion::NumberTaken { by: party(1) }, 64, "", false),
        (Conclusion::StoreLost(unreachable), 69, "", false),
        (Conclusion::QueueTimeout { behind: None }, 75, "", false),
        (over(Outcome::NeverClaimed), 75, "never_claimed", false),
        (over(Outcome::Cancelled), 130, "cancelled", false),
        (signalled(false), 130, "", false),
        (signalled(true), 130, "cancelled", false),
        (verdict(Outcome::Succeeded), 0, "succeeded", false),
        (verdict(Outcome::Superseded), 0, "superseded", false),
        (verdict(Outcome::Failed), 1, "failed", false),
        (verdict(Outcome::Held), 3, "held", false),
        (verdict(Outcome::NeverClaimed), 75, "never_claimed", false),
        (verdict(Outcome::Cancelled), 130, "cancelled", false),
    ];
    for (conclusion, code, outcome, proceed) in cases {
        let report = candidate(&conclusion, &about(Some(Received::Interrupt)));
        assert_eq!(report.exit.number(), code, "{conclusion:?}");
        assert_eq!(report.outcome, outcome, "{conclusion:?}");
        assert_eq!(report.proceed, proceed, "{conclusion:?}");
        // A healthy end shows nothing new; one that deploys nothing is no such end.
        let well = code == 0 && outcome != "superseded";
        assert_eq!(report.section.is_none(), well, "{conclusion:?}");
    }
}

#[test]
fn a_term_signal_ends_with_its_own_code() {
    let conclusion = Conclusion::Signalled {
        name: "SIGTERM".to_owned(),
        held: false,
        cancelled: false,
    };
    assert_eq!(
        candidate(&conclusion, &about(Some(Received::Terminate)))
            .exit
            .number(),
        143
    );
}

#[test]
fn whatever_ends_badly_says_what_to_do_now() {
    for outcome in [
        Outcome::Failed,
        Outcome::Held,
        Outcome::NeverClaimed,
        Outcome::Cancelled,
    ] {
        let report = candidate(&verdict(outcome), &about(None));
        assert!(report.now.is_some_and(|now| !now.is_empty()), "{outcome}");
        assert!(report.whole_story);
    }
}

#[test]
fn an_idle_standby_tells_no_story_and_shows_a_commit_as_git_does() {
    let report = candidate(&over(Outcome::Succeeded), &about(None));
    assert!(!report.whole_story);
    assert!(
        report.headline.contains("0123456 to production"),
        "{}",
        report.headline
    );
}

#[test]
fn a_failure_leads_to_the_section_of_its_reason_and_not_of_its_exit_code() {
    let mut failed = verdict(Outcome::Failed);
    if let Conclusion::Judged(verdict) = &mut failed {
        verdict.reason = Some(FailureReason::GatesMissing);
    }
    let report = candidate(&failed, &about(None));
    assert_eq!(report.section, Some(Section::GATES_MISSING));
    let mut summary = Summary::new();
    report.tell_what_now(&mut summary);
    let text = summary.text(&Default::default());
    assert!(
        text.contains("**Runbook:** [nobody-judged-the-gates](https://"),
        "{text}"
    );
}
