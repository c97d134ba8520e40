//! The one list of metrics, and their text (design §9).
//!
//! Responsible for: names, types, help, and the two formats: Prometheus 0.0.4
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and OpenMetrics 1.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>). Not responsible for values.

use std::fmt::{self, Write};

/// In which form a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The media type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// What a metric's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    /// Its labels behind those of [`RUNNER`].
    pub(crate) labels: &'static [&'static str],
    /// Whether every series carries [`RUNNER`].
    pub(crate) of_runner: bool,
}

/// The labels of every series of a runner.
pub(crate) const RUNNER: [&str; 4] = ["runner", "environment", "role", "authorized_for_prod"];

const fn gauge(name: &'static str, labels: &'static [&'static str], help: &'static str) -> Metric {
    Metric {
        name,
        kind: Kind::Gauge,
        help,
        labels,
        of_runner: true,
    }
}

pub(crate) const STATUS: Metric = gauge(
    "runner_status",
    &[],
    "1 while the runner's service is active, its listener lives and is connected to GitHub, else 0.",
);
pub(crate) const REASON: Metric = gauge(
    "runner_status_reason",
    &["reason"],
    "Why runner_status is what it is: 1 for the reason that holds now.",
);
pub(crate) const BUSY: Metric = gauge(
    "runner_busy",
    &[],
    "1 while the runner carries out a job, else 0.",
);
pub(crate) const INFO: Metric = gauge(
    "runner_info",
    &["version", "labels", "runner_group", "url", "unit"],
    "What is known of the runner on its host; always 1.",
);
pub(crate) const CPU: Metric = gauge(
    "runner_cpu_usage_percent",
    &[],
    "Of the CPU time that the runner may have, what was used since an earlier scrape, 0 to 100.",
);
pub(crate) const MEMORY: Metric = gauge(
    "runner_memory_usage_percent",
    &[],
    "Of the memory that the runner may have, what is used, 0 to 100.",
);
pub(crate) const DISK: Metric = gauge(
    "runner_disk_usage_percent",
    &[],
    "Of the file system of the runner's work folder, what is used, 0 to 100.",
);
pub(crate) const DOCKER: Metric = gauge(
    "runner_docker_up",
    &[],
    "1 where the Docker daemon of the runner's host answers, else 0; absent where this program may not ask it.",
);
pub(crate) const LAST_JOB: Metric = gauge(
    "runner_last_job_timestamp_seconds",
    &[],
    "When the log of the newest job was last written: when that job ended, or now while it runs.",
);
pub(crate) const RUNNERS: Metric = Metric {
    of_runner: false,
    ..gauge(
        "runner_exporter_runners",
        &[],
        "How many runners were found on this host.",
    )
};
pub(crate) const BUILD: Metric = Metric {
    of_runner: false,
    ..gauge(
        "runner_exporter_build_info",
        &["version", "arch"],
        "The exporter itself; always 1.",
    )
};
pub(crate) const TOOK: Metric = Metric {
    of_runner: false,
    ..gauge(
        "runner_exporter_scrape_duration_seconds",
        &[],
        "How long it took to gather this scrape.",
    )
};
pub(crate) const ERRORS: Metric = Metric {
    name: "runner_exporter_scrape_errors_total",
    kind: Kind::Counter,
    help: "Scrapes in which something could not be measured, by what.",
    labels: &["collector"],
    of_runner: false,
};

/// All of them, in the order of texts, for the page that shows them.
#[cfg(test)]
pub(crate) const METRICS: [&Metric; 13] = [
    &STATUS, &REASON, &BUSY, &INFO, &CPU, &MEMORY, &DISK, &DOCKER, &LAST_JOB, &RUNNERS, &BUILD,
    &TOOK, &ERRORS,
];

/// [`METRICS`] as a table in Markdown, for the page that is checked against it.
#[cfg(test)]
pub(crate) fn markdown_table() -> String {
    let mut table =
        "| metric | type | labels | what it says |\n| --- | --- | --- | --- |\n".to_owned();
    for metric in METRICS {
        let mut labels: Vec<String> = metric
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        if metric.of_runner {
            labels.insert(0, "*runner's*".into());
        }
        let kind = if metric.kind == Kind::Counter {
            "counter"
        } else {
            "gauge"
        };
        let _infallible = writeln!(
            table,
            "| `{}` | {kind} | {} | {} |",
            metric.name,
            labels.join(", "),
            metric.help
        );
    }
    table
}

/// A text that grows, family by family.
#[derive(Debug)]
pub(crate) struct Text {
    format: Format,
    text: String,
    /// Of which family the head was written last.
    family: &'static str,
}

impl Text {
    pub(crate) fn new(format: Format) -> Text {
        Text {
            format,
            text: String::new(),
            family: "",
        }
    }

    /// Adds a series with the values of its labels: of [`RUNNER`] where the metric is one of runners, then its own. Those
    /// of one metric must follow one another.
    pub(crate) fn add<'a>(
        &mut self,
        metric: &Metric,
        values: impl IntoIterator<Item = &'a str>,
        value: f64,
    ) {
        if self.family != metric.name {
            self.family = metric.name;
            let (family, kind) = match (metric.kind, self.format) {
                // OpenMetrics names the family of a counter without what its sample ends with.
                (Kind::Counter, Format::OpenMetrics) => {
                    (metric.name.trim_end_matches("_total"), "counter")
                }
                (Kind::Counter, Format::Prometheus) => (metric.name, "counter"),
                (Kind::Gauge, _) => (metric.name, "gauge"),
            };
            let _infallible = write!(
                self.text,
                "# HELP {family} {}\n# TYPE {family} {kind}\n",
                Escaped(metric.help)
            );
        }
        self.text.push_str(metric.name);
        let mut before = '{';
        let runner: &[&str] = if metric.of_runner { &RUNNER } else { &[] };
        for (name, value) in runner.iter().chain(metric.labels).zip(values) {
            let _infallible = write!(self.text, "{before}{name}=\"{}\"", Escaped(value));
            before = ',';
        }
        if before == ',' {
            self.text.push('}');
        }
        let _infallible = writeln!(self.text, " {value}");
    }

    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

/// A label's value or a help text: both formats escape the same.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => out.write_str("\\\\")?,
                '"' => out.write_str("\\\"")?,
                '\n' => out.write_str("\\n")?,
                c => out.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_label_stays_within_its_quotation_marks() {
        let mut text = Text::new(Format::Prometheus);
        text.add(&STATUS, ["a\"} 1\nb\\"], 1.0);
        let text = text.end();
        assert!(
            text.ends_with("\nrunner_status{runner=\"a\\\"} 1\\nb\\\\\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn openmetrics_names_a_counters_family_without_its_ending_and_ends_with_a_mark() {
        let mut text = Text::new(Format::OpenMetrics);
        text.add(&RUNNERS, [], 2.0);
        text.add(&ERRORS, ["diag"], 0.0);
        text.add(&ERRORS, ["disk"], 3.0);
        let text = text.end();
        assert!(
            text.contains("\nrunner_exporter_runners 2\n# HELP runner_exporter_scrape_errors S"),
            "{text}"
        );
        assert!(text.contains("\n# TYPE runner_exporter_scrape_errors counter\nrunner_exporter_scrape_errors_total{collector=\"diag\"} 0\nrunner_exporter_scrape_errors_total{collector=\"disk\"} 3\n# EOF\n"), "{text}");
    }

    #[test]
    fn the_page_shows_every_metric() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/runner-exporter.md");
        let page = std::fs::read_to_string(page).unwrap();
        let table = markdown_table();
        assert!(
            page.contains(&table),
            "docs/runner-exporter.md lacks this table:\n{table}"
        );
    }
}
