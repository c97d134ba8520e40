//! `runner.separate`: the standby does not die with the primary.

use ledger::{DeploymentState, Party};

use crate::{Finding, Part, Status};

/// Judges by what the other candidates announced: two with one boot id share a host, in one container or in two.
///
/// Who comes first finds nobody; the one who comes second sees both, so one of them always tells.
pub fn separate(me: &Party, state: Option<&DeploymentState>, is_act: bool) -> Finding {
    const WANTED: &str = "every candidate on a host of its own";
    const MEND: &str =
        "put the second runner on a machine of its own: a standby beside the primary dies with it";
    let others: Vec<&Party> = state
        .into_iter()
        .flat_map(|state| state.announced.values())
        .map(|candidate| &candidate.party)
        .filter(|party| party.candidate != me.candidate)
        .collect();
    if others.is_empty() {
        return Finding::pass(
            "no other candidate is here yet; the one that comes later looks again",
            WANTED,
        );
    }
    if me.boot_id.is_empty() {
        return Finding::unknown(
            "this host's boot id cannot be read",
            WANTED,
            "let the runner read /proc/sys/kernel/random/boot_id",
        );
    }
    let parts: Vec<Part> = others
        .iter()
        .map(|other| {
            let (status, seen) = if other.boot_id == me.boot_id {
                (Status::Fail, "on this host too")
            } else if other.boot_id.is_empty() {
                (Status::Unknown, "announced no boot id")
            } else {
                (Status::Pass, "on another host")
            };
            Part {
                subject: other.to_string(),
                status,
                seen: seen.to_owned(),
                mend: String::new(),
            }
        })
        .collect();
    let worst = parts.iter().map(|part| part.status).max();
    let finding = match worst {
        Some(Status::Fail) if is_act => Finding::warn(
            "act runs all candidates on one machine",
            WANTED,
            "nothing: this is a trial",
        ),
        Some(Status::Fail) => Finding::fail("one host for several candidates", WANTED, MEND),
        Some(Status::Unknown) => Finding::unknown("cannot be told", WANTED, MEND),
        _ => Finding::pass("on hosts of their own", WANTED),
    };
    finding.with_parts(parts)
}

#[cfg(test)]
mod tests {
    use ledger::{CandidateState, Role, Timestamp};

    use super::*;

    fn party(candidate: u32, boot_id: &str) -> Party {
        Party {
            candidate,
            role: Role::Primary,
            runner: format!("runner-{candidate}"),
            boot_id: boot_id.to_owned(),
            ..Party::default()
        }
    }

    fn judged(others: &[Party], is_act: bool) -> Finding {
        let mut state = DeploymentState::default();
        for other in others {
            let announced = CandidateState {
                party: other.clone(),
                instance: "i".to_owned(),
                announced_seq: 1,
                announced_at: Timestamp::default(),
                signalled: false,
                unfit: false,
                queued_behind: None,
            };
            state.announced.insert(other.candidate, announced);
        }
        separate(&party(1, "boot-a"), Some(&state), is_act)
    }

    #[test]
    fn two_candidates_on_one_host_are_a_failure_and_under_act_a_warning() {
        let both = [party(1, "boot-a"), party(2, "boot-a")];
        assert_eq!(judged(&both, false).status, Status::Fail);
        assert_eq!(judged(&both, true).status, Status::Warn);
    }

    #[test]
    fn candidates_on_two_hosts_are_as_wanted() {
        assert_eq!(judged(&[party(2, "boot-b")], false).status, Status::Pass);
    }

    #[test]
    fn the_first_candidate_leaves_it_to_the_second() {
        assert_eq!(judged(&[party(1, "boot-a")], false).status, Status::Pass);
        assert_eq!(
            separate(&party(1, "boot-a"), None, false).status,
            Status::Pass
        );
    }

    #[test]
    fn a_candidate_without_a_boot_id_cannot_be_told() {
        assert_eq!(judged(&[party(2, "")], false).status, Status::Unknown);
        let finding = separate(&party(1, ""), Some(&DeploymentState::default()), false);
        assert_eq!(finding.status, Status::Pass, "nobody else is there");
    }
}
