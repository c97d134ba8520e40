//! The bodies of requests: samples of one stream, bounded in number and size.

use std::collections::BTreeMap;

use super::LONGEST_TEXT;
use crate::line::beginning;

/// The most samples of a request.
const MOST_SAMPLES: usize = 1000;
/// The most bytes of a request's body; one sample that is longer goes alone.
const MOST_BYTES: usize = 1 << 20;
/// What stands around a sample's three parts, and around all samples.
const AROUND: usize = "[\"18446744073709551615\",,],".len();

/// One line with its time, ready to be sent.
pub(super) struct Sample {
    /// What people find it by: an audit id, or the number of a line.
    id: u64,
    nanoseconds: u64,
    /// A JSON text.
    line: String,
    /// A JSON object.
    metadata: String,
}

impl Sample {
    /// `metadata` is a JSON object.
    pub(super) fn of(id: u64, nanoseconds: u64, line: &str, metadata: String) -> Sample {
        Sample {
            id,
            nanoseconds,
            line: json(&line),
            metadata,
        }
    }

    fn size(&self) -> usize {
        self.line.len() + self.metadata.len() + AROUND
    }
}

/// Samples of one stream that are sent together.
pub(super) struct Batch<'a> {
    labels: &'a str,
    samples: Vec<Sample>,
}

impl<'a> Batch<'a> {
    pub(super) fn len(&self) -> usize {
        self.samples.len()
    }

    /// What people find its samples by.
    pub(super) fn ids(&self) -> impl Iterator<Item = u64> {
        self.samples.iter().map(|sample| sample.id)
    }

    /// Its first half and its second; the first is empty where it has one sample alone.
    pub(super) fn halves(mut self) -> (Batch<'a>, Batch<'a>) {
        let samples = self.samples.split_off(self.samples.len() / 2);
        let second = Batch {
            labels: self.labels,
            samples,
        };
        (self, second)
    }

    /// The request's body, with the structured metadata or without.
    pub(super) fn body(&self, metadata: bool) -> String {
        let values: Vec<String> = self
            .samples
            .iter()
            .map(|sample| {
                let Sample {
                    nanoseconds,
                    line,
                    metadata: about,
                    ..
                } = sample;
                if metadata {
                    format!("[\"{nanoseconds}\",{line},{about}]")
                } else {
                    format!("[\"{nanoseconds}\",{line}]")
                }
            })
            .collect();
        format!(
            "{{\"streams\":[{{\"stream\":{},\"values\":[{}]}}]}}",
            self.labels,
            values.join(",")
        )
    }
}

/// `samples` in their order, in as few batches as the bounds allow.
pub(super) fn batches(labels: &str, samples: Vec<Sample>) -> Vec<Batch<'_>> {
    let around = labels.len() + "{\"streams\":[{\"stream\":,\"values\":[]}]}".len();
    let mut all: Vec<Batch<'_>> = Vec::new();
    let mut size = usize::MAX;
    for sample in samples {
        size = size.saturating_add(sample.size());
        match all.last_mut() {
            Some(batch) if size <= MOST_BYTES && batch.len() < MOST_SAMPLES => {
                batch.samples.push(sample);
            }
            _ => {
                size = around + sample.size();
                all.push(Batch {
                    labels,
                    samples: vec![sample],
                });
            }
        }
    }
    all
}

/// A JSON object of the pairs that have a value, each bounded.
pub(super) fn object(pairs: &[(&str, Option<&str>)]) -> String {
    let present: BTreeMap<&str, &str> = pairs
        .iter()
        .filter_map(|(name, value)| Some((*name, beginning((*value)?, LONGEST_TEXT))))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    json(&present)
}

/// Cannot fail: nothing here has a key that is no text.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
