//! The command line, read once: what to do, or everything that is wrong with it.

use std::{
    ffi::OsString,
    fmt::Write,
    net::{SocketAddr, ToSocketAddrs},
    path::PathBuf,
    time::Duration,
};

use actions_kit::{duration, suggest};
use lexopt::Arg;

use crate::{settings::Settings, unit};

/// Where Prometheus looks for it (design §9).
const LISTEN: &str = "0.0.0.0:9101";
const DOCKER: &str = "/run/docker.sock";
const CGROUPS: &str = "/sys/fs/cgroup";
/// Below it a file would be written for nobody.
const SHORTEST: Duration = Duration::from_secs(1);

/// What `--help` says.
pub(crate) const HELP: &str = "\
Tells Prometheus how the GitHub Actions runners of this host are: http://HOST:9101/metrics, and /health.

Usage: runner-exporter [--listen ADDRESS:PORT] [options]
       runner-exporter --textfile DIR [--every DURATION] [options]

  --listen ADDRESS:PORT   where to listen [default: 0.0.0.0:9101]
  --textfile DIR          no server: writes DIR/runner-exporter.prom for node_exporter, once
  --every DURATION        with --textfile: again and again, such as 15s
  --config FILE           settings of this host's runners, JSON; read again on SIGHUP
  --runner-dir DIR        a runner that is no systemd service; may be given several times
  --environment NAME      what the runners deploy to, where nothing else says so
  --authorized-for-prod   they may deploy to production, where --config does not say otherwise
  --docker-socket PATH    the Docker daemon's socket, or none [default: /run/docker.sock]
  --units DIR             where to look for units instead of systemd's folders; may be given several times
  --cgroups DIR           where the control groups are mounted [default: /sys/fs/cgroup]
  --help, -h              this text
  --version, -V           name and version

Exit codes
  0    ended by SIGTERM or SIGINT; with --textfile alone: the file is written
  64   an option is wrong; nothing was done
  69   the port is taken, or the file cannot be written
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Options {
    Help,
    Version,
    Run(Box<Run>),
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) work: Work,
    pub(crate) config: Option<PathBuf>,
    /// What options say of the runners.
    pub(crate) settings: Settings,
    /// `None`: Docker is not asked.
    pub(crate) docker: Option<PathBuf>,
    pub(crate) units: Vec<PathBuf>,
    pub(crate) cgroups: PathBuf,
}

/// For whom.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Serve(SocketAddr),
    Textfile {
        folder: PathBuf,
        every: Option<Duration>,
    },
}

/// One finding.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    name: String,
    seen: String,
    wanted: String,
}

const NAMES: [&str; 12] = [
    "listen",
    "textfile",
    "every",
    "config",
    "runner-dir",
    "environment",
    "authorized-for-prod",
    "docker-socket",
    "units",
    "cgroups",
    "help",
    "version",
];
/// Those that may be given several times.
const LISTS: [&str; 2] = ["runner-dir", "units"];
const SWITCHES: [&str; 3] = ["authorized-for-prod", "help", "version"];

#[derive(Default)]
struct Given {
    values: Vec<(&'static str, OsString)>,
    wrong: Vec<Wrong>,
}

/// Reads the command line, without the program's name.
pub(crate) fn read(args: &[OsString]) -> Result<Options, Vec<Wrong>> {
    let mut given = Given::default();
    given.walk(args);
    if given.has("help") {
        return Ok(Options::Help);
    }
    if given.has("version") && args.len() == 1 {
        return Ok(Options::Version);
    }
    if given.has("version") {
        given.add("--version", "beside other options", "nothing beside it");
    }
    let run = given.run();
    if given.wrong.is_empty() {
        Ok(Options::Run(Box::new(run)))
    } else {
        Err(given.wrong)
    }
}

/// All findings, for a terminal or a journal.
pub(crate) fn report(wrong: &[Wrong]) -> String {
    let mut text = match wrong.len() {
        1 => String::from("1 option is wrong:\n"),
        count => format!("{count} options are wrong:\n"),
    };
    for Wrong { name, seen, wanted } in wrong {
        let _infallible = writeln!(text, "  {name}\n    seen:   {seen}\n    wanted: {wanted}");
    }
    text.push_str("runner-exporter --help shows them all.\n");
    text
}

impl Given {
    fn walk(&mut self, args: &[OsString]) {
        let mut parser = lexopt::Parser::from_args(args.iter().cloned());
        // The value of an option that is not known is no finding of its own.
        let mut after_unknown = false;
        loop {
            let name = match parser.next() {
                Ok(None) => return,
                Ok(Some(Arg::Value(word))) => {
                    if !std::mem::take(&mut after_unknown) {
                        let seen = format!("'{}'", shown(&word));
                        self.add("arguments", &seen, "options alone");
                    }
                    continue;
                }
                Ok(Some(Arg::Short('h'))) => "help".to_owned(),
                Ok(Some(Arg::Short('V'))) => "version".to_owned(),
                Ok(Some(Arg::Short(letter))) => letter.to_string(),
                Ok(Some(Arg::Long(name))) => name.to_owned(),
                Err(_) => {
                    let _dropped = parser.optional_value();
                    continue;
                }
            };
            after_unknown = false;
            let Some(known) = NAMES.into_iter().find(|known| *known == name) else {
                let flag = if name.chars().count() == 1 { "-" } else { "--" };
                let near = suggest::nearest(&name, NAMES);
                let wanted =
                    near.map_or_else(|| "one of --help's".to_owned(), |near| format!("--{near}"));
                let seen = format!("{flag}{}", shown(name.as_ref()));
                self.add(&seen, "an option that there is not", &wanted);
                after_unknown = parser.optional_value().is_none();
                continue;
            };
            if SWITCHES.contains(&known) {
                if parser.optional_value().is_some() {
                    self.add(&dashed(known), "a value", "no value: it is a switch");
                }
                self.values.push((known, OsString::new()));
                continue;
            }
            self.take(known, &mut parser);
        }
    }

    fn take(&mut self, name: &'static str, parser: &mut lexopt::Parser) {
        let value = parser.optional_value().or_else(|| {
            let mut rest = parser.try_raw_args()?;
            let next = rest.peek()?;
            if next.to_string_lossy().starts_with("--") {
                return None;
            }
            rest.next()
        });
        match value {
            Some(value) if value.is_empty() => self.add(&dashed(name), "nothing", "a value"),
            Some(_) if self.has(name) && !LISTS.contains(&name) => {
                self.add(&dashed(name), "twice", "once")
            }
            Some(value) => self.values.push((name, value)),
            None => self.add(&dashed(name), "no value", "a value behind it"),
        }
    }

    fn add(&mut self, name: &str, seen: &str, wanted: &str) {
        self.wrong.push(Wrong {
            name: name.into(),
            seen: seen.into(),
            wanted: wanted.into(),
        });
    }

    fn has(&self, name: &str) -> bool {
        self.values.iter().any(|(known, _)| *known == name)
    }

    fn all(&self, name: &str) -> Vec<PathBuf> {
        let of = self.values.iter().filter(|(known, _)| *known == name);
        of.map(|(_, value)| PathBuf::from(value)).collect()
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let value = self
            .values
            .iter()
            .find(|(known, _)| *known == name)?
            .1
            .clone();
        let text = value.into_string();
        if text.is_err() {
            self.add(&dashed(name), "bytes that are no text", "UTF-8");
        }
        text.ok()
    }

    fn run(&mut self) -> Run {
        let work = self.work();
        let docker = self
            .all("docker-socket")
            .pop()
            .unwrap_or_else(|| DOCKER.into());
        let units = self.all("units");
        let settings = Settings {
            environment: self.text("environment"),
            authorized_for_prod: self.has("authorized-for-prod").then_some(true),
            runner_dirs: self.all("runner-dir"),
            ..Settings::default()
        };
        for folder in &settings.runner_dirs {
            if folder.is_relative() {
                let seen = format!("'{}'", shown(folder.as_os_str()));
                self.add("--runner-dir", &seen, "an absolute path");
            }
        }
        Run {
            work,
            config: self.all("config").pop(),
            settings,
            docker: (docker.as_os_str() != "none").then_some(docker),
            units: if units.is_empty() {
                unit::FOLDERS.map(PathBuf::from).into()
            } else {
                units
            },
            cgroups: self.all("cgroups").pop().unwrap_or_else(|| CGROUPS.into()),
        }
    }

    fn work(&mut self) -> Work {
        let every = self
            .text("every")
            .and_then(|text| match duration::parse(&text) {
                Ok(every) if every >= SHORTEST => Some(every),
                _ => {
                    self.add(
                        "--every",
                        &format!("'{}'", shown(text.as_ref())),
                        "a duration of 1s at least, such as 15s",
                    );
                    None
                }
            });
        if let Some(folder) = self.all("textfile").pop() {
            if self.has("listen") {
                self.add("--listen", "beside --textfile", "one of the two");
            }
            return Work::Textfile { folder, every };
        }
        if self.has("every") {
            self.add("--every", "without --textfile", "--textfile DIR beside it");
        }
        let text = self.text("listen").unwrap_or_else(|| LISTEN.to_owned());
        // A name such as localhost is looked up once.
        let address = text
            .to_socket_addrs()
            .ok()
            .and_then(|mut found| found.next());
        Work::Serve(address.unwrap_or_else(|| {
            let seen = format!("'{}'", shown(text.as_ref()));
            self.add(
                "--listen",
                &seen,
                "an address and a port, such as 127.0.0.1:9101 or [::]:9101",
            );
            SocketAddr::from(([0, 0, 0, 0], 0))
        }))
    }
}

fn dashed(name: &str) -> String {
    format!("--{name}")
}

/// Foreign text on one short line.
fn shown(text: &std::ffi::OsStr) -> String {
    let text = text.to_string_lossy();
    text.chars()
        .take(100)
        .flat_map(char::escape_debug)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_words(words: &str) -> Result<Options, String> {
        let args: Vec<OsString> = words.split_whitespace().map(OsString::from).collect();
        read(&args).map_err(|wrong| report(&wrong))
    }

    fn run(words: &str) -> Run {
        match read_words(words) {
            Ok(Options::Run(run)) => *run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_options_it_listens_where_prometheus_looks() {
        let run = run("");
        assert_eq!(
            run.work,
            Work::Serve(SocketAddr::from(([0, 0, 0, 0], 9101)))
        );
        assert_eq!(run.docker, Some(DOCKER.into()));
        assert_eq!(run.units.len(), unit::FOLDERS.len());
        assert_eq!(run.settings, Settings::default());
    }

    #[test]
    fn every_option_is_taken() {
        let run = run(
            "--textfile /t --every 15s --config /c --runner-dir /a --runner-dir=/b --environment production --authorized-for-prod --docker-socket none --units /u --cgroups /g",
        );
        assert_eq!(
            run.work,
            Work::Textfile {
                folder: "/t".into(),
                every: Some(Duration::from_secs(15))
            }
        );
        assert_eq!(run.settings.runner_dirs, [PathBuf::from("/a"), "/b".into()]);
        assert_eq!(run.settings.authorized_for_prod, Some(true));
        assert_eq!(run.docker, None);
        assert_eq!(run.units, [PathBuf::from("/u")]);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let text = read_words("--listen nowhere --lissen 1 --every 0s --config --runner-dir a stray --environment x --environment y").unwrap_err();
        for part in [
            "8 options are wrong",
            "--lissen\n    seen:   an option that there is not\n    wanted: --listen",
            "--config\n    seen:   no value",
            "'stray'",
            "--environment\n    seen:   twice",
            "--runner-dir\n    seen:   'a'\n    wanted: an absolute path",
            "--every\n    seen:   '0s'",
            "--listen\n    seen:   'nowhere'",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
    }

    #[test]
    fn options_that_contradict_one_another_are_wrong() {
        let text = read_words("--textfile /t --listen 127.0.0.1:1").unwrap_err();
        assert!(text.contains("beside --textfile"), "{text}");
        let text = read_words("--every 15s").unwrap_err();
        assert!(text.contains("without --textfile"), "{text}");
    }

    #[test]
    fn help_and_version_are_answered() {
        assert_eq!(read_words("--nonsense -h"), Ok(Options::Help));
        assert_eq!(read_words("-V"), Ok(Options::Version));
        assert!(read_words("-V --every 1s").is_err());
        for name in NAMES {
            assert!(HELP.contains(&format!("\n  --{name}")), "{name}");
        }
    }
}
