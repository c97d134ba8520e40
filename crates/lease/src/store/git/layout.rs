//! How record, tip and entries lie in commits (design §5): which files, which messages, and how they are read back.
//!
//! The lease's commit carries `record.json`. A ledger commit follows the one before and carries the tip, in four files so
//! that what a swap leaves unchanged is not sent again.
//!
//! A swap of both parts can be caught, or killed, between the two refs that the server moves one after the other. So each
//! part names what the other part replaced, and carries the other: the lease's commit has the ledger's new tip as its
//! parent, and the tip's tree has the record beside it (the same object, which costs nothing). Whichever part stands
//! there, the other can be put beside it as the writer meant it, to the byte.

use ledger::{Entry, Tip};
use serde_json::{Map, Value};

use crate::{Record, store::json};

/// The record's file.
pub(super) const RECORD: &str = "record.json";

/// The tip's files: the first holds what the others do not.
pub(super) const TIP: [&str; 4] = ["tip.json", "deployments.json", "totals.json", "days.json"];

/// The keys of the tip that have a file of their own, in the order of [`TIP`].
const SPLIT: [&str; 3] = ["deployments", "totals", "days"];

/// In `tip.json`: the lease's commit that the newest swap replaced, where it replaced one.
const REPLACED_LEASE: &str = "replaced_lease";

/// In `tip.json`, beside it: the ledger's commit that the same swap replaced.
const FOLLOWED_LEDGER: &str = "replaced_ledger";

/// In the lease's message: the ledger's commit that the same swap replaced.
const REPLACED_LEDGER: &str = "Replaces-Ledger: ";

/// What stands for "there was none".
const NONE: &str = "none";

/// The record as its file.
pub(super) fn record_file(record: &Record) -> serde_json::Result<Vec<u8>> {
    lines(serde_json::to_vec_pretty(record)?)
}

/// The lease's commit message. `replaced_ledger` is given where the same swap replaces the ledger.
pub(super) fn record_message(record: &Record, replaced_ledger: Option<Option<&str>>) -> String {
    let Record {
        phase,
        token,
        holder,
        deployment,
        ..
    } = record;
    let told = format!("{phase}, token {token}, {holder} [{}]", deployment.id);
    let subject: String = told
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match replaced_ledger {
        Some(replaced) => format!(
            "{subject}\n\n{REPLACED_LEDGER}{}\n",
            replaced.unwrap_or(NONE)
        ),
        None => format!("{subject}\n"),
    }
}

/// The ledger's commit that the lease's message says was replaced.
pub(super) fn replaced_ledger(message: &str) -> Option<Option<&str>> {
    let named = message
        .lines()
        .find_map(|l| l.strip_prefix(REPLACED_LEDGER))?;
    Some(Some(named).filter(|n| *n != NONE))
}

/// What a swap of both parts replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    /// The lease's commit; nothing where there was none.
    pub(super) lease: Option<String>,
    /// The ledger's.
    pub(super) ledger: Option<String>,
}

/// The tip as its files, in the order of [`TIP`]. `replaced` is given where the same swap writes the lease too.
pub(super) fn tip_files(
    tip: &Tip,
    replaced: Option<&Replaced>,
) -> serde_json::Result<Vec<Vec<u8>>> {
    let mut rest = match serde_json::to_value(tip)? {
        Value::Object(rest) => rest,
        other => Map::from_iter([("tip".to_owned(), other)]),
    };
    let split: Vec<Value> = SPLIT
        .iter()
        .map(|key| rest.remove(*key).unwrap_or(Value::Null))
        .collect();
    if let Some(Replaced { lease, ledger }) = replaced {
        for (key, replaced) in [(REPLACED_LEASE, lease), (FOLLOWED_LEDGER, ledger)] {
            let replaced = replaced.as_deref().unwrap_or(NONE);
            rest.insert(key.to_owned(), Value::from(replaced));
        }
    }
    std::iter::once(Value::Object(rest))
        .chain(split)
        .map(|v| lines(serde_json::to_vec_pretty(&v)?))
        .collect()
}

/// One entry's commit message: the subject for people, the whole entry as JSON below.
pub(super) fn entry_message(entry: &Entry) -> serde_json::Result<String> {
    Ok(format!(
        "{}\n\n{}\n",
        entry.subject(),
        serde_json::to_string_pretty(entry)?
    ))
}

/// The entry in a commit message.
///
/// # Errors
/// One phrase on what is wrong with it.
pub(super) fn read_entry(message: &str) -> Result<Entry, String> {
    let (_, body) = message
        .split_once("\n\n")
        .ok_or("its message holds no entry")?;
    serde_json::from_str(body).map_err(|e| format!("the entry in its message cannot be read ({e})"))
}

/// A tip read back.
#[derive(Debug)]
pub(super) struct TipRead {
    pub(super) tip: Tip,
    /// What the same swap replaced, where it wrote the lease too.
    pub(super) replaced: Option<Replaced>,
}

/// The tip in its files, in the order of [`TIP`].
///
/// # Errors
/// One phrase on what is wrong with it.
pub(super) fn read_tip(files: [&[u8]; 4]) -> Result<TipRead, String> {
    let mut values = Vec::with_capacity(files.len());
    for (name, file) in TIP.iter().zip(files) {
        let value: Value =
            serde_json::from_slice(file).map_err(|e| format!("{name} is not JSON ({e})"))?;
        values.push(value);
    }
    let mut split = values.split_off(1);
    let Some(Value::Object(mut whole)) = values.pop() else {
        return Err(format!("{} is not an object", TIP[0]));
    };
    let mut replaced = |key: &str| match whole.remove(key) {
        Some(Value::String(named)) => Some(Some(named).filter(|n| n != NONE)),
        _ => None,
    };
    let replaced = match (replaced(REPLACED_LEASE), replaced(FOLLOWED_LEDGER)) {
        (Some(lease), Some(ledger)) => Some(Replaced { lease, ledger }),
        _ => None,
    };
    for (key, value) in SPLIT.iter().zip(split.drain(..)) {
        whole.insert((*key).to_owned(), value);
    }
    let tip = json::read_tip(Value::Object(whole))?;
    Ok(TipRead { tip, replaced })
}

fn lines(mut json: Vec<u8>) -> serde_json::Result<Vec<u8>> {
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests {
    use ledger::{Deployment, Draft, Event, Party, Timestamp};

    use super::*;

    fn tip() -> Tip {
        let party = Party {
            candidate: 1,
            ..Party::default()
        };
        let draft = |event| Draft {
            deployment: Deployment {
                id: "o/r/1/1".into(),
                ..Deployment::default()
            },
            by: Some(party.clone()),
            token: 3,
            event,
        };
        let announced = Event::Announced {
            candidates: 2,
            instance: "i".into(),
        };
        Tip::default()
            .extend(
                "n",
                Timestamp(5),
                vec![draft(announced), draft(Event::DeploymentStarted)],
            )
            .1
    }

    fn read(files: &[Vec<u8>]) -> Result<TipRead, String> {
        read_tip([&files[0], &files[1], &files[2], &files[3]])
    }

    #[test]
    fn a_tip_survives_the_way_through_its_files() {
        let both = |lease: Option<&str>, ledger: Option<&str>| Replaced {
            lease: lease.map(str::to_owned),
            ledger: ledger.map(str::to_owned),
        };
        for replaced in [
            None,
            Some(both(None, None)),
            Some(both(Some("abc"), Some("def"))),
        ] {
            let files = tip_files(&tip(), replaced.as_ref()).unwrap();
            let back = read(&files).unwrap();
            assert_eq!(back.tip, tip());
            assert_eq!(back.replaced, replaced);
        }
    }

    #[test]
    fn a_tip_of_a_newer_schema_is_refused() {
        let newer = Tip {
            schema: ledger::SCHEMA + 1,
            ..tip()
        };
        let refused = read(&tip_files(&newer, None).unwrap()).unwrap_err();
        assert!(refused.contains("newer version"), "{refused}");
    }

    #[test]
    fn the_lease_names_the_ledger_that_its_swap_replaced() {
        assert_eq!(replaced_ledger("deploying\n"), None);
        assert_eq!(replaced_ledger("x\n\nReplaces-Ledger: none\n"), Some(None));
        assert_eq!(
            replaced_ledger("x\n\nReplaces-Ledger: abc\n"),
            Some(Some("abc"))
        );
    }

    #[test]
    fn an_event_of_a_newer_version_survives_reading() {
        let deployment = serde_json::to_value(Deployment::default()).unwrap();
        let body = serde_json::json!({
            "seq": 4, "nonce": "n", "at": Timestamp(1), "deployment": deployment, "event": "sealed", "by_whom": "x",
        });
        let entry = read_entry(&format!("subject\n\n{body}")).unwrap();
        assert_eq!((entry.seq, entry.event), (4, Event::Unknown));
    }
}
