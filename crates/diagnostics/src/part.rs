//! One part of a bundle, and work beside the event loop that may hang.

use std::{fmt, thread};

use serde::Serialize;
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

/// A part of a bundle: what it is, or why it could not be had. In JSON the value itself, or `{"missing": "failed to …"}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Part<T> {
    /// It was had.
    Had(T),
    /// It was not.
    Missing {
        /// Why: one line for people.
        missing: String,
    },
}

impl<T> Part<T> {
    /// A part that could not be had; `why` is a fragment that fits "failed to …".
    pub fn failed(why: impl fmt::Display) -> Part<T> {
        Part::Missing {
            missing: format!("failed to {why}"),
        }
    }

    /// A part that there is none of; `why` is a sentence.
    pub fn none(why: impl Into<String>) -> Part<T> {
        Part::Missing {
            missing: why.into(),
        }
    }

    /// The value, where it was had.
    pub fn had(&self) -> Option<&T> {
        match self {
            Part::Had(value) => Some(value),
            Part::Missing { .. } => None,
        }
    }
}

impl<T, E: fmt::Display> From<Result<T, E>> for Part<T> {
    fn from(result: Result<T, E>) -> Part<T> {
        result.map_or_else(Part::failed, Part::Had)
    }
}

/// What `work` comes to, if it is there by `deadline`. It runs in a thread of its own: a file system whose server is away
/// holds whoever asks it, and must hold up neither the loop nor the process's end, as a blocking task of the runtime would.
pub(crate) async fn apart<T: Send + 'static>(
    what: &str,
    deadline: Instant,
    work: impl FnOnce() -> Part<T> + Send + 'static,
) -> Part<T> {
    let (tell, told) = oneshot::channel();
    let thread = thread::Builder::new()
        .name("diagnostics".to_owned())
        .spawn(move || {
            let _nobody_waits = tell.send(work());
        });
    if let Err(error) = thread {
        return Part::failed(format_args!("look at {what}: {error}"));
    }
    match timeout_at(deadline, told).await {
        Ok(Ok(part)) => part,
        Ok(Err(_)) => Part::failed(format_args!("look at {what}: its thread broke down")),
        Err(_) => Part::failed(format_args!("look at {what} in time")),
    }
}
