//! The action as users get it: a repository of their own, whose workflow is the one that the README shows.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use ledger::Outcome;

use crate::{
    running::Ended,
    trial::{Trial, project, stage},
};

const LOCK: &str = "octo/shop/production";

const PATIENCE: Duration = Duration::from_secs(120);

/// The whole workflow that the README shows.
fn workflow_of_the_readme() -> String {
    let readme = fs::read_to_string(project().join("README.md")).unwrap();
    let mut shown = readme
        .split("```yaml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .filter(|block| block.contains("\njobs:\n"));
    let workflow = shown.next().expect("the README shows a workflow");
    assert_eq!(shown.next(), None, "one workflow");
    workflow.to_owned()
}

/// `owner/repository@ref` of every baton action in it.
fn pinned(workflow: &str) -> Vec<String> {
    let mut pins: Vec<String> = workflow
        .lines()
        .filter_map(|line| line.split_once("uses: baton-actions/baton/actions/"))
        .filter_map(|(_, rest)| rest.split_once('@'))
        .map(|(_, rest)| {
            format!(
                "baton-actions/baton@{}",
                rest.split(' ').next().unwrap_or_default()
            )
        })
        .collect();
    pins.dedup();
    pins
}

/// A consumer's repository with these workflows and more files (a script is one by its name), and baton's actions served to
/// it as the version that the workflows pin.
pub(crate) fn consumer(workflows: &[(&str, &str)], files: &[(&str, &str)]) -> Trial {
    let mut pins: Vec<String> = workflows
        .iter()
        .flat_map(|(_, text)| pinned(text))
        .collect();
    pins.dedup();
    assert_eq!(pins.len(), 1, "one version of baton: {pins:?}");

    let trial = Trial::of("octo/shop");
    let baton = trial.folder().join("baton");
    let actions = [
        "preflight",
        "runner-failover",
        "health-gates",
        "push-metrics",
    ];
    for action in actions {
        fs::create_dir_all(baton.join("actions").join(action)).unwrap();
    }
    let descriptions = actions.map(|action| format!("actions/{action}/action.yml"));
    for name in descriptions
        .iter()
        .map(String::as_str)
        .chain(["actions/launch.sh"])
    {
        fs::copy(project().join(name), baton.join(name)).unwrap();
    }
    stage(&baton);
    let folder = trial.checkout().join(".github/workflows");
    fs::create_dir_all(&folder).unwrap();
    for (name, text) in workflows {
        fs::write(folder.join(name), text).unwrap();
    }
    for name in ["deploy.sh", "smoke-test.sh", "preflight.yml", "gates.yml"] {
        let fixture = project().join("tests/fixtures/consumer").join(name);
        fs::copy(fixture, trial.checkout().join(name)).unwrap();
    }
    for (name, text) in files {
        let file = trial.checkout().join(name);
        fs::write(&file, text).unwrap();
        if name.ends_with(".sh") {
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    trial.commit();
    let mut local = vec![format!("{}={}", pins[0], baton.display())];
    local.extend(keeper_of_artifacts(&trial, workflows));
    let arguments: Vec<&str> = local
        .iter()
        .flat_map(|served| ["--local-repository", served.as_str()])
        .collect();
    trial.with(&arguments)
}

/// GitHub's action that keeps artifacts needs GitHub: this one puts them into the run's folder.
const KEEPER: &str = r#"name: keep
inputs:
  name: {required: true}
  path: {required: true}
runs:
  using: composite
  steps:
    - shell: bash
      run: mkdir -p "$TRIAL_RUN/artifacts" && cp -r "$KEPT" "$TRIAL_RUN/artifacts/$NAME"
      env:
        KEPT: ${{ inputs.path }}
        NAME: ${{ inputs.name }}
"#;

/// That action, as the version that the workflows pin; nothing where they keep nothing.
fn keeper_of_artifacts(trial: &Trial, workflows: &[(&str, &str)]) -> Option<String> {
    const NAME: &str = "actions/upload-artifact";
    let uses = format!("uses: {NAME}@");
    let pinned = workflows
        .iter()
        .find_map(|(_, text)| text.split_once(&uses)?.1.split(' ').next())?;
    let folder = trial.folder().join("keeper");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("action.yml"), KEEPER).unwrap();
    Some(format!("{NAME}@{pinned}={}", folder.display()))
}

/// That the newest run deployed once, on one leg, and that every job of it came to a good end.
fn assert_deployed(trial: &Trial, run: usize, ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    let log = fs::read_to_string(trial.tool_cache().join("target.log")).unwrap_or_default();
    let wanted = format!(
        "token={run} role=primary start version={}\ntoken={run} role=primary end\nsmoke-test\n",
        trial.sha()
    );
    assert!(
        log.ends_with(&wanted) && log.lines().count() == 3 * run,
        "run {run}: {log}"
    );
    let audit = trial.audit(LOCK);
    let deployment = audit.record().expect("a record").deployment.id;
    assert_eq!(
        audit.ends(&deployment),
        [(Outcome::Succeeded, None, String::new())]
    );
    let token = format!("(token {run})");
    assert!(ended.summary("deploy-1").contains(&token));
    for job in ["deploy-2", "verdict"] {
        let summary = ended.summary(job);
        assert!(summary.contains("✅ candidate 1 "), "{job}: {summary}");
    }
}

pub(crate) fn example(name: &str) -> String {
    fs::read_to_string(project().join("examples").join(name)).unwrap()
}

#[test]
fn the_workflow_of_the_readme_deploys_once_and_again_and_a_person_can_ask_for_the_status() {
    let mut trial = consumer(
        &[
            ("deploy.yml", &workflow_of_the_readme()),
            ("operate.yml", &example("operate.yml")),
        ],
        &[],
    );
    for run in 1..=2 {
        let ended = trial.push(".github/workflows/deploy.yml").wait(PATIENCE);
        assert_deployed(&trial, run, &ended);
        let gates = ended.summary("health-gates");
        assert!(
            gates.contains("✅ the health gate smoke-test passed"),
            "{gates}"
        );
        let preflight = ended.summary("preflight-1");
        for wanted in ["Preflight for production", "✅ | `ref.allowed` | main"] {
            assert!(
                preflight.contains(wanted),
                "{wanted} is missing: {preflight}"
            );
        }
        let figures = ended.summary("metrics-verdict");
        let all = format!("| 100 % ({run} of {run}) |");
        assert!(figures.contains(&all), "{all} is missing: {figures}");
        // The other leg may find the work done.
        let preflight = ended.summary("preflight-2");
        assert!(
            preflight.contains("✅ | `ref.allowed` | main")
                || preflight.contains("nothing was checked"),
            "{preflight}"
        );
    }
    let ended = trial
        .dispatch(".github/workflows/operate.yml", &["mode=status"])
        .wait(PATIENCE);
    assert_eq!(ended.code, Some(0), "{}", ended.log());
    let status = ended.summary("operate");
    assert!(
        status.contains("succeeded, token 2, by candidate 1"),
        "{status}"
    );
}

#[test]
fn where_only_deploying_runners_are_the_verdict_behind_the_legs_agrees() {
    let mut trial = consumer(&[("deploy.yml", &example("own-runners-only.yml"))], &[]);
    let ended = trial.push(".github/workflows/deploy.yml").wait(PATIENCE);
    assert_deployed(&trial, 1, &ended);
}
