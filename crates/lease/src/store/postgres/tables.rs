//! The tables, and the statements over them.
//!
//! A part's version is the nonce of the write that made it: what a write leaves behind is known before it is sent, and a
//! resend finds itself. Keys and JSON are ASCII (what is beyond is escaped), so that a database of any encoding will do.

use ledger::{Entry, Tip};
use serde::Serialize;
use tokio_postgres::{Row, types::Type};

use crate::{
    LockName,
    store::{Snapshot, Version, Write, json},
};
use probes::postgres::Parameter;

/// What the store needs in the connection's `search_path`. It runs this itself when the tables are missing; an
/// administrator runs it where the store's user may create nothing. Running it again changes nothing.
///
/// `lock` is the lock's name, percent-encoded; `lease` and `ledger` are versions of record and tip, `at` milliseconds since
/// 1970.
pub const SCHEMA_SQL: &str = include_str!("schema.sql");

/// The layout of the tables that is written here. A row of a larger one is never overwritten.
const LAYOUT: i32 = 1;

/// One row: record and tip of one moment.
pub(super) const READ: &str =
    "SELECT schema, lease, record::text, ledger, tip::text FROM baton_leases WHERE lock = $1";

/// Limits for the transaction alone, so that nothing of them stays behind in a pooler's connection. A row that somebody
/// else holds is waited for no longer than the sender waits: a write that was given up must not land much later. And an
/// acknowledged write must survive: where the database's own setting would acknowledge before it is on disk (`off`) or on
/// the synchronous standby (`local`), it is raised; one that waits for standbys in some way is the administrator's choice.
const LIMITS: &str = "limits AS (
  SELECT set_config('lock_timeout', $11, true),
    CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
      THEN set_config('synchronous_commit', 'on', true) END
)";

/// Entries behind the swapped row, its notification, and what came of it. A row that was not swapped shows whether an
/// earlier send of the same write did it: the lease or the tip is by this nonce, or its first entry stands in the chain,
/// where later writes do not hide it.
const REST: &str = "told AS (
  INSERT INTO baton_ledger (lock, seq, nonce, at, entry)
  SELECT $1, e.seq, $2, e.at, e.entry::json
  FROM swapped, unnest($7, $8, $9) AS e (seq, at, entry)
)
SELECT true AS won, $12 AS schema, pg_notify($10, '')::text FROM swapped
UNION ALL
SELECT ($3 IS NOT NULL AND coalesce(l.lease = $2, false))
    OR ($5 IS NOT NULL AND (coalesce(l.ledger = $2, false) OR EXISTS (
      SELECT FROM baton_ledger AS e WHERE e.lock = $1 AND e.seq = ($7)[1] AND e.nonce = $2))),
  l.schema, NULL
FROM baton_leases AS l
WHERE l.lock = $1 AND NOT EXISTS (SELECT FROM swapped)";

/// The parts that are written, over the row `l`.
const SET: &str = "record = CASE WHEN $3 IS NULL THEN l.record ELSE $3::json END,
    lease = CASE WHEN $3 IS NULL THEN l.lease ELSE $2 END,
    tip = CASE WHEN $5 IS NULL THEN l.tip ELSE $5::json END,
    ledger = CASE WHEN $5 IS NULL THEN l.ledger ELSE $2 END";

/// The exact compare of the parts that are written. PostgreSQL evaluates it on the newest row, with that row locked.
const EXPECTED: &str = "l.schema = $12
    AND ($3 IS NULL OR l.lease IS NOT DISTINCT FROM $4)
    AND ($5 IS NULL OR l.ledger IS NOT DISTINCT FROM $6)";

/// Compare-and-swap in one statement: a transaction of its own, in one round trip. What expects nothing may be the lock's
/// first write and makes its row; what expects something never does.
pub(super) fn swap(write: &Write) -> String {
    let fresh = (write.record.is_none() || write.expected.lease.is_none())
        && (write.entries.is_empty() || write.expected.ledger.is_none());
    let swapped = if fresh {
        format!(
            "INSERT INTO baton_leases AS l (lock, schema, record, lease, tip, ledger)
  SELECT $1, $12, $3::json, CASE WHEN $3 IS NOT NULL THEN $2 END, $5::json, CASE WHEN $5 IS NOT NULL THEN $2 END
  FROM limits
  ON CONFLICT (lock) DO UPDATE SET {SET}
  WHERE {EXPECTED}"
        )
    } else {
        format!(
            "UPDATE baton_leases AS l SET {SET}
  FROM limits
  WHERE l.lock = $1 AND {EXPECTED}"
        )
    };
    format!("WITH {LIMITS}, swapped AS (\n  {swapped}\n  RETURNING l.lock\n), {REST}")
}

/// One page of the chain, from a place on.
pub(super) const PAGE: &str = "SELECT seq, entry::text FROM baton_ledger
WHERE lock = $1 AND seq >= $2 ORDER BY seq LIMIT $3";

/// Where the chain reaches a moment for the first time. The fence (`OFFSET 0`) lets it go by the index of moments instead
/// of walking the chain from its beginning.
pub(super) const FIRST_SINCE: &str = "SELECT min(seq) FROM (
  SELECT seq FROM baton_ledger WHERE lock = $1 AND at >= $2 OFFSET 0) AS late";

/// A write as the parameters of [`swap`].
pub(super) struct SwapParameters {
    lock: String,
    nonce: String,
    record: Option<String>,
    expected: Version,
    tip: Option<String>,
    seqs: Vec<i64>,
    ats: Vec<i64>,
    entries: Vec<String>,
    channel: String,
    lock_timeout: String,
}

impl SwapParameters {
    /// # Errors
    /// What cannot be written as JSON.
    pub(super) fn new(
        write: &Write,
        lock: &LockName,
        channel: &str,
        patience: std::time::Duration,
    ) -> Result<SwapParameters, serde_json::Error> {
        let tip = (!write.entries.is_empty()).then_some(&write.tip);
        Ok(SwapParameters {
            lock: lock.encoded(),
            nonce: write.nonce.clone(),
            record: write.record.as_ref().map(ascii).transpose()?,
            expected: write.expected.clone(),
            tip: tip.map(ascii).transpose()?,
            seqs: write.entries.iter().map(|e| number(e.seq)).collect(),
            ats: write.entries.iter().map(|e| number(e.at.0)).collect(),
            entries: write.entries.iter().map(ascii).collect::<Result<_, _>>()?,
            channel: channel.to_owned(),
            // Somewhat shorter, so that the server's own word of it still arrives; 0 would be no limit.
            lock_timeout: (patience * 3 / 4)
                .as_millis()
                .clamp(1, i32::MAX as u128)
                .to_string(),
        })
    }

    pub(super) fn all(&self) -> [Parameter<'_>; 12] {
        [
            (&self.lock, Type::TEXT),
            (&self.nonce, Type::TEXT),
            (&self.record, Type::TEXT),
            (&self.expected.lease, Type::TEXT),
            (&self.tip, Type::TEXT),
            (&self.expected.ledger, Type::TEXT),
            (&self.seqs, Type::INT8_ARRAY),
            (&self.ats, Type::INT8_ARRAY),
            (&self.entries, Type::TEXT_ARRAY),
            (&self.channel, Type::TEXT),
            (&self.lock_timeout, Type::TEXT),
            (&LAYOUT, Type::INT4),
        ]
    }
}

/// What the swap's answer says.
///
/// # Errors
/// One phrase on why the row is not ours to judge.
pub(super) fn read_swapped(rows: &[Row]) -> Result<bool, String> {
    let Some(row) = rows.first() else {
        return Ok(false);
    };
    let (won, layout): (bool, i32) = (column(row, 0)?, column(row, 1)?);
    if !won {
        check_layout(layout)?;
    }
    Ok(won)
}

/// The lock's row as what was seen; no row is an unused lock.
///
/// # Errors
/// The part that cannot be read, and one phrase on why.
pub(super) fn read_snapshot(rows: &[Row], lock: &LockName) -> Result<Snapshot, (Part, String)> {
    let Some(row) = rows.first() else {
        return Ok(Snapshot::default());
    };
    let table = |detail| (Part::Row, detail);
    check_layout(column(row, 0).map_err(table)?).map_err(table)?;
    let record: Option<&str> = column(row, 2).map_err(table)?;
    let tip: Option<&str> = column(row, 4).map_err(table)?;
    let record = record.map(|record| json::read_record(record.as_bytes(), lock));
    let tip = tip.map_or(Ok(Tip::default()), json::read_tip_text);
    Ok(Snapshot {
        record: record
            .transpose()
            .map_err(|detail| (Part::Record, detail))?,
        tip: tip.map_err(|detail| (Part::Tip, detail))?,
        version: Version {
            lease: column(row, 1).map_err(table)?,
            ledger: column(row, 3).map_err(table)?,
        },
    })
}

/// Which column of a lock's row something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Row,
    Record,
    Tip,
}

/// An entry of a page, and its place in the chain.
///
/// # Errors
/// As for [`read_swapped`].
pub(super) fn read_entry(row: &Row) -> Result<Entry, String> {
    let (seq, text): (i64, &str) = (column(row, 0)?, column(row, 1)?);
    let entry: Entry = serde_json::from_str(text)
        .map_err(|e| format!("the entry at {seq} cannot be read ({e})"))?;
    match number(entry.seq) == seq {
        true => Ok(entry),
        false => Err(format!("the entry at {seq} is that of {}", entry.seq)),
    }
}

/// # Errors
/// As for [`read_swapped`].
pub(super) fn read_first(rows: &[Row]) -> Result<Option<i64>, String> {
    rows.first().map_or(Ok(None), |row| column(row, 0))
}

fn check_layout(layout: i32) -> Result<(), String> {
    match layout {
        ..=LAYOUT => Ok(()),
        newer => Err(format!(
            "it was written in schema {newer} by a newer version, this one knows {LAYOUT}; update baton"
        )),
    }
}

fn column<'a, T: tokio_postgres::types::FromSql<'a>>(
    row: &'a Row,
    index: usize,
) -> Result<T, String> {
    row.try_get(index)
        .map_err(|e| format!("column {} is not as wanted ({e})", index + 1))
}

/// Places and moments fit by far; what does not is as late as can be said.
pub(super) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// JSON, with escapes for what is not ASCII.
fn ascii(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let json = serde_json::to_string(value)?;
    if json.is_ascii() {
        return Ok(json);
    }
    let mut escaped = String::with_capacity(json.len() + json.len() / 4);
    for c in json.chars() {
        if c.is_ascii() {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    Ok(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_in_ascii_reads_back_as_what_it_was() {
        let text = "é\u{1F6A2}\"\\\n\u{0}\u{2028}".to_owned();
        let json = ascii(&text).unwrap();
        assert!(json.is_ascii(), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
