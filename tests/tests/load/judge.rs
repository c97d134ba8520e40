//! What must be true when everything has ended, by the commands' log, the candidates' conclusions and the ledger.

use std::collections::{BTreeMap, BTreeSet};

use lease::protocol::Conclusion;
use ledger::{Entry, Event, Outcome};

use crate::play::{CANDIDATES, Played, Size, Span, id};

/// Everything that is wrong; `chains` holds the whole ledger of each environment.
pub(crate) fn judge(size: Size, played: &Played, chains: &[Vec<Entry>]) -> Vec<String> {
    let mut complaints = Vec::new();
    let wanted = size.environments * size.deployments * u64::from(CANDIDATES);
    if played.legs.len() as u64 != wanted {
        complaints.push(format!("{} candidates of {wanted}", played.legs.len()));
    }
    for leg in &played.legs {
        let fine = matches!(
            &leg.conclusion,
            Some(Ok(Conclusion::Proceed { finished: true, .. }
                | Conclusion::Over {
                    outcome: Outcome::Succeeded | Outcome::Superseded,
                    ..
                }))
        );
        if !fine {
            complaints.push(format!(
                "candidate {} of {} ended with {:?}",
                leg.candidate,
                id(leg.environment, leg.run),
                leg.conclusion
            ));
        }
    }
    for environment in 0..size.environments {
        let ran = judge_spans(
            environment,
            &played.spans[environment as usize],
            &mut complaints,
        );
        let chain = &chains[environment as usize];
        judge_chain(environment, size, &ran, chain, &mut complaints);
    }
    complaints
}

/// Says which run numbers ran their command to its end.
fn judge_spans(environment: u64, spans: &[Span], complaints: &mut Vec<String>) -> BTreeSet<u64> {
    let mut complain = |run: u64, what: &str| {
        complaints.push(format!("{}: {what}", id(environment, run)));
    };
    let mut ran = BTreeSet::new();
    for span in spans {
        if !ran.insert(span.run) {
            let again = format!("its command ran again, on candidate {}", span.candidate);
            complain(span.run, &again);
        }
        match span.end {
            Some((_, true)) => {}
            Some((_, false)) => complain(span.run, "its command was killed"),
            None => complain(span.run, "its command did not end"),
        }
    }
    for pair in spans.windows(2) {
        let [first, second] = pair else { continue };
        if second.token <= first.token {
            complain(second.run, "its token is not larger than the one before");
        }
        if second.run < first.run {
            complain(
                second.run,
                "it ran after a later run of its workflow and ref",
            );
        }
        if first.end.is_none_or(|(end, _)| end > second.begin) {
            complain(second.run, "it began while another was running");
        }
    }
    ran
}

fn judge_chain(
    environment: u64,
    size: Size,
    ran: &BTreeSet<u64>,
    chain: &[Entry],
    complaints: &mut Vec<String>,
) {
    let mut ends: BTreeMap<u64, Vec<Outcome>> = BTreeMap::new();
    let mut last_claimed = 0;
    for (entry, seq) in chain.iter().zip(1..) {
        let run = entry.deployment.run_number;
        let mut complain = |what: &str| {
            complaints.push(format!("{}, entry {seq}: {what}", id(environment, run)));
        };
        if entry.seq != seq {
            complain("it is not the next of the chain");
        }
        match &entry.event {
            Event::DeploymentStarted => last_claimed = last_claimed.max(run),
            Event::Failover { .. } => complain("a takeover, though nobody failed"),
            Event::DeploymentFinished { outcome, .. } => {
                ends.entry(run).or_default().push(*outcome);
                if *outcome == Outcome::Superseded && last_claimed <= run {
                    complain("superseded, though no later run had been claimed");
                }
            }
            _ => {}
        }
    }
    for run in 1..=size.deployments {
        let wanted = match ran.contains(&run) {
            true => Outcome::Succeeded,
            false => Outcome::Superseded,
        };
        let ends = ends.get(&run).map_or(&[][..], Vec::as_slice);
        if ends != [wanted] {
            complaints.push(format!(
                "{}: its ends in the ledger are {ends:?}, not {wanted:?} alone",
                id(environment, run)
            ));
        }
    }
    // Nothing supersedes the last.
    if !ran.contains(&size.deployments) {
        complaints.push(format!(
            "{}: it never ran",
            id(environment, size.deployments)
        ));
    }
}
