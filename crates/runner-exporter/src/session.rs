//! What a listener's own log says about its connection to GitHub, line by line.
//!
//! Responsible for: the meaning of the lines that actions/runner writes to `_diag/Runner_*.log`
//! (src/Runner.Listener/{Runner,MessageListener,BrokerMessageListener}.cs, src/Runner.Common/{BrokerServer,HostContext}.cs).
//! Not responsible for finding and reading the file: see `diag`.
//!
//! A listener that has a session polls for messages, and writes nothing while that goes well. When it fails it says so: the
//! newer protocol first tries again up to five times, 5 to 15 s apart, each with a line of its own; then, and at once with
//! the older one, it sleeps 15 to 60 s between tries. The older protocol says `Runner reconnected`; **the newer one says
//! nothing when polling works again**. So silence is read: no line for longer than the announced pause and the longest
//! time that a try can take means that the try went well.

use std::time::{Duration, Instant};

/// How long a request of the listener's may hang before it is given up and that is written (100 s, the default of the
/// runner's HTTP client), and some more for a loaded host.
pub(crate) const LONGEST_TRY: Duration = Duration::from_secs(110);

/// Why the log says that the listener is not connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// It asks for a session and has none yet.
    Connecting,
    /// Requests fail.
    Disconnected,
    /// GitHub says that this runner has a session already: another listener with the same registration, or one that died
    /// minutes ago.
    SessionConflict,
    /// The registration is gone: the runner must be configured again.
    RegistrationDeleted,
    /// The host's clock is more than five minutes off.
    ClockSkew,
    /// The token was revoked.
    TokenRevoked,
    /// The runner's version is too old for GitHub.
    VersionDeprecated,
    /// It ends.
    ShuttingDown,
}

/// What the log comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Connected,
    /// The last request failed, the first one after a time of success; a try follows within seconds.
    Wavering,
    Lost(Loss),
    /// No line of it tells.
    Untold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Untold,
    Connected,
    /// Polls that have failed in a row, before the listener itself calls it a loss.
    Failing(u32),
    /// With whether silence heals it: a session was there, and only polling failed.
    Lost(Loss, bool),
}

/// What was read so far.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    state: State,
    /// Before the failures that may turn out to be none.
    before: State,
    /// What the listener announced to wait before its next try.
    pause: Duration,
    /// The time on the newest line of trouble, seconds of the log's clock.
    trouble: i64,
    /// The same moment on the own clock.
    trouble_at: Option<Instant>,
    /// Whether lines of trouble came since `trouble_at` was set.
    fresh: bool,
    /// The runner's version, where a line told.
    pub(crate) version: Option<String>,
}

impl Default for Session {
    fn default() -> Session {
        Session {
            state: State::Untold,
            before: State::Untold,
            pause: Duration::ZERO,
            trouble: 0,
            trouble_at: None,
            fresh: false,
            version: None,
        }
    }
}

impl Session {
    /// Whether a line told anything of the connection.
    pub(crate) fn tells(&self) -> bool {
        self.state != State::Untold
    }

    /// Takes in one line.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(Line { at, source, text }) = Line::parse(line) else {
            return;
        };
        match source {
            "Terminal" => self.terminal(at, text),
            "MessageListener" | "BrokerMessageListener" => self.listener(at, text),
            "BrokerServer" => {
                if text == "Catch exception during request" {
                    self.request_failed(at);
                } else if let Some(pause) = seconds(text, "Back off ") {
                    self.pause = pause;
                }
            }
            "JobDispatcher" if text.starts_with("Successfully renew job") => self.connected(),
            "HostContext" if text.starts_with("Runner will be shutdown for") => {
                self.lost(at, Loss::ShuttingDown, false);
            }
            "Listener" => {
                self.version = text
                    .strip_prefix("Version: ")
                    .map(word)
                    .or(self.version.take())
            }
            _ => {}
        }
    }

    /// What people see on the runner's terminal.
    fn terminal(&mut self, at: i64, text: &str) {
        if let Some(text) = text.strip_prefix("WRITE LINE: ") {
            // "2026-03-01 10:00:00Z: Listening for Jobs": behind the time, since a job's name may be anything.
            let said = text.get(20..).and_then(|rest| rest.strip_prefix(": "));
            if let Some(version) = text.strip_prefix("Current runner version: '") {
                self.version = Some(word(version.trim_end_matches('\'')));
            } else if said.is_some_and(|said| {
                said == "Listening for Jobs"
                    || said == "Runner reconnected."
                    || said.starts_with("Running job: ")
            }) {
                self.connected();
            }
            return;
        }
        let Some(text) = text.strip_prefix("WRITE ERROR: ") else {
            return;
        };
        let said = text.get(20..).and_then(|rest| rest.strip_prefix(": "));
        let begins = |with: &str| text.starts_with(with);
        if said.is_some_and(|said| said.starts_with("Runner connect error: ")) {
            self.failed(at);
        } else if begins("A session for this runner already exists") {
            self.lost(at, Loss::SessionConflict, false);
        } else if begins("Failed to create a session. The runner registration has been deleted")
            || begins("The runner no longer exists on the server")
        {
            self.lost(at, Loss::RegistrationDeleted, false);
        } else if begins("The local machine's clock may be out of sync") {
            self.lost(at, Loss::ClockSkew, false);
        } else if begins("Failed to create session") {
            self.failed(at);
        } else if begins("Runner version") && text.contains("deprecated") {
            self.lost(at, Loss::VersionDeprecated, false);
        }
    }

    fn listener(&mut self, at: i64, text: &str) {
        if text == "Session created."
            || text.starts_with("Message '")
            || text.starts_with("No message retrieved")
        {
            self.connected();
        } else if text.starts_with("Get messages has been cancelled using local token source") {
            // It broke off the request itself, to tell GitHub that it is busy, or free: no failure.
            if let State::Failing(_) = self.state {
                self.state = self.before;
            }
        } else if text == "Attempt to create session." {
            if !matches!(self.state, State::Lost(loss, _) if loss != Loss::ShuttingDown) {
                self.lost(at, Loss::Connecting, false);
            }
        } else if text == "Catch exception during create session." {
            self.failed_without_session(at);
        } else if text == "Catch exception during get next message." {
            self.lost(at, Loss::Disconnected, true);
        } else if text.starts_with("Runner OAuth token has been revoked") {
            self.lost(at, Loss::TokenRevoked, false);
        } else if text.starts_with("Runner version has been depricated") {
            self.lost(at, Loss::VersionDeprecated, false);
        } else if let Some(pause) = seconds(text, "Sleeping for ") {
            self.pause = pause;
        }
    }

    fn connected(&mut self) {
        self.state = State::Connected;
        self.trouble_at = None;
        self.fresh = false;
    }

    fn request_failed(&mut self, at: i64) {
        let healed = at.saturating_sub(self.trouble) > self.patience().as_secs().cast_signed();
        match self.state {
            State::Lost(..) => {}
            State::Failing(times) if !healed => self.state = State::Failing(times + 1),
            State::Failing(_) => self.state = State::Failing(1),
            before => {
                self.before = before;
                self.state = State::Failing(1);
            }
        }
        self.trouble(at);
    }

    /// More is said of a loss that is known already: its reason stands.
    fn failed(&mut self, at: i64) {
        if let State::Lost(..) = self.state {
            self.trouble(at);
        } else {
            self.lost(at, Loss::Disconnected, true);
        }
    }

    fn failed_without_session(&mut self, at: i64) {
        match self.state {
            State::Lost(loss, _) if loss != Loss::Connecting => {
                self.state = State::Lost(loss, false)
            }
            _ => self.state = State::Lost(Loss::Disconnected, false),
        }
        self.trouble(at);
    }

    fn lost(&mut self, at: i64, loss: Loss, silence_heals: bool) {
        self.state = State::Lost(loss, silence_heals);
        self.trouble(at);
    }

    fn trouble(&mut self, at: i64) {
        self.pause = Duration::ZERO;
        self.trouble = at;
        self.fresh = true;
    }

    /// From when on the next try must have been written about, had it failed.
    fn patience(&self) -> Duration {
        self.pause + LONGEST_TRY
    }

    /// Says when the lines since the last call were written: at `now`, or earlier as far as their own time says, but not
    /// before the last look (`unseen` ago, `None` at the first). So a clock that jumps moves nothing.
    pub(crate) fn read_at(&mut self, now: Instant, wall: i64, unseen: Option<Duration>) {
        if std::mem::take(&mut self.fresh) {
            let age = Duration::from_secs(wall.saturating_sub(self.trouble).max(0).unsigned_abs());
            let age = unseen.map_or(age, |unseen| age.min(unseen));
            self.trouble_at = Some(now.checked_sub(age).unwrap_or(now));
        }
    }

    /// What it comes to now.
    pub(crate) fn verdict(&self, now: Instant) -> Verdict {
        let silent = self
            .trouble_at
            .is_some_and(|at| now.saturating_duration_since(at) > self.patience());
        match self.state {
            State::Untold => Verdict::Untold,
            State::Connected => Verdict::Connected,
            State::Failing(_) | State::Lost(_, true) if silent => Verdict::Connected,
            State::Failing(1) => Verdict::Wavering,
            State::Failing(_) => Verdict::Lost(Loss::Disconnected),
            State::Lost(loss, _) => Verdict::Lost(loss),
        }
    }
}

fn word(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    text.chars().take_while(|c| fits(*c)).take(40).collect()
}

/// The seconds behind `before`: "Back off 11.373 seconds before next retry."
fn seconds(text: &str, before: &str) -> Option<Duration> {
    let number = text.strip_prefix(before)?.split(' ').next()?;
    let seconds: f64 = number.replace(',', ".").parse().ok()?;
    Duration::try_from_secs_f64(seconds.clamp(0.0, 600.0)).ok()
}

/// `[2026-03-01 10:00:00Z INFO Terminal] WRITE LINE: …`, and `[RUNNER 2026-…` of newer versions.
struct Line<'a> {
    /// Seconds since 1970 by the log's clock.
    at: i64,
    source: &'a str,
    text: &'a str,
}

impl Line<'_> {
    fn parse(line: &str) -> Option<Line<'_>> {
        let (head, text) = line.strip_prefix('[')?.split_once("] ")?;
        let head = head.strip_prefix("RUNNER ").unwrap_or(head);
        let mut words = head.split_ascii_whitespace();
        let (day, time, _level, source) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        Some(Line {
            at: unix(day, time)?,
            source,
            text: text.trim_end(),
        })
    }
}

fn unix(day: &str, time: &str) -> Option<i64> {
    let mut day = day.splitn(3, '-').map(str::parse::<i64>);
    let mut time = time
        .trim_end_matches('Z')
        .splitn(3, ':')
        .map(str::parse::<i64>);
    let mut next = || day.next()?.ok();
    let (year, month, day) = (next()?, next()?, next()?);
    let mut next = || time.next()?.ok();
    let (hour, minute, second) = (next()?, next()?, next()?);
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Days of the proleptic Gregorian calendar, years beginning in March (Howard Hinnant, "chrono-compatible low-level
    // date algorithms").
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * 86_400 + hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
