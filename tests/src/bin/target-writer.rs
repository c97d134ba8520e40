//! The work of a deploy command, as its target sees it: appends a line every few milliseconds until its time is over.
//! `target-writer LOG TOKEN WHAT SECONDS`, where `SECONDS` may be `forever`, or `release`: until the file `LOG.release`
//! is there. It takes everything from its arguments: a command may clear its environment, and is still found in `/proc`
//! by the log's name.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::Duration,
};

use baton_tests::target::{Line, Said, boottime};

/// Between two lines.
const PAUSE: Duration = Duration::from_millis(5);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [log, token, what, seconds] = arguments.as_slice() else {
        return ExitCode::from(64);
    };
    let Ok(token) = token.parse() else {
        return ExitCode::from(64);
    };
    let lasts = match (seconds.as_str(), seconds.parse()) {
        ("forever", _) => Lasts::Forever,
        ("release", _) => Lasts::Until(PathBuf::from(format!("{log}.release"))),
        (_, Ok(seconds)) => Lasts::For(Duration::from_secs_f64(seconds)),
        (_, Err(_)) => return ExitCode::from(64),
    };
    match write(log, token, what, &lasts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(74),
    }
}

/// How long it writes.
enum Lasts {
    For(Duration),
    Until(PathBuf),
    Forever,
}

fn write(log: &str, token: u64, what: &str, lasts: &Lasts) -> io::Result<()> {
    let mut log = OpenOptions::new().create(true).append(true).open(log)?;
    let say = |log: &mut File, said| {
        let line = Line {
            at: boottime(),
            token,
            pid: std::process::id(),
            what: what.to_owned(),
            said,
        };
        // One write a line: lines of two writers never mix.
        log.write_all(format!("{line}\n").as_bytes())
    };
    let begin = boottime();
    say(&mut log, Said::Start)?;
    let over = || match lasts {
        Lasts::For(time) => boottime() >= begin + *time,
        Lasts::Until(file) => file.exists(),
        Lasts::Forever => false,
    };
    while !over() {
        thread::sleep(PAUSE);
        say(&mut log, Said::Alive)?;
    }
    say(&mut log, Said::End)
}
