//! The one table that describes the action: inputs, outputs and exit codes (design §8).

use std::time::Duration;

use actions_kit::{Exit, ExitCode, Input, Kind, Output, Table};
use leg::inputs;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// What `push-metrics` is told and tells.
pub const TABLE: Table = Table {
    action: "push-metrics",
    about: "pushes the exact totals of all deployments, ships the audit trail, and shows the figures of the last days",
    modes: &[],
    inputs: INPUTS,
    flags: &[],
    outputs: &[
        Output {
            name: "result",
            help: "`pass`: everything arrived that was asked for; `incomplete`: something did not, and the next push carries \
                   it; `skipped` on a leg that only stood by",
        },
        Output {
            name: "deployments",
            help: "how many deployments of the window ended `succeeded`, `failed` or `never_claimed`",
        },
        Output {
            name: "success-ratio",
            help: "of those, the share that succeeded, from 0 to 1; empty where there were none",
        },
        Output {
            name: "duration-p95-seconds",
            help: "what 95 % of the deployments of the window took at most; empty where there were none",
        },
        Output {
            name: "failover-success-ratio",
            help: "of the takeovers of the window, the share that a successful deployment came of; empty where there were none",
        },
        Output {
            name: "report",
            help: "the path of the figures, a JSON file",
        },
    ],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "done; or, without `required`, something did not arrive and is shown; or this leg only stood by",
        },
        Exit {
            code: ExitCode::Failed,
            help: "with `required`: a gateway or Loki refused what it was sent, a file could not be written, or the ledger is \
                   empty although this leg carried a deployment",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "wrong input: everything that is wrong is named at once",
        },
        Exit {
            code: ExitCode::ServiceUnavailable,
            help: "with `required`: the store, the gateway or Loki is out of reach",
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

const HTTP: Kind = Kind::Url(&["http", "https"]);

const INPUTS: &[Input] = &[
    Input::new(
        "pushgateway-url",
        HTTP,
        "The Pushgateway, with its base path where it has one. Nothing is pushed where unset",
    ),
    Input::new(
        "pushgateway-auth",
        Kind::Text,
        "`user:password`, or a bearer token alone",
    )
    .secret(),
    Input::new(
        "ca-file",
        Kind::Path,
        "The authorities that sign the certificates of Pushgateway and Loki, PEM; the host's where unset",
    ),
    Input::new(
        "textfile",
        Kind::Path,
        "A file ending in `.prom` for node_exporter's textfile collector, written whole or not at all",
    ),
    Input::new(
        "loki-url",
        HTTP,
        "The Loki that the audit trail goes to: its base address. Nothing is shipped where unset",
    ),
    Input::new(
        "loki-tenant",
        Kind::Text,
        "The tenant, where Loki has several: `X-Scope-OrgID`",
    ),
    Input::new(
        "loki-auth",
        Kind::Text,
        "`user:password`, or a bearer token alone",
    )
    .secret(),
    Input::new(
        "loki-output",
        Kind::Bool,
        "Ship the last lines of this leg's deploy command too, with every known secret masked",
    )
    .with_default("false"),
    Input::new(
        "events-file",
        Kind::Path,
        "A file that the audit trail is added to, one JSON object a line",
    ),
    Input::new(
        "window",
        Kind::Duration {
            min: DAY,
            max: Duration::from_secs(31 * 24 * 3600),
        },
        "How many days the shown figures cover, whole days from `1d` to `31d`",
    )
    .with_default("30d"),
    Input::new(
        "concurrency-group",
        Kind::Text,
        "The concurrency group of the deployments, to count the runs that wait in it; without it only those that wait at the \
         lease are counted",
    ),
    Input::new(
        "required",
        Kind::Bool,
        "Whether the step fails when something did not arrive",
    )
    .with_default("false"),
    Input::new(
        "report",
        Kind::Path,
        "Where the figures go; `$RUNNER_TEMP/baton/push-metrics.json` where unset",
    ),
    inputs::ENVIRONMENT,
    inputs::LOCK_NAME,
    inputs::STORE,
    inputs::github_token(
        "The job's token: reaches the store `git`, asks for the concurrency group",
    ),
    inputs::CANDIDATE,
    inputs::DEPLOYMENT_ID,
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(TABLE.check(), Vec::<String>::new());
    }
}
