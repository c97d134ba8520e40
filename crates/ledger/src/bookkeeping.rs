//! What the tip knows of the ledger's own affairs: which alerts are out, and up to where the chain was shipped.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{AlertKind, Entry, Event, Timestamp, Tip};

/// How many alerts a tip remembers. Those that are over go first. Whoever has the same to tell comes within the same
/// deployment; this many failures in a row lie far behind it.
pub const ALERTS_KEPT: usize = 50;

/// For how many places a tip remembers up to where they hold the chain. A new one takes the place of the one furthest
/// behind.
pub const SINKS_KEPT: usize = 8;

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertState {
    /// What is told: the same for everybody who has it to tell.
    pub key: String,
    /// What kind of news it is.
    pub kind: AlertKind,
    /// The id of the deployment that it is about.
    pub deployment: String,
    /// When somebody first meant to tell it.
    pub at: Timestamp,
    /// The process that meant to tell it last.
    pub instance: String,
    /// How often somebody meant to tell it.
    pub claim: u32,
    /// People were told.
    #[serde(default, skip_serializing_if = "crate::summary::not")]
    pub sent: bool,
    /// People were told that it is over.
    #[serde(default, skip_serializing_if = "crate::summary::not")]
    pub resolved: bool,
}

impl Tip {
    /// The alert with this key.
    pub fn alert(&self, key: &str) -> Option<&AlertState> {
        self.alerts.iter().rev().find(|alert| alert.key == key)
    }

    /// The alerts that people were told of and that are not over, oldest first.
    pub fn open_alerts(&self) -> impl Iterator<Item = &AlertState> {
        self.alerts.iter().filter(|a| a.sent && !a.resolved)
    }

    /// Up to which `seq` the place with this fingerprint holds the chain; 0 where it is not known.
    pub fn shipped(&self, sink: &str) -> u64 {
        self.shipped.get(sink).copied().unwrap_or_default()
    }

    /// Whether this entry, which is of the ledger's own affairs, tells what the tip knows already.
    pub fn knows(&self, event: &Event) -> bool {
        match event {
            Event::Alert { key, claim, .. } => {
                self.alert(key).is_some_and(|a| a.sent || a.claim >= *claim)
            }
            Event::AlertSent { key, .. } => self.alert(key).is_some_and(|a| a.sent),
            Event::AlertResolved { key, .. } => self.alert(key).is_none_or(|a| a.resolved),
            Event::AuditShipped { sink, to } => self.shipped(sink) >= *to,
            _ => false,
        }
    }

    pub(crate) fn keep_books(&mut self, entry: &Entry) {
        if self.knows(&entry.event) {
            return;
        }
        match &entry.event {
            Event::Alert {
                key,
                kind,
                instance,
                claim,
            } => match self.alerts.iter_mut().find(|a| a.key == *key) {
                Some(alert) => {
                    alert.instance.clone_from(instance);
                    alert.claim = *claim;
                }
                None => {
                    self.alerts.push(AlertState {
                        key: key.clone(),
                        kind: *kind,
                        deployment: entry.deployment.id.clone(),
                        at: entry.at,
                        instance: instance.clone(),
                        claim: *claim,
                        sent: false,
                        resolved: false,
                    });
                    forget_an_alert(&mut self.alerts);
                }
            },
            Event::AlertSent { key, .. } => {
                if let Some(alert) = self.alerts.iter_mut().find(|a| a.key == *key) {
                    alert.sent = true;
                }
            }
            Event::AlertResolved { key, .. } => {
                if let Some(alert) = self.alerts.iter_mut().find(|a| a.key == *key) {
                    alert.resolved = true;
                }
            }
            Event::AuditShipped { sink, to } => {
                self.shipped.insert(sink.clone(), *to);
                forget_a_sink(&mut self.shipped, sink);
            }
            _ => {}
        }
    }
}

fn forget_an_alert(alerts: &mut Vec<AlertState>) {
    if alerts.len() > ALERTS_KEPT {
        let over = alerts.iter().position(|a| a.resolved).unwrap_or(0);
        alerts.remove(over);
    }
}

fn forget_a_sink(shipped: &mut BTreeMap<String, u64>, newest: &str) {
    if shipped.len() > SINKS_KEPT {
        let furthest = shipped
            .iter()
            // Else a place that starts late and ships in parts would be forgotten after each.
            .filter(|(sink, _)| *sink != newest)
            .min_by_key(|(_, to)| **to)
            .map(|(sink, _)| sink.clone());
        if let Some(sink) = furthest {
            shipped.remove(&sink);
        }
    }
}
