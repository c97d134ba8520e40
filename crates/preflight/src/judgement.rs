//! What the findings come to together: which of them fail, which are ignored, and the exit code.
//!
//! Pure: what was seen goes in, the judgement comes out.

use std::time::Duration;

use actions_kit::{CheckGroup, ExitCode};

use crate::{Finding, Status, catalogue::Check, selection::Selection};

/// What the answers mean to whoever asked.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Checks for which `unknown` is a failure.
    pub required: Selection,
    /// Those of `required` that were named by their own id: they fail too where they cannot be asked at all.
    pub named: Selection,
    /// Failures that somebody answers for.
    pub ignored: Option<Override>,
}

/// Failures that somebody answers for (design §8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Which checks.
    pub checks: Selection,
    /// Why.
    pub reason: String,
    /// The last day on which it has effect, as `2026-12-31`, UTC.
    pub until: Option<String>,
    /// Who.
    pub actor: String,
    /// That day is over: it has no effect any more.
    pub expired: bool,
}

/// One check, asked and answered.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub check: &'static Check,
    /// What it saw.
    pub finding: Finding,
    /// How long that took.
    pub took: Duration,
    /// What it comes to under the policy; the finding keeps what was seen.
    pub status: Status,
    /// Its failure is ignored.
    pub ignored: bool,
}

/// A check that was not asked.
#[derive(Clone, Debug)]
pub struct NotAsked {
    /// Which.
    pub check: &'static Check,
    /// What it lacks, for people.
    pub why: String,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Every check that was asked, the worst first, then by the order of the catalogue.
    pub rows: Vec<Row>,
    /// Every check that was not.
    pub not_asked: Vec<NotAsked>,
}

impl Judgement {
    /// Judges what was seen.
    pub fn new(
        seen: Vec<(&'static Check, Finding, Duration)>,
        not_asked: Vec<NotAsked>,
        policy: &Policy,
    ) -> Judgement {
        let (missed, not_asked): (Vec<NotAsked>, Vec<NotAsked>) = not_asked
            .into_iter()
            .partition(|missed| policy.named.contains(missed.check.id));
        let missed = missed.into_iter().map(|missed| {
            let finding = Finding::unknown(
                format!("not asked: it needs {}", missed.why),
                "an answer, since the check is required",
                format!("set {}, or take the check out of `required`", missed.why),
            );
            (missed.check, finding, Duration::ZERO)
        });
        let mut rows: Vec<Row> = seen
            .into_iter()
            .chain(missed)
            .map(|(check, finding, took)| row(check, finding, took, policy))
            .collect();
        rows.sort_by_key(|row| {
            let place = crate::catalogue::CHECKS
                .iter()
                .position(|known| known.id == row.check.id);
            (std::cmp::Reverse(row.status), place)
        });
        Judgement { rows, not_asked }
    }

    /// `pass`, `warn` or `fail`, the output `result`. What is unknown and not required is a warning.
    pub fn result(&self) -> &'static str {
        match self.rows.iter().map(|row| row.status).max() {
            Some(Status::Pass) => "pass",
            // Nothing asked is nothing known.
            None | Some(Status::Warn | Status::Unknown) => "warn",
            Some(Status::Fail) => "fail",
        }
    }

    /// The ids of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.ids(|row| row.status == Status::Fail)
    }

    /// The ids of the checks whose failure is ignored.
    pub fn ignored(&self) -> Vec<&'static str> {
        self.ids(|row| row.ignored)
    }

    fn ids(&self, which: impl Fn(&Row) -> bool) -> Vec<&'static str> {
        self.rows
            .iter()
            .filter(|row| which(row))
            .map(|row| row.check.id)
            .collect()
    }

    /// The lowest number of a group with a failure, else success (design §8).
    pub fn exit_code(&self) -> ExitCode {
        let failed = self.rows.iter().filter(|row| row.status == Status::Fail);
        failed
            .map(|row| row.check.group.number)
            .min()
            .and_then(CheckGroup::new)
            .map_or(ExitCode::Success, ExitCode::Group)
    }
}

fn row(check: &'static Check, finding: Finding, took: Duration, policy: &Policy) -> Row {
    let counts = match finding.status {
        Status::Unknown if policy.required.contains(check.id) => Status::Fail,
        status => status,
    };
    let ignored = counts == Status::Fail
        && policy
            .ignored
            .as_ref()
            .is_some_and(|given| !given.expired && given.checks.contains(check.id));
    Row {
        check,
        finding,
        took,
        status: if ignored { Status::Warn } else { counts },
        ignored,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;

    fn seen(id: &str, status: Status) -> (&'static Check, Finding, Duration) {
        let finding = Finding {
            status,
            ..Finding::pass("seen", "wanted")
        };
        (catalogue::check(id).unwrap(), finding, Duration::ZERO)
    }

    fn judged(all: &[(&str, Status)], policy: &Policy) -> Judgement {
        let all = all.iter().map(|(id, status)| seen(id, *status)).collect();
        Judgement::new(all, Vec::new(), policy)
    }

    fn ignoring(id: &'static str, expired: bool) -> Policy {
        Policy {
            ignored: Some(Override {
                checks: Selection::from([id]),
                reason: "because".to_owned(),
                until: Some("2026-12-31".to_owned()),
                actor: "ada".to_owned(),
                expired,
            }),
            ..Policy::default()
        }
    }

    fn code(judgement: &Judgement) -> u8 {
        judgement.exit_code().number()
    }

    #[test]
    fn the_lowest_group_that_fails_gives_the_exit_code_and_the_worst_come_first() {
        let all = [
            ("runner.cpu", Status::Pass),
            ("artifacts.images", Status::Fail),
            ("network.targets", Status::Fail),
            ("concurrency.active", Status::Warn),
            ("runner.disk", Status::Unknown),
        ];
        let judgement = judged(&all, &Policy::default());
        assert_eq!(code(&judgement), 3);
        assert_eq!(judgement.result(), "fail");
        assert_eq!(judgement.failed(), ["network.targets", "artifacts.images"]);
        let order: Vec<&str> = judgement.rows.iter().map(|row| row.check.id).collect();
        assert_eq!(
            order,
            [
                "network.targets",
                "artifacts.images",
                "runner.disk",
                "concurrency.active",
                "runner.cpu"
            ]
        );
    }

    #[test]
    fn what_could_not_be_measured_fails_only_where_it_is_required() {
        let all = [("runner.prometheus", Status::Unknown)];
        let judgement = judged(&all, &Policy::default());
        assert_eq!((code(&judgement), judgement.result()), (0, "warn"));
        let policy = Policy {
            required: Selection::from(["runner.prometheus"]),
            ..Policy::default()
        };
        assert_eq!(code(&judged(&all, &policy)), 1);
    }

    #[test]
    fn an_ignored_failure_is_shown_as_a_warning_and_does_not_stop() {
        let all = [
            ("network.targets", Status::Fail),
            ("runner.cpu", Status::Pass),
        ];
        let judgement = judged(&all, &ignoring("network.targets", false));
        assert_eq!((code(&judgement), judgement.result()), (0, "warn"));
        assert_eq!(judgement.ignored(), ["network.targets"]);
        assert_eq!(judgement.rows[0].finding.status, Status::Fail);
    }

    #[test]
    fn an_override_that_has_expired_or_is_of_another_check_changes_nothing() {
        let all = [("network.targets", Status::Fail)];
        assert_eq!(code(&judged(&all, &ignoring("network.targets", true))), 3);
        assert_eq!(code(&judged(&all, &ignoring("runner.cpu", false))), 3);
    }

    #[test]
    fn a_check_that_is_required_by_name_and_cannot_be_asked_fails() {
        let not_asked = || {
            vec![NotAsked {
                check: catalogue::check("secrets.age").unwrap(),
                why: "`admin-token`".to_owned(),
            }]
        };
        let by_group = Policy {
            required: Selection::from(["secrets.age"]),
            ..Policy::default()
        };
        let judgement = Judgement::new(Vec::new(), not_asked(), &by_group);
        assert_eq!((code(&judgement), judgement.not_asked.len()), (0, 1));
        let by_name = Policy {
            named: Selection::from(["secrets.age"]),
            ..by_group
        };
        let judgement = Judgement::new(Vec::new(), not_asked(), &by_name);
        assert_eq!((code(&judgement), judgement.not_asked.len()), (4, 0));
    }

    #[test]
    fn nothing_asked_is_no_failure_and_no_pass() {
        let judgement = judged(&[], &Policy::default());
        assert_eq!((code(&judgement), judgement.result()), (0, "warn"));
    }
}
