//! The command line, read once: what to do, or everything that is wrong with it (design §8).

use std::{
    ffi::{OsStr, OsString},
    fmt::Write,
    path::PathBuf,
};

use lexopt::Arg;

use crate::{
    request::{Request, step_of},
    words::shown,
};

/// The longest text that an option may give, in bytes: it is kept in the state.
const LONGEST: usize = 200;
/// The largest token: a store counts by ones and gives none that is near it, and once let in it would lock out every other.
const LARGEST: u64 = i64::MAX.unsigned_abs();
const TOKEN: &str = "a number from 1 to 9223372036854775807 in plain digits: the fencing token";

/// What `--help` says.
pub(crate) const HELP: &str = "\
Runs a deployment's command on the target itself, and lets no older fencing token act after a newer one.

Usage: fence-guard --state F --token N --deployment ID --version V --runner R --by WHO [--step NAME] -- command…
       fence-guard --state F --status [--json]

  --state F        the target's state file; its folder must be there. F.lock beside it is the lock
  --token N        the fencing token, from 1: BATON_FENCING_TOKEN
  --deployment ID  the deployment: BATON_DEPLOYMENT_ID
  --version V      what the command brings the target to: BATON_VERSION
  --runner R       the runner that the token was given to: BATON_RUNNER
  --by WHO         on whose behalf: BATON_ACTOR
  --step NAME      a step that is done is not run again in the same deployment [default: a hash of the command]
  --status         shows the state; --json as JSON
  --help, -h       this text
  --version, -V    without anything else: name and version

The command gets these as BATON_FENCING_TOKEN, BATON_DEPLOYMENT_ID, BATON_VERSION, BATON_RUNNER and BATON_ACTOR.

Exit codes
  0    the command succeeded, or its step was done before
  64   an option is wrong; nothing was done
  69   this host is at fault (disk, lock, processes); what was said before tells whether the command ran
  77   refused: an older token, or a state that cannot be trusted. The command did not run, or was ended for a newer token
  126  the command's program cannot be executed
  127  the command's program was not found
  129  the caller was gone before the command started
  else the command's own code; 128 + n where signal n ended it; 1 where its own code was 64, 69 or 77
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Help,
    Version,
    Status { state: PathBuf, json: bool },
    Run { state: PathBuf, request: Request },
}

/// One finding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    name: String,
    seen: String,
    wanted: String,
}

/// The options that take a value.
const VALUED: [&str; 7] = [
    "state",
    "token",
    "deployment",
    "version",
    "runner",
    "by",
    "step",
];
/// Those that take none.
const SWITCHES: [&str; 4] = ["status", "json", "help", "V"];

#[derive(Default)]
struct Given {
    values: Vec<(&'static str, OsString)>,
    status: bool,
    json: bool,
    help: bool,
    version: bool,
    /// Words before `--` that are no option's.
    loose: Vec<String>,
    /// How many findings there were before the first of these.
    wrong_before: usize,
    wrong: Vec<Wrong>,
}

/// Reads the command line, without the program's name.
pub(crate) fn read(args: &[OsString]) -> Result<Options, Vec<Wrong>> {
    let end = args.iter().position(|word| word == "--");
    let (options, command) = match end {
        Some(end) => (&args[..end], Some(&args[end + 1..])),
        None => (args, None),
    };
    if command.is_none() && matches!(options, [only] if only == "--version" || only == "-V") {
        return Ok(Options::Version);
    }
    let mut given = Given::walk(options);
    // Without two dashes, the command begins at the first word that is no option's: that they lack is all that is wrong.
    let loose = std::mem::take(&mut given.loose);
    match (loose.first(), command) {
        (Some(first), None) => {
            // What looks like an option behind it may be the command's own.
            given.wrong.truncate(given.wrong_before);
            let seen = format!("'{}' without `--` before it", shown(first));
            given.add("command", &seen, "`--` before the command");
        }
        _ => {
            for word in &loose {
                let seen = format!("'{}' before `--`", shown(word));
                given.add("command", &seen, "the whole command behind `--`");
            }
        }
    }
    if given.help {
        return Ok(Options::Help);
    }
    if given.version {
        given.add("-V", "beside other options", "nothing beside it");
    }
    let asks = command.is_some() || !loose.is_empty();
    if !given.status && !asks && !given.asks_to_run() {
        if given.wrong.is_empty() {
            given.add(
                "command",
                "nothing to do",
                "--status, or --token, --deployment, --version, --runner, --by and a command behind `--`",
            );
        }
        return Err(given.wrong);
    }
    let state = given.state();
    let options = if given.status {
        given.only_status(command.is_some());
        Options::Status {
            state,
            json: given.json,
        }
    } else {
        if given.json {
            given.add("--json", "set", "--status beside it");
        }
        let request = given.request(command, asks);
        Options::Run { state, request }
    };
    if given.wrong.is_empty() {
        Ok(options)
    } else {
        Err(given.wrong)
    }
}

/// All findings, for a terminal or a log.
pub(crate) fn report(wrong: &[Wrong]) -> String {
    let mut text = match wrong.len() {
        1 => String::from("1 option is wrong:\n"),
        count => format!("{count} options are wrong:\n"),
    };
    for Wrong { name, seen, wanted } in wrong {
        let _infallible = writeln!(text, "  {name}\n    seen:   {seen}\n    wanted: {wanted}");
    }
    text.push_str("fence-guard --help shows them all.\n");
    text
}

impl Given {
    fn walk(options: &[OsString]) -> Given {
        let mut given = Given::default();
        let mut parser = lexopt::Parser::from_args(options.iter().cloned());
        let mut after_unknown = false;
        loop {
            let name = match parser.next() {
                Ok(None) => return given,
                Ok(Some(Arg::Value(word))) => {
                    // The value of an option that is not known is no finding of its own.
                    if !std::mem::take(&mut after_unknown) {
                        if given.loose.is_empty() {
                            given.wrong_before = given.wrong.len();
                        }
                        given.loose.push(word.to_string_lossy().into_owned());
                    }
                    continue;
                }
                Ok(Some(Arg::Short('h'))) => "help".to_owned(),
                Ok(Some(Arg::Short(letter))) => letter.to_string(),
                Ok(Some(Arg::Long(name))) => name.to_owned(),
                Err(_) => {
                    // A value behind `=` that a switch does not take.
                    let _dropped = parser.optional_value();
                    continue;
                }
            };
            after_unknown = false;
            let name = match known(&name) {
                Some(name) => name,
                None => {
                    let flag = if name.chars().count() == 1 { "-" } else { "--" };
                    let seen = format!("{flag}{}", shown(&name));
                    let meant = near(&name);
                    let wanted = meant.map_or("one of --help's".into(), dashed);
                    given.add(&seen, "an option that there is not", &wanted);
                    match meant {
                        // Taken as what was meant: that it is missing is not wrong, too.
                        Some(name) => name,
                        None => {
                            after_unknown = parser.optional_value().is_none();
                            continue;
                        }
                    }
                }
            };
            match name {
                "status" => given.status = true,
                "json" => given.json = true,
                "help" => given.help = true,
                "V" => given.version = true,
                name => given.take(name, &mut parser),
            }
        }
    }

    /// Takes the value of an option. The next option is none.
    fn take(&mut self, name: &'static str, parser: &mut lexopt::Parser) {
        let value = parser.optional_value().or_else(|| {
            let mut rest = parser.try_raw_args()?;
            let next = rest.peek()?.to_str().unwrap_or_default();
            let option = next.strip_prefix("--").map_or("", |next| {
                next.split_once('=').map_or(next, |(option, _)| option)
            });
            if known(option).is_some() {
                let seen = format!("{next} behind it, which is an option");
                self.add(&dashed(name), &seen, "a value behind it");
                return None;
            }
            rest.next()
        });
        match value {
            Some(_) if self.value(name).is_some() => self.add(&dashed(name), "twice", "once"),
            Some(value) => self.values.push((name, value)),
            None if self.wrong.iter().any(|wrong| wrong.name == dashed(name)) => {}
            None => self.add(&dashed(name), "no value", "a value behind it"),
        }
    }

    /// Whether an option is there that belongs to a command.
    fn asks_to_run(&self) -> bool {
        VALUED[1..].iter().any(|name| {
            self.value(name).is_some() || self.wrong.iter().any(|wrong| wrong.name == dashed(name))
        })
    }

    fn add(&mut self, name: &str, seen: &str, wanted: &str) {
        self.wrong.push(Wrong {
            name: name.into(),
            seen: seen.into(),
            wanted: wanted.into(),
        });
    }

    fn value(&self, name: &str) -> Option<&OsStr> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_os_str())
    }

    fn state(&mut self) -> PathBuf {
        let path = self.value("state").map(PathBuf::from);
        match path {
            Some(path) if path.file_name().is_some() => path,
            Some(path) => {
                let seen = shown(&path.to_string_lossy());
                self.add("--state", &format!("'{seen}'"), "the path of a file");
                PathBuf::new()
            }
            None if self.wrong.iter().any(|w| w.name == "--state") => PathBuf::new(),
            None => {
                self.add("--state", "nothing", "the path of the state file");
                PathBuf::new()
            }
        }
    }

    fn only_status(&mut self, command: bool) {
        let mut beside: Vec<String> = VALUED[1..]
            .iter()
            .filter(|name| self.value(name).is_some())
            .map(|name| dashed(name))
            .collect();
        if command {
            beside.push("a command".into());
        }
        if !beside.is_empty() {
            let seen = format!("beside {}", beside.join(", "));
            self.add(
                "--status",
                &seen,
                "nothing beside it but --state and --json",
            );
        }
    }

    fn request(&mut self, command: Option<&[OsString]>, told: bool) -> Request {
        let token = self.required("token", TOKEN);
        let number = Some(&token)
            .filter(|token| {
                token.bytes().all(|byte| byte.is_ascii_digit()) && !token.starts_with('0')
            })
            .and_then(|token| token.parse::<u64>().ok())
            .filter(|token| *token <= LARGEST);
        if number.is_none() && !token.is_empty() {
            let seen = format!("'{}'", shown(&token));
            self.add("--token", &seen, TOKEN);
        }
        let missing = command.map_or(!told, |words| words.first().is_none_or(|w| w.is_empty()));
        if missing {
            self.add(
                "command",
                "nothing",
                "`--` and the command behind the options",
            );
        }
        let command = command.unwrap_or_default().to_vec();
        let step = if self.value("step").is_some() {
            self.required("step", "a name")
        } else {
            step_of(&command)
        };
        Request {
            token: number.unwrap_or(0),
            deployment: self.required("deployment", "the deployment's id"),
            version: self.required("version", "the version"),
            runner: self.required("runner", "the runner's name"),
            by: self.required("by", "who deploys"),
            step,
            command,
        }
    }

    /// Text of one line that is not empty; empty where a finding was added.
    fn required(&mut self, name: &str, wanted: &str) -> String {
        let value = self.value(name).map(OsStr::to_owned);
        let Some(value) = value else {
            if !self.wrong.iter().any(|wrong| wrong.name == dashed(name)) {
                self.add(&dashed(name), "nothing", wanted);
            }
            return String::new();
        };
        let seen = match value.to_str() {
            None => "bytes that are no text".to_owned(),
            Some(text) if text.trim().is_empty() => format!("'{text}'"),
            Some(text) if text.len() > LONGEST => format!("{} bytes", text.len()),
            Some(text) if text.chars().any(char::is_control) => format!("'{}'", shown(text)),
            Some(text) => return text.to_owned(),
        };
        let wanted = format!("{wanted}, 1 to {LONGEST} bytes on one line");
        self.add(&dashed(name), &seen, &wanted);
        String::new()
    }
}

fn dashed(name: &str) -> String {
    format!("--{name}")
}

/// Its name, where there is such an option.
fn known(name: &str) -> Option<&'static str> {
    let all = VALUED.iter().chain(&SWITCHES);
    all.copied().find(|known| *known == name)
}

/// The option that was meant: one that is two edits away at most, and shorter names one.
fn near(name: &str) -> Option<&'static str> {
    let all = VALUED.iter().chain(&SWITCHES).copied();
    all.filter(|known| known.len() > 1)
        .map(|known| (edits(name, known), known))
        .filter(|(edits, known)| *edits <= if known.len() > 4 { 2 } else { 1 })
        .min()
        .map(|(_, known)| known)
}

/// How many letters must be put in, left out or changed (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut corner = row[0];
        row[0] = line + 1;
        for (column, known) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *known);
            corner = row[column + 1];
            row[column + 1] = changed.min(corner + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
#[path = "options_tests.rs"]
mod tests;
