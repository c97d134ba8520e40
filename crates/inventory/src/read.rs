//! Which reader is asked, and whose answer counts.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    ansible::{self, Spoken},
    error::InventoryError,
    inventory::{Address, Inventory, MOST_HOSTS, ReadBy},
    source,
};

/// Who reads the inventory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Reader {
    /// `ansible-inventory` where it is on PATH and has nothing to complain about, else the own reader.
    #[default]
    Either,
    /// `ansible-inventory` or nobody.
    AnsibleInventory,
    /// The own reader.
    Own,
}

/// How an inventory is read.
#[derive(Clone, Debug)]
pub struct Options {
    /// Who reads it.
    pub reader: Reader,
    /// How long all of it may take. With [`Reader::Either`] `ansible-inventory` is killed after three quarters of it, so
    /// that time for the own reader is left.
    pub timeout: Duration,
    /// The whole environment of `ansible-inventory`: PATH, by which it is found, HOME, and what of `ANSIBLE_*` is set.
    pub environment: Vec<(OsString, OsString)>,
}

/// Reads the inventory at `path`: a file, a folder, or a list of hosts with a comma (`web1,web2,`).
///
/// # Errors
/// It is not there, cannot be read, is no inventory, or reading it took too long. What is not known of single hosts is no
/// error: see [`Address`].
pub async fn read(path: &Path, options: Options) -> Result<Inventory, InventoryError> {
    let end = Instant::now() + options.timeout;
    match options.reader {
        Reader::Own => own(path, options.timeout, end).await,
        Reader::AnsibleInventory => {
            let spoken = ansible::list(path, &options.environment, options.timeout).await?;
            if left_out(&spoken.words) {
                return Err(InventoryError::Ansible {
                    words: spoken.words,
                });
            }
            answered(spoken)
        }
        Reader::Either => either(path, &options, end).await,
    }
}

async fn either(path: &Path, options: &Options, end: Instant) -> Result<Inventory, InventoryError> {
    let spoken = match ansible::list(path, &options.environment, options.timeout / 4 * 3).await {
        Ok(spoken) if spoken.words.is_empty() => return answered(spoken),
        Ok(spoken) => spoken,
        Err(InventoryError::NotInstalled) => return own(path, options.timeout, end).await,
        Err(failed) => {
            let mut inventory = own(path, options.timeout, end).await?;
            inventory.notes.push(format!(
                "read without ansible-inventory, which failed to {failed}"
            ));
            return Ok(inventory);
        }
    };
    let note = format!("ansible-inventory warned: {}", spoken.words);
    let incomplete = left_out(&spoken.words);
    match own(path, options.timeout, end).await {
        // Ansible knows more of sources that only it can read.
        Ok(mut inventory) if incomplete || !has_unknown_source(&inventory) => {
            inventory.notes.push(note);
            Ok(inventory)
        }
        // What Ansible passed over is not known by anybody, and a part must not pass for the whole.
        Err(error) if incomplete => Err(error),
        Ok(_) | Err(_) => answered(spoken),
    }
}

/// Whether the warnings say that hosts may be missing in the answer: a source that could not be read, or a part of one that
/// was passed over.
fn left_out(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    ["parse", "skipping", "no inventory", "duplicate"]
        .iter()
        .any(|mark| words.contains(mark))
}

fn has_unknown_source(inventory: &Inventory) -> bool {
    inventory
        .hosts
        .iter()
        .any(|host| host.groups.is_empty() && matches!(host.address, Address::Undecided { .. }))
}

fn answered(spoken: Spoken) -> Result<Inventory, InventoryError> {
    let hosts = spoken.answer.into_hosts();
    if hosts.len() > MOST_HOSTS {
        return Err(InventoryError::Ansible {
            words: format!("it lists more than {MOST_HOSTS} hosts"),
        });
    }
    let notes = if spoken.words.is_empty() {
        Vec::new()
    } else {
        vec![format!("ansible-inventory warned: {}", spoken.words)]
    };
    Ok(Inventory {
        hosts,
        read_by: ReadBy::AnsibleInventory,
        notes,
    })
}

/// The own reader, on a thread where a network file system may hang without holding up others.
async fn own(path: &Path, limit: Duration, end: Instant) -> Result<Inventory, InventoryError> {
    let path: PathBuf = path.to_owned();
    let reading = tokio::task::spawn_blocking(move || source::read(&path));
    tokio::time::timeout_at(end, reading)
        .await
        .map_err(|_| InventoryError::TimedOut { limit })?
        .map_err(|_| InventoryError::BrokeOff)?
}
