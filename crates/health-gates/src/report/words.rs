//! How one gate is put into words, everywhere the same.

use std::time::Duration;

use actions_kit::{Status, duration, markdown};
use gates::judgement::{End, Judged};
use probes::Answer;

use super::mend;

/// How many characters of what a target said are shown.
const SEEN: usize = 200;

/// The sign before a gate. One that was stopped is no failure.
pub(super) fn sign(gate: &Judged) -> &'static str {
    match gate.end {
        End::Stopped if gate.status != Status::Pass => Status::Unknown.sign(),
        _ => gate.status.sign(),
    }
}

/// How it ended and why: `failed: no pass within 5m`.
pub(super) fn outcome(gate: &Judged) -> String {
    let mut why = why(&gate.end);
    if let Some(waited) = mend::waited(gate) {
        why.push_str(&format!(", {} of that waiting for its turn", time(waited)));
    }
    match (gate.status, &gate.end) {
        (Status::Pass, _) => "passed".to_owned(),
        (_, End::Stopped) => match gate.cut_off {
            Some(after) if !gate.seen.is_empty() => {
                format!("stopped before it passed, {} into a try", time(after))
            }
            _ => "stopped before it passed".to_owned(),
        },
        (_, End::Blocked { .. }) => why,
        (Status::Warn, _) => format!("not required: {why}"),
        (Status::Unknown, _) => format!("could not be asked: {why}"),
        (Status::Fail, _) => format!("failed: {why}"),
    }
}

/// Why it ended.
pub(super) fn why(end: &End) -> String {
    match end {
        End::Passed => "passed".to_owned(),
        End::TimedOut { after } => format!("no pass within {}", duration::format(*after)),
        End::TriesUsed { tries: 1 } => "its only try is used up".to_owned(),
        End::TriesUsed { tries } => format!("all {tries} tries are used up"),
        End::FailureLimit { failures: 1 } => "one failure is its limit".to_owned(),
        End::FailureLimit { failures } => format!("failed {failures} times in a row"),
        End::Blocked { by } => format!("never asked, since {by} did not pass"),
        End::Stopped => "stopped".to_owned(),
        End::Once => "asked once".to_owned(),
    }
}

/// The word for the end in reports that programs read.
pub(super) fn end(end: &End) -> &'static str {
    match end {
        End::Passed => "passed",
        End::TimedOut { .. } => "timed_out",
        End::TriesUsed { .. } => "tries_used",
        End::FailureLimit { .. } => "failure_limit",
        End::Blocked { .. } => "blocked",
        End::Stopped => "stopped",
        End::Once => "once",
    }
}

/// The word for an answer in reports that programs read.
pub(super) fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::Pass => "pass",
        Answer::Fail => "fail",
        Answer::Unknown => "unknown",
    }
}

/// The sign of an answer in a timeline.
pub(super) fn answer_sign(answer: Answer) -> &'static str {
    match answer {
        Answer::Pass => Status::Pass.sign(),
        Answer::Fail => Status::Fail.sign(),
        Answer::Unknown => Status::Unknown.sign(),
    }
}

/// What the last try saw, else why there was none.
pub(super) fn last_seen(gate: &Judged) -> String {
    if !gate.seen.is_empty() {
        return cut(&gate.seen, SEEN);
    }
    match (&gate.end, gate.cut_off, gate.tries) {
        (End::Blocked { .. }, ..) => why(&gate.end),
        (_, Some(after), _) => format!("was being asked for {}", time(after)),
        (.., 0) => "not asked yet".to_owned(),
        _ => "no answer".to_owned(),
    }
}

/// What was seen last and how it ended; once where both are the same.
pub(super) fn seen_and_outcome(gate: &Judged) -> String {
    let (seen, outcome) = (last_seen(gate), outcome(gate));
    if seen == outcome {
        seen
    } else {
        format!("{seen}; {outcome}")
    }
}

/// `1 try`, `34 tries`.
pub(super) fn tries(count: u32) -> String {
    match count {
        1 => "1 try".to_owned(),
        _ => format!("{count} tries"),
    }
}

/// From its first try to its end; nothing where it was never asked.
pub(super) fn spent(gate: &Judged) -> Option<Duration> {
    gate.began.map(|began| gate.ended.saturating_sub(began))
}

/// For people: `24 ms`, `3.2 s`, `5m`.
pub(super) fn time(duration: Duration) -> String {
    if duration < Duration::from_secs(1) {
        format!("{} ms", duration.as_millis())
    } else if duration < Duration::from_secs(60) {
        format!("{:.1} s", duration.as_secs_f64())
    } else {
        duration::format(Duration::from_secs(duration.as_secs()))
    }
}

/// `api, redis and 3 more`: at most `most` of the names.
pub(super) fn listed(names: &[&str], most: usize) -> String {
    let shown: Vec<String> = names.iter().take(most).map(|name| cut(name, 60)).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// On one line, without control characters and terminal sequences.
pub(super) fn line(text: &str) -> String {
    let text = markdown::printable(text);
    if text.contains(['\n', '\t']) {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        text
    }
}

/// At most `most` characters, the last of them `…` where some are missing.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}
