//! The one table that describes the action: inputs, outputs and exit codes (design §8).

use actions_kit::{CheckGroup, Exit, ExitCode, Input, Kind, Output, Table};
use leg::inputs;

/// The exit code of a group of checks.
const fn group(number: u8) -> ExitCode {
    match CheckGroup::new(number) {
        Some(group) => ExitCode::Group(group),
        None => ExitCode::Failed,
    }
}

/// What `preflight` is told and tells.
pub const TABLE: Table = Table {
    action: "preflight",
    about: "finds every reason not to deploy, at once, and says how to mend each",
    modes: &[],
    inputs: INPUTS,
    flags: &[],
    outputs: &[
        Output {
            name: "result",
            help: "`pass`, `warn` or `fail`; `finished` where the deployment has come to its end already and nothing was checked",
        },
        Output {
            name: "failed",
            help: "the ids of the checks that failed, separated by commas",
        },
        Output {
            name: "report",
            help: "the path of the report, a JSON file",
        },
    ],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "nothing stands against a deployment from this runner; or the deployment is finished already",
        },
        Exit {
            code: group(1),
            help: "a check of the runner failed. Where several groups fail, the lowest code is given",
        },
        Exit {
            code: group(2),
            help: "a check of Docker failed",
        },
        Exit {
            code: group(3),
            help: "a check of the network failed",
        },
        Exit {
            code: group(4),
            help: "a check of the secrets failed",
        },
        Exit {
            code: group(5),
            help: "another deployment is active, and `on-active` is `fail`",
        },
        Exit {
            code: group(6),
            help: "a guardrail failed: ref, branch protection, approval",
        },
        Exit {
            code: group(7),
            help: "an artifact is missing",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "wrong input: everything that is wrong is named at once",
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
    inputs::ENVIRONMENT,
    inputs::LOCK_NAME,
    Input {
        help: "Where lease and ledger live: `git` (this repository), `git+<any git URL>`, `postgres://…`, `redis://…` or `rediss://…`; `none`: no lease, the checks \
               alone",
        ..inputs::STORE
    },
    inputs::github_token(
        "The job's token: reaches the store `git`, and reads rules, approvals, runs and concurrency groups",
    ),
    inputs::admin_token(
        "For what the job's token cannot read: runners, secrets' ages, classic branch protection. A fine-grained token, \
         or a GitHub App's, with read access to Administration, Secrets and Environments",
    ),
    inputs::CANDIDATE,
    inputs::CANDIDATES,
    inputs::ROLE,
    inputs::PRIMARY_RUNNER,
    inputs::DEPLOYMENT_ID,
    Input::new("version", Kind::Text, "What is deployed, for people; the commit where unset"),
    Input::new(
        "config",
        Kind::Verbatim,
        "Settings as YAML, text or a path: the inputs below as `cpu_percent_max: 80`. An input wins over the file",
    ),
    Input::new(
        "checks",
        Kind::List,
        "Which checks: ids (`runner.cpu`), groups (`runner`) or `all`, and with `!` in front those to leave out (`!docker`)",
    )
    .with_undeclared_default("all"),
    Input::new(
        "required",
        Kind::List,
        "Checks (ids, groups or `all`) for which `unknown` counts as a failure",
    ),
    Input::new(
        "ignore",
        Kind::List,
        "Checks (ids or groups) whose failure does not stop this deployment; it is shown as a warning and recorded",
    ),
    Input::new("ignore-reason", Kind::Text, "Why, for the audit trail; needed with `ignore`"),
    Input::new(
        "ignore-until",
        Kind::Text,
        "The last day (UTC, `2026-12-31`) on which `ignore` has effect",
    ),
    Input::new("cpu-percent-max", Kind::Count { min: 1, max: 100 }, "`runner.cpu`: busy below this")
        .with_undeclared_default("80"),
    Input::new(
        "memory-percent-max",
        Kind::Count { min: 1, max: 100 },
        "`runner.memory`: in use below this",
    )
    .with_undeclared_default("80"),
    Input::new(
        "disk-gb-min",
        Kind::Count {
            min: 0,
            max: 1_000_000,
        },
        "`runner.disk`: free at least this, in GB of 10⁹ bytes",
    )
    .with_undeclared_default("10"),
    Input::new(
        "disk-paths",
        Kind::List,
        "`runner.disk`: where; the workspace and the runner's temporary folder where unset",
    ),
    Input::new(
        "prometheus-url",
        Kind::Url(&["http", "https"]),
        "`runner.prometheus`: the Prometheus that scrapes `runner-exporter`",
    ),
    Input::new(
        "prometheus-auth",
        Kind::Text,
        "`user:password`, or a bearer token alone",
    )
    .secret(),
    Input::new(
        "runner-labels",
        Kind::List,
        "`runner.registration`: labels that this runner must have in GitHub",
    ),
    Input::new("docker-version-min", Kind::Text, "`docker.daemon`: at least this")
        .with_undeclared_default("20.10"),
    Input::new(
        "inventory",
        Kind::List,
        "`network.targets`: Ansible inventories, paths from the workspace",
    ),
    Input::new(
        "targets",
        Kind::List,
        "`network.targets`: more hosts, as `host`, `host:port` or `[2001:db8::1]:22`; port 22 where unset",
    ),
    Input::new(
        "network-timeout-seconds",
        Kind::Count { min: 1, max: 300 },
        "How long one target may take to answer",
    )
    .with_undeclared_default("5"),
    Input::new(
        "secrets",
        Kind::List,
        "`secrets.*`: names of variables in this step's `env` that must not be empty",
    ),
    Input::new(
        "secret-age-days-max",
        Kind::Count { min: 1, max: 3650 },
        "`secrets.age`: no older than this",
    )
    .with_undeclared_default("90"),
    Input::new(
        "on-active",
        Kind::Choice(&["warn", "fail"]),
        "`concurrency.active`: what another active deployment means; with `warn` this one will queue",
    )
    .with_undeclared_default("warn"),
    Input::new(
        "concurrency-group",
        Kind::Text,
        "`concurrency.*`: the workflow's concurrency group, to be asked of GitHub",
    ),
    Input::new(
        "queue-depth-max",
        Kind::Count { min: 0, max: 100 },
        "`concurrency.queue`: warn where more deployments wait",
    )
    .with_undeclared_default("3"),
    Input::new(
        "branches",
        Kind::List,
        "`ref.allowed`: patterns of the branches that may be deployed, and of tags as `tags/v*`",
    )
    .with_undeclared_default("main,release/*"),
    Input::new(
        "approvals-min",
        Kind::Count { min: 0, max: 10 },
        "`branch.protected`: approvals that a change must have",
    )
    .with_undeclared_default("2"),
    Input::new(
        "approval-environment",
        Kind::Text,
        "`environment.approval`: the environment whose reviewers had to approve this run",
    ),
    Input::new(
        "images",
        Kind::List,
        "`artifacts.images`: image references that must be in their registries",
    ),
    Input::new(
        "insecure-registries",
        Kind::List,
        "Registries asked without TLS, as `host:port`; those of this machine always are",
    ),
    Input::new(
        "report",
        Kind::Path,
        "Where the report goes; `$RUNNER_TEMP/baton/preflight.json` where unset",
    ),
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(TABLE.check(), Vec::<String>::new());
    }
}
