//! Guarded commands that run and of which the state says nothing: it was emptied, removed, set back or written anew by hand
//! while they ran.
//!
//! A keeper bears a name of its own (`/proc/<pid>/comm`) from the guard's word to the record of its end, and its command
//! line is the guard's: that names the state and the token, and no other process can lend it to a stranger. This look
//! does not need the environment, which a command may clear and `sudo` hides. What a keeper that was killed has left is
//! known by its mark alone; after such a loss the guard starts nothing beside it, and ends nothing either: a service
//! that a finished command restarted can bear a mark, too.
//!
//! Not responsible for ending: see `earlier`.

use std::{
    ffi::{CStr, OsString},
    fs::{self, File, Metadata},
    io::Read,
    os::unix::{ffi::OsStringExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use nix::sys::prctl;
use supervisor::process::Process;

use crate::{
    earlier::{each, end_kept, marks_of},
    error::GuardError,
    file::StateFile,
    options::{self, Options},
    request::{Request, hash},
    state::{Place, State},
    toll::Toll,
    words::{say, shown},
};

/// The name of a keeper, at most 15 bytes, while its command may run.
const KEEPER: &CStr = c"fence-keeper";
/// Its name once the end is recorded.
const DONE: &CStr = c"fence-guard";
/// Between what is unique in a mark and the state that it is of.
const OF: char = '@';

/// Makes this process one that [`end`] finds, or not any more.
pub(crate) fn show_as_keeper(keeps: bool) {
    // It cannot fail for a text of this length.
    let _named = prctl::set_name(if keeps { KEEPER } else { DONE });
}

/// Whether a process is a keeper whose command may run.
pub(crate) fn keeps(pid: i32) -> bool {
    is_named(pid, KEEPER)
}

/// The mark of a command: `unique`, and the state by a hash of its path.
pub(crate) fn mark(unique: &str, file: &StateFile) -> Result<String, GuardError> {
    Ok(format!("{unique}{OF}{}", key(file)?))
}

fn key(file: &StateFile) -> Result<String, GuardError> {
    let (folder, name) = file.place();
    let folder = fs::canonicalize(folder).map_err(|source| GuardError::File {
        what: "find the folder of the state",
        path: file.path().to_owned(),
        source,
    })?;
    Ok(format!("{:032x}", hash(&[folder.into(), name.to_owned()])))
}

/// A keeper that lives, and what its guard was asked.
struct Keeper {
    process: Process,
    request: Request,
}

/// Ends every guarded command of this state that still runs. The caller holds the lock, and has ended what the state knows.
///
/// # Errors
/// Where one of them is newer than the request, is what this process itself descends from, or is not proven dead.
pub(crate) fn end(
    request: &Request,
    file: &StateFile,
    state: &State,
    here: &Place,
) -> Result<(), GuardError> {
    for Keeper {
        process,
        request: other,
    } in keepers(file)
    {
        if is_above(process.pid) {
            return Err(GuardError::WithinItself { step: other.step });
        }
        if other.token > request.token {
            return Err(GuardError::NewerRuns {
                token: request.token,
                newest: other.token,
                pid: process.pid,
            });
        }
        if other.token == request.token && other.runner != request.runner {
            return Err(GuardError::GivenTwice {
                token: request.token,
                runner: request.runner.clone(),
                known: other.runner,
            });
        }
        let mut toll = Toll::default();
        end_kept(&process, &mut toll).map_err(|why| GuardError::NotProvenDead {
            step: other.step.clone(),
            token: other.token,
            fate: toll.fate(&why),
            why,
        })?;
        say(&format!(
            "ended step {} of token {} (process {}), which ran here without the state's knowing",
            shown(&other.step),
            other.token,
            process.pid
        ));
    }
    if state.knows_what_ran {
        return Ok(());
    }
    match leftover(&key(file)?, here) {
        None => Ok(()),
        Some(Process { pid, name, .. }) => Err(GuardError::Leftover {
            path: file.path().to_owned(),
            pid,
            name,
        }),
    }
}

/// The keepers of this state, but for this process.
fn keepers(file: &StateFile) -> Vec<Keeper> {
    let (folder, name) = file.place();
    let Ok(folder) = fs::metadata(folder) else {
        return Vec::new();
    };
    pids()
        .filter(|pid| is_named(*pid, KEEPER))
        .filter_map(|pid| {
            let process = Process::read(pid)?;
            let Ok(Options::Run { state, request }) = options::read(&words(pid)?) else {
                return None;
            };
            let same = state.file_name() == Some(name)
                && folder_of(pid, &state).is_some_and(|there| is_same(&there, &folder));
            (same && !process.is_over()).then_some(Keeper { process, request })
        })
        .collect()
}

/// A process with a mark of this state, where there is one.
fn leftover(key: &str, here: &Place) -> Option<Process> {
    let own = std::process::id().cast_signed();
    pids()
        .filter(|pid| *pid != own)
        .filter(|pid| {
            marks_of(*pid).is_some_and(|marks| {
                each(&marks).any(|mark| mark.rsplit_once(OF).is_some_and(|(_, of)| of == key))
            })
        })
        // The same path in a container is another state.
        .filter(|pid| {
            fs::read_link(format!("/proc/{pid}/ns/pid"))
                .is_ok_and(|space| space.to_string_lossy() == here.pid_namespace)
        })
        .filter_map(Process::read)
        .find(|process| !process.is_over())
}

fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Read without a buffer of its own: this is done for every process of the host.
fn is_named(pid: i32, name: &CStr) -> bool {
    let mut seen = [0; 17];
    let read = File::open(format!("/proc/{pid}/comm")).and_then(|mut comm| comm.read(&mut seen));
    read.is_ok_and(|length| seen[..length].strip_suffix(b"\n") == Some(name.to_bytes()))
}

/// The arguments of a process, without its program's name.
fn words(pid: i32) -> Option<Vec<OsString>> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let words = line.strip_suffix(b"\0")?.split(|byte| *byte == 0).skip(1);
    Some(
        words
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect(),
    )
}

/// The folder of `state` as that process sees it: in a container or with a root of its own, a path is another file.
fn folder_of(pid: i32, state: &Path) -> Option<Metadata> {
    let seen = |path: PathBuf| fs::metadata(path).ok();
    let folder = state.parent()?;
    match folder.strip_prefix("/") {
        Ok(below_root) => seen(PathBuf::from(format!("/proc/{pid}/root")).join(below_root)),
        Err(_) => seen(PathBuf::from(format!("/proc/{pid}/cwd")).join(folder)),
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// Whether this process descends from `pid`.
fn is_above(pid: i32) -> bool {
    let mut parent = nix::unistd::getppid().as_raw();
    while let Some(process) = Process::read(parent) {
        if process.pid == pid {
            return true;
        }
        parent = process.parent;
    }
    false
}
