//! Somebody who reads the ledger again and again while things break. What was once there for anybody to see must still
//! be there at the end, as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use ledger::Entry;

use crate::{stage::Stage, store::Reader};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(700);

/// Every entry that was ever seen, with its place, as JSON. A store that forgets may show two at one place.
#[derive(Debug, Default)]
pub(crate) struct Witness(BTreeSet<(u64, String)>);

impl Witness {
    /// Reads until `stopped` is let go of.
    pub(crate) fn watch(stage: &Stage, reader: &Reader, stopped: Receiver<()>) -> Witness {
        let mut witness = Witness::default();
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            for entry in reader(stage).into_iter().flat_map(|b| b.entries) {
                witness.0.insert((entry.seq, text(&entry)));
            }
        }
        witness
    }

    /// What was seen.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.0
            .iter()
            .map(|(_, text)| serde_json::from_str(text).unwrap())
    }

    /// What was seen and is there no more, or is another now.
    pub(crate) fn misses(&self, entries: &[Entry]) -> Vec<String> {
        let now: BTreeMap<u64, String> = entries.iter().map(|e| (e.seq, text(e))).collect();
        self.0
            .iter()
            .filter(|(seq, was)| now.get(seq) != Some(was))
            .map(|(seq, was)| format!("entry {seq} was {was}, and is now {:?}", now.get(seq)))
            .collect()
    }
}

fn text(entry: &Entry) -> String {
    serde_json::to_string(entry).unwrap()
}

#[cfg(test)]
mod tests {
    use ledger::{Deployment, Event, Timestamp};

    use super::*;

    fn entries(tokens: [u64; 2]) -> Vec<Entry> {
        let of = |(seq, token)| Entry {
            seq,
            nonce: "n".to_owned(),
            at: Timestamp(0),
            deployment: Deployment::default(),
            by: None,
            token,
            event: Event::DeploymentStarted,
        };
        (1..).zip(tokens).map(of).collect()
    }

    #[test]
    fn what_was_seen_and_is_gone_or_is_another_is_missed() {
        let mut witness = Witness::default();
        for entry in entries([1, 2]) {
            witness.0.insert((entry.seq, text(&entry)));
        }
        assert_eq!(witness.misses(&entries([1, 2])), [""; 0]);
        assert_eq!(witness.misses(&entries([1, 2])[..1]).len(), 1);
        assert_eq!(witness.misses(&entries([1, 3])).len(), 1);
    }
}
