//! The last words: log, annotations, outputs, summary and report.

use actions_kit::{ExitCode, Outputs, Status, Summary, Written, markdown};
use leg::{Section, Voice};
use push_metrics::figures::Report;
use serde_json::{Value, json};

use crate::config::Config;

/// A place that something was taken to, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// `Pushgateway`, `Loki`, `events-file`.
    pub(crate) name: &'static str,
    pub(crate) came: Came,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// It arrived; what and where, for people.
    Arrived(String),
    /// It arrived, with a flaw that a person should know.
    Flawed(String),
    /// It did not.
    Failed {
        /// Why, and how to mend it.
        why: String,
        /// The service is out of reach; otherwise it refused, or the file could not be written.
        out_of_reach: bool,
        /// The ledger has what is missing, and the next push carries it.
        kept: bool,
    },
}

impl Place {
    pub(crate) fn reached(name: &'static str, what: String) -> Place {
        Place {
            name,
            came: Came::Arrived(what),
        }
    }

    pub(crate) fn flawed(name: &'static str, what: String) -> Place {
        Place {
            name,
            came: Came::Flawed(what),
        }
    }

    pub(crate) fn failed(name: &'static str, why: String, out_of_reach: bool) -> Place {
        Place {
            name,
            came: Came::Failed {
                why,
                out_of_reach,
                kept: true,
            },
        }
    }

    /// [`Place::failed`] where nobody can say that the ledger makes up for it: it is the ledger that could not be read, or
    /// what is missing does not stand there.
    pub(crate) fn lost(name: &'static str, why: String, out_of_reach: bool) -> Place {
        Place {
            name,
            came: Came::Failed {
                why,
                out_of_reach,
                kept: false,
            },
        }
    }

    /// Nothing arrived.
    pub(crate) fn is_failed(&self) -> bool {
        matches!(self.came, Came::Failed { .. })
    }

    fn status(&self) -> Status {
        match self.came {
            Came::Arrived(_) => Status::Pass,
            Came::Flawed(_) => Status::Warn,
            Came::Failed { .. } => Status::Fail,
        }
    }

    fn text(&self) -> &str {
        match &self.came {
            Came::Arrived(text) | Came::Flawed(text) | Came::Failed { why: text, .. } => text,
        }
    }
}

/// What a person does about something that did not arrive.
const NOTHING_LOST: &str =
    "Nothing is lost: the ledger keeps every event, and the next push carries what is missing.";

/// This leg stood by: somebody else's step tells.
pub(crate) fn skipped(config: &Config, voice: &Voice) -> ExitCode {
    let why = "this leg stood by and carried nothing out: the other leg's step and the verdict's push the metrics";
    voice.notice(why);
    let mut summary = Summary::new();
    summary.paragraph(&format!("Metrics: {why}."));
    finish(
        config,
        &empty("skipped"),
        &summary,
        ExitCode::Success,
        voice,
    )
}

/// It was told to stop; `exit` says by what.
pub(crate) fn stopped(config: &Config, why: &str, exit: ExitCode, voice: &Voice) -> ExitCode {
    voice.warning(why);
    let mut summary = Summary::new();
    summary.paragraph(&format!("⚠️ Metrics: {}.", markdown::text(why)));
    finish(config, &empty("incomplete"), &summary, exit, voice)
}

/// Nothing could be read.
pub(crate) fn store_lost(config: &Config, why: String, voice: &Voice) -> ExitCode {
    let place = Place::lost("the store", why, true);
    let (outputs, summary) = (empty("incomplete"), Summary::new());
    conclude(config, vec![place], outputs, summary, voice)
}

/// Tells the figures, and what came of each place.
pub(crate) fn told(
    config: &Config,
    figures: &Report,
    mut places: Vec<Place>,
    voice: &Voice,
) -> ExitCode {
    let mut outputs = Outputs::new();
    for (name, value) in figures.outputs() {
        outputs.set(name, value);
    }
    let report = json!({
        "figures": figures.json(),
        "places": places.iter().map(as_json).collect::<Vec<_>>(),
    });
    let text = config
        .redactor
        .redact(&format!("{report:#}\n"))
        .into_owned();
    match actions_kit::write_whole(&config.report, &text) {
        Ok(()) => outputs.set("report", config.report.display().to_string()),
        Err(error) => {
            let why = format!("failed to write {}: {error}", config.report.display());
            // Nobody asked for the usual one, and its folder may be somebody else's.
            places.push(if config.report_is_wanted {
                Place::lost("report", why, false)
            } else {
                Place::flawed("report", why)
            });
            outputs.set("report", "")
        }
    };
    conclude(config, places, outputs, figures.summary(), voice)
}

fn as_json(place: &Place) -> Value {
    json!({"place": place.name, "status": place.status().word(), "detail": place.text()})
}

fn conclude(
    config: &Config,
    places: Vec<Place>,
    mut outputs: Outputs,
    figures: Summary,
    voice: &Voice,
) -> ExitCode {
    let mut summary = Summary::new();
    let mut exit = ExitCode::Success;
    let (mut incomplete, mut all_kept) = (false, true);
    for place in &places {
        let (name, text) = (place.name, place.text());
        match &place.came {
            Came::Arrived(_) => voice.say(&format!("{name}: {text}")),
            Came::Flawed(_) => voice.warning(&format!("{name}: {text}")),
            Came::Failed {
                out_of_reach, kept, ..
            } => {
                incomplete = true;
                all_kept &= kept;
                let mut told = format!("{name}: {text}");
                if *kept {
                    told.push_str(&format!(". {NOTHING_LOST}"));
                }
                if config.required {
                    voice.error(&told);
                    // What was refused wants a person more than what may come back by itself.
                    exit = match (exit, out_of_reach) {
                        (ExitCode::Success | ExitCode::ServiceUnavailable, true) => {
                            ExitCode::ServiceUnavailable
                        }
                        _ => ExitCode::Failed,
                    };
                } else {
                    voice.warning(&told);
                }
            }
        }
        let line = format!("{} {name}: {}", place.status().sign(), markdown::text(text));
        summary.paragraph(&line);
    }
    if incomplete {
        let mut now = "**What now:** mend the way to what is marked ❌.".to_owned();
        if all_kept {
            now.push_str(&format!(" {NOTHING_LOST}"));
        }
        summary.paragraph(&now);
        summary.paragraph(&Section::METRICS_NOT_PUSHED.line());
    }
    outputs.set("result", if incomplete { "incomplete" } else { "pass" });
    let mut whole = figures;
    whole.append(&summary);
    finish(config, &outputs, &whole, exit, voice)
}

fn empty(result: &str) -> Outputs {
    let mut outputs = Outputs::new();
    outputs.set("result", result);
    for name in [
        "deployments",
        "success-ratio",
        "duration-p95-seconds",
        "failover-success-ratio",
        "report",
    ] {
        outputs.set(name, "");
    }
    outputs
}

fn finish(
    config: &Config,
    outputs: &Outputs,
    summary: &Summary,
    exit: ExitCode,
    voice: &Voice,
) -> ExitCode {
    let mut all_told = true;
    let mut untold = |error: anyhow::Error| {
        all_told = false;
        voice.error(&format!("failed to {error:#}"));
    };
    if let Err(error) = outputs.write(&config.environment) {
        untold(error.into());
    }
    match summary.write(&config.environment, &config.redactor) {
        Ok(Written::ToFile) => {}
        Ok(Written::NoFile) => voice.print(&summary.text(&config.redactor)),
        Err(error) => untold(error.into()),
    }
    match exit {
        // Outputs and figures that did not arrive are no success where all must.
        ExitCode::Success if config.required && !all_told => ExitCode::Failed,
        exit => exit,
    }
}
