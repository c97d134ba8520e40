//! Which keys a lock has, and how record, tip and entries lie in them.
//!
//! `baton:{<lock>}:lease` is a hash: `layout` (the version of this layout), `record` and `tip` (JSON), and the versions of
//! the two, `lease` and `ledger` (the nonce of the write that left them). `baton:{<lock>}:ledger` is a stream whose entry
//! `<seq>-0` has the field `entry` (JSON). `baton:{<lock>}:changed` is the channel. The braces keep them in one slot of a
//! cluster (the cluster specification, "Hash tags"). No key ever gets a time to live: the token must not start again.

use ledger::Entry;
use probes::redis::Value;

use crate::{
    LockName,
    store::{Snapshot, StoreError, Version, json},
};

/// The layout that this version reads and writes; the script has it too.
const LAYOUT: &str = "1";

/// The names of a lock's keys and of its channel.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) lease: String,
    pub(super) ledger: String,
    pub(super) channel: String,
}

impl Keys {
    pub(super) fn of(lock: &LockName) -> Keys {
        // An encoded name has no braces.
        let tag = lock.encoded();
        Keys {
            lease: format!("baton:{{{tag}}}:lease"),
            ledger: format!("baton:{{{tag}}}:ledger"),
            channel: format!("baton:{{{tag}}}:changed"),
        }
    }

    /// The command that reads everything of a lock but its chain.
    pub(super) fn read(&self) -> [&str; 7] {
        let key = &self.lease;
        ["HMGET", key, "layout", "record", "lease", "tip", "ledger"]
    }

    /// The command that reads the version alone.
    pub(super) fn version(&self) -> [&str; 4] {
        ["HMGET", &self.lease, "lease", "ledger"]
    }

    /// What stands at the lease's key is not ours, or not for this version.
    pub(super) fn foreign_lease(&self, detail: &str) -> StoreError {
        foreign(
            &self.lease,
            &format!(
                "{detail}; look at it with `HGETALL`; where it is of no use to anybody, `DEL '{}' '{}'` clears the way, \
                 and the fencing token then starts again",
                self.lease, self.ledger
            ),
        )
    }

    /// What stands at the lease's key is of another type than ours.
    pub(super) fn no_hash(&self) -> StoreError {
        not_of_type(&self.lease, "it is no hash")
    }

    /// What stands at the ledger's key is of another type than ours.
    pub(super) fn no_stream(&self) -> StoreError {
        not_of_type(&self.ledger, "it is no stream")
    }

    /// What stands at the ledger's key is not ours.
    pub(super) fn foreign_ledger(&self, detail: &str) -> StoreError {
        foreign(
            &self.ledger,
            &format!(
                "{detail}; look at it with `XREVRANGE '{0}' + - COUNT 1`; where it is of no use to anybody, `RENAME` puts \
                 it out of the way",
                self.ledger
            ),
        )
    }

    /// The chain lacks entries.
    pub(super) fn gap(&self, detail: &str) -> StoreError {
        foreign(&self.ledger, detail)
    }

    /// What [`Keys::read`] was answered.
    pub(super) fn snapshot(&self, answer: &Value, lock: &LockName) -> Result<Snapshot, StoreError> {
        let wrong = |detail: String| self.foreign_lease(&detail);
        let texts = texts(answer);
        let Some([layout, record, lease, tip, ledger]) = texts.as_deref() else {
            return Err(wrong("what it holds is not text".to_owned()));
        };
        match layout {
            None if [record, lease, tip, ledger].iter().all(|f| f.is_none()) => {
                return Ok(Snapshot::default());
            }
            None => return Err(wrong("it names no layout".to_owned())),
            Some(layout) if *layout != LAYOUT => {
                return Err(self.newer());
            }
            Some(_) => {}
        }
        if record.is_some() != lease.is_some() || tip.is_some() != ledger.is_some() {
            let torn = "it lacks a record, a tip or the version of one";
            return Err(wrong(torn.to_owned()));
        }
        let record = record.map(|json| json::read_record(json.as_bytes(), lock));
        let tip = tip.map(json::read_tip_text);
        Ok(Snapshot {
            record: record.transpose().map_err(wrong)?,
            tip: tip.transpose().map_err(wrong)?.unwrap_or_default(),
            version: Version {
                lease: lease.map(str::to_owned),
                ledger: ledger.map(str::to_owned),
            },
        })
    }

    /// A layout that only a newer version knows.
    pub(super) fn newer(&self) -> StoreError {
        foreign(
            &self.lease,
            "its layout was written by a newer version; update baton",
        )
    }

    /// What [`Keys::version`] was answered; nothing where it is no such answer.
    pub(super) fn seen(answer: &Value) -> Option<Version> {
        match texts(answer)?.as_slice() {
            [lease, ledger] => Some(Version {
                lease: lease.map(str::to_owned),
                ledger: ledger.map(str::to_owned),
            }),
            _ => None,
        }
    }

    /// The entries of a page of the stream, in its order.
    pub(super) fn entries(&self, answer: &Value) -> Result<Vec<Entry>, StoreError> {
        let odd = || self.foreign_ledger("it holds something else than entries");
        let page = answer.list().ok_or_else(odd)?;
        page.iter()
            .map(|one| {
                let [Value::Text(id), Value::List(fields)] = one.list().ok_or_else(odd)? else {
                    return Err(odd());
                };
                let [Value::Text(name), Value::Text(json)] = fields.as_slice() else {
                    return Err(odd());
                };
                let entry: Entry = serde_json::from_str(json).map_err(|error| {
                    self.foreign_ledger(&format!("the entry {id} cannot be read ({error})"))
                })?;
                match name == "entry" && *id == place(entry.seq) {
                    true => Ok(entry),
                    false => Err(odd()),
                }
            })
            .collect()
    }
}

/// The id of an entry in the stream.
pub(super) fn place(seq: u64) -> String {
    format!("{seq}-0")
}

/// What a message says: the version that a write left.
pub(super) fn message(version: &Version) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{} {}", part(&version.lease), part(&version.ledger))
}

fn not_of_type(key: &str, detail: &str) -> StoreError {
    foreign(
        key,
        &format!(
            "{detail}; look at it with `TYPE '{key}'`; where it is of no use to the store, `RENAME` puts it out of the way"
        ),
    )
}

fn foreign(key: &str, detail: &str) -> StoreError {
    StoreError::Foreign {
        what: format!("the key {key}"),
        detail: detail.to_owned(),
    }
}

fn texts(answer: &Value) -> Option<Vec<Option<&str>>> {
    answer
        .list()?
        .iter()
        .map(|value| match value {
            Value::Nil => Some(None),
            Value::Text(text) => Some(Some(text.as_str())),
            _ => None,
        })
        .collect()
}
