//! Reads record and tip back from the JSON that every store keeps them in, and refuses what is not for this version.

use ledger::Tip;
use serde_json::Value;

use crate::{LockName, Record, SCHEMA};

/// The record of `lock` in `json`.
///
/// # Errors
/// One phrase on what is wrong with it, fit for [`StoreError::Foreign`](super::StoreError::Foreign).
pub(crate) fn read_record(json: &[u8], lock: &LockName) -> Result<Record, String> {
    let value: Value =
        serde_json::from_slice(json).map_err(|e| format!("the record is not JSON ({e})"))?;
    check_schema(&value, SCHEMA)?;
    let record: Record =
        serde_json::from_value(value).map_err(|e| format!("the record cannot be read ({e})"))?;
    if record.lock != *lock {
        return Err(format!(
            "the record is that of the lock {:?}",
            record.lock.as_str()
        ));
    }
    Ok(record)
}

/// The tip in `json`.
///
/// # Errors
/// As for [`read_record`].
pub(crate) fn read_tip_text(json: &str) -> Result<Tip, String> {
    read_tip(serde_json::from_str(json).map_err(|e| format!("the tip is not JSON ({e})"))?)
}

/// The tip in `value`.
///
/// # Errors
/// As for [`read_record`].
pub(crate) fn read_tip(value: Value) -> Result<Tip, String> {
    check_schema(&value, ledger::SCHEMA)?;
    serde_json::from_value(value).map_err(|e| format!("the tip cannot be read ({e})"))
}

fn check_schema(value: &Value, known: u32) -> Result<(), String> {
    match value.get("schema").and_then(Value::as_u64) {
        Some(schema) if schema <= u64::from(known) => Ok(()),
        Some(schema) => Err(format!(
            "it was written in schema {schema} by a newer version, this one knows {known}; update baton"
        )),
        None => Err("it names no schema".to_owned()),
    }
}
