//! What wakes a person: which release is not healthy, the evidence, and how to go back.
//!
//! Not responsible for whom it reaches, nor for reaching them once.

use serde::Serialize;

use gates::judgement::Judged;

use super::{Report, has_failed, result, words};

/// How many gates the text names with their evidence.
const EVIDENCE: usize = 20;

/// An alert, in plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alert {
    /// One line.
    pub title: String,
    /// One line for each gate that failed, the worst first: its name, what was asked, what was seen.
    pub evidence: Vec<String>,
    /// What is live now and how to go back; nothing where no deployment stands behind the gates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<String>,
    /// All of it, in lines.
    pub text: String,
}

impl Report {
    /// The alert; nothing where nobody need wake: nothing failed, it was stopped, or it was a dry run.
    pub fn alert(&self) -> Option<Alert> {
        if result(&self.judgement) != "fail" || self.about.dry_run {
            return None;
        }
        let title = if self.about.environment.is_empty() {
            self.headline()
        } else {
            format!("{}: {}", self.about.environment, self.headline())
        };
        let bad: Vec<&Judged> = self.worst_first().filter(|gate| has_failed(gate)).collect();
        let mut evidence: Vec<String> = bad.iter().take(EVIDENCE).map(|gate| told(gate)).collect();
        if bad.len() > EVIDENCE {
            let more = bad.len() - EVIDENCE;
            evidence.push(format!("and {more} more; the report has them all"));
        }
        let roll_back = self.about.deployment.as_ref().map(|_| self.roll_back());
        let mut lines = vec![title.clone()];
        if let Some(text) = &roll_back {
            lines.push(text.clone());
        }
        lines.extend(evidence.iter().map(|line| format!("- {line}")));
        if let Some(deployment) = &self.about.deployment {
            lines.push(format!("deployment: {deployment}"));
        }
        Some(Alert {
            title,
            evidence,
            roll_back,
            text: lines.join("\n"),
        })
    }

    /// The name and the evidence of each gate that failed, the worst first.
    pub fn evidence(&self) -> Vec<(String, String)> {
        let bad = self.worst_first().filter(|gate| has_failed(gate));
        let told = bad.map(|gate| {
            let evidence = format!(
                "{}: {}, {}",
                words::cut(&gate.target, 120),
                words::seen_and_outcome(gate),
                words::tries(gate.tries)
            );
            (gate.name.clone(), evidence)
        });
        told.collect()
    }

    fn roll_back(&self) -> String {
        let about = &self.about;
        let version = if about.version.is_empty() {
            "the release".to_owned()
        } else {
            format!("version {}", about.version)
        };
        let mut text = match about.on_failure {
            None => format!("{version} is deployed and NOT healthy"),
            Some(true) => format!(
                "{version} was deployed and is NOT healthy; the command of `on-failure` ran and ended well: see what is live now"
            ),
            Some(false) => format!(
                "{version} was deployed and is NOT healthy; the command of `on-failure` ran and FAILED: see what is live now"
            ),
        };
        match &about.last_good_version {
            Some(last) if *last == about.version => text.push_str(
                "; the same version was proven healthy before, so look at what it depends on before rolling back",
            ),
            Some(last) => text.push_str(&format!(
                "; the last version that was proven healthy is {last}: roll back by re-running the run that deployed it"
            )),
            None => text.push_str(
                "; the ledger knows no version before it that was proven healthy: mend it and deploy again",
            ),
        }
        text
    }
}

fn told(gate: &Judged) -> String {
    format!(
        "{} ({}): {}, {}",
        words::cut(&gate.name, 60),
        words::cut(&gate.target, 120),
        words::seen_and_outcome(gate),
        words::tries(gate.tries)
    )
}
