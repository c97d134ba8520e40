//! A table with one input of every sort, for the tests of this crate.

use std::time::Duration;

use crate::{Exit, ExitCode, Flag, Input, Kind, Mode, Output, Table};

const SHORT: Kind = Kind::Duration {
    min: Duration::from_secs(1),
    max: Duration::from_secs(3600),
};

pub(crate) const TABLE: Table = Table {
    action: "relay",
    about: "hands a deployment from one candidate to the next",
    modes: &[
        Mode {
            name: "deploy",
            about: "deploys",
        },
        Mode {
            name: "verdict",
            about: "concludes",
        },
        Mode {
            name: "status",
            about: "shows what is",
        },
    ],
    inputs: &[
        Input::new(
            "mode",
            Kind::Choice(&["deploy", "verdict", "status"]),
            "What to do.",
        )
        .with_default("deploy"),
        Input::new("environment", Kind::Text, "What is deployed to.").required(),
        Input::new("store", Kind::Text, "Where the lease lives.").with_default("git"),
        Input::new("github-token", Kind::Text, "The job's token.")
            .secret()
            .with_expression("${{ github.token }}"),
        Input::new(
            "candidate",
            Kind::Count { min: 1, max: 99 },
            "This leg's number.",
        )
        .with_expression("${{ matrix.candidate }}")
        .with_default("1")
        .in_modes(&["deploy"]),
        Input::new("run", Kind::Verbatim, "The command.")
            .required()
            .in_modes(&["deploy"]),
        Input::new("version", Kind::Text, "What is deployed.").in_modes(&["deploy"]),
        Input::new("attempt-timeout", SHORT, "How long one attempt may take.")
            .with_default("10m")
            .in_modes(&["deploy"]),
        Input::new("queue-timeout", SHORT, "How long to wait.").in_modes(&["deploy", "verdict"]),
        Input::new("await-gates", Kind::Bool, "Whether gates follow.")
            .with_default("false")
            .in_modes(&["deploy"]),
        Input::new(
            "on-primary-lost",
            Kind::Choice(&["takeover", "hold"]),
            "What a standby does.",
        )
        .with_default("takeover")
        .in_modes(&["deploy"]),
        Input::new("labels", Kind::List, "Labels of runners | any."),
        Input::new("primary-runner", Kind::Glob, "The primary's name."),
        Input::new("working-directory", Kind::Path, "Where the command runs.")
            .in_modes(&["deploy"]),
        Input::new("webhook-url", Kind::Url(&["http", "https"]), "Who is told.")
            .in_modes(&["verdict"]),
    ],
    flags: &[
        Flag {
            name: "json",
            modes: &["status"],
            help: "for programs",
        },
        Flag {
            name: "watch",
            modes: &["status"],
            help: "until interrupted",
        },
    ],
    outputs: &[
        Output {
            name: "outcome",
            help: "How it ended.",
        },
        Output {
            name: "fencing-token",
            help: "The token.",
        },
    ],
    exit_codes: &[
        Exit {
            code: ExitCode::Success,
            help: "all is well",
        },
        Exit {
            code: ExitCode::Failed,
            help: "the deployment failed",
        },
        Exit {
            code: ExitCode::WrongInput,
            help: "an input is wrong",
        },
    ],
};
