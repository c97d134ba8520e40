//! What mode `select` is told.

use actions_kit::{GitHubContext, Parsed, WrongInputs, context::Repository};
use github::Token;
use probes::{
    http::Credentials,
    prometheus::{Prometheus, PrometheusOptions},
};

use super::{Mode, token};
use crate::select::{OnUnknown, Sides};

/// Mode `select`.
pub(crate) struct SelectMode {
    pub(crate) api_url: String,
    pub(crate) repository: Repository,
    pub(crate) token: Token,
    pub(crate) sides: Sides,
    pub(crate) prometheus: Option<Prometheus>,
    pub(crate) on_unknown: OnUnknown,
    /// The runner that this step runs on: it is busy with this very job.
    pub(crate) here: Option<String>,
}

pub(super) fn read(
    inputs: &Parsed,
    context: &GitHubContext,
    wrong: &mut WrongInputs,
) -> Option<Mode> {
    let api_url = super::api_url(context, wrong);
    let repository = context
        .needed_repository("run this in a workflow, or set the variable", wrong)
        .cloned();
    let token = token(
        "admin-token",
        inputs.secret("admin-token"),
        "a token that may list self-hosted runners, which the job's own GITHUB_TOKEN never may",
        "make a GitHub App's or a fine-grained personal token with `administration: read` of this repository (for an \
         organisation's runners `organization_self_hosted_runners: read`), and set `admin-token:` to the secret that \
         holds it",
        wrong,
    );
    let sides = sides(inputs, wrong);
    let prometheus = prometheus(inputs, wrong);
    Some(Mode::Select(Box::new(SelectMode {
        api_url: api_url?,
        repository: repository?,
        token: token?,
        sides: sides?,
        prometheus: prometheus?,
        on_unknown: match inputs.choice("on-unknown") {
            "primary" => OnUnknown::Primary,
            "fail" => OnUnknown::Fail,
            _ => OnUnknown::Secondary,
        },
        here: context.runner_name.clone(),
    })))
}

fn sides(inputs: &Parsed, wrong: &mut WrongInputs) -> Option<Sides> {
    let primary_labels = inputs.list("primary-labels").to_vec();
    let secondary_labels = Some(inputs.list("secondary-labels"))
        .filter(|labels| !labels.is_empty())
        .map(<[String]>::to_vec);
    let sides = Sides {
        primary_labels,
        secondary_labels,
        group: inputs.opt_text("runner-group").map(str::to_owned),
        primary_runner: inputs.glob("primary-runner").cloned(),
    };
    let before = wrong.findings().len();
    if sides.primary_labels.is_empty() && sides.group.is_none() {
        wrong.push(
            "primary-labels",
            "nothing, and no `runner-group`",
            "what a job can ask for in its `runs-on`: labels, a group, or both",
            "set `primary-labels` to all labels that the deployment's runner must have",
        );
    }
    if sides.primary_runner.is_none() {
        match &sides.secondary_labels {
            None => wrong.push(
                "secondary-labels",
                "nothing, and no `primary-runner`",
                "what tells the secondary from the primary: labels of its own, or the primary's name",
                "set `secondary-labels`, or `primary-runner` to a pattern that matches the primary's name alone",
            ),
            Some(labels) if sides.secondaries_are_primaries() => wrong.push(
                "secondary-labels",
                &labels.join(", "),
                "labels that a primary lacks one of: here every secondary has all of `primary-labels`",
                "give the primary a label of its own and add it to `primary-labels`, or set `primary-runner`",
            ),
            Some(_) => {}
        }
    }
    (wrong.findings().len() == before).then_some(sides)
}

/// `Some(None)` where none is asked.
fn prometheus(inputs: &Parsed, wrong: &mut WrongInputs) -> Option<Option<Prometheus>> {
    let credentials = inputs
        .secret("prometheus-auth")
        .map(|secret| Credentials::of(secret.expose()));
    let Some(url) = inputs.opt_text("prometheus-url") else {
        if credentials.is_some() {
            wrong.push(
                "prometheus-auth",
                "set, without `prometheus-url`",
                "both, or neither",
                "set `prometheus-url`, or leave `prometheus-auth` out",
            );
        }
        return Some(None);
    };
    let made = Prometheus::new(PrometheusOptions {
        url: url.to_owned(),
        credentials,
        resolver: None,
        ca_file: None,
    });
    match made {
        Ok(prometheus) => Some(Some(prometheus)),
        Err(error) => {
            wrong.push(
                "prometheus-url",
                &format!("an address with which baton failed to {error}"),
                "the address of a Prometheus",
                "correct the address, and `prometheus-auth` where it is set",
            );
            None
        }
    }
}
