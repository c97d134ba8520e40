//! Which lock, which candidate, which role: from the inputs, else from the runner.

use actions_kit::{Environment, GitHubContext, Parsed, WrongInputs};
use lease::LockName;
use ledger::{Party, Role};
use supervisor::boottime;

/// The lock: `lock-name`, else `<owner>/<repo>/<environment>` (design §2). `None` where there is none; `wrong` says
/// why, unless the environment itself is missing.
pub fn lock(inputs: &Parsed, context: &GitHubContext, wrong: &mut WrongInputs) -> Option<LockName> {
    let (input, name) = match (inputs.opt_text("lock-name"), inputs.opt_text("environment")) {
        (Some(name), _) => ("lock-name", name.to_owned()),
        (None, None) => return None,
        (None, Some(target)) => {
            let repository = context.needed_repository("set `lock-name`", wrong)?;
            ("environment", format!("{repository}/{target}"))
        }
    };
    match LockName::new(name.clone()) {
        Ok(lock) => Some(lock),
        Err(error) => {
            wrong.push(
                input,
                &format!("`{name}`"),
                &format!("a usable name: {error}"),
                "choose a shorter, plain name",
            );
            None
        }
    }
}

/// This leg's number and how many there are.
pub fn number(inputs: &Parsed, wrong: &mut WrongInputs) -> (u32, u32) {
    let (number, candidates) = (inputs.count("candidate"), inputs.count("candidates"));
    if number > candidates {
        wrong.push(
            "candidate",
            &number.to_string(),
            &format!("a number from 1 to `candidates`, which is {candidates}"),
            "number the legs from 1 (`matrix: {candidate: [1, 2]}`), or set `candidates`",
        );
    }
    (number, candidates)
}

/// This leg as the lease and the ledger name it. `None` where its role cannot be told; `wrong` says why.
pub fn party(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    wrong: &mut WrongInputs,
) -> Option<Party> {
    let number = inputs.count("candidate");
    Some(Party {
        candidate: number,
        role: role(inputs, environment, context, number, wrong)?,
        runner: context.runner_name.clone().unwrap_or_default(),
        runner_group: context.runner_group.clone().unwrap_or_default(),
        boot_id: boottime::boot_id().unwrap_or_default(),
    })
}

fn role(
    inputs: &Parsed,
    environment: &Environment,
    context: &GitHubContext,
    number: u32,
    wrong: &mut WrongInputs,
) -> Option<Role> {
    match inputs.choice("role") {
        "primary" => return Some(Role::Primary),
        "secondary" => return Some(Role::Secondary),
        _ => {}
    }
    match environment.get("BATON_RUNNER_ROLE") {
        Some("primary") => return Some(Role::Primary),
        Some("secondary") => return Some(Role::Secondary),
        Some(other) => {
            let mend = "correct the line in the runner's `.env` and restart its service";
            wrong.push(
                "BATON_RUNNER_ROLE",
                &format!("`{other}`"),
                "`primary` or `secondary`",
                mend,
            );
            return None;
        }
        None => {}
    }
    let primary = match inputs.glob("primary-runner") {
        Some(pattern) => pattern.matches(context.runner_name.as_deref().unwrap_or_default()),
        None => number == 1,
    };
    Some(if primary {
        Role::Primary
    } else {
        Role::Secondary
    })
}
