//! The inputs that all actions share, said once (design §8). Each action's table takes those it reads.

use actions_kit::{Input, Kind};

/// What is deployed to.
pub const ENVIRONMENT: Input = Input::new(
    "environment",
    Kind::Text,
    "What is deployed to: `production`",
)
.required();

/// The lock's own name.
pub const LOCK_NAME: Input = Input::new(
    "lock-name",
    Kind::Text,
    "The lock, where it is not `<owner>/<repo>/<environment>`",
);

/// Where lease and ledger live. action.yml is silent about the default: what an earlier step of the job left comes between it
/// and the workflow.
pub const STORE: Input = Input::new(
    "store",
    Kind::Text,
    "Where lease and ledger live: `git` (this repository), `git+<any git URL>`, `postgres://…`, `redis://…` or `rediss://…`",
)
.with_undeclared_default("git");

/// The leg's number.
pub const CANDIDATE: Input = Input::new(
    "candidate",
    Kind::Count { min: 1, max: 99 },
    "This leg's number, from 1",
)
.with_default("1")
.with_expression("${{ matrix.candidate }}");

/// How many legs there are.
pub const CANDIDATES: Input = Input::new(
    "candidates",
    Kind::Count { min: 1, max: 99 },
    "How many legs there are",
)
.with_default("2")
.with_expression("${{ strategy.job-total }}");

/// Who claims at once.
pub const ROLE: Input = Input::new(
    "role",
    Kind::Choice(&["auto", "primary", "secondary"]),
    "`primary` claims at once, `secondary` waits for it; `auto`: `BATON_RUNNER_ROLE` of the runner, else \
     `primary-runner`, else candidate 1 is primary",
)
.with_default("auto");

/// Primary by name.
pub const PRIMARY_RUNNER: Input = Input::new(
    "primary-runner",
    Kind::Glob,
    "Runners whose name matches are primary",
);

/// The deployment's own id.
pub const DEPLOYMENT_ID: Input = Input::new(
    "deployment-id",
    Kind::Text,
    "The deployment, where it is not `<owner>/<repo>/<run_id>/<run_attempt>`",
);

/// The job's token. Each action says what it is for.
pub const fn github_token(help: &'static str) -> Input {
    Input::new("github-token", Kind::Text, help)
        .with_expression("${{ github.token }}")
        .secret()
}

/// A token for what the job's own cannot read. Each action says what that is.
pub const fn admin_token(help: &'static str) -> Input {
    Input::new("admin-token", Kind::Text, help).secret()
}
