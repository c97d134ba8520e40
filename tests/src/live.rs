//! The screen of programs for people: what the runners say, as they say it, every line with the time since the beginning
//! and the runner's name; and Ctrl-C as an ordinary answer, so that whatever was started is ended.

use std::{
    fs::File,
    io::{self, IsTerminal, Read, Seek, SeekFrom, Write},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{
    runtime::Builder,
    signal::unix::{SignalKind, signal},
};

/// Why it cannot go on.
#[derive(Debug)]
pub enum Stop {
    /// Ctrl-C, or whoever started this wants it to end.
    Interrupted,
    /// Something did not happen in time.
    InVain(String),
}

/// A colour of the terminal, as the number in its escape sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "colours")]
pub enum Colour {
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Grey = 90,
}

/// Follows a step's log.
#[derive(Debug)]
struct Tail {
    runner: String,
    colour: Colour,
    path: PathBuf,
    read: u64,
}

/// The screen.
#[derive(Debug)]
pub struct Live {
    colours: bool,
    begin: Instant,
    tails: Vec<Tail>,
    interrupted: Arc<AtomicBool>,
}

impl Live {
    /// Time starts here. From now on Ctrl-C is an answer of [`Live::until`].
    ///
    /// # Panics
    /// Nobody can listen for signals.
    pub fn begin() -> Live {
        let interrupted = Arc::new(AtomicBool::new(false));
        listen(Arc::clone(&interrupted));
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Live {
            colours,
            begin: Instant::now(),
            tails: Vec::new(),
            interrupted,
        }
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Shows what this runner says from now on.
    pub fn follow(&mut self, runner: &str, colour: Colour, path: PathBuf) {
        self.tails.push(Tail {
            runner: runner.to_owned(),
            colour,
            path,
            read: 0,
        });
    }

    /// Text in a colour, where there are colours.
    pub fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colours {
            format!("\x1b[{}m{text}\x1b[0m", colour as u8)
        } else {
            text.to_owned()
        }
    }

    /// One line.
    pub fn tell(&self, line: &str) {
        // A reader that went away is no reason to leave processes behind.
        let _unheard = writeln!(io::stdout(), "{line}");
    }

    /// What the program itself does, between the runners' lines.
    pub fn announce(&mut self, text: &str) {
        self.pump();
        let line = format!("{}            {text}", stamp(self.elapsed()));
        self.tell(&self.paint(Colour::Yellow, &line));
    }

    /// Prints every whole line that came in.
    fn pump(&mut self) {
        let now = self.begin.elapsed();
        let mut fresh = Vec::new();
        for tail in &mut self.tails {
            for line in tail.whole_lines() {
                fresh.push((tail.runner.clone(), tail.colour, line));
            }
        }
        for (runner, colour, line) in fresh {
            let head = self.paint(Colour::Grey, &stamp(now));
            let name = self.paint(colour, &format!("{runner:>9} │"));
            self.tell(&format!("{head} {name} {}", plain(&line)));
        }
    }

    /// Shows everything that is said until there is something to see.
    ///
    /// # Errors
    /// Somebody wants it to end, or nothing was to be seen within that time.
    pub fn until<T>(
        &mut self,
        within: Duration,
        awaited: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<T, Stop> {
        let end = Instant::now() + within;
        loop {
            self.pump();
            if let Some(seen) = look() {
                return Ok(seen);
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Stop::Interrupted);
            }
            if Instant::now() >= end {
                return Err(Stop::InVain(awaited.to_owned()));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Tail {
    fn whole_lines(&mut self) -> Vec<String> {
        let mut text = Vec::new();
        let read = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.read))?;
            file.read_to_end(&mut text)
        });
        let Some(end) = text
            .iter()
            .rposition(|b| *b == b'\n')
            .filter(|_| read.is_ok())
        else {
            return Vec::new();
        };
        self.read += end as u64 + 1;
        String::from_utf8_lossy(&text[..end])
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// Hears the first signal that wants an end; those after it are swallowed, for everything is being ended then. Signals are
/// handled and not blocked: a program that we start would inherit what is blocked, and never hear of a cancel.
fn listen(interrupted: Arc<AtomicBool>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let entered = runtime.enter();
    let mut ends = [
        SignalKind::interrupt(),
        SignalKind::terminate(),
        SignalKind::hangup(),
    ]
    .map(|kind| signal(kind).unwrap());
    drop(entered);
    thread::spawn(move || {
        runtime.block_on(async {
            let [interrupt, terminate, hangup] = &mut ends;
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        });
        interrupted.store(true, Ordering::Relaxed);
    });
}

/// `  12.3 s`
pub fn stamp(since: Duration) -> String {
    format!("{:6.1} s", since.as_secs_f64())
}

/// A workflow command as the runner's log would show it: `::notice title=baton::text`.
fn plain(line: &str) -> String {
    let told = line
        .strip_prefix("::")
        .and_then(|rest| rest.split_once("::"));
    match told {
        Some((command, text)) => {
            let kind = command.split(' ').next().unwrap_or_default();
            format!("{kind}: {}", text.replace("%0A", " ").replace("%25", "%"))
        }
        None => line.to_owned(),
    }
}
