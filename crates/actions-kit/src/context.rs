//! The run, as GitHub's variables describe it
//! (<https://docs.github.com/actions/reference/variables-reference#default-environment-variables>), with what act and
//! other forges leave out (design §11).
//!
//! Not responsible for judging: it knows which variables it needs only when it is asked for something made of them.

use std::path::PathBuf;

use crate::{Environment, WrongInputs};

/// The run's context. Outside GitHub Actions most of it is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GitHubContext {
    /// `https://github.com`, without a slash at its end.
    pub server_url: Option<String>,
    /// `https://api.github.com`, without a slash at its end.
    pub api_url: Option<String>,
    /// Owner and name of the repository.
    pub repository: Option<Repository>,
    /// The run's number in the whole instance.
    pub run_id: Option<u64>,
    /// The run's number within its workflow file.
    pub run_number: Option<u64>,
    /// From 1; more than 1 is a re-run.
    pub run_attempt: Option<u32>,
    /// The workflow's name.
    pub workflow: Option<String>,
    /// The workflow's file and ref: `owner/repo/.github/workflows/ci.yml@refs/heads/main`. Empty under act and on other
    /// forges.
    pub workflow_ref: Option<String>,
    /// `refs/heads/main`.
    pub git_ref: Option<String>,
    /// The commit.
    pub sha: Option<String>,
    /// Who started the run.
    pub actor: Option<String>,
    /// What started the run: `push`.
    pub event_name: Option<String>,
    /// The job's key in the workflow.
    pub job: Option<String>,
    /// The runner's name, or this host's where the runner has none.
    pub runner_name: Option<String>,
    /// `X64`, `ARM64`; other forges write `amd64`.
    pub runner_arch: Option<String>,
    /// `Linux`.
    pub runner_os: Option<String>,
    /// The runner's group, which GitHub tells no job: `BATON_RUNNER_GROUP` in the runner's own environment.
    pub runner_group: Option<String>,
    /// A folder that is emptied before and after each job.
    pub runner_temp: Option<PathBuf>,
    /// A folder that outlives jobs; under act shared by legs and runs.
    pub tool_cache: Option<PathBuf>,
    /// Where the repository is checked out.
    pub workspace: Option<PathBuf>,
    /// Whether act runs this, and not a forge.
    pub is_act: bool,
    /// What tells one run of act from the next, the same in all legs of one.
    pub act_run_key: Option<String>,
}

/// A repository's owner and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    /// The user or organisation.
    pub owner: String,
    /// The name alone.
    pub name: String,
}

impl std::fmt::Display for Repository {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

impl std::str::FromStr for Repository {
    type Err = NotARepository;

    fn from_str(text: &str) -> Result<Self, NotARepository> {
        let plain =
            |part: &str| !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace());
        match text.split_once('/') {
            Some((owner, name)) if plain(owner) && plain(name) && !name.contains('/') => Ok(Self {
                owner: owner.into(),
                name: name.into(),
            }),
            _ => Err(NotARepository),
        }
    }
}

/// The text is not `owner/name`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("read a repository of the form owner/name")]
pub struct NotARepository;

impl GitHubContext {
    /// Reads the variables. What is absent stays absent; what is there and cannot be read goes to `wrong`.
    pub fn read(environment: &Environment, wrong: &mut WrongInputs) -> Self {
        let text = |name: &str| environment.get(name).map(String::from);
        let url = |name: &str| {
            environment
                .get(name)
                .map(|url| url.trim_end_matches('/').to_owned())
        };
        let path = |name: &str| environment.get(name).map(PathBuf::from);
        let mut number = |name: &str| {
            let text = environment.get(name)?;
            let number = text.parse::<u64>().ok();
            if number.is_none() {
                wrong.push(
                    name,
                    &format!("{text:?}"),
                    "a whole number",
                    "leave the runner's own variables as they are",
                );
            }
            number
        };
        let (run_id, run_number, run_attempt) = (
            number("GITHUB_RUN_ID"),
            number("GITHUB_RUN_NUMBER"),
            number("GITHUB_RUN_ATTEMPT"),
        );
        let repository = environment.get("GITHUB_REPOSITORY").and_then(|text| {
            let repository = text.parse().ok();
            if repository.is_none() {
                let mend = "leave the runner's own variables as they are";
                wrong.push(
                    "GITHUB_REPOSITORY",
                    &format!("{text:?}"),
                    "owner/name",
                    mend,
                );
            }
            repository
        });
        Self {
            server_url: url("GITHUB_SERVER_URL"),
            api_url: url("GITHUB_API_URL"),
            repository,
            run_id,
            run_number,
            run_attempt: run_attempt.and_then(|attempt| attempt.try_into().ok()),
            workflow: text("GITHUB_WORKFLOW"),
            workflow_ref: text("GITHUB_WORKFLOW_REF"),
            git_ref: text("GITHUB_REF"),
            sha: text("GITHUB_SHA"),
            actor: text("GITHUB_ACTOR"),
            event_name: text("GITHUB_EVENT_NAME"),
            job: text("GITHUB_JOB"),
            runner_name: text("RUNNER_NAME").or_else(host_name),
            runner_arch: text("RUNNER_ARCH"),
            runner_os: text("RUNNER_OS"),
            runner_group: text("BATON_RUNNER_GROUP"),
            runner_temp: path("RUNNER_TEMP"),
            tool_cache: path("RUNNER_TOOL_CACHE"),
            workspace: path("GITHUB_WORKSPACE"),
            is_act: environment
                .get("ACT")
                .is_some_and(|act| act.eq_ignore_ascii_case("true")),
            act_run_key: environment.get("ACTIONS_CACHE_URL").map(run_key),
        }
    }

    /// The workflow's name for people and metric labels: its name, else its file, else the job's key, else nothing.
    pub fn workflow_name(&self) -> &str {
        let file = || Some(self.workflow_file()?.rsplit('/').next().unwrap_or_default());
        self.workflow
            .as_deref()
            .or_else(file)
            .or(self.job.as_deref())
            .unwrap_or_default()
    }

    /// What makes two runs runs of the *same workflow* (design §4, superseding): its file where GitHub tells it, since
    /// `GITHUB_RUN_NUMBER` counts per file; else its name, else the job's key.
    pub fn workflow_identity(&self) -> &str {
        self.workflow_file().unwrap_or_else(|| self.workflow_name())
    }

    /// `owner/repo/.github/workflows/ci.yml`
    fn workflow_file(&self) -> Option<&str> {
        Some(
            self.workflow_ref
                .as_deref()?
                .split('@')
                .next()
                .unwrap_or_default(),
        )
    }

    /// The branch or tag without `refs/heads/` or `refs/tags/`.
    pub fn branch(&self) -> &str {
        let full = self.git_ref.as_deref().unwrap_or_default();
        ["refs/heads/", "refs/tags/"]
            .iter()
            .find_map(|start| full.strip_prefix(start))
            .unwrap_or(full)
    }

    /// The page of the run, where there is one.
    pub fn run_url(&self) -> Option<String> {
        if self.is_act {
            return None;
        }
        let (server, repository, run) = (
            self.server_url.as_deref()?,
            self.repository.as_ref()?,
            self.run_id?,
        );
        Some(match self.run_attempt {
            Some(attempt) if attempt > 1 => {
                format!("{server}/{repository}/actions/runs/{run}/attempts/{attempt}")
            }
            _ => format!("{server}/{repository}/actions/runs/{run}"),
        })
    }

    /// The deployment's id `<owner>/<repo>/<run_id>/<run_attempt>` (design §2). Under act every run has the id 1: there
    /// `act-<key of the run>` stands in its place, or a second local run would look finished already.
    ///
    /// `None` where a variable is missing; `wrong` says which, and how to do without.
    pub fn deployment_id(&self, wrong: &mut WrongInputs) -> Option<String> {
        const MEND: &str =
            "outside GitHub Actions set `deployment-id` to <owner>/<repo>/<run>/<attempt>";
        let mut missing =
            |name: &str| wrong.push(name, "nothing", "the runner's own variable", MEND);
        if self.repository.is_none() {
            missing("GITHUB_REPOSITORY");
        }
        let run = match (self.run_id, &self.act_run_key) {
            (Some(1), Some(key)) if self.is_act => Some(format!("act-{key}")),
            (Some(1), None) if self.is_act => {
                let mend =
                    "start act with its cache server, or with --env GITHUB_RUN_ID=<a fresh number>";
                let wanted = "what tells this run of act from others: the run id is 1 in each";
                wrong.push("ACTIONS_CACHE_URL", "nothing", wanted, mend);
                None
            }
            (Some(run), _) => Some(run.to_string()),
            (None, _) => {
                missing("GITHUB_RUN_ID");
                None
            }
        };
        // Absent on forges that know no re-runs.
        let attempt = self.run_attempt.unwrap_or(1);
        Some(format!("{}/{}/{attempt}", self.repository.as_ref()?, run?))
    }

    /// The repository; where it is missing, `wrong` says so, with `mend` as the way to do without.
    pub fn needed_repository(&self, mend: &str, wrong: &mut WrongInputs) -> Option<&Repository> {
        if self.repository.is_none() {
            wrong.push("GITHUB_REPOSITORY", "nothing", "owner/name", mend);
        }
        self.repository.as_ref()
    }
}

/// This host's name, as Linux tells it.
fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// FNV-1a, 64 bits: the same in every version of every binary, which the standard library's hashes do not promise.
fn run_key(cache_url: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!(
        "{:016x}",
        cache_url.bytes().fold(0xcbf2_9ce4_8422_2325, fold)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (GitHubContext, WrongInputs) {
        let mut wrong = WrongInputs::default();
        let context = GitHubContext::read(&pairs.iter().copied().collect(), &mut wrong);
        (context, wrong)
    }

    const GITHUB: [(&str, &str); 8] = [
        ("GITHUB_SERVER_URL", "https://github.com/"),
        ("GITHUB_REPOSITORY", "o/r"),
        ("GITHUB_RUN_ID", "42"),
        ("GITHUB_RUN_ATTEMPT", "2"),
        ("GITHUB_WORKFLOW", "CI"),
        (
            "GITHUB_WORKFLOW_REF",
            "o/r/.github/workflows/ci.yml@refs/heads/main",
        ),
        ("GITHUB_REF", "refs/heads/release/1"),
        ("RUNNER_NAME", "runner-a"),
    ];

    #[test]
    fn a_run_on_github_is_described() {
        let (context, mut wrong) = read(&GITHUB);
        assert_eq!(
            context.deployment_id(&mut wrong).as_deref(),
            Some("o/r/42/2")
        );
        assert_eq!(
            context.run_url().as_deref(),
            Some("https://github.com/o/r/actions/runs/42/attempts/2")
        );
        assert_eq!(context.workflow_name(), "CI");
        assert_eq!(context.workflow_identity(), "o/r/.github/workflows/ci.yml");
        assert_eq!(context.branch(), "release/1");
        assert_eq!(context.runner_name.as_deref(), Some("runner-a"));
        assert!(wrong.is_empty());
    }

    #[test]
    fn two_runs_of_act_have_two_deployment_ids_and_two_legs_of_one_have_the_same() {
        let act = |url: &'static str| {
            let pairs = [
                ("ACT", "true"),
                ("GITHUB_REPOSITORY", "o/r"),
                ("GITHUB_RUN_ID", "1"),
                ("ACTIONS_CACHE_URL", url),
            ];
            let (context, mut wrong) = read(&pairs);
            context.deployment_id(&mut wrong).expect("an id")
        };
        assert_eq!(act("http://10.0.0.1:4000/"), act("http://10.0.0.1:4000/"));
        assert_ne!(act("http://10.0.0.1:4000/"), act("http://10.0.0.1:4001/"));
        assert!(act("http://10.0.0.1:4000/").starts_with("o/r/act-"));
    }

    #[test]
    fn a_run_id_given_to_act_is_kept() {
        let (context, mut wrong) = read(&[
            ("ACT", "true"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_RUN_ID", "7"),
        ]);
        assert_eq!(
            context.deployment_id(&mut wrong).as_deref(),
            Some("o/r/7/1")
        );
    }

    #[test]
    fn act_without_a_cache_server_needs_another_mark() {
        let (context, mut wrong) = read(&[
            ("ACT", "true"),
            ("GITHUB_REPOSITORY", "o/r"),
            ("GITHUB_RUN_ID", "1"),
        ]);
        assert_eq!(context.deployment_id(&mut wrong), None);
        assert_eq!(wrong.findings()[0].name, "ACTIONS_CACHE_URL");
        assert!(
            wrong.text().contains("--env GITHUB_RUN_ID="),
            "{}",
            wrong.text()
        );
    }

    #[test]
    fn a_first_run_on_a_forge_that_is_not_act_keeps_its_id() {
        let (context, mut wrong) = read(&[("GITHUB_REPOSITORY", "o/r"), ("GITHUB_RUN_ID", "1")]);
        assert_eq!(
            context.deployment_id(&mut wrong).as_deref(),
            Some("o/r/1/1")
        );
    }

    #[test]
    fn outside_github_every_missing_variable_is_named_with_the_mend() {
        let (context, mut wrong) = read(&[]);
        assert_eq!(context.deployment_id(&mut wrong), None);
        let names: Vec<&str> = wrong
            .findings()
            .iter()
            .map(|finding| finding.name.as_str())
            .collect();
        assert_eq!(names, ["GITHUB_REPOSITORY", "GITHUB_RUN_ID"]);
        assert!(
            wrong
                .findings()
                .iter()
                .all(|finding| finding.mend.contains("deployment-id")),
            "{wrong:?}"
        );
    }

    #[test]
    fn empty_variables_of_other_forges_fall_back() {
        let (context, wrong) = read(&[
            ("RUNNER_NAME", ""),
            ("GITHUB_WORKFLOW", ""),
            ("GITHUB_WORKFLOW_REF", ""),
            ("GITHUB_JOB", "deploy"),
            ("RUNNER_ARCH", "amd64"),
        ]);
        assert_eq!(context.workflow_name(), "deploy");
        assert_eq!(context.workflow_identity(), "deploy");
        assert_eq!(context.runner_name, host_name());
        assert!(context.runner_name.is_some() && wrong.is_empty());
        let (context, _) = read(&[(
            "GITHUB_WORKFLOW_REF",
            "o/r/.github/workflows/ci.yml@refs/heads/main",
        )]);
        assert_eq!(context.workflow_name(), "ci.yml");
    }

    #[test]
    fn variables_that_cannot_be_read_are_reported_together() {
        let (context, wrong) = read(&[
            ("GITHUB_RUN_ID", "x"),
            ("GITHUB_RUN_NUMBER", "-1"),
            ("GITHUB_REPOSITORY", "o"),
        ]);
        assert_eq!(wrong.findings().len(), 3, "{wrong:?}");
        assert_eq!((context.run_id, context.repository), (None, None));
    }

    #[test]
    fn the_run_key_never_changes() {
        assert_eq!(run_key("a"), "af63dc4c8601ec8c");
    }
}
