//! Judging as one of the things that the protocol may order, beside the user's commands; and what a person reads
//! meanwhile.

use std::{future::Future, pin::Pin, time::Duration};

use actions_kit::duration;
use gates::judgement::{self, Judgement, Options, Progress};
use health_gates::report::{self, About, Report};
use lease::{
    protocol::{Command, Input, Judged},
    shell::Hands,
};
use ledger::AttemptOutcome;
use leg::{CommandHands, Voice};
use tokio::sync::oneshot;

use crate::config::Config;

/// A judgement under way.
type UnderWay<'a> = Pin<Box<dyn Future<Output = Judgement> + 'a>>;

/// Begins to judge all gates; stopped by a word through the sender, or when that is dropped.
pub(crate) fn begin<'a>(
    config: &'a Config,
    voice: &'a Voice,
) -> (oneshot::Sender<()>, UnderWay<'a>) {
    let (stop, stopped) = oneshot::channel();
    let options: &'a Options = &config.options;
    let judging = async move {
        let stopped = async {
            let _told = stopped.await;
        };
        judgement::judge(
            &config.gates,
            options,
            |progress| say(&progress, voice),
            stopped,
        )
        .await
    };
    (stop, Box::pin(judging))
}

fn say(progress: &Progress<'_>, voice: &Voice) {
    match progress {
        Progress::Turned {
            gate, seen, next, ..
        } => voice.say(&format!(
            "{}: {seen}; asked again in {}",
            gate.name,
            duration::format(rounded(*next))
        )),
        Progress::Ended(judged) => voice.say(&report::ended(judged)),
    }
}

/// Nobody reads microseconds.
fn rounded(time: Duration) -> Duration {
    if time < Duration::from_secs(1) {
        Duration::from_millis(time.as_millis() as u64)
    } else {
        Duration::from_millis(time.as_millis() as u64 / 100 * 100)
    }
}

/// The protocol's hands in this step.
pub(crate) struct GatesHands<'a> {
    config: &'a Config,
    about: About,
    voice: &'a Voice,
    pub(crate) commands: CommandHands<'a>,
    judging: Option<(Option<oneshot::Sender<()>>, UnderWay<'a>)>,
    /// The newest judgement, also where it was stopped.
    pub(crate) judgement: Option<Judgement>,
    /// How `on-failure` ended; nothing where it has not run.
    pub(crate) on_failure: Option<RolledBack>,
}

/// How `on-failure` ended.
pub(crate) struct RolledBack {
    pub(crate) well: bool,
    /// `exit code 7`; empty where it ended well.
    pub(crate) detail: String,
}

impl<'a> GatesHands<'a> {
    pub(crate) fn new(
        config: &'a Config,
        about: About,
        commands: CommandHands<'a>,
        voice: &'a Voice,
    ) -> Self {
        GatesHands {
            config,
            about,
            voice,
            commands,
            judging: None,
            judgement: None,
            on_failure: None,
        }
    }

    /// What the protocol is told of a judgement; every word of it may reach the ledger.
    fn told(&self, judgement: &Judgement) -> Judged {
        if judgement.stopped {
            return Judged::Stopped;
        }
        let report = Report::new(judgement, &self.about, &self.config.redactor);
        let gates = report.gates();
        if health_gates::report::failed(judgement).is_empty() {
            Judged::Passed { gates }
        } else {
            Judged::Failed {
                gates,
                detail: report.detail(),
            }
        }
    }
}

impl Hands for GatesHands<'_> {
    fn feed(&mut self, deadline: Duration) {
        self.commands.feed(deadline);
    }

    fn start(&mut self, command: Command, number: u32, token: u64, timeout: Duration) {
        if command == Command::Gates {
            let (stop, judging) = begin(self.config, self.voice);
            self.judging = Some((Some(stop), judging));
            return;
        }
        self.commands.start(command, number, token, timeout);
    }

    fn stop(&mut self, now: bool) {
        match &mut self.judging {
            Some((stop, _)) => drop(stop.take()),
            None => self.commands.stop(now),
        }
    }

    fn say(&mut self, text: &str) {
        self.voice.say(text);
    }

    async fn next(&mut self) -> Input {
        let judged = async {
            match &mut self.judging {
                Some((_, judging)) => judging.await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            biased;
            input = self.commands.next() => input,
            judgement = judged => {
                self.judging = None;
                let told = self.told(&judgement);
                self.judgement = Some(judgement);
                Input::Judged(told)
            }
        };
        // The only command of the user's in this step.
        if let Input::Ended(ended) = &input {
            self.on_failure = Some(RolledBack {
                well: ended.outcome == AttemptOutcome::Succeeded,
                detail: ended.detail.clone(),
            });
        }
        input
    }
}
