//! Somebody who reads the ledger again and again while things break. What was once there for anybody to see must still
//! be there at the end, as it was.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use ledger::Entry;

use crate::{stage::Stage, store::Reader};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(700);

/// Every entry that was ever seen, by its place, as JSON.
#[derive(Debug, Default)]
pub(crate) struct Witness(BTreeMap<u64, String>);

impl Witness {
    /// Reads until `stopped` is let go of.
    pub(crate) fn watch(stage: &Stage, reader: &Reader, stopped: Receiver<()>) -> Witness {
        let mut witness = Witness::default();
        while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            for entry in reader(stage).into_iter().flat_map(|b| b.entries) {
                witness.0.entry(entry.seq).or_insert_with(|| text(&entry));
            }
        }
        witness
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
