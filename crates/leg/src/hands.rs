//! Carries the protocol's orders out with the supervisor, and tells it what came of them.

use std::{collections::VecDeque, ffi::OsString, path::PathBuf, time::Duration};

use actions_kit::{Redactor, duration};
use lease::{
    protocol::{Command, Ended, Input},
    shell::Hands,
};
use ledger::AttemptOutcome;
use supervisor::{
    CommandSpec, Containment, Event, Exit, Options, Stop, Supervisor, SupervisorError,
    WatchdogLoss,
    signals::{Received, Signals},
};

use crate::{Printed, Voice, printed};

/// What this host lacks for running commands; reads after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum HandsError {
    /// Signals cannot be listened for.
    #[error("listen for signals: {0}")]
    Signals(std::io::Error),
    /// The watchdog.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
}

/// How many of the last lines are told on this host (design §6).
const LINES_TOLD: usize = 200;

/// How many of the last lines of a command that failed stand in the ledger: whoever wakes a person is on another host.
const LINES_RECORDED: usize = 20;

/// The commands of a user, and where and how they run.
#[derive(Clone, Debug, Default)]
pub struct UserCommands {
    /// The input `run`; nothing for a step that only judges.
    pub deploy: Option<String>,
    /// The input `on-failure`.
    pub on_failure: Option<String>,
    /// Where they run.
    pub working_directory: PathBuf,
    /// SIGTERM to SIGKILL.
    pub grace: Duration,
    /// How long killing the whole tree may take.
    pub kill_time: Duration,
    /// For the scripts; emptied by the runner.
    pub temp: PathBuf,
    /// Their environment, but for what changes with each attempt.
    pub environment: Vec<(OsString, OsString)>,
    /// Where they put their outputs.
    pub output_file: PathBuf,
}

/// The supervisor's side of a deployment.
pub struct CommandHands<'a> {
    commands: UserCommands,
    redactor: Redactor,
    voice: &'a Voice,
    signals: Signals,
    supervisor: Option<Supervisor>,
    deadline: Option<Duration>,
    exit: Option<Exit>,
    lost: Option<WatchdogLoss>,
    /// A command was started, and its tree has not been proven dead.
    running: bool,
    timeout: Duration,
    waiting: VecDeque<Input>,
    /// The signal that came last: its number is the exit code.
    pub received: Option<Received>,
    /// The last lines of the last command, redacted.
    pub tail: Vec<String>,
    /// Which command was started last, and as which attempt.
    started: Option<(Command, u32)>,
    printed: Printed,
}

impl<'a> CommandHands<'a> {
    /// Hands that are ready: their watchdog runs, since a host that cannot have one must not claim anything. Without a
    /// command there is nothing to watch.
    ///
    /// # Errors
    /// What this host lacks: signals cannot be listened for, or the watchdog cannot be started.
    pub fn new(
        commands: UserCommands,
        redactor: Redactor,
        voice: &'a Voice,
    ) -> Result<Self, HandsError> {
        let mut hands = CommandHands {
            commands,
            redactor,
            voice,
            signals: Signals::listen().map_err(HandsError::Signals)?,
            supervisor: None,
            deadline: None,
            exit: None,
            lost: None,
            running: false,
            timeout: Duration::ZERO,
            waiting: VecDeque::new(),
            received: None,
            tail: Vec::new(),
            started: None,
            printed: Printed::default(),
        };
        if hands.commands.deploy.is_some() || hands.commands.on_failure.is_some() {
            hands.supervisor = Some(hands.launch()?);
        }
        Ok(hands)
    }

    /// Ends the watchdog.
    pub async fn close(mut self) {
        if let Some(supervisor) = self.supervisor.take()
            && let Err(error) = supervisor.shutdown().await
        {
            self.voice.error(&format!("failed to {error}"));
        }
    }

    fn launch(&self) -> Result<Supervisor, SupervisorError> {
        let redactor = self.redactor.clone();
        Supervisor::launch(Options {
            kill_time: self.commands.kill_time,
            grace: self.commands.grace,
            containment: Containment::Auto,
            temp_dir: self.commands.temp.clone(),
            on_line: Some(Box::new(move |line| {
                redactor.learn_from(&String::from_utf8_lossy(line))
            })),
        })
    }

    fn supervisor(&mut self) -> Result<&mut Supervisor, SupervisorError> {
        let supervisor = match self.supervisor.take() {
            Some(supervisor) => supervisor,
            None => self.launch()?,
        };
        Ok(self.supervisor.insert(supervisor))
    }

    fn try_start(
        &mut self,
        command: Command,
        number: u32,
        token: u64,
        timeout: Duration,
    ) -> Result<(), SupervisorError> {
        let script = match command {
            Command::Deploy => self.commands.deploy.clone(),
            Command::OnFailure => self.commands.on_failure.clone(),
            Command::Gates => None,
        }
        .unwrap_or_default();
        let mut env = self.commands.environment.clone();
        let set = [
            ("BATON_FENCING_TOKEN", token.to_string()),
            ("BATON_ATTEMPT", number.to_string()),
            (
                "BATON_OUTPUT",
                self.commands.output_file.display().to_string(),
            ),
        ];
        env.extend(
            set.into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        let spec = CommandSpec {
            script,
            cwd: self.commands.working_directory.clone(),
            env,
            timeout: Some(timeout),
        };
        let deadline = self.deadline;
        let supervisor = self.supervisor()?;
        if let Some(deadline) = deadline {
            supervisor.feed(deadline);
        }
        supervisor.start(spec)
    }

    fn not_run(detail: String) -> Input {
        Input::Ended(Ended {
            outcome: AttemptOutcome::ExitCode,
            detail,
            ran: Duration::ZERO,
            last_lines: Vec::new(),
        })
    }

    /// A new watchdog while nothing runs. Where that fails, the start of the next command tells it.
    fn relaunch(&mut self) {
        match self.launch() {
            Ok(supervisor) => self.supervisor = Some(supervisor),
            Err(error) => self.voice.warning(&format!(
                "failed to {error}; trying again when it is needed"
            )),
        }
    }

    /// What one event of the supervisor means to the protocol, where it means anything.
    fn told(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Started { .. } => None,
            Event::Exited(exit) => {
                self.exit = Some(exit);
                None
            }
            Event::NotStarted(failure) => {
                self.running = false;
                Some(Self::not_run(format!("failed to {failure}")))
            }
            Event::TreeAlive { survivors } => {
                let named: Vec<_> = survivors.iter().map(ToString::to_string).collect();
                Some(Input::Stuck {
                    detail: named.join(", "),
                })
            }
            Event::WatchdogLost(loss) => {
                if self.running {
                    self.voice.say(&format!("{loss}: killing the command"));
                } else {
                    self.voice.say(&format!("{loss}: starting another"));
                }
                self.lost = Some(loss);
                None
            }
            Event::TreeDead { killed_leftovers } => {
                self.running = false;
                self.read_output();
                if killed_leftovers > 0 {
                    self.voice.say(&format!(
                        "the command left {killed_leftovers} processes behind; they were ended with it"
                    ));
                }
                let exit = self.exit.take();
                Some(Input::Ended(self.ended(exit)))
            }
        }
    }

    /// Takes over what the command has printed so far. The end of a command does so by itself; this is for one whose
    /// processes would not die.
    pub fn read_output(&mut self) {
        if let (Some(supervisor), Some((command, attempt))) = (&self.supervisor, self.started) {
            if supervisor.finish_lines() {
                // A runner obeys commands at the beginning of a line alone: ours would be lost behind the command's.
                self.voice.print("\n");
            }
            self.printed.add(command, attempt, supervisor.take_lines());
            // No more than these: who takes over waits for the record, and the record for this.
            self.tail = self.printed.newest(LINES_TOLD, &self.redactor);
        }
    }

    /// The newest lines that the commands printed here, over all attempts; none are kept behind.
    pub fn take_printed(&mut self) -> Printed {
        std::mem::take(&mut self.printed)
    }

    /// Whether any command was started here: this candidate held the lease.
    pub fn has_run(&self) -> bool {
        self.started.is_some()
    }

    fn ended(&self, exit: Option<Exit>) -> Ended {
        let Some(exit) = exit else {
            let detail = self.lost.map_or_else(
                || "its end was not seen".to_owned(),
                |loss| loss.to_string(),
            );
            return Ended {
                outcome: AttemptOutcome::Signal,
                detail,
                ran: Duration::ZERO,
                last_lines: self.last_lines(),
            };
        };
        let (outcome, detail) = if exit.success() {
            (AttemptOutcome::Succeeded, String::new())
        } else if let Some(loss) = self.lost {
            // Not the command's doing: whoever reads of its SIGKILL would look in the wrong place.
            let detail = format!("baton ended it because {loss} (out of memory?)");
            (AttemptOutcome::Signal, detail)
        } else if exit.fenced {
            (
                AttemptOutcome::Fenced,
                "the lease could not be renewed in time".to_owned(),
            )
        } else if exit.timed_out {
            (
                AttemptOutcome::Timeout,
                format!("stopped after {}", duration::format(self.timeout)),
            )
        } else if exit.stopped {
            (AttemptOutcome::Stopped, exit_phrase(&exit))
        } else if let Some(signal) = &exit.signal {
            (AttemptOutcome::Signal, signal.clone())
        } else if exit.code.is_none() {
            (AttemptOutcome::Signal, "its end was not seen".to_owned())
        } else {
            (AttemptOutcome::ExitCode, exit_phrase(&exit))
        };
        Ended {
            last_lines: match outcome {
                AttemptOutcome::Succeeded => Vec::new(),
                _ => self.last_lines(),
            },
            outcome,
            detail,
            ran: exit.ran,
        }
    }

    /// What the ledger keeps of the output.
    fn last_lines(&self) -> Vec<String> {
        let from = self.tail.len().saturating_sub(LINES_RECORDED);
        let lines = self.tail[from..].iter();
        lines.map(|line| printed::recorded(line)).collect()
    }
}

/// `exit code 137 (SIGKILL)`
fn exit_phrase(exit: &Exit) -> String {
    match (exit.code, &exit.signal) {
        (Some(code), _) => match exit.hint() {
            Some(signal) => format!("exit code {code} ({signal})"),
            None => format!("exit code {code}"),
        },
        (None, Some(signal)) => signal.clone(),
        (None, None) => "its end was not seen".to_owned(),
    }
}

impl Hands for CommandHands<'_> {
    fn feed(&mut self, deadline: Duration) {
        self.deadline = Some(deadline);
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.feed(deadline);
        }
    }

    fn start(&mut self, command: Command, number: u32, token: u64, timeout: Duration) {
        let what = match command {
            Command::Deploy => format!("attempt {number}"),
            Command::OnFailure => "on-failure".to_owned(),
            Command::Gates => "the gates".to_owned(),
        };
        self.voice.say(&format!(
            "{what} runs under token {token}, for at most {}",
            duration::format(timeout)
        ));
        self.timeout = timeout;
        self.started = Some((command, number));
        self.exit = None;
        self.lost = None;
        self.running = true;
        if let Err(error) = self.try_start(command, number, token, timeout) {
            self.running = false;
            self.waiting
                .push_back(Self::not_run(format!("failed to {error}")));
        }
    }

    fn stop(&mut self, now: bool) {
        if let Some(supervisor) = &mut self.supervisor {
            supervisor.stop(if now { Stop::Now } else { Stop::Graceful });
        }
    }

    fn say(&mut self, text: &str) {
        self.voice.say(text);
    }

    async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.waiting.pop_front() {
                return input;
            }
            let event = {
                let supervisor = self.supervisor.as_mut();
                tokio::select! {
                    biased;
                    received = self.signals.next() => {
                        self.received = Some(received);
                        return Input::Signal { name: received.to_string() };
                    }
                    event = next_event(supervisor) => event,
                }
            };
            // First into the queue: this future may be dropped while it waits for the supervisor's end.
            let told = self.told(event);
            self.waiting.extend(told);
            // A lost watchdog starts nothing more. Nothing runs: the next command, be it a standby's first, gets a new
            // one.
            let replace = self.lost.is_some() && !self.running;
            if let Some(supervisor) = self.supervisor.take_if(|_| replace) {
                self.lost = None;
                if let Err(error) = supervisor.shutdown().await {
                    self.voice.error(&format!("failed to {error}"));
                }
                self.relaunch();
            }
        }
    }
}

async fn next_event(supervisor: Option<&mut Supervisor>) -> Event {
    match supervisor {
        Some(supervisor) => supervisor.next_event().await,
        None => std::future::pending().await,
    }
}
