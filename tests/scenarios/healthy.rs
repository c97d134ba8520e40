//! A run on which nothing goes wrong.

use crate::{
    script::{Scenario, ensure, step},
    stage::Intent,
    steps::{After, after, before, deploys, is_green, is_judged, starts, stood_by},
};

pub(crate) fn scenario() -> Scenario {
    let run = Intent {
        number: 42,
        seconds: 5,
        runners: ["runner-a", "runner-b"],
    };
    Scenario {
        name: "healthy",
        about: "a primary that deploys, a secondary that has nothing to do",
        seconds: 15,
        steps: vec![
            before(),
            starts(run),
            deploys(run, 1),
            is_judged(run, 1),
            stood_by(run, 2),
            is_green(run, 1, None),
            after(After {
                versions: vec!["v41".to_owned(), run.version()],
                token: 1,
                runs: vec![run],
                successes: 1,
                takeovers: 0,
            }),
            step("The primary deployed, once.", |stage| {
                let releases = stage.set.scene.target().starts("deploy").len();
                ensure(releases == 1, || format!("{releases} releases"))?;
                stage.note("v42 on runner-a, production healthy all the time".to_owned());
                Ok(String::new())
            }),
        ],
    }
}
