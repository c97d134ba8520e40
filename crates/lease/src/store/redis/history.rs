//! Reads the chain in pages.

use ledger::Entry;
use tokio::time::Instant;

use super::{
    layout::{Keys, place},
    pool::Pool,
};
use crate::store::{History, StoreError, chain};

/// How many entries one request brings: some hundred thousand bytes.
const PAGE: u64 = 250;

/// Entries carry their writers' wall clocks, so the chain is not sorted by time: reading goes on until an entry is this
/// much older than asked.
const CLOCK_SKEW_MILLIS: u64 = 3_600_000;

/// The entries of the chain, oldest first. Each page may take the request timeout.
pub(super) async fn read(
    pool: &Pool,
    keys: &Keys,
    from: History,
) -> Result<Vec<Entry>, StoreError> {
    let gap = |detail: String| keys.gap(&detail);
    match from {
        History::FromSeq(seq) => {
            let entries = forwards(pool, keys, seq).await?;
            chain::check(&entries, Some(seq)).map_err(gap)?;
            Ok(entries)
        }
        History::Since(at) => {
            let mut entries = backwards(pool, keys, at.0.saturating_sub(CLOCK_SKEW_MILLIS)).await?;
            entries.reverse();
            // Before those of clocks that lag are left out.
            chain::check(&entries, None).map_err(gap)?;
            entries.retain(|entry| entry.at >= at);
            Ok(entries)
        }
    }
}

async fn page(pool: &Pool, keys: &Keys, command: &[&str]) -> Result<Vec<Entry>, StoreError> {
    let deadline = Instant::now() + pool.request_timeout();
    let answer = pool.ask_by(command, deadline).await;
    let answer = answer.map_err(|failure| match failure.code() {
        Some("WRONGTYPE") => keys.no_stream(),
        _ => pool.told(&failure),
    })?;
    keys.entries(&answer)
}

async fn forwards(pool: &Pool, keys: &Keys, seq: u64) -> Result<Vec<Entry>, StoreError> {
    let count = PAGE.to_string();
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let begin = place(entries.last().map_or(seq, |last| last.seq + 1));
        let command = ["XRANGE", &keys.ledger, &begin, "+", "COUNT", &count];
        let page = page(pool, keys, &command).await?;
        let is_last = (page.len() as u64) < PAGE;
        entries.extend(page);
        if is_last {
            return Ok(entries);
        }
    }
}

/// Newest first, until one was written before `oldest`.
async fn backwards(pool: &Pool, keys: &Keys, oldest: u64) -> Result<Vec<Entry>, StoreError> {
    let count = PAGE.to_string();
    let mut entries: Vec<Entry> = Vec::new();
    let mut end = "+".to_owned();
    loop {
        let command = ["XREVRANGE", &keys.ledger, &end, "-", "COUNT", &count];
        let page = page(pool, keys, &command).await?;
        let is_last = (page.len() as u64) < PAGE;
        entries.extend(page);
        match entries.last() {
            Some(last) if !is_last && last.seq > 1 && last.at.0 >= oldest => {
                end = place(last.seq - 1);
            }
            _ => return Ok(entries),
        }
    }
}
