//! The one table that describes the action: inputs, outputs and exit codes (design §8).

use std::time::Duration;

use actions_kit::{Exit, ExitCode, Input, Kind, Output, Table};
use leg::inputs;
use notify::inputs as alerts;

/// What `health-gates` is told and tells.
pub const TABLE: Table = Table {
    action: "health-gates",
    about: "waits until a release is proven healthy, and says exactly what is not",
    modes: &[],
    inputs: INPUTS,
    flags: &[],
    outputs: &[
        Output {
            name: "result",
            help: "`pass`, `warn` (only gates that are not `required` failed) or `fail`; `stopped` where it was cancelled; \
                   `skipped` on a leg that does not carry the deployment: nothing was asked",
        },
        Output {
            name: "failed",
            help: "the names of the required gates that did not pass, separated by commas",
        },
        Output {
            name: "report",
            help: "the path of the report, a JSON file",
        },
        Output {
            name: "junit",
            help: "the path of the JUnit report; empty where none was wanted",
        },
    ],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "every required gate passed; or a dry run; or another leg carries the deployment",
        },
        Exit {
            code: ExitCode::Failed,
            help: "a required gate failed or could not be asked; or the lease was lost meanwhile",
        },
        Exit {
            code: ExitCode::Held,
            help: "the lock is held until a person decides",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "wrong input: everything that is wrong is named at once. Also where the deployment has succeeded already \
                   because `runner-failover` ran without `await-gates`",
        },
        Exit {
            code: ExitCode::ServiceUnavailable,
            help: "the store is out of reach",
        },
        Exit {
            code: ExitCode::Interrupted,
            help: "cancelled (SIGINT)",
        },
        Exit {
            code: ExitCode::Terminated,
            help: "cancelled (SIGTERM)",
        },
    ],
};

const INPUTS: &[Input] = &[
    Input::new(
        "gates",
        Kind::Verbatim,
        "The gates as YAML, text or a path. This, `api-url`, `database-url` or `redis-url` must be set; several add up",
    ),
    Input::new(
        "api-url",
        Kind::Text,
        "A gate `api`: GET of this URL ends with a status from 200 to 299",
    ),
    Input::new(
        "database-url",
        Kind::Text,
        "A gate `database`: PostgreSQL at this URL takes a session and answers `SELECT 1`. A password in it is never shown",
    ),
    Input::new(
        "redis-url",
        Kind::Text,
        "A gate `redis`: Redis at this URL answers PING. A password in it is never shown",
    ),
    Input::new(
        "timeout",
        Kind::Duration {
            min: Duration::from_secs(1),
            max: Duration::from_secs(24 * 3600),
        },
        "How long a gate may take to pass, where neither it nor `defaults` in the file says so",
    )
    .with_default("5m"),
    Input::new(
        "max-parallel",
        Kind::Count { min: 1, max: 1000 },
        "How many gates are asked at the same moment",
    )
    .with_default("256"),
    Input::new(
        "dry-run",
        Kind::Bool,
        "Ask every gate once, tell the results, and let them bind nobody: the deployment stays as it is",
    )
    .with_default("false"),
    Input::new(
        "report",
        Kind::Path,
        "Where the report goes; `$RUNNER_TEMP/baton/health-gates.json` where unset",
    ),
    Input::new(
        "junit",
        Kind::Path,
        "Where a JUnit report goes too, for tools that show test results",
    ),
    // The first baton step of a leg leaves it for the later ones, and alone there is no lock to name.
    Input {
        required: false,
        help: "What is deployed to: `production`; known from the earlier step of a leg",
        ..inputs::ENVIRONMENT
    },
    inputs::LOCK_NAME,
    Input {
        help: "Where lease and ledger live: `git` (this repository), `git+<any git URL>`, `postgres://…`, `redis://…` or `rediss://…`; `none`: judge without a lease. \
               Outside a leg there is none anyway",
        ..inputs::STORE
    },
    inputs::github_token("The job's token: reaches the store `git`, and opens the issue"),
    inputs::CANDIDATE,
    inputs::DEPLOYMENT_ID,
    // Alone there is no verdict to wake anybody.
    alerts::ALERTMANAGER_URL,
    alerts::ALERTMANAGER_AUTH,
    alerts::WEBHOOK_URL,
    alerts::incident_issue(false),
    alerts::ASSIGNEES,
    alerts::MENTION,
    alerts::RUNBOOK_URL,
    alerts::ALERT_CA_FILE,
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(TABLE.check(), Vec::<String>::new());
    }
}
