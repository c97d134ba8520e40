//! The action as users get it: a repository of their own, whose workflow is the one that the README shows.

use std::{fs, time::Duration};

use ledger::Outcome;

use crate::trial::{Trial, project, stage};

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

#[test]
fn the_workflow_of_the_readme_deploys_once_and_again_when_it_is_run_again() {
    let workflow = workflow_of_the_readme();
    let pins = pinned(&workflow);
    assert_eq!(pins.len(), 1, "one version of baton: {pins:?}");

    let trial = Trial::of("octo/shop");
    let baton = trial.folder().join("baton");
    fs::create_dir_all(baton.join("actions/runner-failover")).unwrap();
    for name in ["launch.sh", "runner-failover/action.yml"] {
        let name = format!("actions/{name}");
        fs::copy(project().join(&name), baton.join(&name)).unwrap();
    }
    stage(&baton);
    let local = format!("{}={}", pins[0], baton.display());
    let mut trial = trial.with(&["--local-repository", &local]);
    let workflows = trial.checkout().join(".github/workflows");
    fs::create_dir_all(&workflows).unwrap();
    fs::write(workflows.join("deploy.yml"), workflow).unwrap();
    for name in ["deploy.sh", "smoke-test.sh"] {
        let fixture = project().join("tests/fixtures/consumer").join(name);
        fs::copy(fixture, trial.checkout().join(name)).unwrap();
    }
    trial.commit();

    for run in 1..=2_usize {
        let ended = trial.push(".github/workflows/deploy.yml").wait(PATIENCE);
        assert_eq!(ended.code, Some(0), "{}", ended.log());

        let log = fs::read_to_string(trial.tool_cache().join("target.log")).unwrap_or_default();
        let begun = format!(
            "token={run} role=primary start version={}\ntoken={run} role=primary end\nsmoke-test\n",
            trial.sha()
        );
        assert!(
            log.ends_with(&begun) && log.lines().count() == 3 * run,
            "run {run}: {log}"
        );
        let audit = trial.audit(LOCK);
        let deployment = audit.record().expect("a record").deployment.id;
        assert_eq!(
            audit.ends(&deployment),
            [(Outcome::Succeeded, None, String::new())]
        );
        assert!(
            ended.summary("deploy-1").contains("(token"),
            "the leg that deployed tells its token"
        );
        assert!(ended.summary("deploy-2").starts_with("✅ candidate 1 "));
        assert!(ended.summary("verdict").contains("✅ candidate 1 "));
    }
}
