//! One runner of this host: everything that is known of it from one scrape to the next, and what it comes to now.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{
    diag::Diag,
    procs::{self, Listener, Service},
    registration::{self, Registration},
    session::{Loss, Verdict},
    settings::Settings,
    sockets::{Connection, Remembered, Tables},
    unit::Unit,
    usage::{self, Groups},
};

/// Why a runner's status is what it is; its name is a label's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Connected,
    FolderMissing,
    ServiceInactive,
    ServiceUnreadable,
    ListenerGone,
    ListenerStopped,
    DiagUnreadable,
    DiagUntold,
    NoConnection,
    Lost(Loss),
}

impl Reason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Reason::Connected => "connected",
            Reason::FolderMissing => "folder_missing",
            Reason::ServiceInactive => "service_inactive",
            Reason::ServiceUnreadable => "service_unreadable",
            Reason::ListenerGone => "listener_gone",
            Reason::ListenerStopped => "listener_stopped",
            Reason::DiagUnreadable => "diag_unreadable",
            Reason::DiagUntold => "diag_untold",
            Reason::NoConnection => "no_connection",
            Reason::Lost(Loss::Connecting) => "connecting",
            Reason::Lost(Loss::Disconnected) => "disconnected",
            Reason::Lost(Loss::SessionConflict) => "session_conflict",
            Reason::Lost(Loss::RegistrationDeleted) => "registration_deleted",
            Reason::Lost(Loss::ClockSkew) => "clock_skew",
            Reason::Lost(Loss::TokenRevoked) => "token_revoked",
            Reason::Lost(Loss::VersionDeprecated) => "version_deprecated",
            Reason::Lost(Loss::ShuttingDown) => "shutting_down",
        }
    }
}

/// What could not be measured: the label `collector`, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) collector: &'static str,
    pub(crate) text: String,
}

/// What one scrape says of a runner.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) name: String,
    pub(crate) environment: String,
    pub(crate) role: String,
    pub(crate) authorized_for_prod: bool,
    pub(crate) reason: Reason,
    pub(crate) busy: bool,
    pub(crate) version: String,
    pub(crate) labels: String,
    pub(crate) group: String,
    pub(crate) url: String,
    pub(crate) unit: String,
    /// `owner/repository` or organisation.
    pub(crate) owner: String,
    pub(crate) folder: PathBuf,
    pub(crate) cpu: Option<f64>,
    pub(crate) memory: Option<f64>,
    pub(crate) disk: Option<f64>,
    pub(crate) last_job: Option<f64>,
}

impl View {
    pub(crate) fn status(&self) -> bool {
        self.reason == Reason::Connected
    }
}

/// What the runners of one scrape share.
#[derive(Debug)]
pub(crate) struct Host<'a> {
    pub(crate) cgroups: &'a Path,
    pub(crate) settings: &'a Settings,
    pub(crate) tables: Tables,
    pub(crate) usage: usage::Look,
    /// The listeners of this host, where somebody asked.
    pub(crate) listeners: Option<Vec<(i32, PathBuf)>>,
    pub(crate) troubles: Vec<Trouble>,
}

impl Host<'_> {
    fn trouble(&mut self, collector: &'static str, text: impl std::fmt::Display) {
        let text = text.to_string();
        self.troubles.push(Trouble { collector, text });
    }
}

/// A runner that was found.
#[derive(Debug)]
pub(crate) struct Runner {
    pub(crate) folder: PathBuf,
    /// Without one, the service does not count.
    pub(crate) unit: Option<Unit>,
    read: [Option<SystemTime>; 2],
    registration: Option<Registration>,
    diag: Diag,
    listener: Listener,
    remembered: Remembered,
    groups: ((i32, u64), Groups),
    version: Option<String>,
}

impl Runner {
    pub(crate) fn new(folder: PathBuf, unit: Option<Unit>) -> Runner {
        Runner {
            folder,
            unit,
            read: [None, None],
            registration: None,
            diag: Diag::default(),
            listener: Listener::default(),
            remembered: Remembered::default(),
            groups: ((0, 0), Groups::default()),
            version: None,
        }
    }

    /// Measures this runner.
    pub(crate) fn look(&mut self, host: &mut Host<'_>) -> View {
        let there = match fs::metadata(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                host.trouble(
                    "registration",
                    format!("find the runner's folder {}", self.folder.display()),
                );
                false
            }
            _ => true,
        };
        if there {
            self.register(host);
        }
        let about = self.about(host.settings);

        let service = self.service(host);
        let pids = match &service {
            Ok(Some(Service::Active(pids))) => pids.clone(),
            _ => Vec::new(),
        };
        let listener = self.listener.look(|| match &service {
            Ok(None) => procs::below(
                &self.folder,
                host.listeners.get_or_insert_with(procs::listeners),
            ),
            _ => pids.clone(),
        });
        if let Some(listener) = &listener
            && self.groups.0 != (listener.pid, listener.started)
        {
            self.groups = (
                (listener.pid, listener.started),
                Groups::of(host.cgroups, listener.pid),
            );
        }
        let diag = self.folder.join("_diag");
        let told = if there {
            self.diag.look(&diag)
        } else {
            Err(crate::diag::DiagError::Empty { path: diag.clone() })
        };
        if let (Err(error), true) = (&told, there) {
            host.trouble("diag", error);
        }
        let reason = match (&service, &listener) {
            _ if !there => Reason::FolderMissing,
            (Err(()), _) => Reason::ServiceUnreadable,
            (Ok(Some(Service::Inactive)), _) => Reason::ServiceInactive,
            (_, None) => Reason::ListenerGone,
            (_, Some(listener)) if matches!(listener.state, 'T' | 't') => Reason::ListenerStopped,
            (_, Some(listener)) => match &told {
                Err(_) => Reason::DiagUnreadable,
                Ok(told) => {
                    let connection = host.tables.of(
                        (listener.pid, listener.started),
                        self.groups.1.unified.as_deref(),
                        &mut self.remembered,
                    );
                    if let Err(error) = &connection {
                        host.trouble(
                            "connections",
                            format!("read the connections of process {}: {error}", listener.pid),
                        );
                    }
                    judged(told.verdict, connection.ok())
                }
            },
        };
        if let Ok(told) = told
            && told.version.is_some()
        {
            self.version = told.version;
        }

        let groups = if listener.is_some() {
            &self.groups.1
        } else {
            &Groups::default()
        };
        let registration = self.registration.clone().unwrap_or_default();
        View {
            busy: listener
                .as_ref()
                .is_some_and(|listener| procs::is_busy(listener.pid, &pids)),
            cpu: host.usage.cpu(groups),
            memory: host.usage.memory(groups),
            disk: there.then(|| self.disk(&registration.work, host)).flatten(),
            last_job: self.diag.last_job(&diag),
            reason,
            name: self.name(),
            environment: about.environment,
            role: about.role,
            authorized_for_prod: about.authorized,
            labels: about.labels,
            version: self
                .version
                .clone()
                .or_else(|| self.linked_version())
                .unwrap_or_default(),
            owner: registration.owner().to_owned(),
            group: registration.group,
            url: registration.url,
            unit: self
                .unit
                .as_ref()
                .map(|unit| unit.name.clone())
                .unwrap_or_default(),
            folder: self.folder.clone(),
        }
    }

    /// The name in GitHub; where the registration cannot be read, what the unit or the folder is called.
    fn name(&self) -> String {
        if let Some(registration) = &self.registration {
            return registration.name.clone();
        }
        let unit = self.unit.as_ref().and_then(|unit| {
            let rest = unit
                .name
                .strip_prefix("actions.runner.")?
                .strip_suffix(".service")?;
            Some(
                rest.split_once('.')
                    .map_or(rest, |(_, name)| name)
                    .to_owned(),
            )
        });
        unit.unwrap_or_else(|| {
            self.folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        })
    }

    /// Reads the registration anew where its files have changed; what was read before stands where that fails.
    fn register(&mut self, host: &mut Host<'_>) {
        let written = registration::written(&self.folder);
        if self.registration.is_some() && written == self.read {
            return;
        }
        match Registration::read(&self.folder) {
            Ok(registration) => {
                self.registration = Some(registration);
                self.read = written;
            }
            Err(error) => host.trouble("registration", error),
        }
    }

    /// What is said of it: by the settings, then by the runner's own environment.
    fn about(&self, settings: &Settings) -> Labels {
        let own = settings
            .runners
            .get(&self.name())
            .cloned()
            .unwrap_or_default();
        let variable = |name| {
            let registration = self.registration.as_ref()?;
            registration.variable(name).map(str::to_owned)
        };
        let unknown = || "unknown".to_owned();
        Labels {
            environment: own
                .environment
                .or_else(|| variable("BATON_RUNNER_ENVIRONMENT"))
                .or_else(|| settings.environment.clone())
                .unwrap_or_else(unknown),
            role: own
                .role
                .or_else(|| variable("BATON_RUNNER_ROLE"))
                .unwrap_or_else(unknown),
            // Never from `.env`: a job may write that.
            authorized: own
                .authorized_for_prod
                .or(settings.authorized_for_prod)
                .unwrap_or(false),
            labels: if own.labels.is_empty() {
                variable("BATON_RUNNER_LABELS").unwrap_or_default()
            } else {
                own.labels.join(",")
            },
        }
    }

    /// `None` for a runner without one.
    fn service(&self, host: &mut Host<'_>) -> Result<Option<Service>, ()> {
        let Some(unit) = &self.unit else {
            return Ok(None);
        };
        procs::of_service(host.cgroups, &unit.group)
            .map(Some)
            .map_err(|error| {
                host.trouble(
                    "service",
                    format!("read the control group of {}: {error}", unit.name),
                );
            })
    }

    /// Of the work folder; before the first job there is none, and the disk that it will be on is measured.
    fn disk(&self, work: &Path, host: &mut Host<'_>) -> Option<f64> {
        let work = if work.as_os_str().is_empty() {
            &self.folder
        } else {
            work
        };
        for path in work.ancestors() {
            match usage::disk(path) {
                Ok(percent) => return Some(percent),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    host.trouble("disk", format!("look at {}: {error}", path.display()));
                    return None;
                }
            }
        }
        None
    }

    /// Of a runner that has updated itself, `bin` is a link to `bin.2.330.0`.
    fn linked_version(&self) -> Option<String> {
        let target = fs::read_link(self.folder.join("bin")).ok()?;
        Some(
            target
                .file_name()?
                .to_str()?
                .strip_prefix("bin.")?
                .to_owned(),
        )
    }
}

struct Labels {
    environment: String,
    role: String,
    authorized: bool,
    labels: String,
}

/// What log and connections come to, where the listener lives. `None`: the connections could not be seen, and the log
/// has the only word.
fn judged(verdict: Verdict, connection: Option<Connection>) -> Reason {
    match (verdict, connection) {
        (Verdict::Untold, _) => Reason::DiagUntold,
        (Verdict::Lost(loss), _) => Reason::Lost(loss),
        (Verdict::Connected, Some(Connection::None)) => Reason::NoConnection,
        (Verdict::Connected, _) | (Verdict::Wavering, Some(Connection::Established)) => {
            Reason::Connected
        }
        (Verdict::Wavering, _) => Reason::Lost(Loss::Disconnected),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_connected_only_where_log_and_connection_agree() {
        let some = Connection::Established;
        assert_eq!(judged(Verdict::Connected, Some(some)), Reason::Connected);
        assert_eq!(
            judged(Verdict::Connected, Some(Connection::Beginning)),
            Reason::Connected
        );
        assert_eq!(
            judged(Verdict::Connected, Some(Connection::None)),
            Reason::NoConnection
        );
        assert_eq!(judged(Verdict::Wavering, Some(some)), Reason::Connected);
        let lost = Reason::Lost(Loss::Disconnected);
        assert_eq!(judged(Verdict::Wavering, Some(Connection::Beginning)), lost);
        assert_eq!(judged(Verdict::Lost(Loss::Disconnected), Some(some)), lost);
        assert_eq!(judged(Verdict::Untold, Some(some)), Reason::DiagUntold);
    }

    #[test]
    fn a_runner_whose_registration_cannot_be_read_goes_by_its_units_name() {
        let unit = Unit {
            name: "actions.runner.acme-shop.runner-1.example.service".into(),
            folder: "/nowhere".into(),
            group: PathBuf::new(),
        };
        assert_eq!(
            Runner::new("/nowhere".into(), Some(unit)).name(),
            "runner-1.example"
        );
        assert_eq!(Runner::new("/opt/runner-2".into(), None).name(), "runner-2");
    }
}
