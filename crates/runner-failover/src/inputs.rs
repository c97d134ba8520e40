//! The one table that describes the action: inputs, outputs, modes, flags and exit codes (design §8).

use std::time::Duration;

use actions_kit::{Exit, ExitCode, Flag, Input, Kind, Mode, Output, Table};
use leg::inputs;

const DEPLOY: &[&str] = &["deploy"];
const JUDGED: &[&str] = &["deploy", "verdict"];
const VERDICT: &[&str] = &["verdict"];
const PEOPLE: &[&str] = &["transfer", "unlock"];
const STATUS: &[&str] = &["status"];
const SELECT: &[&str] = &["select"];
const PRIMARY: &[&str] = &["deploy", "select"];
const EXPIRE: &[&str] = &["expire-approvals"];

/// A duration of at least this many seconds and at most this many hours.
const fn within(seconds: u64, hours: u64) -> Kind {
    Kind::Duration {
        min: Duration::from_secs(seconds),
        max: Duration::from_secs(hours * 3600),
    }
}

/// What `runner-failover` is told and tells.
pub const TABLE: Table = Table {
    action: "runner-failover",
    about: "lets exactly one of several runners deploy, and the next one when it fails",
    modes: &[
        Mode {
            name: "deploy",
            about: "claim the deployment or stand by, run `run`, hand over when it fails",
        },
        Mode {
            name: "verdict",
            about: "watch from another runner and give the run its true conclusion",
        },
        Mode {
            name: "status",
            about: "show who holds the lock, and what was deployed last",
        },
        Mode {
            name: "transfer",
            about: "make the holder hand the running deployment to another candidate",
        },
        Mode {
            name: "unlock",
            about: "end a held deployment as failed, so that the next can begin",
        },
        Mode {
            name: "select",
            about: "choose a healthy runner before the deployment, where no secondary stands by",
        },
        Mode {
            name: "expire-approvals",
            about: "cancel runs that have waited too long for an approval",
        },
    ],
    inputs: INPUTS,
    flags: &[
        Flag {
            name: "json",
            modes: &["status"],
            help: "print JSON",
        },
        Flag {
            name: "watch",
            modes: &["status"],
            help: "go on and print every change",
        },
    ],
    outputs: &[
        Output {
            name: "outcome",
            help: "`succeeded`, `failed`, `cancelled`, `held`, `superseded` or `never_claimed`; `deployed` while the gates \
                   are still to be judged; empty where the deployment goes on elsewhere",
        },
        Output {
            name: "proceed",
            help: "`true` on the one leg that must go on with the steps of the deployment, else `false`",
        },
        Output {
            name: "failover",
            help: "`true` when another candidate than the first took over; of `select`: when the job does not go to the \
                   primary",
        },
        Output {
            name: "failover-reason",
            help: "why: `primary_exit_code`, `primary_timeout`, `primary_unreachable`, `primary_stopped`, \
                   `primary_never_appeared`, `preflight` or `manual`; of `select`: `primary_missing`, `primary_offline`, \
                   `primary_unhealthy`, `primary_busy` or `primary_unknown`",
        },
        Output {
            name: "runner",
            help: "the runner that deployed, or held the lease last; of `select`: the healthy runner that was seen, empty \
                   where none was",
        },
        Output {
            name: "fencing-token",
            help: "the token of the last holder: it only grows",
        },
        Output {
            name: "deployment-id",
            help: "`<owner>/<repo>/<run_id>/<run_attempt>`",
        },
        Output {
            name: "attempts",
            help: "how often the command ran, over all candidates",
        },
        Output {
            name: "duration-seconds",
            help: "from the first claim to the end",
        },
        Output {
            name: "results",
            help: "what the command wrote to the file `$BATON_OUTPUT` as `name=value` lines, as a JSON object",
        },
        Output {
            name: "diagnostics",
            help: "of `deploy`: a folder with what this host looked like after it failed to carry the deployment out \
                   (`diagnostics.json` and `diagnostics.txt`, without secrets); empty where nothing failed here, or the step \
                   was told to stop",
        },
        Output {
            name: "runs-on",
            help: "of `select`: what a job's `runs-on` takes through `fromJSON`, an array of labels or an object with \
                   `group` and `labels`",
        },
        Output {
            name: "cancelled-runs",
            help: "of `expire-approvals`: the ids of the runs that it cancelled, a JSON array",
        },
    ],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "deployed; or stood by and another candidate deployed; or superseded by a later run; or what was asked \
                   for is done",
        },
        Exit {
            code: ExitCode::Failed,
            help: "this candidate's deployment failed, or it lost the lease; no runner is fit; a run could not be cancelled",
        },
        Exit {
            code: ExitCode::Held,
            help: "held: a person must look and `unlock`",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "wrong input: everything that is wrong is named at once",
        },
        Exit {
            code: ExitCode::ServiceUnavailable,
            help: "the store or GitHub is out of reach; nothing certain is known under `on-unknown: fail`",
        },
        Exit {
            code: ExitCode::QueueTimeout,
            help: "the lock was not free in time, or nobody came to claim",
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
        "mode",
        Kind::Choice(&[
            "deploy",
            "verdict",
            "status",
            "transfer",
            "unlock",
            "select",
            "expire-approvals",
        ]),
        "What to do",
    )
    .with_default("deploy"),
    inputs::ENVIRONMENT,
    inputs::LOCK_NAME,
    inputs::STORE,
    inputs::github_token("The job's token: reaches the store `git`, tells a partial re-run, cancels runs, opens the issue"),
    inputs::CANDIDATE,
    inputs::CANDIDATES,
    inputs::ROLE.in_modes(DEPLOY),
    inputs::PRIMARY_RUNNER.in_modes(PRIMARY),
    inputs::DEPLOYMENT_ID,
    Input::new("run", Kind::Verbatim, "The deploy command, run as a `run:` step by `bash -eo pipefail`")
        .required()
        .in_modes(DEPLOY),
    Input::new("working-directory", Kind::Path, "Where `run` and `on-failure` run; the workspace where unset")
        .in_modes(DEPLOY),
    Input::new("version", Kind::Text, "What is deployed, for people; the commit where unset").in_modes(DEPLOY),
    Input::new("attempts", Kind::Count { min: 1, max: 100 }, "How often one candidate runs the command")
        .with_default("3")
        .in_modes(DEPLOY),
    Input::new("attempt-timeout", within(1, 24), "How long one attempt may take")
        .with_default("10m")
        .in_modes(DEPLOY),
    Input::new("retry-wait", within(0, 24), "How long to wait between two attempts")
        .with_default("30s")
        .in_modes(DEPLOY),
    Input::new("timeout", within(1, 24), "How long all attempts of one candidate may take, from its claim")
        .with_default("35m")
        .in_modes(DEPLOY),
    Input::new("primary-grace", within(0, 1), "How long a secondary waits for a primary that has not appeared")
        .with_default("20s")
        .in_modes(DEPLOY),
    Input::new("queue-timeout", within(1, 24), "How long to wait for the lock")
        .with_default("30m")
        .in_modes(JUDGED),
    Input::new("pickup-timeout", within(1, 24), "How long candidates may take to appear")
        .with_default("5m")
        .in_modes(JUDGED),
    notify::inputs::ALERTMANAGER_URL.in_modes(VERDICT),
    notify::inputs::ALERTMANAGER_AUTH.in_modes(VERDICT),
    notify::inputs::WEBHOOK_URL.in_modes(VERDICT),
    notify::inputs::incident_issue(true).in_modes(VERDICT),
    notify::inputs::ASSIGNEES.in_modes(VERDICT),
    notify::inputs::MENTION.in_modes(VERDICT),
    notify::inputs::CLOSE_INCIDENT.in_modes(VERDICT),
    notify::inputs::RUNBOOK_URL.in_modes(VERDICT),
    notify::inputs::ALERT_CA_FILE.in_modes(VERDICT),
    Input::new(
        "concurrency-group",
        Kind::Text,
        "The concurrency group of the deployments, to alert when more than 3 runs wait in it; without it only those that \
         wait at the lease are counted",
    )
    .in_modes(VERDICT),
    Input::new("await-gates", Kind::Bool, "The deployment ends with `health-gates`, not with the command")
        .with_default("false")
        .in_modes(DEPLOY),
    Input::new("gates-deadline", within(1, 24), "From the command's success to the start of `health-gates`")
        .with_default("5m")
        .in_modes(DEPLOY),
    Input::new(
        "on-primary-lost",
        Kind::Choice(&["takeover", "hold"]),
        "What happens when the holder is lost: a standby runs the command again, or a person decides",
    )
    .with_default("takeover")
    .in_modes(DEPLOY),
    Input::new("allow-older", Kind::Bool, "Deploy even though a later run has deployed already")
        .with_default("false")
        .in_modes(DEPLOY),
    Input::new("heartbeat", within(0, 1), "How often the lease is renewed; where unset 10s, with `postgres://` and `redis://` 2s").in_modes(DEPLOY),
    Input::new("lease-time", within(1, 1), "How long a standby waits on a silent holder; where unset 22s, with `postgres://` and `redis://` 8s")
        .in_modes(DEPLOY),
    Input::new("grace", within(0, 1), "From SIGTERM to SIGKILL when the command is stopped")
        .with_default("3s")
        .in_modes(DEPLOY),
    Input::new("on-failure", Kind::Verbatim, "A command for when every candidate failed, such as a roll-back")
        .in_modes(DEPLOY),
    Input::new("reason", Kind::Text, "Why, for the audit trail").required().in_modes(PEOPLE),
    Input::new(
        "history",
        within(3600, 400 * 24),
        "Print every event of this time, such as `30d`, instead of how things stand",
    )
    .in_modes(STATUS),
    inputs::admin_token(
        "**Required.** Lists the runners, which the job's own token cannot: a GitHub App's or a fine-grained personal one \
         with `administration: read`, for an organisation's runners `organization_self_hosted_runners: read`",
    )
    .in_modes(SELECT),
    Input::new("primary-labels", Kind::List, "The labels that a primary runner has, all of them").in_modes(SELECT),
    Input::new(
        "secondary-labels",
        Kind::List,
        "The labels that a secondary runner has, all of them; where unset, those of the primary and another name",
    )
    .in_modes(SELECT),
    Input::new("runner-group", Kind::Text, "The organisation's runner group that both are in").in_modes(SELECT),
    Input::new(
        "prometheus-url",
        Kind::Url(&["http", "https"]),
        "The Prometheus whose `runner_status` must be 1 for a runner to count as healthy",
    )
    .in_modes(SELECT),
    Input::new(
        "prometheus-auth",
        Kind::Text,
        "`user:password`, or a bearer token alone",
    )
    .secret()
    .in_modes(SELECT),
    Input::new(
        "on-unknown",
        Kind::Choice(&["secondary", "primary", "fail"]),
        "Where the job goes when GitHub or Prometheus cannot say how the primary is",
    )
    .with_default("secondary")
    .in_modes(SELECT),
    Input::new("max-wait", within(60, 720), "How long a run may wait for its approval")
        .with_default("4h")
        .in_modes(EXPIRE),
    Input::new("dry-run", Kind::Bool, "Say what would be cancelled, and cancel nothing")
        .with_default("false")
        .in_modes(EXPIRE),
];

#[cfg(test)]
mod tests {
    use super::TABLE;

    #[test]
    fn the_table_is_sound() {
        assert_eq!(TABLE.check(), Vec::<String>::new());
    }
}
