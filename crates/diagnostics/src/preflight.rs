//! What the job's preflight step found, from the report that it left (design §8).

use std::{
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::libc;
use serde_json::Value;
use tokio::time::Instant;

use crate::{Part, part::apart};

/// How much of a report is read.
const REPORT: u64 = 256 << 10;

/// Reads the report, where it is about `deployment`: on act the legs of several runs share a folder.
pub(crate) async fn read(path: &Path, deployment: &str, deadline: Instant) -> Part<Value> {
    let (path, deployment) = (path.to_owned(), deployment.to_owned());
    apart("the preflight report", deadline, move || {
        report(&path, &deployment)
    })
    .await
}

fn report(path: &PathBuf, deployment: &str) -> Part<Value> {
    let mut text = String::new();
    // Without waiting: something else than a file may stand there.
    let read = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)
        .and_then(|file| file.take(REPORT + 1).read_to_string(&mut text));
    match read {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Part::none("no preflight step of this job left a report");
        }
        Err(error) => return Part::failed(format_args!("read {}: {error}", path.display())),
        Ok(size) if size as u64 > REPORT => {
            return Part::failed(format_args!("take in {}: it is too large", path.display()));
        }
        Ok(_) => {}
    }
    // The parser's own words could hold a piece of the file.
    let Ok(value) = serde_json::from_str::<Value>(&text) else {
        return Part::failed(format_args!("understand {}: it is no JSON", path.display()));
    };
    match value.pointer("/about/deployment").and_then(Value::as_str) {
        Some(other) if other != deployment => {
            Part::none("the report that is there is another deployment's")
        }
        _ => Part::Had(value),
    }
}
