//! An alert in plain words: parts that each format puts together, what a person does first.

use ledger::AlertKind;

use crate::News;

/// What is known, in parts, each of one or several lines. The last lines of the command are not among them.
pub(crate) fn parts(news: &News) -> Vec<String> {
    let mut parts = Vec::new();
    if !news.what_now.is_empty() {
        parts.push(format!("What now: {}", news.what_now));
    }
    if let Some(why) = why(news) {
        parts.push(format!("Why: {why}"));
    }
    let place: Vec<String> = facts(news)
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    if !place.is_empty() {
        parts.push(place.join("\n"));
    }
    for (title, all) in [
        ("Failed gates", &news.failed_gates),
        ("Failed checks", &news.failed_checks),
        ("Runners", &news.runners),
    ] {
        let lines: Vec<String> = all
            .iter()
            .map(|one| format!("\n- {}: {}", one.name, one.seen))
            .collect();
        if !lines.is_empty() {
            parts.push(format!("{title}:{}", lines.concat()));
        }
    }
    let links: Vec<String> = news
        .links
        .iter()
        .map(|link| format!("{}: {}", link.name, link.url))
        .chain((!news.runbook.is_empty()).then(|| format!("Runbook: {}", news.runbook)))
        .collect();
    if !links.is_empty() {
        parts.push(links.join("\n"));
    }
    let moments: Vec<String> = news
        .timeline
        .iter()
        .map(|moment| format!("\n- {} {}", moment.at, moment.text))
        .collect();
    if !moments.is_empty() {
        parts.push(format!("Timeline:{}", moments.concat()));
    }
    parts
}

/// `gates: api answered 503`
pub(crate) fn why(news: &News) -> Option<String> {
    match (news.reason.as_str(), news.detail.as_str()) {
        ("", "") => None,
        ("", detail) => Some(detail.to_owned()),
        (reason, "") => Some(reason.to_owned()),
        (reason, detail) => Some(format!("{reason}: {detail}")),
    }
}

/// Where it happened, by name; what is missing is left out.
pub(crate) fn facts(news: &News) -> Vec<(&'static str, &str)> {
    let all = [
        ("environment", news.environment.as_str()),
        ("deployment", &news.deployment),
        ("version", &news.version),
        ("branch", &news.branch),
        ("workflow", &news.workflow),
        ("started by", &news.actor),
        ("lock", &news.lock),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known.collect()
}

/// The title and as many of `parts` as fit into `most` characters, in their order, with `glue` between them.
pub(crate) fn fitted(title: String, parts: Vec<String>, glue: &str, most: usize) -> String {
    let mut text = title;
    let mut length = text.chars().count();
    let mut left_out = false;
    for part in parts {
        let more = part.chars().count() + glue.chars().count();
        if length + more + LEFT_OUT.len() + glue.len() > most {
            left_out = true;
            continue;
        }
        text.push_str(glue);
        text.push_str(&part);
        length += more;
    }
    if left_out {
        text.push_str(glue);
        text.push_str(LEFT_OUT);
    }
    text
}

const LEFT_OUT: &str = "(more was known than fits here)";

/// The sign in front of an alert.
pub(crate) fn sign(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::DeploymentFailed => "❌",
        AlertKind::QueueDeep => "⚠️",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_whole_and_said_so() {
        let parts = vec!["a".repeat(50), "b".repeat(500), "c".repeat(20)];
        let text = fitted("title".to_owned(), parts, "\n", 150);
        assert!(text.chars().count() <= 150);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "a".repeat(50));
        assert_eq!(lines[2], "c".repeat(20));
        assert_eq!(lines[3], LEFT_OUT);
    }
}
