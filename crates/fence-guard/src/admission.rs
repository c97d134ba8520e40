//! Whether a request is let in: a pure function of the state and the request (design §4, promise 3; design §9).

use crate::{
    earlier::carries,
    error::GuardError,
    request::Request,
    state::{MOST_STEPS, Running, State, Step},
};

/// What is to be done with a request that is not refused.
#[derive(Debug, PartialEq)]
pub(crate) enum Admission {
    /// This very token has done the step: nothing is written.
    Done(Step),
    /// A command of the same token is recorded as running: wait while it lives, then ask anew. Where it is dead, end
    /// what it left and go on as for `Enter`.
    Behind(Running),
    /// Enter, once what is recorded as running is dead.
    Enter {
        /// A command of an older token.
        end: Option<Running>,
        /// The step was done by an older token of the same deployment: admit the token, run nothing.
        done: Option<Step>,
        /// The target is at this version already, from an earlier deployment.
        version_there: bool,
    },
}

/// Decides. `within` are the marks of the guarded commands that this process itself descends from, if of any.
pub(crate) fn judge(
    state: &State,
    request: &Request,
    within: Option<&str>,
) -> Result<Admission, GuardError> {
    if request.token < state.fencing_token {
        return Err(GuardError::OlderToken {
            token: request.token,
            newest: state.fencing_token,
            deployment: state.deployment_id().to_owned(),
        });
    }
    let same_token = request.token == state.fencing_token;
    let known = state.deployment.as_ref();
    let same_deployment = known.is_some_and(|d| d.id == request.deployment);
    if let Some(known) = known.filter(|_| same_token && !same_deployment) {
        return Err(GuardError::OtherDeployment {
            token: request.token,
            deployment: request.deployment.clone(),
            known: known.id.clone(),
        });
    }
    if let Some(running) = &state.running
        && within.is_some_and(|marks| carries(marks, &running.mark))
    {
        return Err(GuardError::WithinItself {
            step: running.step.clone(),
        });
    }
    // One claim gives one token to one runner (design §4). A state that a person wrote anew knows no runner.
    if let Some(known) = &state.deploy_runner
        && same_token
        && *known != request.runner
    {
        return Err(GuardError::GivenTwice {
            token: request.token,
            runner: request.runner.clone(),
            known: known.clone(),
        });
    }
    let done = state.done(request).cloned();
    if let (true, Some(done)) = (same_token, &done) {
        return Ok(Admission::Done(done.clone()));
    }
    if let Some(known) = known
        && same_deployment
        && known.steps.len() >= MOST_STEPS
        && !known.steps.contains_key(&request.step)
    {
        return Err(GuardError::TooManySteps {
            step: request.step.clone(),
            deployment: known.id.clone(),
            limit: MOST_STEPS,
        });
    }
    if let Some(running) = &state.running
        && same_token
    {
        return Ok(Admission::Behind(running.clone()));
    }
    Ok(Admission::Enter {
        end: state.running.clone(),
        done,
        version_there: !same_deployment
            && state.current_version.as_deref() == Some(&request.version),
    })
}

#[cfg(test)]
#[path = "admission_tests.rs"]
mod tests;
