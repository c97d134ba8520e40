//! Which runners are primary, which secondary, and what a job asks for to get one of them.
//!
//! A job's `runs-on` knows labels and a group, and no names
//! (<https://docs.github.com/actions/how-tos/write-workflows/choose-where-workflows-run/choose-the-runner-for-a-job>). So a name
//! narrows a side for the choice, and reaches `runs-on` only where the runner carries a label that equals its name.

use github::Runner;
use serde_json::{Value, json};

use super::choice::Side;

/// What the inputs say about the sides.
#[derive(Clone, Debug)]
pub(crate) struct Sides {
    pub(crate) primary_labels: Vec<String>,
    /// Nothing: those of the primary.
    pub(crate) secondary_labels: Option<Vec<String>>,
    /// An organisation's runner group that both sides are in.
    pub(crate) group: Option<String>,
    pub(crate) primary_runner: Option<glob::Pattern>,
}

impl Sides {
    /// The labels that a runner of this side has, all of them.
    pub(crate) fn labels(&self, side: Side) -> &[String] {
        match (side, &self.secondary_labels) {
            (Side::Secondary, Some(labels)) => labels,
            _ => &self.primary_labels,
        }
    }

    /// Whether no runner could be a secondary: each that has its labels has those of the primary too.
    pub(crate) fn secondaries_are_primaries(&self) -> bool {
        let secondary = self.labels(Side::Secondary);
        self.primary_labels
            .iter()
            .all(|label| secondary.iter().any(|other| same(label, other)))
    }

    /// Which side a runner is of.
    pub(crate) fn side_of(&self, runner: &Runner) -> Option<Side> {
        let named = self
            .primary_runner
            .as_ref()
            .is_none_or(|pattern| pattern.matches(&runner.name));
        if named && runner.lacks(self.labels(Side::Primary)).is_empty() {
            return Some(Side::Primary);
        }
        runner
            .lacks(self.labels(Side::Secondary))
            .is_empty()
            .then_some(Side::Secondary)
    }

    /// What the job asks for: the side's labels, and where its name tells the runner from those of the other side, the
    /// label that equals its name.
    pub(crate) fn asked_for(&self, side: Side, runner: Option<&Runner>) -> Vec<String> {
        let mut labels = self.labels(side).to_vec();
        let by_name = match side {
            Side::Primary => self.primary_runner.is_some(),
            Side::Secondary => self.secondary_labels.is_none(),
        };
        let own = runner
            .filter(|_| by_name)
            .and_then(|runner| runner.labels.iter().find(|label| same(label, &runner.name)));
        if let Some(own) = own
            && !labels.iter().any(|label| same(label, own))
        {
            labels.push(own.clone());
        }
        labels
    }

    /// The value of `runs-on`
    /// (<https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idruns-on>).
    pub(crate) fn runs_on(&self, labels: &[String]) -> Value {
        match &self.group {
            Some(group) if labels.is_empty() => json!({ "group": group }),
            Some(group) => json!({ "group": group, "labels": labels }),
            None => json!(labels),
        }
    }
}

/// GitHub compares labels without regard to case.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

#[cfg(test)]
mod tests {
    use github::RunnerStatus;

    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn runner(name: &str, names: &[&str]) -> Runner {
        Runner {
            id: 1,
            name: name.to_owned(),
            os: None,
            status: RunnerStatus::Online,
            busy: false,
            labels: labels(names),
            runner_group_id: None,
        }
    }

    fn by_labels() -> Sides {
        Sides {
            primary_labels: labels(&["Production", "main-dc"]),
            secondary_labels: Some(labels(&["production"])),
            group: None,
            primary_runner: None,
        }
    }

    fn by_name() -> Sides {
        Sides {
            primary_labels: labels(&["production"]),
            secondary_labels: None,
            group: None,
            primary_runner: Some(glob::Pattern::new("prod-a*").unwrap()),
        }
    }

    #[test]
    fn every_label_is_needed_and_its_case_does_not_matter() {
        let sides = by_labels();
        let side = |names: &[&str]| sides.side_of(&runner("x", names));
        assert_eq!(
            side(&["PRODUCTION", "Main-DC", "linux"]),
            Some(Side::Primary)
        );
        assert_eq!(side(&["production"]), Some(Side::Secondary));
        assert_eq!(side(&["main-dc"]), None);
    }

    #[test]
    fn a_primary_is_never_a_secondary_too() {
        let both = runner("x", &["production", "main-dc"]);
        assert_eq!(by_labels().side_of(&both), Some(Side::Primary));
    }

    #[test]
    fn a_name_tells_runners_with_the_same_labels_apart() {
        let sides = by_name();
        let side = |name| sides.side_of(&runner(name, &["production"]));
        assert_eq!(side("prod-a1"), Some(Side::Primary));
        assert_eq!(side("prod-b"), Some(Side::Secondary));
        assert_eq!(sides.side_of(&runner("prod-a1", &["staging"])), None);
    }

    #[test]
    fn sides_that_no_label_tells_apart_are_found_out() {
        let with = |secondary: &[&str]| Sides {
            secondary_labels: Some(labels(secondary)),
            ..by_labels()
        };
        assert!(!with(&["production"]).secondaries_are_primaries());
        assert!(with(&["MAIN-dc", "production"]).secondaries_are_primaries());
        assert!(with(&["main-dc", "production", "backup"]).secondaries_are_primaries());
    }

    #[test]
    fn a_runner_chosen_by_name_is_asked_for_by_the_label_that_equals_it() {
        let own = runner("prod-a", &["production", "PROD-A"]);
        assert_eq!(
            by_name().asked_for(Side::Primary, Some(&own)),
            ["production", "PROD-A"]
        );
        let without = runner("prod-a", &["production"]);
        assert_eq!(
            by_name().asked_for(Side::Primary, Some(&without)),
            ["production"]
        );
        // Labels alone tell these sides apart: any runner that has them will do.
        assert_eq!(
            by_labels().asked_for(Side::Secondary, Some(&own)),
            ["production"]
        );
    }

    #[test]
    fn runs_on_is_an_array_or_an_object_with_a_group() {
        let group = |names: &[&str]| {
            let sides = Sides {
                group: Some("Prod runners".to_owned()),
                ..by_labels()
            };
            sides.runs_on(&labels(names)).to_string()
        };
        assert_eq!(
            by_labels().runs_on(&labels(&["a", "b c"])).to_string(),
            r#"["a","b c"]"#
        );
        assert_eq!(group(&["a"]), r#"{"group":"Prod runners","labels":["a"]}"#);
        assert_eq!(group(&[]), r#"{"group":"Prod runners"}"#);
    }
}
