//! The story of one deployment, from the ledger: outputs, the table of attempts, the timeline.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actions_kit::{Outputs, Summary, duration, markdown};
use lease::store::{History, Snapshot, Store, StoreError};
use ledger::{AttemptOutcome, DeploymentState, Entry, Event, FailureReason, Party, Timestamp};
use leg::Voice;

use crate::{gates, timeline};

/// How long the story may take to be read once everything is decided.
const STORY_WITHIN: Duration = Duration::from_secs(15);

/// What the ledger tells of a deployment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Story {
    pub(crate) state: Option<DeploymentState>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) token: u64,
}

/// One execution of the command.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttemptTold {
    pub(crate) party: Party,
    pub(crate) number: u32,
    pub(crate) token: u64,
    pub(crate) from: Timestamp,
    pub(crate) to: Option<Timestamp>,
    pub(crate) outcome: Option<AttemptOutcome>,
    pub(crate) detail: String,
}

impl Story {
    /// What kept the deployment from beginning, where nobody passed a preflight: each candidate with the checks that
    /// failed last.
    pub(crate) fn unfit(&self) -> Option<String> {
        let state = self.state.as_ref()?;
        if state.reason != Some(FailureReason::Preflight) {
            return None;
        }
        let mut last = BTreeMap::new();
        for entry in &self.entries {
            if let (Some(by), Event::Preflight { failed, .. }) = (&entry.by, &entry.event) {
                last.insert(by.candidate, (by.to_string(), failed.join(", ")));
            }
        }
        let named: Vec<String> = last
            .into_values()
            .map(|(party, failed)| format!("{party} failed {failed}"))
            .collect();
        (!named.is_empty()).then(|| {
            format!(
                "Mend what the preflight failed on, and deploy again: {}. The summary of each leg says how.",
                named.join("; ")
            )
        })
    }

    /// Reads it from the store as it stands.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn read(
        store: &Arc<dyn Store>,
        deployment: &str,
    ) -> Result<Story, StoreError> {
        let snapshot = store.read().await?;
        let mut story = Story::of(&snapshot, deployment);
        if let Some(state) = &story.state {
            let entries = store.history(History::FromSeq(state.first_seq)).await?;
            story.entries = entries
                .into_iter()
                .filter(|e| e.deployment.id == deployment)
                .collect();
        }
        story.token = story
            .entries
            .iter()
            .map(|e| e.token)
            .max()
            .unwrap_or(story.token);
        Ok(story)
    }

    /// Reads it, and falls back to what was seen before: a store that has gone away must not hide what is known.
    pub(crate) async fn read_or(
        store: &Arc<dyn Store>,
        deployment: &str,
        seen: Option<&Snapshot>,
        voice: &Voice,
    ) -> Story {
        let why = match tokio::time::timeout(STORY_WITHIN, Story::read(store, deployment)).await {
            Ok(Ok(story)) => return story,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the store took too long".to_owned(),
        };
        voice.warning(&format!(
            "failed to read the whole story of {deployment}: {why}"
        ));
        seen.map(|seen| Story::of(seen, deployment))
            .unwrap_or_default()
    }

    /// What a snapshot alone tells: everything but the entries.
    pub(crate) fn of(snapshot: &Snapshot, deployment: &str) -> Story {
        let record = snapshot
            .record
            .as_ref()
            .filter(|r| r.deployment.id == deployment);
        Story {
            state: snapshot.tip.deployment(deployment).cloned(),
            entries: Vec::new(),
            token: record.map_or(0, |r| r.token),
        }
    }

    /// Every execution of the command, in order.
    pub(crate) fn attempts(&self) -> Vec<AttemptTold> {
        let mut told: Vec<AttemptTold> = Vec::new();
        for entry in &self.entries {
            match (&entry.event, &entry.by) {
                (Event::AttemptStarted { number }, Some(party)) => told.push(AttemptTold {
                    party: party.clone(),
                    number: *number,
                    token: entry.token,
                    from: entry.at,
                    to: None,
                    outcome: None,
                    detail: String::new(),
                }),
                (
                    Event::AttemptFinished {
                        party,
                        number,
                        outcome,
                        detail,
                        ran,
                        ..
                    },
                    _,
                ) => {
                    let open = told.iter_mut().rev().find(|a| {
                        a.party.candidate == party.candidate
                            && a.number == *number
                            && a.outcome.is_none()
                    });
                    if let Some(attempt) = open {
                        // Who records a dead holder's attempt does so later than it ended.
                        let lost = *outcome == AttemptOutcome::Lost;
                        let ended = if lost {
                            Timestamp(attempt.from.0 + ran.as_millis() as u64)
                        } else {
                            entry.at
                        };
                        attempt.to = Some(ended);
                        attempt.outcome = Some(*outcome);
                        attempt.detail.clone_from(detail);
                    }
                }
                _ => {}
            }
        }
        told
    }

    /// The outputs that every mode gives.
    pub(crate) fn outputs(&self, deployment: &str, outputs: &mut Outputs) {
        outputs.set("deployment-id", deployment);
        outputs.set("attempts", self.attempts().len().to_string());
        let token = if self.token == 0 {
            String::new()
        } else {
            self.token.to_string()
        };
        outputs.set("fencing-token", token);
        let state = self.state.as_ref();
        let failover = state.and_then(|s| s.last_failover);
        outputs.set("failover", failover.is_some().to_string());
        outputs.set(
            "failover-reason",
            failover.map(|r| r.to_string()).unwrap_or_default(),
        );
        let runner = state
            .and_then(|s| s.holder.as_ref())
            .map(|h| h.runner.clone());
        outputs.set("runner", runner.unwrap_or_default());
        let took = state.and_then(|s| Some(s.finished_at?.since(s.started_at?)));
        outputs.set(
            "duration-seconds",
            took.map(|d| d.as_secs().to_string()).unwrap_or_default(),
        );
    }

    /// The table of attempts and the timeline of all candidates.
    pub(crate) fn tell(&self, summary: &mut Summary) {
        let attempts = self.attempts();
        if !attempts.is_empty() {
            summary.table(
                &[
                    "attempt",
                    "candidate",
                    "runner",
                    "token",
                    "began (UTC)",
                    "took",
                    "outcome",
                ],
                attempts.iter().map(row),
            );
        }
        gates::tell(&self.entries, summary);
        if let Some(reason) = self.state.as_ref().and_then(|s| s.last_failover) {
            summary.paragraph(&format!(
                "The last takeover happened because of `{reason}`."
            ));
        }
        if let Some(diagram) = timeline::gantt(self) {
            summary.mermaid(&diagram);
        }
    }
}

fn row(attempt: &AttemptTold) -> Vec<String> {
    let took = attempt
        .to
        .map(|to| duration::format(whole_seconds(to.since(attempt.from))));
    let outcome = match attempt.outcome {
        None => "🏃 running".to_owned(),
        Some(AttemptOutcome::Succeeded) => "✅ succeeded".to_owned(),
        Some(AttemptOutcome::Stopped) => format!("⚠️ stopped {}", markdown::text(&attempt.detail)),
        Some(AttemptOutcome::Lost) => "❌ lost with its holder".to_owned(),
        Some(_) => format!("❌ {}", markdown::text(&attempt.detail)),
    };
    vec![
        attempt.number.to_string(),
        format!("{} ({})", attempt.party.candidate, attempt.party.role),
        markdown::code(&attempt.party.runner),
        attempt.token.to_string(),
        attempt
            .from
            .to_string()
            .replace('T', " ")
            .trim_end_matches('Z')
            .to_owned(),
        took.unwrap_or_default(),
        outcome,
    ]
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs_f64().round() as u64)
}

#[cfg(test)]
mod tests {
    use ledger::{Deployment, Draft, Outcome, Role, TakeoverReason, Tip};

    use super::*;

    /// A primary that was lost, and a secondary that succeeded.
    fn a_takeover() -> Story {
        let deployment = Deployment {
            id: "o/r/1/1".to_owned(),
            ..Deployment::default()
        };
        let party = |candidate, role| Party {
            candidate,
            role,
            runner: format!("runner|{candidate}"),
            ..Party::default()
        };
        let (one, two) = (party(1, Role::Primary), party(2, Role::Secondary));
        let announced = |instance: &str| Event::Announced {
            candidates: 2,
            instance: instance.to_owned(),
        };
        let finished = |party: &Party, outcome, detail: &str, ran| Event::AttemptFinished {
            party: party.clone(),
            number: 1,
            outcome,
            detail: detail.to_owned(),
            ran: Duration::from_secs(ran),
            last_lines: Vec::new(),
        };
        let events = [
            (0, &one, 0, announced("a")),
            (1, &two, 0, announced("b")),
            (2, &one, 1, Event::DeploymentStarted),
            (2, &one, 1, Event::AttemptStarted { number: 1 }),
            (40, &two, 2, finished(&one, AttemptOutcome::Lost, "", 10)),
            (
                40,
                &two,
                2,
                Event::Failover {
                    from: Some(one.clone()),
                    to: two.clone(),
                    reason: TakeoverReason::PrimaryUnreachable,
                },
            ),
            (40, &two, 2, Event::AttemptStarted { number: 1 }),
            (
                70,
                &two,
                2,
                finished(&two, AttemptOutcome::Succeeded, "", 30),
            ),
            (
                70,
                &two,
                2,
                Event::DeploymentFinished {
                    outcome: Outcome::Succeeded,
                    reason: None,
                    detail: String::new(),
                },
            ),
        ];
        let (mut tip, mut entries) = (Tip::default(), Vec::new());
        for (at, by, token, event) in events {
            let draft = Draft {
                deployment: deployment.clone(),
                by: Some(by.clone()),
                token,
                event,
            };
            let (more, next) = tip.extend("n", Timestamp(1_000_000 + at * 1000), vec![draft]);
            tip = next;
            entries.extend(more);
        }
        Story {
            state: tip.deployment("o/r/1/1").cloned(),
            entries,
            token: 2,
        }
    }

    #[test]
    fn every_attempt_is_told_with_its_token_and_a_lost_one_ends_when_it_was_last_heard_of() {
        let attempts = a_takeover().attempts();
        let told: Vec<_> = attempts
            .iter()
            .map(|a| {
                (
                    a.party.candidate,
                    a.token,
                    a.outcome,
                    a.to.map(|to| to.since(a.from).as_secs()),
                )
            })
            .collect();
        let expected = [
            (1, 1, Some(AttemptOutcome::Lost), Some(10)),
            (2, 2, Some(AttemptOutcome::Succeeded), Some(30)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_outputs_say_who_deployed_and_why_it_was_not_the_first() {
        let mut outputs = Outputs::new();
        a_takeover().outputs("o/r/1/1", &mut outputs);
        let value = |name: &str| outputs.values()[name].clone();
        assert_eq!(value("attempts"), "2");
        assert_eq!(value("fencing-token"), "2");
        assert_eq!(value("failover"), "true");
        assert_eq!(value("failover-reason"), "primary_unreachable");
        assert_eq!(value("runner"), "runner|2");
        assert_eq!(value("duration-seconds"), "68");
        assert_eq!(outputs.not_in(&runner_failover::TABLE), Vec::<&str>::new());
    }

    #[test]
    fn the_summary_shows_both_candidates_and_breaks_no_table() {
        let mut summary = Summary::new();
        a_takeover().tell(&mut summary);
        let text = summary.text(&actions_kit::Redactor::new());
        assert!(text.contains("section candidate 1 (primary"), "{text}");
        assert!(text.contains("section candidate 2 (secondary"), "{text}");
        assert!(text.contains("attempt 1 lost"), "{text}");
        assert!(text.contains("takes over (primary_unreachable)"), "{text}");
        let rows: Vec<_> = text.lines().filter(|l| l.starts_with("| 1 ")).collect();
        assert_eq!(rows.len(), 2);
        for row in rows {
            assert_eq!(row.replace("\\|", "").matches('|').count(), 8, "{row}");
        }
    }
}
