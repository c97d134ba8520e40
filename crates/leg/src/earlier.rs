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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    reason = "a test's own set-up; a panic is its failure"
)]
mod tests {
    use actions_kit::{Redactor, WrongInput};

    use super::*;
    use crate::Place;

    /// What a step is told of its store that was given `given`, after one whose store was `before`.
    fn told(before: &str, given: &str) -> Vec<WrongInput> {
        let temp = tempfile::tempdir().unwrap();
        let mut file = CandidateFile::new("o/r/7/1", "production", 1, 2, "primary");
        let _kept = file.set_store(before);
        file.write(temp.path(), &Redactor::new()).unwrap();
        let mut environment = Environment::from([
            ("RUNNER_TEMP", temp.path().to_str().unwrap()),
            ("INPUT_DEPLOYMENT_ID", "o/r/7/1"),
            ("INPUT_STORE", given),
        ]);
        adopt_earlier_step(&mut environment).unwrap();
        let mut wrong = WrongInputs::default();
        let context = GitHubContext::read(&environment, &mut WrongInputs::default());
        let store = environment.get("INPUT_STORE").unwrap();
        let place = Place::read(store, None, &environment, &context, &mut wrong);
        assert_eq!(place.is_none(), !wrong.is_empty());
        wrong.findings().to_vec()
    }

    #[test]
    fn a_store_that_could_not_be_left_is_asked_for_and_never_replaced_by_another() {
        for before in ["redis://baton:canary@h", "git+https://canary@h/x.git"] {
            let told = told(before, "");
            let [wrong] = told.as_slice() else {
                panic!("{told:?}")
            };
            assert_eq!(wrong.name, "store");
            let all = format!("{wrong:?}");
            assert!(all.contains("holds credentials") && !all.contains("canary"));
        }
        assert_eq!(told("redis://baton:canary@h", "redis://baton:x@h"), []);
        assert_eq!(told("redis://h", ""), []);
    }
}
