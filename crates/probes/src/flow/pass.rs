//! One pass over the steps of a flow.

use std::time::SystemTime;

use reqwest::Url;
use tokio::time::Instant;

use super::{
    Flow, Step,
    exchange::{PrepareError, exchange, prepare},
    jar::Jar,
    scrub::Scrub,
    template::{Captured, plain},
};
use crate::{
    Answer,
    http::{Expectation, Response},
};

/// What a pass has learnt; it ends with the pass.
#[derive(Default)]
struct Learnt {
    jar: Jar,
    captured: Captured,
    scrub: Scrub,
    /// Why an answer proves nothing, where one does not.
    doubt: Option<&'static str>,
}

/// What was wrong with a step: whether the target is at fault, and words that follow the step's name.
type Failure = (Answer, String);

/// Asks every step of `flow` in turn, up to the first that is not as wanted, and then those that are asked always.
pub(super) async fn run(flow: &Flow, deadline: Instant) -> (Answer, String) {
    let begun = Instant::now();
    let mut learnt = Learnt::default();
    let mut failure: Option<Failure> = None;
    let mut last = String::new();
    for (index, step) in flow.steps.iter().enumerate() {
        if failure.is_some() && !(step.always && learnt.has(step)) {
            continue;
        }
        if Instant::now() >= deadline {
            let late = format!(
                "not asked, the steps before it took {} ms",
                begun.elapsed().as_millis()
            );
            failure
                .get_or_insert_with(|| (Answer::Fail, format!("{}: {late}", label(index, step))));
            continue;
        }
        match learnt.ask(flow, step, deadline).await {
            Ok(response) => last = response.status_line(),
            Err((answer, detail)) => {
                let detail = learnt.scrub.clean(&detail);
                match &mut failure {
                    None => failure = Some((answer, format!("{}: {detail}", label(index, step)))),
                    // The first is the cause; what came of it is only named.
                    Some((_, seen)) => {
                        seen.push_str(&format!("; {} failed too", label(index, step)))
                    }
                }
            }
        }
    }
    let (answer, seen) = failure.unwrap_or_else(|| {
        let steps = match flow.steps.len() {
            1 => "1 step".to_owned(),
            several => format!("{several} steps"),
        };
        let took = begun.elapsed().as_millis();
        (
            Answer::Pass,
            format!("{steps} after {took} ms, the last {last}"),
        )
    });
    (
        answer,
        format!("{seen}{}", learnt.doubt.unwrap_or_default()),
    )
}

/// What the answer must be. A success of a step that captures may hold more tokens than are captured, so its body is not
/// shown; an error's is: it says why nobody may in.
fn expected(step: &Step, response: &Response) -> Expectation {
    let mut expectation = step.expectation.clone();
    expectation.shows_body &= step.captures.is_empty() || response.status >= 400;
    expectation
}

/// A step for people: ``step 2 `courses` (GET /api/courses)``.
fn label(index: usize, step: &Step) -> String {
    let name = match &step.name {
        Some(name) => format!(" `{name}`"),
        None => String::new(),
    };
    format!(
        "step {}{name} ({} {})",
        index + 1,
        step.method,
        step.address
    )
}

impl Learnt {
    /// Whether everything that `step` needs was captured.
    fn has(&self, step: &Step) -> bool {
        step.needs()
            .iter()
            .all(|name| self.captured.contains_key(name))
    }

    async fn ask(
        &mut self,
        flow: &Flow,
        step: &Step,
        deadline: Instant,
    ) -> Result<Response, Failure> {
        let request = prepare(step, &self.captured).map_err(|error| {
            let answer = match &error {
                PrepareError::Request(error) => error.answer(),
                // What the target said cannot be used: that is its fault.
                PrepareError::Place(_) | PrepareError::Header(_) => Answer::Fail,
            };
            (answer, format!("failed to {error}"))
        })?;
        if self.doubt.is_none() {
            self.doubt = flow.client.doubt(&request);
        }
        let exchanged = exchange(&flow.client, step, &request, &mut self.jar, deadline).await;
        for value in self.jar.values() {
            self.scrub.learn_cookie(value);
        }
        let (response, url) =
            exchanged.map_err(|error| (error.answer(), format!("failed to {error}")))?;
        let judged = expected(step, &response)
            .judge_by(&response, deadline)
            .await
            .map_err(|error| {
                let status = response.status_line();
                (Answer::Unknown, format!("{status}; failed to {error}"))
            })?;
        if let Err(missing) = judged {
            // What the answer would have given is a secret also where the answer is not as wanted.
            for capture in &step.captures {
                if let Ok(value) = capture.take(&response, &self.jar, deadline).await {
                    self.scrub.learn(&plain(&value));
                }
            }
            let hint = self.held_back(&response, &url);
            return Err((Answer::Fail, format!("{missing}{hint}")));
        }
        for capture in &step.captures {
            let taken = capture.take(&response, &self.jar, deadline).await;
            let value = taken.map_err(|reason| {
                (
                    Answer::Fail,
                    format!("failed to capture `{}`: {reason}", capture.name),
                )
            })?;
            self.scrub.learn(&plain(&value));
            self.captured.insert(capture.name.clone(), value);
        }
        Ok(response)
    }

    /// Why a server may not know us although it gave us a cookie.
    fn held_back(&self, response: &Response, url: &Url) -> String {
        const LONGEST: usize = 40;
        if !matches!(response.status, 401 | 403) {
            return String::new();
        }
        match self.jar.held_back(url, SystemTime::now()).first() {
            Some(name) => {
                let name: String = name.escape_debug().take(LONGEST).collect();
                format!("; the cookie {name} was not sent, it is for https alone")
            }
            None => String::new(),
        }
    }
}
