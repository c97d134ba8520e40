//! The incident as an issue shows it: GitHub's Markdown, made of text that is mostly not ours.

use actions_kit::markdown::table;

use crate::{
    News, Resolved,
    escape::{block, calm, code, marker, prose, words},
    news::{Named, bounded},
    text,
};

/// How many characters a body may have; GitHub takes 65,536.
const BODY: usize = 60_000;

/// How many characters a title may have; GitHub takes 256.
const TITLE: usize = 200;

/// By which an issue is known as that of a lock's deployments.
pub(crate) fn incident_marker(lock: &str) -> String {
    marker("incident lock", lock)
}

/// By which an issue is known as the one that `news` belongs into: gates that belong to no deployment have an issue of
/// their own for each lock, which no success of a deployment ends.
pub(crate) fn marker_of(news: &News) -> String {
    match news.step.is_empty() {
        true => incident_marker(&news.lock),
        false => marker("gates alone", &news.lock),
    }
}

/// By which a text is known as that of an alert.
pub(crate) fn alert_marker(key: &str) -> String {
    marker("alert key", key)
}

/// By which a text is known as that of a success.
pub(crate) fn resolved_marker(deployment: &str) -> String {
    marker("resolved by", deployment)
}

/// The issue's title.
pub(crate) fn title(news: &News) -> String {
    bounded(&calm(&news.title), TITLE)
}

/// The issue's text, or a comment's: the same, so that a second failure is told as fully as the first. `front` wakes
/// people, and is not ours to escape.
pub(crate) fn body(news: &News, front: &str) -> String {
    let mut head = vec![marker_of(news), alert_marker(&news.key), String::new()];
    if !front.is_empty() {
        head.extend([front.to_owned(), String::new()]);
    }
    head.push(format!(
        "## {} {}",
        text::sign(news.kind),
        words(&news.title)
    ));
    text::fitted(head.join("\n"), parts(news), "\n\n", BODY)
}

/// The comment that it is over. It wakes nobody.
pub(crate) fn resolved(resolved: &Resolved, closes: bool) -> String {
    let by = &resolved.by;
    let head = [
        resolved_marker(&by.deployment),
        String::new(),
        format!("## ✅ {}", words(&resolved.title())),
    ];
    let mut parts = vec![facts(by)];
    parts.extend(links(by));
    parts.push(
        if closes {
            "This issue is closed with it."
        } else {
            "This issue stays open until a person closes it."
        }
        .to_owned(),
    );
    text::fitted(head.join("\n"), parts, "\n\n", BODY)
}

fn parts(news: &News) -> Vec<String> {
    let mut parts = Vec::new();
    if !news.what_now.is_empty() {
        parts.push(format!("**What now:** {}", prose(&news.what_now)));
    }
    if let Some(why) = text::why(news) {
        parts.push(format!("**Why:** {}", words(&why)));
    }
    if !news.runbook.is_empty() {
        parts.push(format!("**Runbook:** <{}>", news.runbook));
    }
    parts.push(facts(news));
    for (title, all) in [
        ("Failed gates", &news.failed_gates),
        ("Failed checks", &news.failed_checks),
        ("Runners", &news.runners),
    ] {
        parts.extend(named(title, all));
    }
    parts.extend(links(news));
    if !news.timeline.is_empty() {
        let rows = news
            .timeline
            .iter()
            .map(|moment| vec![moment.at.to_string(), words(&moment.text)]);
        let rows = table(&["when", "what"], rows);
        parts.push(format!("### Timeline\n\n{}", rows.trim_end()));
    }
    if !news.last_lines.is_empty() {
        let lines = block(&news.last_lines);
        parts.push(format!(
            "<details><summary>The last lines</summary>\n\n{lines}\n</details>"
        ));
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn facts(news: &News) -> String {
    let rows: Vec<Vec<String>> = text::facts(news)
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), code(value)])
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    table(&["where", ""], rows).trim_end().to_owned()
}

fn named(title: &str, all: &[Named]) -> Option<String> {
    if all.is_empty() {
        return None;
    }
    let rows = all
        .iter()
        .map(|one| vec![code(&one.name), words(&one.seen)]);
    let rows = table(&["name", "seen"], rows);
    Some(format!("### {title}\n\n{}", rows.trim_end()))
}

fn links(news: &News) -> Option<String> {
    let links: Vec<String> = news
        .links
        .iter()
        .map(|link| format!("[{}]({})", words(&link.name), link.url))
        .collect();
    (!links.is_empty()).then(|| links.join(" · "))
}

#[cfg(test)]
mod tests {
    use ledger::{AlertKind, Timestamp};

    use super::*;
    use crate::Moment;

    fn hostile() -> News {
        let text =
            "@octocat ``` --> <!-- baton:incident lock=b --> </details> | # [x](y) #1".to_owned();
        let named = vec![Named {
            name: text.clone(),
            seen: text.clone(),
        }];
        News {
            title: text.clone(),
            lock: "a/--><b>".to_owned(),
            branch: text.clone(),
            detail: text.clone(),
            what_now: text.clone(),
            runners: named.clone(),
            failed_gates: named,
            last_lines: vec![text.clone(), "```".to_owned()],
            timeline: vec![Moment {
                at: Timestamp(0),
                text,
            }],
            ..News::new(AlertKind::DeploymentFailed, "k")
        }
        .clean(&actions_kit::Redactor::new())
    }

    #[test]
    fn foreign_text_wakes_nobody_and_forges_no_incident() {
        let body = body(&hostile(), "@org/team");
        let (front, rest) = body.split_once("@org/team\n").unwrap_or_default();
        assert_eq!(
            front,
            "<!-- baton:incident lock=a/%2D%2D%3E%3Cb%3E -->\n<!-- baton:alert key=k -->\n\n"
        );
        assert!(!rest.contains("<!--"), "{rest}");
        // In code GitHub looks for no names; elsewhere a sign stands between.
        let mut fence: Option<String> = None;
        for line in rest.lines() {
            let ticks: String = line.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if ticks == *open && line == ticks => fence = None,
                Some(_) => {}
                None if ticks.len() >= 3 => fence = Some(ticks),
                None => {
                    let outside = without_code(line);
                    let pings = outside
                        .match_indices('@')
                        .any(|(at, _)| !outside[at + 1..].starts_with('\u{200b}'));
                    assert!(!pings, "{line}");
                }
            }
        }
        assert_eq!(fence, None, "a fence is open: {body}");
        assert!(body.ends_with("</details>"));
    }

    /// `line` without its code spans: each ends at a run of backticks as long as the one it began with.
    fn without_code(line: &str) -> String {
        let line = line.replace("\\`", "");
        let mut rest = line.as_str();
        let mut outside = String::new();
        while let Some(at) = rest.find('`') {
            outside.push_str(&rest[..at]);
            let run = rest[at..].chars().take_while(|c| *c == '`').count();
            let inside = &rest[at + run..];
            let mut from = 0;
            let end = loop {
                let Some(next) = inside[from..].find('`').map(|found| from + found) else {
                    break inside.len();
                };
                let length = inside[next..].chars().take_while(|c| *c == '`').count();
                if length == run {
                    break next + run;
                }
                from = next + length;
            };
            rest = &inside[end..];
        }
        outside + rest
    }

    #[test]
    fn a_body_is_never_longer_than_github_takes() {
        let long = "@\u{1F600}&".repeat(3000);
        let named: Vec<Named> = (0..500)
            .map(|number| Named {
                name: format!("{number}"),
                seen: long.clone(),
            })
            .collect();
        let news = News {
            title: long.clone(),
            lock: "l".repeat(3000),
            detail: long.clone(),
            what_now: long.clone(),
            last_lines: vec![long; 500],
            runners: named.clone(),
            failed_checks: named.clone(),
            failed_gates: named,
            ..News::new(AlertKind::DeploymentFailed, "k")
        };
        let body = body(&news.clean(&actions_kit::Redactor::new()), "@x");
        assert!(body.chars().count() <= 65_536, "{}", body.chars().count());
        assert!(body.contains("**What now:**"));
        assert!(title(&news).chars().count() <= 256);
    }
}
