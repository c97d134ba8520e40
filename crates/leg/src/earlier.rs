//! What an earlier baton step of the same job left, and what this one takes from it (design §8).

use std::path::{Path, PathBuf};

use actions_kit::{CandidateFile, Environment, GitHubContext, WrongInputs};

use crate::random_name;

/// The field of the candidate file that keeps [`instance`].
pub const INSTANCE: &str = "instance";

/// The field of the candidate file that says that this leg never held the lease: nothing is its to tell.
pub const STOOD_BY: &str = "stood_by";

/// The field of the candidate file with the path of the deploy command's last lines.
pub const COMMAND_OUTPUT: &str = "command_output";

/// The field of the candidate file with the path of the diagnostics' folder, where a deploy step left them.
pub const DIAGNOSTICS: &str = "diagnostics";

/// Stands in the place of a store that the earlier step did not leave, because its address holds credentials, where this
/// step names none. [`Place::read`](crate::Place::read) refuses it; nobody would type it.
pub(crate) const STORE_LEFT_OUT: &str = "(left out of the candidate file)";

/// What an earlier baton step of this job left, where it is of this very candidate: on act the legs may share a folder.
/// Inputs that this step was not given are taken from it.
pub fn adopt_earlier_step(environment: &mut Environment) -> Option<CandidateFile> {
    let temp = PathBuf::from(environment.get("RUNNER_TEMP")?);
    let file = CandidateFile::read(&temp).ok()??;
    let mut unheard = WrongInputs::default();
    let id = match environment.get("INPUT_DEPLOYMENT_ID") {
        Some(id) => id.to_owned(),
        None => GitHubContext::read(environment, &mut unheard).deployment_id(&mut unheard)?,
    };
    let number = environment.get("INPUT_CANDIDATE").unwrap_or("1");
    if file.deployment_id != id || file.candidate.to_string() != number {
        return None;
    }
    environment.set_where_unset("INPUT_ENVIRONMENT", file.environment.clone());
    if environment.get("INPUT_ENVIRONMENT") != Some(&file.environment) {
        // A deployment of its own: nothing of the other one's lock is meant for it.
        return Some(file);
    }
    if let Some(lock) = &file.lock_name {
        environment.set_where_unset("INPUT_LOCK_NAME", lock.clone());
    }
    let store = match (&file.store, file.store_left_out) {
        (Some(store), _) => Some(store.as_str()),
        // Not the default: half of the leg's steps would look at a lease that the others know nothing of.
        (None, true) => Some(STORE_LEFT_OUT),
        (None, false) => None,
    };
    if let Some(store) = store {
        environment.set_where_unset("INPUT_STORE", store);
    }
    Some(file)
}

/// What tells this leg from another one with the same number: the earlier step's word, else a fresh one.
pub fn instance(left: Option<&CandidateFile>) -> String {
    left.and_then(|file| file.other.get(INSTANCE)?.as_str().map(str::to_owned))
        .unwrap_or_else(random_name)
}

/// The folder that is emptied after the job.
pub fn temp(context: &GitHubContext) -> PathBuf {
    context
        .runner_temp
        .clone()
        .unwrap_or_else(std::env::temp_dir)
}

/// A folder of our own below the runner's temporary one.
pub fn own_folder(temp: &Path) -> PathBuf {
    temp.join("baton")
}
