//! What `--status` shows: the state as it is, and whether what it records as running lives.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::{
    earlier,
    state::{Place, Running, State},
    words::shown,
};

/// Whether a recorded command lives; `None` where that cannot be told from here.
pub(crate) fn lives(running: &Running, here: &Place) -> Option<bool> {
    match running.place.is_visible(here) {
        Ok(true) => Some(earlier::keeper(running).is_some()),
        Ok(false) => Some(false),
        Err(_) => None,
    }
}

/// The file's own fields, and beside them `running.alive`: `true`, `false`, or `null` where it cannot be told.
pub(crate) fn json(state: &State, here: &Place) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(state)?;
    if let Some(running) = &state.running
        && let Some(Value::Object(fields)) = value.get_mut("running")
    {
        fields.insert("alive".into(), json!(lives(running, here)));
    }
    Ok(serde_json::to_string_pretty(&value)? + "\n")
}

/// For people.
pub(crate) fn text(state: &State, here: &Place) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _infallible = writeln!(text, "{name:<22} {value}");
    };
    let or_dash = |value: &Option<String>| value.as_deref().map_or("-".into(), shown);
    line("current version", or_dash(&state.current_version));
    line("previous version", or_dash(&state.previous_version));
    line("last success", or_dash(&state.last_deploy_timestamp));
    if let Some(attempt) = &state.last_attempt {
        line("last attempt", attempt.text());
    }
    line("fencing token", state.fencing_token.to_string());
    if let Some(deployment) = &state.deployment {
        line("deployment", shown(&deployment.id));
        line("started", or_dash(&state.deploy_start));
        line("runner", or_dash(&state.deploy_runner));
        line("by", or_dash(&state.deployed_by));
        for (name, step) in &deployment.steps {
            let (at, version) = (shown(&step.at), shown(&step.version));
            line(
                "done",
                format!("{} at {at}, version {version}", shown(name)),
            );
        }
    }
    if let Some(running) = &state.running {
        let how = match lives(running, here) {
            Some(true) => "runs",
            Some(false) => "was cut off",
            None => "cannot be seen from here",
        };
        let version = running.version.as_deref();
        let version = version.map_or(String::new(), |version| format!("{}, ", shown(version)));
        let (step, since) = (shown(&running.step), shown(&running.since));
        line(
            "command",
            format!(
                "{version}step {step} of token {} {how}; started {since}",
                running.token
            ),
        );
    }
    text
}
