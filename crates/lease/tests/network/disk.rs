//! What the store has acknowledged, and keeps over a crash: exact compare-and-swap on lease and ledger tip.

use std::{collections::BTreeMap, time::Duration};

use ledger::Entry;

use crate::wire::{Answer, Swap, Versions};

/// Everything that the store keeps.
#[derive(Debug)]
pub(crate) struct Disk {
    locks: BTreeMap<String, State>,
    /// Test of the judge: every write takes effect, whatever it expects.
    ignores_expected: bool,
}

/// What it keeps of one lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// A version is the nonce of the write that left it.
    pub(crate) versions: Versions,
    pub(crate) record: Option<String>,
    pub(crate) tip: Option<String>,
    /// The chain, and when each entry came to stand there.
    pub(crate) chain: Vec<(Duration, Entry)>,
}

impl Disk {
    pub(crate) fn new(ignores_expected: bool) -> Self {
        Disk {
            locks: BTreeMap::new(),
            ignores_expected,
        }
    }

    pub(crate) fn state(&mut self, lock: &str) -> &mut State {
        self.locks.entry(lock.to_owned()).or_default()
    }

    /// What stands there, without what is known.
    pub(crate) fn read(&mut self, lock: &str, known: &Versions) -> Answer {
        let state = self.state(lock);
        let record = state.record.as_ref();
        let tip = state.tip.as_ref();
        Answer::State {
            record: record
                .filter(|_| known.lease != state.versions.lease)
                .cloned(),
            tip: tip
                .filter(|_| known.ledger != state.versions.ledger)
                .cloned(),
            versions: state.versions.clone(),
        }
    }

    /// Puts a write in place of what it expects, or nothing of it. Says too whether something changed.
    pub(crate) fn swap(&mut self, now: Duration, lock: &str, swap: &Swap) -> (Answer, bool) {
        let blind = self.ignores_expected;
        let state = self.state(lock);
        let there = &state.versions;
        let (writes_lease, writes_ledger) = (swap.record.is_some(), !swap.entries.is_empty());
        let by_it = |version: &Option<String>| version.as_ref() == Some(&swap.nonce);
        let already =
            (!writes_lease || by_it(&there.lease)) && (!writes_ledger || by_it(&there.ledger));
        let fits = (!writes_lease || there.lease == swap.expected.lease)
            && (!writes_ledger || there.ledger == swap.expected.ledger);
        if !already && !fits && !blind {
            return (Answer::Lost, false);
        }
        if !already {
            if let Some(record) = &swap.record {
                state.record = Some(record.clone());
                state.versions.lease = Some(swap.nonce.clone());
            }
            if writes_ledger {
                let entries = swap.entries.iter().cloned();
                state.chain.extend(entries.map(|entry| (now, entry)));
                state.tip = Some(swap.tip.clone());
                state.versions.ledger = Some(swap.nonce.clone());
            }
        }
        (Answer::Won(left_behind(swap)), !already)
    }
}

/// The version that a write leaves: the part that is not written keeps what was expected.
pub(crate) fn left_behind(swap: &Swap) -> Versions {
    let nonce = || Some(swap.nonce.clone());
    Versions {
        lease: swap
            .record
            .as_ref()
            .map_or(swap.expected.lease.clone(), |_| nonce()),
        ledger: if swap.entries.is_empty() {
            swap.expected.ledger.clone()
        } else {
            nonce()
        },
    }
}
