//! Why the guard does not run a command, or ended one. Each text fits "failed to …" and "refused to …".

use std::{
    fmt::Write,
    io,
    path::{Path, PathBuf},
};

use crate::{
    exit::Exit,
    toll::Fate,
    words::{say, shown},
};

/// One reason; [`GuardError::exit`] says whether it is a refusal.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GuardError {
    /// Design §4, promise 3: the newest token that was admitted rules out older ones.
    #[error(
        "admit token {token}: this target has admitted token {newest}, of deployment {}",
        shown(deployment)
    )]
    OlderToken {
        token: u64,
        newest: u64,
        deployment: String,
    },
    /// Two deployments never share a token of one lock.
    #[error(
        "admit token {token} of deployment {}: here it is the token of deployment {}",
        shown(deployment),
        shown(known)
    )]
    OtherDeployment {
        token: u64,
        deployment: String,
        known: String,
    },
    /// One token of one deployment, from two runners: the store gave it twice.
    #[error(
        "admit token {token} of runner {}: here it is the token of runner {}, so this token was given twice",
        shown(runner),
        shown(known)
    )]
    GivenTwice {
        token: u64,
        runner: String,
        known: String,
    },
    /// The state was set back or written anew with too low a token.
    #[error(
        "admit token {token}: process {pid} keeps a command of token {newest} here, of which the state knows nothing"
    )]
    NewerRuns { token: u64, newest: u64, pid: i32 },
    /// What an earlier guard's end left, and the state that would know of it is lost.
    #[error(
        "start anything beside process {pid} ({}): a guarded command of this state started it, and the state was lost since",
        shown(name)
    )]
    Leftover {
        path: PathBuf,
        pid: i32,
        name: String,
    },
    /// The command of this guard was ended for a newer token.
    #[error(
        "go on with token {token}: token {newest} was admitted meanwhile, and this command was ended for it"
    )]
    Overtaken { token: u64, newest: u64 },
    /// It ended by itself, and its record had gone by then.
    #[error(
        "record that the command ended with exit code {code}: the state {} does not name it any more, and is at token {newest}",
        path.display()
    )]
    RecordGone {
        path: PathBuf,
        code: u8,
        newest: u64,
    },
    /// The guard would wait for itself.
    #[error(
        "run within the command that this same state guards (step {})",
        shown(step)
    )]
    WithinItself { step: String },
    /// More steps than the state may hold.
    #[error(
        "remember step {}: deployment {} has {limit} done steps",
        shown(step),
        shown(deployment)
    )]
    TooManySteps {
        step: String,
        deployment: String,
        limit: usize,
    },
    /// An earlier command may still act.
    #[error("end step {} of token {token}: {why}", shown(step))]
    NotProvenDead {
        step: String,
        token: u64,
        why: Survival,
        fate: Box<Fate>,
    },
    /// What stands at the path cannot be the state.
    #[error("use {} as the state: it is {what}", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    /// The state is there and cannot be understood.
    #[error("understand the state {}: {}", path.display(), shown(why))]
    Corrupt { path: PathBuf, why: String },
    /// A later version of the guard wrote it.
    #[error("understand the state {}: its schema is {schema}, newer than this program's", path.display())]
    NewerSchema { path: PathBuf, schema: u64 },
    /// There was a state, and with it the newest token.
    #[error("find the state {}: it was written here before and is gone", path.display())]
    Gone { path: PathBuf },
    /// Another guard holds the lock for long.
    #[error("take the lock {} within {seconds} s: {holder} holds it", path.display())]
    Locked {
        path: PathBuf,
        seconds: u64,
        holder: String,
    },
    /// A file cannot be used.
    #[error("{what} {}: {source}", path.display())]
    File {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    /// The kernel refuses a process, a signal, a descriptor.
    #[error("{what}: {source}")]
    System {
        what: &'static str,
        source: io::Error,
    },
    /// The process that keeps the command was killed, and the command with it.
    #[error(
        "keep the command: it was ended for a newer token that then was not admitted, or the process that keeps it was killed"
    )]
    KeeperKilled,
    /// Some of what the own command started cannot be ended.
    #[error("end what the command started: {who} cannot be ended by this user, or hangs")]
    TreeAlive { who: String },
    /// The same, after the keeper was killed.
    #[error("end what the command left when the process that keeps it was killed: {why}")]
    LeftAlive { why: Survival, fate: Box<Fate> },
}

/// Why an earlier command is not known to be dead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Survival {
    /// Signals were sent in vain.
    #[error("process {pid} ({}) goes on after SIGKILL", shown(name))]
    Unkillable { pid: i32, name: String },
    /// Killed for long, and still there are new ones.
    #[error(
        "it starts new processes as fast as they are killed, at last {pid} ({})",
        shown(name)
    )]
    Forking { pid: i32, name: String },
    /// Another user's.
    #[error(
        "process {pid} ({}) belongs to another user, who alone may end it",
        shown(name)
    )]
    Denied { pid: i32, name: String },
    /// Processes are hidden.
    #[error("/proc hides processes of other users, and one of them may be its")]
    Blind,
    /// In its session, without its mark.
    #[error(
        "process {pid} ({}) may be one that it started, or a stranger",
        shown(name)
    )]
    Suspect { pid: i32, name: String },
    /// The file is shared or was copied.
    #[error(
        "it was started on the host {}, and this is {}",
        shown(there),
        shown(here)
    )]
    OtherHost { there: String, here: String },
    /// Numbers of processes mean others there.
    #[error("it was started in another container of this host")]
    OtherContainer,
}

impl GuardError {
    /// Says it, with its mend.
    pub(crate) fn tell(&self) {
        let verb = if self.exit() == Exit::REFUSED {
            "refused"
        } else {
            "failed"
        };
        let mut text = format!("{verb} to {self}\n");
        if let Self::NotProvenDead { fate, .. } | Self::LeftAlive { fate, .. } = self {
            let Fate { ended, goes_on } = fate.as_ref();
            let _infallible = writeln!(text, "  ended: {ended}\n  goes on: {goes_on}");
        }
        if let Self::NotProvenDead { .. } = self {
            text.push_str("  this command was not started, and the state is as it was\n");
        }
        say(&format!("{text}  mend: {}", self.mend()));
    }

    /// How the guard ends for it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Locked { .. }
            | Self::File { .. }
            | Self::System { .. }
            | Self::KeeperKilled
            | Self::RecordGone { .. }
            | Self::TreeAlive { .. }
            | Self::LeftAlive { .. } => Exit::UNAVAILABLE,
            _ => Exit::REFUSED,
        }
    }

    /// What a person can do.
    pub(crate) fn mend(&self) -> String {
        match self {
            Self::OlderToken { .. } => "nothing, where another runner has taken over; else see that one lock alone deploys to \
                 this target, and that its store was not set back"
                .into(),
            Self::OtherDeployment { .. } => {
                "let one lock alone deploy to this target, or give each lock a state file of its own; where there is one \
                 lock, its store was set back and gave this token twice: the next deployment gets a newer one"
                    .into()
            }
            Self::GivenTwice { .. } => {
                "nothing at this target, where the other runner's deployment goes on; see why the store gave one token to two \
                 runners (a Redis failover that lost writes, a database restored from a copy), then deploy again: the \
                 next claim gets a newer token"
                    .into()
            }
            Self::NewerRuns { newest, .. } => format!(
                "nothing, where another runner has taken over; the state was written anew with too low a token: once that \
                 command has ended, write at least {newest} into its fencing_token"
            ),
            Self::Leftover { path, pid, .. } => format!(
                "look at it, end it where it is of an earlier command (kill -9 {pid}), then try again; where it is a service that \
                 such a command restarted, add \"running\": null to the state {}, which says that nothing else is left",
                path.display()
            ),
            Self::Overtaken { .. } => "nothing: the newer token's deployment goes on".into(),
            Self::RecordGone { .. } => {
                "nothing, where a newer token was admitted; else see who changed the state, and run the step again".into()
            }
            Self::WithinItself { .. } => {
                "call the inner program without the guard, which already holds for it".into()
            }
            Self::TooManySteps { .. } => {
                "put several commands into one step, or give each step a name with --step".into()
            }
            Self::NotProvenDead { why, .. } | Self::LeftAlive { why, .. } => why.mend(),
            Self::NotAFile { .. } => "name the state file itself, with no link in its place".into(),
            Self::Corrupt { path, .. } => format!(
                "restore {0} from a backup, or {1}",
                path.display(),
                write_anew()
            ),
            Self::NewerSchema { .. } => "install the fence-guard that wrote it, or a later one".into(),
            Self::Gone { path } => format!(
                "restore {0} from a backup, or {1}; where this target really starts anew, remove {0}.lock while nothing deploys",
                path.display(),
                write_anew()
            ),
            Self::Locked { .. } => "see what that process waits for (a full or hanging disk, SIGSTOP), or end it; then try again".into(),
            Self::File { source, path, .. } => file_mend(source, path),
            Self::System { .. } => "see the limits of this user and host (ulimit -a), then try again".into(),
            Self::KeeperKilled => {
                "see what the newer token's guard said, or who killed it (dmesg shows the kernel's out-of-memory killer); then \
                 run the step again"
                    .into()
            }
            Self::TreeAlive { .. } => "end it as root before the step runs again; run the guard as root where the command uses sudo".into(),
        }
    }
}

impl Survival {
    /// The process that the reason names.
    pub(crate) fn pid(&self) -> Option<i32> {
        match self {
            Self::Unkillable { pid, .. }
            | Self::Forking { pid, .. }
            | Self::Denied { pid, .. }
            | Self::Suspect { pid, .. } => Some(*pid),
            Self::Blind | Self::OtherHost { .. } | Self::OtherContainer => None,
        }
    }

    fn mend(&self) -> String {
        match self {
            Self::Unkillable { .. } => {
                "wait for the disk or network that it hangs on, or restart this host; then try again".into()
            }
            Self::Forking { .. } => {
                "end them with what ends all at once (the service manager's slice of that login, or a restart of this host), then try again"
                    .into()
            }
            Self::Denied { pid, .. } => format!(
                "end that process as root (kill -9 {pid}) or wait for its end, then try again; run the guard as root where \
                 commands use sudo, or always as the same user"
            ),
            Self::Blind => "run the guard as root, or mount /proc without hidepid".into(),
            Self::Suspect { .. } => {
                "look at it, end it where it is of that command, then try again".into()
            }
            Self::OtherHost { .. } => {
                "keep the state on a disk of the target's own; where that host is this one or is no more, \
                 set `running` in the state to null"
                    .into()
            }
            Self::OtherContainer => {
                "run the guard on the host itself; where that container is gone, set `running` in the state to null".into()
            }
        }
    }
}

fn write_anew() -> &'static str {
    "write it anew by hand: {\"schema\": 1, \"fencing_token\": N} and a line break, where N is at least the newest token that the \
     ledger shows for this lock"
}

fn file_mend(source: &io::Error, path: &Path) -> String {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk, then try again".into()
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            "mount that file system writable, then try again".into()
        }
        io::ErrorKind::PermissionDenied => {
            "run the guard as the user that owns the state and its folder".into()
        }
        io::ErrorKind::NotFound => format!(
            "where anything was deployed to this target before, its state is lost with the folder, and older runners would be \
             let in again: mount the disk it was on, or restore it. Only for a target that is new: install -d -m 755 {}",
            path.parent().unwrap_or(path).display()
        ),
        _ => "see what the disk reports (dmesg), then try again".into(),
    }
}
