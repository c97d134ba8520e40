//! The inputs by which an action is told whom to wake, and how (design §8). Tables take them as they are, and
//! [`Settings::read`](crate::Settings::read) wants all of them there.

use actions_kit::{Input, Kind};

const WEB: Kind = Kind::Url(&["http", "https"]);

/// Where Alertmanager is.
pub const ALERTMANAGER_URL: Input = Input::new(
    "alertmanager-url",
    WEB,
    "An Alertmanager that is told, with its base path: `https://alerts.example.com/alertmanager`",
);

/// What Alertmanager is asked with.
pub const ALERTMANAGER_AUTH: Input = Input::new(
    "alertmanager-auth",
    Kind::Text,
    "For Alertmanager: `user:password`, or a bearer token alone",
)
.secret();

/// The webhook's address.
pub const WEBHOOK_URL: Input = Input::new(
    "webhook-url",
    // A secret's kind cannot be judged without showing it; it is judged where it is read.
    Kind::Text,
    "A webhook that is told: a POST of JSON with `text` as Slack and Mattermost read it, and every fact in a field of its own",
)
.secret();

/// Who is assigned.
pub const ASSIGNEES: Input = Input::new(
    "assignees",
    Kind::List,
    "Whom the issue is assigned to; `org/team` is mentioned instead, because GitHub assigns no team",
);

/// What stands in front.
pub const MENTION: Input = Input::new(
    "mention",
    Kind::Text,
    "Put in front of the issue and of the webhook's text: `@org/team`, `<!here>`",
);

/// Whether a success closes the issue.
pub const CLOSE_INCIDENT: Input = Input::new(
    "close-incident",
    Kind::Bool,
    "Close the issue when a later deployment succeeds; else it is only told there",
)
.with_default("false");

/// What to do, step by step.
pub const RUNBOOK_URL: Input = Input::new(
    "runbook-url",
    WEB,
    "The page that says what to do; a link of every alert",
);

/// Whose certificates are trusted.
pub const ALERT_CA_FILE: Input = Input::new(
    "alert-ca-file",
    Kind::Path,
    "A PEM file with the authority of Alertmanager's certificate, and of the webhook's where this host does not know that \
     one",
);

/// Whether an issue is opened; `default` differs between actions.
pub const fn incident_issue(default: bool) -> Input {
    let input = Input::new(
        "incident-issue",
        Kind::Bool,
        "Open an issue with the label `production-incident`, or comment on the one that is open; needs `issues: write`. \
         Never under act",
    );
    input.with_default(if default { "true" } else { "false" })
}
