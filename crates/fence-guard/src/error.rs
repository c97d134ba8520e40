//! Why the guard does not run a command, or ended one. Each text fits "failed to …" and "refused to …".

use std::{io, path::PathBuf};

use crate::{
    exit::Exit,
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
    /// The command of this guard was ended for a newer token.
    #[error(
        "go on with token {token}: token {newest} was admitted meanwhile, and this command was ended for it"
    )]
    Overtaken { token: u64, newest: u64 },
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
    #[error("keep the command: the process that keeps it was killed, and the command with it")]
    KeeperKilled,
    /// Some of what the command started cannot be ended.
    #[error("end what the command started: {} goes on", shown(who))]
    TreeAlive { who: String },
}

/// Why an earlier command is not known to be dead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Survival {
    /// Signals were sent in vain.
    #[error("process {pid} ({}) goes on after SIGKILL", shown(name))]
    Unkillable { pid: i32, name: String },
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
        say(&format!("{verb} to {self}\n  mend: {}", self.mend()));
    }

    /// How the guard ends for it.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Locked { .. }
            | Self::File { .. }
            | Self::System { .. }
            | Self::KeeperKilled
            | Self::TreeAlive { .. } => Exit::UNAVAILABLE,
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
                "let one lock alone deploy to this target, or give each lock a state file of its own".into()
            }
            Self::Overtaken { .. } => "nothing: the newer token's deployment goes on".into(),
            Self::WithinItself { .. } => {
                "call the inner program without the guard, which already holds for it".into()
            }
            Self::TooManySteps { .. } => {
                "put several commands into one step, or give each step a name with --step".into()
            }
            Self::NotProvenDead { why, .. } => why.mend().into(),
            Self::NotAFile { .. } => "name the state file itself, with no link in its place".into(),
            Self::Corrupt { path, .. } => format!(
                "restore {0} from a backup, or write it anew by hand: {{\"schema\": 1, \"fencing_token\": N}} and a line break, \
                 where N is at least the newest token that the ledger shows for this lock",
                path.display()
            ),
            Self::NewerSchema { .. } => "install the fence-guard that wrote it, or a later one".into(),
            Self::Gone { path } => format!(
                "restore {0} from a backup; where this target really starts anew, remove {0}.lock while nothing deploys",
                path.display()
            ),
            Self::Locked { .. } => "see what that process waits for (a full or hanging disk, SIGSTOP), or end it; then try again".into(),
            Self::File { source, .. } => file_mend(source).into(),
            Self::System { .. } => "see the limits of this user and host (ulimit -a), then try again".into(),
            Self::KeeperKilled => "find who killed it (dmesg shows the kernel's out-of-memory killer), then run the step again".into(),
            Self::TreeAlive { .. } => {
                "run the guard as root where the command uses sudo; end that process before the step runs again".into()
            }
        }
    }
}

impl Survival {
    fn mend(&self) -> &'static str {
        match self {
            Self::Unkillable { .. } => {
                "wait for the disk or network that it hangs on, or restart this host; then try again"
            }
            Self::Denied { .. } => {
                "run the guard as root, or always as the same user; end that process, then try again"
            }
            Self::Blind => "run the guard as root, or mount /proc without hidepid",
            Self::Suspect { .. } => {
                "look at it, end it where it is of that command, then try again"
            }
            Self::OtherHost { .. } => {
                "keep the state on a disk of the target's own; where that host is this one or is no more, \
                 remove `running` from the state"
            }
            Self::OtherContainer => {
                "run the guard on the host itself; where that container is gone, remove `running` from the state"
            }
        }
    }
}

fn file_mend(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room on that disk, then try again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "mount that file system writable, then try again",
        io::ErrorKind::PermissionDenied => {
            "run the guard as the user that owns the state and its folder"
        }
        io::ErrorKind::NotFound => "make the folder first: install -d -m 755 FOLDER",
        _ => "see what the disk reports (dmesg), then try again",
    }
}
