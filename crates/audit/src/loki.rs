//! The audit trail in Loki (<https://grafana.com/docs/loki/latest/reference/loki-http-api/#ingest-logs>).
//!
//! What makes pushing safe to repeat: an entry's timestamp and line depend on the entry alone, and of samples with the
//! same labels, timestamp and line Loki keeps one. Labels are bounded, so a trail is as many streams as there are kinds of
//! events; what is different for each entry is structured metadata.

mod answer;
mod batch;
mod error;
mod secrets;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use ledger::{Deployment, Entry, Timestamp};
use probes::http::{Client, ClientOptions, Credentials, Request, Roots};
use tokio::time::{Instant, sleep};

pub use self::error::LokiError;
use self::{
    answer::Answered,
    batch::{Batch, Sample, batches},
    secrets::Secrets,
};
use crate::line::{Origin, beginning, line, name_and_data, run_id, shortened};

/// Loki's own path.
const PUSH: &str = "/loki/api/v1/push";
/// Loki refuses lines beyond 256 KiB unless configured (`limits_config.max_line_size`).
const LONGEST_LINE: usize = 240 << 10;
/// Of a text, in a line that would be longer; and of a label (at most 2,048 bytes) or a value of structured metadata.
const LONGEST_TEXT: usize = 1000;
/// Of one line of the command's output.
const LONGEST_OUTPUT_LINE: usize = 64 << 10;
/// After how many refused entries, and none taken, Loki itself is taken to be at fault and not the entries.
const REFUSED_AT_FIRST: usize = 5;
/// How many refused entries are found one by one in a push; beyond them a refused batch counts as refused whole. It bounds
/// the requests: each that is found costs up to twenty.
const MOST_SOUGHT: usize = 50;
/// Of the command's output altogether.
const LONGEST_OUTPUT: usize = 1 << 20;

/// Which Loki, and as whom.
#[derive(Clone, Debug)]
pub struct LokiOptions {
    /// Its address with its base path; one that ends in `/loki/api/v1/push` is taken as well. A user and a password in it
    /// are used where `credentials` are none.
    pub url: String,
    /// Whose trail it is, where Loki has several tenants: the header `X-Scope-OrgID`.
    pub tenant: Option<String>,
    /// What proves who asks.
    pub credentials: Option<Credentials>,
    /// A PEM file with the certificates that are trusted instead of the host's.
    pub ca_file: Option<PathBuf>,
}

/// What became of entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pushed {
    /// How many stand in Loki now, those that stood there before among them.
    pub accepted: usize,
    /// How many Loki takes no more because they are too old; pushing them again changes nothing.
    pub late: usize,
    /// What Loki said of the first of those, in one line.
    pub late_because: Option<String>,
    /// Those that Loki refuses for another reason, and for good: a line longer than it takes. The audit ids; of output
    /// the numbers of its lines, from 1. Where they are very many, others that were sent along may be among them.
    pub refused: Vec<u64>,
    /// What Loki said of the first of those, in one line.
    pub refused_because: Option<String>,
}

impl Pushed {
    fn add(&mut self, more: Pushed) {
        self.accepted += more.accepted;
        self.late += more.late;
        self.late_because = self.late_because.take().or(more.late_because);
        self.refused.extend(more.refused);
        self.refused_because = self.refused_because.take().or(more.refused_because);
    }

    /// Loki has refused entries, and not judged any other: nothing says that it would take one.
    fn refused_alone(&self) -> bool {
        self.accepted == 0 && self.late == 0 && !self.refused.is_empty()
    }
}

/// Whose output it is.
#[derive(Clone, Copy, Debug)]
pub struct Output<'a> {
    /// What was deployed.
    pub deployment: &'a Deployment,
    /// The runner's name.
    pub runner: &'a str,
    /// The candidate's number.
    pub candidate: u32,
    /// Which of its attempts.
    pub attempt: u32,
    /// What the first line's time is taken to be, the same whenever this output is pushed; each further line is a
    /// nanosecond later.
    pub began: Timestamp,
}

/// A Loki.
#[derive(Debug)]
pub struct Loki {
    client: Client,
    /// Everything but the body.
    request: Request,
    tenant: Option<String>,
    secrets: Secrets,
    /// It said that it takes no structured metadata.
    plain: AtomicBool,
}

impl Loki {
    /// A client for it. Nothing is sent yet. The proxy variables are obeyed.
    ///
    /// # Errors
    /// [`LokiError::Http`], for an address, a tenant, credentials or certificates that cannot be used.
    pub fn new(options: LokiOptions) -> Result<Loki, LokiError> {
        let mut request = Request::new("POST", &push_address(&options.url))?
            .header("Content-Type", "application/json")?;
        if let Some(tenant) = &options.tenant {
            request = request.header("X-Scope-OrgID", tenant)?;
        }
        if let Some(credentials) = &options.credentials {
            request = request.credentials(credentials)?;
        }
        let client = Client::new(ClientOptions {
            roots: options.ca_file.map_or(Roots::Host, Roots::File),
            // Enough for any words of Loki's.
            body_limit: 64 << 10,
            proxies: true,
            // A trail is several requests, one after the other.
            keep_alive: Duration::from_secs(5),
            ..ClientOptions::default()
        })?;
        Ok(Loki {
            client,
            request,
            tenant: options.tenant,
            secrets: Secrets::of(&options.url, options.credentials.as_ref()),
            plain: AtomicBool::new(false),
        })
    }

    /// A fingerprint of the address without credentials and of the tenant, 16 hexadecimal digits: the same for every
    /// process that means the same trail.
    pub fn sink(&self) -> String {
        let named = format!(
            "{}\n{}",
            self.place(),
            self.tenant.as_deref().unwrap_or_default()
        );
        // FNV-1a with 64 bits (RFC 9923): the same in every version, unlike the standard library's hashes.
        let hash = named.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    /// The address as people may see it.
    pub fn place(&self) -> String {
        self.request.place()
    }

    /// Pushes `entries`, in the chain's order, and says what became of them. Those that stand there already are not
    /// doubled. Where Loki is too busy (429), it is asked again as long as `deadline` allows. Entries that it refuses for
    /// good are sought out and counted, so that they do not hold back the others.
    ///
    /// # Errors
    /// Any of [`LokiError`]; some of the entries may stand there all the same. To push all of them again is harmless.
    /// [`LokiError::Refused`] where it refuses all of them, or the first few: then it is more likely Loki than they.
    pub async fn push(
        &self,
        entries: &[Entry],
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Pushed, LokiError> {
        let mut streams: Vec<(String, Vec<Sample>)> = Vec::new();
        for entry in entries {
            let (event, _) = name_and_data(&entry.event);
            let labels = labels(&entry.deployment, &event, origin);
            let sample = sample(entry, origin);
            match streams.iter_mut().find(|(stream, _)| *stream == labels) {
                Some((_, samples)) => samples.push(sample),
                None => streams.push((labels, vec![sample])),
            }
        }
        let mut pushing = Pushing::default();
        for (labels, samples) in streams {
            self.push_stream(&labels, samples, deadline, &mut pushing)
                .await?;
        }
        pushing.end()
    }

    /// Pushes what the deploy command printed, one element a line, as the event `output`: the newest 1 MiB, of each line
    /// at most 64 KiB. Secrets must have been taken out of it before. Pushing the same again doubles nothing.
    ///
    /// # Errors
    /// As for [`Loki::push`].
    pub async fn push_output(
        &self,
        lines: &[String],
        about: &Output<'_>,
        origin: &Origin,
        deadline: Instant,
    ) -> Result<Pushed, LokiError> {
        let run = run_id(&about.deployment.run).map(|id| id.to_string());
        let metadata = batch::object(&[
            ("deployment_id", Some(&about.deployment.id)),
            ("workflow_run_id", run.as_deref()),
            ("runner_id", Some(about.runner)),
            ("lock", Some(&origin.lock)),
            ("candidate", Some(&about.candidate.to_string())),
            ("attempt", Some(&about.attempt.to_string())),
        ]);
        let mut left = LONGEST_OUTPUT;
        let mut samples: Vec<Sample> = lines
            .iter()
            .enumerate()
            .rev()
            .map_while(|(number, line)| {
                let line = beginning(line, LONGEST_OUTPUT_LINE);
                left = left.checked_sub(line.len() + 1)?;
                Some(Sample::of(
                    number as u64 + 1,
                    nanoseconds(about.began, number as u64),
                    line,
                    metadata.clone(),
                ))
            })
            .collect();
        samples.reverse();
        let mut pushing = Pushing::default();
        let labels = labels(about.deployment, "output", origin);
        self.push_stream(&labels, samples, deadline, &mut pushing)
            .await?;
        pushing.end()
    }

    /// One stream: a request each, since of a request with several streams Loki tells what happened to the last one of
    /// them alone, and nothing of entries of another that it dropped.
    async fn push_stream(
        &self,
        labels: &str,
        samples: Vec<Sample>,
        deadline: Instant,
        pushing: &mut Pushing,
    ) -> Result<(), LokiError> {
        for batch in batches(labels, samples) {
            self.push_halving(batch, deadline, pushing).await?;
        }
        Ok(())
    }

    /// A batch; where Loki refuses it, halves of it, until what is refused stands alone. They go in the chain's order.
    async fn push_halving(
        &self,
        batch: Batch<'_>,
        deadline: Instant,
        pushing: &mut Pushing,
    ) -> Result<(), LokiError> {
        let mut waiting = vec![batch];
        while let Some(batch) = waiting.pop() {
            match self.push_batch(&batch, deadline).await {
                Ok(became) => pushing.pushed.add(became),
                Err(refusal @ LokiError::Refused { .. }) => {
                    if batch.len() > 1 && pushing.pushed.refused.len() < MOST_SOUGHT {
                        let (first, second) = batch.halves();
                        waiting.extend([second, first]);
                    } else {
                        pushing.refused(&batch, refusal)?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn push_batch(&self, batch: &Batch<'_>, deadline: Instant) -> Result<Pushed, LokiError> {
        const FIRST_WAIT: Duration = Duration::from_millis(500);
        const LONGEST_WAIT: Duration = Duration::from_secs(8);
        let mut wait = FIRST_WAIT;
        loop {
            let metadata = !self.plain.load(Ordering::Relaxed);
            let request = self.request.clone().body(batch.body(metadata));
            let response = self.client.ask(&request, deadline).await?;
            let place = self.place();
            match answer::judge(&response, batch.len(), metadata, &place, &self.secrets) {
                // The line has everything.
                Ok(Answered::NoMetadata) => self.plain.store(true, Ordering::Relaxed),
                Ok(Answered::Taken) => {
                    return Ok(Pushed {
                        accepted: batch.len(),
                        ..Pushed::default()
                    });
                }
                Ok(Answered::Late { late, because }) => {
                    return Ok(Pushed {
                        accepted: batch.len() - late,
                        late,
                        late_because: Some(because),
                        ..Pushed::default()
                    });
                }
                Err(error) => {
                    let LokiError::Busy { retry_after, .. } = &error else {
                        return Err(error);
                    };
                    let wanted = retry_after.unwrap_or_default().max(wait);
                    if Instant::now() + wanted >= deadline {
                        return Err(error);
                    }
                    sleep(wanted).await;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}

/// How far a push has come.
#[derive(Default)]
struct Pushing {
    pushed: Pushed,
    /// The first refusal.
    refusal: Option<LokiError>,
}

impl Pushing {
    /// Counts a batch that is refused for good.
    fn refused(&mut self, batch: &Batch<'_>, refusal: LokiError) -> Result<(), LokiError> {
        let LokiError::Refused { said, .. } = &refusal else {
            return Err(refusal);
        };
        self.pushed.add(Pushed {
            refused: batch.ids().collect(),
            refused_because: Some(said.clone()),
            ..Pushed::default()
        });
        if self.pushed.refused_alone() && self.pushed.refused.len() >= REFUSED_AT_FIRST {
            return Err(self.refusal.take().unwrap_or(refusal));
        }
        self.refusal.get_or_insert(refusal);
        Ok(())
    }

    fn end(mut self) -> Result<Pushed, LokiError> {
        match self.refusal {
            Some(refusal) if self.pushed.refused_alone() => Err(refusal),
            _ => {
                self.pushed.refused.sort_unstable();
                Ok(self.pushed)
            }
        }
    }
}

/// Where entries are pushed to, for a base address or the whole one. A query stays.
fn push_address(url: &str) -> String {
    let (base, query) = match url.find(['?', '#']) {
        Some(at) => url.split_at(at),
        None => (url, ""),
    };
    let base = base.trim_end_matches('/');
    let base = base.strip_suffix(PUSH).unwrap_or(base);
    format!("{base}{PUSH}{query}")
}

/// `after` nanoseconds behind `at`, in nanoseconds since 1970; at most what Loki can hold, a year beyond 2262.
fn nanoseconds(at: Timestamp, after: u64) -> u64 {
    at.0.saturating_mul(1_000_000)
        .saturating_add(after)
        .min(i64::MAX as u64)
}

/// The labels of the stream that an event of `deployment` belongs to.
fn labels(deployment: &Deployment, event: &str, origin: &Origin) -> String {
    batch::object(&[
        ("job", Some("baton")),
        ("environment", Some(origin.environment(deployment))),
        ("repository", Some(origin.repository(deployment))),
        ("event", Some(event)),
    ])
}

fn sample(entry: &Entry, origin: &Origin) -> Sample {
    let whole = line(entry, origin);
    let text = if whole.len() > LONGEST_LINE {
        shortened(entry, origin, LONGEST_TEXT)
    } else {
        whole
    };
    let run = run_id(&entry.deployment.run).map(|id| id.to_string());
    let metadata = batch::object(&[
        ("audit_id", Some(&entry.seq.to_string())),
        ("deployment_id", Some(&entry.deployment.id)),
        ("workflow_run_id", run.as_deref()),
        (
            "runner_id",
            entry.by.as_ref().map(|party| party.runner.as_str()),
        ),
        ("lock", Some(&origin.lock)),
    ]);
    // Entries of one millisecond are in the chain's order, too.
    Sample::of(
        entry.seq,
        nanoseconds(entry.at, entry.seq % 1_000_000),
        &text,
        metadata,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_the_base_or_the_whole() {
        for url in [
            "http://loki:3100",
            "http://loki:3100/",
            "http://loki:3100/loki/api/v1/push",
            "http://loki:3100/loki/api/v1/push/",
        ] {
            assert_eq!(push_address(url), "http://loki:3100/loki/api/v1/push");
        }
        assert_eq!(
            push_address("https://gate.example/logs/?cluster=a"),
            "https://gate.example/logs/loki/api/v1/push?cluster=a"
        );
    }

    #[test]
    fn a_time_beyond_what_loki_can_hold_is_its_last_one() {
        assert_eq!(nanoseconds(Timestamp(1), 7), 1_000_007);
        assert_eq!(nanoseconds(Timestamp(u64::MAX), 7), i64::MAX as u64);
    }
}
