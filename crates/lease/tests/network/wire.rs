//! What store and clients say to each other: one JSON document a frame, after its length in four bytes.

use std::io;

use ledger::{Entry, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::TcpStream;

/// The port of the store.
pub(crate) const PORT: u16 = 7000;

/// The versions of lease and ledger tip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Versions {
    pub(crate) lease: Option<String>,
    pub(crate) ledger: Option<String>,
}

/// A write; record and tip as the JSON text that the store keeps.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Swap {
    pub(crate) nonce: String,
    pub(crate) expected: Versions,
    pub(crate) record: Option<String>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) tip: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// What stands there, without what the asker has already.
    Read {
        lock: String,
        known: Versions,
    },
    Swap {
        lock: String,
        swap: Swap,
    },
    /// Answered when something else stands there than what was seen, or after so many milliseconds.
    Wait {
        lock: String,
        seen: Versions,
        longest: u64,
    },
    History {
        lock: String,
        from_seq: u64,
        since: Option<Timestamp>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    State {
        versions: Versions,
        /// Nothing where there is none, or the asker has it.
        record: Option<String>,
        tip: Option<String>,
    },
    Won(Versions),
    Lost,
    Changed,
    Entries(Vec<Entry>),
}

pub(crate) async fn send<T: Serialize>(stream: &mut TcpStream, what: &T) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, what)?;
    let length = u32::try_from(frame.len() - 4).unwrap().to_be_bytes();
    frame[..4].copy_from_slice(&length);
    // One segment a frame: it arrives whole or not at all.
    stream.write_all(&frame).await
}

pub(crate) async fn receive<T: DeserializeOwned>(stream: &mut TcpStream) -> io::Result<T> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut frame).await?;
    Ok(serde_json::from_slice(&frame)?)
}
