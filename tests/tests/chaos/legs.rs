//! The steps that take part in a round, each on its host.

use baton_tests::{Process, Run, Step, binaries};

use crate::{
    plan::Plan,
    stage::{self, Stage},
    store::Access,
};

/// What a command writes says whose it is: the target's log alone shows then who had a token.
const WRITE: &str = r#"write() {
    local what="$BATON_RUNNER:$BATON_DEPLOYMENT_ID:$1"; shift
    "$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" "$what" "$@"
}"#;

/// The same through the guard of the target.
const GUARDED: &str = r#"write() {
    local step="$1" what="$BATON_RUNNER:$BATON_DEPLOYMENT_ID:$1"; shift
    "$GUARD" --state "$TARGET.state" --token "$BATON_FENCING_TOKEN" --deployment "$BATON_DEPLOYMENT_ID" \
        --version "$BATON_VERSION" --runner "$BATON_RUNNER" --by "$BATON_ACTOR" --step "$step" -- \
        "$WRITER" "$TARGET" "$BATON_FENCING_TOKEN" "$what" "$@"
}"#;

/// Starts a leg.
pub(crate) fn enter(
    plan: &Plan,
    stage: &Stage,
    store: &Access,
    run: &Run,
    (d, l): (usize, usize),
) -> Process {
    let deployment = &plan.deployments[d];
    let leg = &deployment.legs[l];
    let write = if plan.guarded { GUARDED } else { WRITE };
    let seconds = |short: f64| format!("{}ms", (short * 1000.0 * plan.longer()) as u64);
    let host = stage::runner(l);
    let mut step = stage
        .scene
        .candidate(run, l as u32 + 1, &format!("{write}\n{}", leg.script))
        .variable("GUARD", guard(plan))
        .input("version", format!("v{}", deployment.number))
        .input("candidates", deployment.legs.len())
        .input("attempts", leg.attempts)
        .input("attempt-timeout", seconds(14.0))
        .input("timeout", seconds(25.0))
        .input("retry-wait", "300ms")
        .input("grace", "500ms")
        .input("primary-grace", "2s")
        .input("pickup-timeout", seconds(15.0))
        .input("queue-timeout", seconds(60.0))
        .input("gates-deadline", "1s")
        .input("await-gates", leg.await_gates)
        .input(
            "on-primary-lost",
            if leg.hold { "hold" } else { "takeover" },
        );
    step = match plan.lease {
        Some(lease) => step.input("lease-time", format!("{}ms", lease.as_millis())),
        None => step.default_of(&["lease-time"]),
    };
    if leg.on_failure {
        step = step.input("on-failure", format!("{write}\nwrite on-failure 1"));
    }
    let step = store.used_by(step, host);
    stage.hosts.on(host, || step.start())
}

fn guard(plan: &Plan) -> String {
    if plan.guarded {
        binaries::fence_guard().display().to_string()
    } else {
        String::new()
    }
}

/// Starts the verdict of a run.
pub(crate) fn verdict(plan: &Plan, stage: &Stage, store: &Access, run: &Run) -> Process {
    let seconds = |short: f64| format!("{}ms", (short * 1000.0 * plan.longer()) as u64);
    let step = stage
        .scene
        .verdict(run)
        .input("pickup-timeout", seconds(15.0))
        .input("queue-timeout", seconds(60.0));
    watching(stage, store, step)
}

/// Starts a person's transfer.
pub(crate) fn transfer(stage: &Stage, store: &Access, number: usize) -> Process {
    let person = stage
        .scene
        .person("transfer")
        .on(&format!("person-{number}"))
        .input("reason", "chaos");
    watching(stage, store, person)
}

/// Starts a person's unlock.
pub(crate) fn unlock(stage: &Stage, store: &Access) -> Process {
    let person = stage.scene.person("unlock");
    watching(stage, store, person.input("reason", "the end of chaos"))
}

fn watching(stage: &Stage, store: &Access, step: Step) -> Process {
    let step = store.used_by(step, stage::WATCH);
    stage.hosts.on(stage::WATCH, || step.start())
}
