//! Entries of the ledger's own affairs, which nobody signs: what people were told, and how far the trail was shipped.

use std::{sync::Arc, time::Duration};

use lease::{
    Timing,
    protocol::{Appender, AppenderConfig, AppenderEnd},
    shell,
    store::{Store, StoreError},
};
use ledger::{Deployment, Event};

use crate::{NoHands, ThisHost, Voice};

/// Adds `events` to the ledger, those that it does not know yet; `deployment` may have ended.
///
/// # Errors
/// The store gave no usable answer for `patience`.
pub async fn keep_books(
    store: &Arc<dyn Store>,
    deployment: &Deployment,
    events: Vec<Event>,
    timing: &Timing,
    patience: Duration,
    voice: &Voice,
) -> Result<(), StoreError> {
    let mut appender = Appender::new(AppenderConfig {
        deployment: deployment.clone(),
        by: None,
        instance: String::new(),
        events,
        resend_after: timing.resend_after,
        patience,
    });
    let mut hands = NoHands(voice);
    shell::run(&mut appender, store, timing.poll, &ThisHost, &mut hands).await;
    match appender.end() {
        Some(AppenderEnd::StoreLost(error)) => Err(error.clone()),
        _ => Ok(()),
    }
}
