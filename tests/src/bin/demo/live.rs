//! What the runners say, as they say it: every line with the time since the beginning and the runner's name.

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

use nix::sys::signal::{SigSet, Signal};

/// Why the demo cannot go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Ctrl-C, or whoever started this wants it to end.
    Interrupted,
    /// Something did not happen in time.
    InVain(String),
}

/// A colour of the terminal, as the number in its escape sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Bold = 1,
    Red = 31,
    Green = 32,
    Yellow = 33,
    Blue = 34,
    Grey = 90,
}

/// Follows a step's log.
struct Tail {
    runner: String,
    colour: Colour,
    path: PathBuf,
    read: u64,
}

/// The screen.
pub(crate) struct Live {
    colours: bool,
    begin: Instant,
    tails: Vec<Tail>,
    interrupted: Arc<AtomicBool>,
}

impl Live {
    /// Time starts here. From now on Ctrl-C is an answer of [`Live::until`].
    pub(crate) fn new() -> Live {
        let interrupted = Arc::new(AtomicBool::new(false));
        let mut stops = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            stops.add(signal);
        }
        let flag = Arc::clone(&interrupted);
        // Blocked everywhere, so that the thread alone hears of it; the programs that we start begin with none blocked.
        if stops.thread_block().is_ok() {
            thread::spawn(move || {
                if stops.wait().is_ok() {
                    flag.store(true, Ordering::Relaxed);
                }
            });
        }
        let colours = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Live {
            colours,
            begin: Instant::now(),
            tails: Vec::new(),
            interrupted,
        }
    }

    /// Since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Shows what this runner says from now on.
    pub(crate) fn follow(&mut self, runner: &str, colour: Colour, path: PathBuf) {
        self.tails.push(Tail {
            runner: runner.to_owned(),
            colour,
            path,
            read: 0,
        });
    }

    /// Text in a colour, where there are colours.
    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        if self.colours {
            format!("\x1b[{}m{text}\x1b[0m", colour as u8)
        } else {
            text.to_owned()
        }
    }

    /// One line.
    pub(crate) fn tell(&self, line: &str) {
        // A reader that went away is no reason to leave processes behind.
        let _unheard = writeln!(io::stdout(), "{line}");
    }

    /// What the demo itself does, between the runners' lines.
    pub(crate) fn announce(&mut self, text: &str) {
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
    pub(crate) fn until<T>(
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

/// `  12.3 s`
pub(crate) fn stamp(since: Duration) -> String {
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
