//! Names that try to be something else, from the run's variables to the gateway.

use std::collections::BTreeMap;

use baton_tests::{Run, Scene};
use metrics::Subject;
use test_servers::Pushgateway;

use crate::{
    SOON,
    held::{held, totals},
};

/// Where git and GitHub allow them; a branch has no space and no control character, a workflow's name may have any.
const NAMES: [(&str, &str, &str); 7] = [
    ("release/1.2", "deploy / eu-west", "prod/eu west"),
    ("it's-\"quoted\"", "it's \"quoted\"", "the \"real\" one"),
    ("🚀/déploiement", "🚀 déploiement", "pröd 🚀"),
    (
        "x\",role=\"evil",
        "x\"} 1\n# TYPE evil_total counter\nevil_total 1",
        "x\"} 1",
    ),
    ("back\\slash\\n", "two\nlines\\n", "back\\slash"),
    ("100%-%2F-%00", "100 % %2F &+?#;=:@,", "50 %2F"),
    ("{a=b}", "", ".."),
];

#[test]
fn names_arrive_unchanged_and_add_no_label_no_line_and_no_group() {
    let scene = Scene::new();
    let gateway = Pushgateway::start();
    let mut wanted = BTreeMap::new();
    for ((branch, workflow, environment), number) in NAMES.into_iter().zip(1..) {
        let run = Run::number(number);
        let named = |step: baton_tests::Step| {
            step.variable("GITHUB_REF", format!("refs/heads/{branch}"))
                .variable("GITHUB_WORKFLOW", workflow)
                .variable("GITHUB_JOB", "")
                .variable("BATON_RUNNER_GROUP", workflow)
                .input("environment", environment)
        };
        // A lock of its own name, and one that follows from the environment.
        let lock = match number % 2 {
            0 => format!("lock of {environment}"),
            _ => format!("octo/shop/{environment}"),
        };
        let own = |step: baton_tests::Step| match number % 2 {
            0 => step.input("lock-name", &lock),
            _ => step,
        };
        let candidate = scene.candidate(&run, 1, "true").input("candidates", 1);
        own(named(candidate)).finish(SOON).expect(0);
        let push = scene
            .metrics(&run, 1)
            .input("pushgateway-url", gateway.url())
            .input("required", true);
        own(named(push)).finish(SOON).expect(0);

        let subject = Subject {
            lock: lock.clone(),
            environment: environment.to_owned(),
            repository: "octo/shop".to_owned(),
        };
        let series = totals(&subject, &scene.audit_of(&lock).entries());
        let said = series.keys().any(|(name, labels)| {
            name == "deployment_success_total"
                && labels["branch"] == branch
                && labels["workflow"] == workflow.trim()
                && labels["environment"] == environment
                && labels["lock"] == lock
                && labels.len() == 9
        });
        assert!(said, "{series:#?}");
        wanted.extend(series);
    }
    assert_eq!(held(&gateway), wanted);
    let groups: serde_json::Value = serde_json::from_str(&gateway.groups()).unwrap();
    assert_eq!(groups["data"].as_array().unwrap().len(), 2 * NAMES.len());
}
