//! One scrape: finds the runners of this host, measures each, and writes it down.
//!
//! Responsible for: which runners there are, what a scrape holds, its text. Not responsible for one runner's
//! measurements (see `runner`), nor for who asks (see `server`, `textfile`).

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use crate::{
    metrics::{self, Format, Text},
    runner::{Host, Runner, Trouble, View},
    settings::Settings,
    unit::{self, Unit},
    usage::Usage,
    words::say,
};

/// The units are listed again after this time even if no folder of units has changed: a unit may be edited in place.
const LISTED: Duration = Duration::from_secs(60);

/// What can fail, each the label `collector` of a counter that stands at 0 from the start.
const COLLECTORS: [&str; 8] = [
    "connections",
    "diag",
    "disk",
    "docker",
    "machine",
    "registration",
    "service",
    "units",
];

/// Where things lie on this host.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Folders of units, the strongest first.
    pub(crate) units: Vec<PathBuf>,
    /// Where the control groups are mounted.
    pub(crate) cgroups: PathBuf,
}

/// Measures, scrape after scrape.
#[derive(Debug)]
pub(crate) struct Collector {
    places: Places,
    settings: Settings,
    usage: Usage,
    runners: Vec<Runner>,
    listed: Option<(Instant, Vec<Option<SystemTime>>)>,
    errors: BTreeMap<&'static str, u64>,
    told: Vec<Trouble>,
}

/// What one scrape saw.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    runners: Vec<View>,
    errors: BTreeMap<&'static str, u64>,
    /// Why this program cannot do its work, for `/health`.
    pub(crate) troubles: Vec<String>,
    took: Duration,
}

impl Collector {
    pub(crate) fn new(places: Places, settings: Settings) -> Collector {
        Collector {
            usage: Usage::new(&places.cgroups),
            places,
            settings,
            runners: Vec::new(),
            listed: None,
            errors: COLLECTORS.iter().map(|name| (*name, 0)).collect(),
            told: Vec::new(),
        }
    }

    /// Goes on with other settings, and looks for runners anew. What is known of those that stay is kept.
    pub(crate) fn reload(&mut self, settings: Settings) {
        self.settings = settings;
        self.listed = None;
    }

    /// Measures every runner.
    pub(crate) fn look(&mut self) -> Snapshot {
        let began = Instant::now();
        let mut troubles = Vec::new();
        if let Err(error) = self.find() {
            troubles.push(Trouble {
                collector: "units",
                text: format!("list the units of runners: {error}"),
            });
        }
        let (usage, error) = self.usage.look();
        if let Some(error) = error {
            troubles.push(Trouble {
                collector: "machine",
                text: format!("measure this machine: {error}"),
            });
        }
        let mut host = Host {
            cgroups: &self.places.cgroups,
            settings: &self.settings,
            tables: crate::sockets::Tables::default(),
            usage,
            listeners: None,
            troubles,
        };
        let mut runners: Vec<View> = self
            .runners
            .iter_mut()
            .map(|runner| runner.look(&mut host))
            .collect();
        let Host {
            usage, troubles, ..
        } = host;
        self.usage.seen(usage);
        tell_apart(&mut runners);

        let failed: HashSet<&str> = troubles.iter().map(|trouble| trouble.collector).collect();
        for collector in failed {
            if let Some(count) = self.errors.get_mut(collector) {
                *count += 1;
            }
        }
        self.tell(&troubles);
        let mut troubles: Vec<String> = troubles.into_iter().map(|trouble| trouble.text).collect();
        if runners.is_empty() && troubles.is_empty() {
            troubles.push("find a runner on this host".into());
        }
        Snapshot {
            runners,
            errors: self.errors.clone(),
            troubles,
            took: began.elapsed(),
        }
    }

    /// Says once what is wrong, and once that it is over.
    fn tell(&mut self, troubles: &[Trouble]) {
        for trouble in troubles {
            if !self.told.contains(trouble) {
                say(&format!("failed to {}", trouble.text));
            }
        }
        for trouble in &self.told {
            if !troubles.contains(trouble) {
                say(&format!("over: failed to {}", trouble.text));
            }
        }
        self.told = troubles.to_vec();
    }

    /// Brings the list of runners up to date.
    fn find(&mut self) -> std::io::Result<()> {
        let changed: Vec<Option<SystemTime>> = self
            .places
            .units
            .iter()
            .map(|folder| changed(folder))
            .collect();
        if self
            .listed
            .as_ref()
            .is_some_and(|(at, then)| at.elapsed() < LISTED && *then == changed)
        {
            return Ok(());
        }
        let units = unit::all(&self.places.units)?;
        let mut wanted: Vec<(PathBuf, Option<Unit>)> = Vec::new();
        for unit in units {
            wanted.push((unit.folder.clone(), Some(unit)));
        }
        for folder in &self.settings.runner_dirs {
            let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
            if wanted.iter().all(|(other, _)| real(other) != real(folder)) {
                wanted.push((folder.clone(), None));
            }
        }
        let mut known = std::mem::take(&mut self.runners);
        self.runners = wanted
            .into_iter()
            .map(|(folder, unit)| {
                let same = |runner: &Runner| runner.folder == folder && runner.unit == unit;
                match known.iter().position(same) {
                    Some(place) => known.swap_remove(place),
                    None => Runner::new(folder, unit),
                }
            })
            .collect();
        self.listed = Some((Instant::now(), changed));
        Ok(())
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|there| there.modified()).ok()
}

/// No two runners may have the same labels, or Prometheus refuses the whole scrape. One host may have a runner of the same
/// name for two repositories: the later ones are told apart by what they belong to, and by their folder where even that
/// is the same.
fn tell_apart(runners: &mut [View]) {
    let mut seen = HashSet::new();
    for view in runners {
        let labels = |view: &View| {
            (
                view.name.clone(),
                view.environment.clone(),
                view.role.clone(),
                view.authorized_for_prod,
            )
        };
        if seen.contains(&labels(view)) && !view.owner.is_empty() {
            view.name = format!("{}@{}", view.name, view.owner);
        }
        if seen.contains(&labels(view)) {
            view.name = format!("{}@{}", view.name, view.folder.display());
        }
        seen.insert(labels(view));
    }
}

impl Snapshot {
    /// The whole text. `docker`: whether the daemon answers, `None` where that is unknown; `unasked`: how often it could
    /// not be asked.
    pub(crate) fn text(&self, format: Format, docker: Option<bool>, unasked: u64) -> String {
        let mut text = Text::new(format);
        let number = |is: bool| if is { 1.0 } else { 0.0 };
        self.each(&mut text, &metrics::STATUS, |view| {
            Some(number(view.status()))
        });
        self.labelled(&mut text, &metrics::REASON, |view| vec![view.reason.name()]);
        self.each(&mut text, &metrics::BUSY, |view| Some(number(view.busy)));
        self.labelled(&mut text, &metrics::INFO, |view| {
            vec![
                &view.version,
                &view.labels,
                &view.group,
                &view.url,
                &view.unit,
            ]
        });
        self.each(&mut text, &metrics::CPU, |view| view.cpu);
        self.each(&mut text, &metrics::MEMORY, |view| view.memory);
        self.each(&mut text, &metrics::DISK, |view| view.disk);
        self.each(&mut text, &metrics::DOCKER, |_| docker.map(number));
        self.each(&mut text, &metrics::LAST_JOB, |view| view.last_job);
        text.add(&metrics::RUNNERS, [], self.runners.len() as f64);
        let build = [env!("CARGO_PKG_VERSION"), std::env::consts::ARCH];
        text.add(&metrics::BUILD, build, 1.0);
        text.add(&metrics::TOOK, [], self.took.as_secs_f64());
        for (collector, count) in &self.errors {
            let count = if *collector == "docker" {
                unasked
            } else {
                *count
            };
            text.add(&metrics::ERRORS, [*collector], count as f64);
        }
        text.end()
    }

    fn each(
        &self,
        text: &mut Text,
        metric: &metrics::Metric,
        value: impl Fn(&View) -> Option<f64>,
    ) {
        for view in &self.runners {
            if let Some(value) = value(view) {
                text.add(metric, of(view), value);
            }
        }
    }

    fn labelled<'a>(
        &'a self,
        text: &mut Text,
        metric: &metrics::Metric,
        more: impl Fn(&'a View) -> Vec<&'a str>,
    ) {
        for view in &self.runners {
            text.add(metric, of(view).into_iter().chain(more(view)), 1.0);
        }
    }
}

/// The values of [`metrics::RUNNER`].
fn of(view: &View) -> [&str; 4] {
    let authorized = if view.authorized_for_prod {
        "true"
    } else {
        "false"
    };
    [&view.name, &view.environment, &view.role, authorized]
}
