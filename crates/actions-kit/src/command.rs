//! Workflow commands: annotations, groups and masks on standard output
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>), and keeping foreign text from
//! giving any.
//!
//! Not responsible for standard output itself: a writer is handed in.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use crate::{Environment, Redactor, Secret};

/// GitHub keeps so many annotations of each level a step, and drops the rest without a word (design §11).
const ANNOTATIONS: usize = 10;

/// How serious an annotation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something deserves a look.
    Warning,
    /// Something is worth knowing.
    Notice,
}

impl Level {
    const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Who reads the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A runner, which obeys workflow commands.
    Runner,
    /// A person at a terminal, who is spared their syntax.
    Person,
}

impl Reader {
    /// A runner sets `GITHUB_ACTIONS`.
    pub fn of(environment: &Environment) -> Self {
        if environment.get("GITHUB_ACTIONS").is_some() {
            Self::Runner
        } else {
            Self::Person
        }
    }
}

/// Writes workflow commands. Every text goes through the redactor.
///
/// The tenth annotation of a level waits for [`Commands::finish`], since it may have to stand for all that come after
/// it. Dropping finishes too, but tells no error; `std::process::exit` does neither.
#[derive(Debug)]
pub struct Commands<W: Write> {
    writer: W,
    reader: Reader,
    redactor: Redactor,
    errors: Held,
    warnings: Held,
    notices: Held,
}

/// The annotations of one level.
#[derive(Debug, Default)]
struct Held {
    written: usize,
    /// Title and message of the tenth and later ones.
    rest: Vec<(String, String)>,
}

impl<W: Write> Commands<W> {
    /// Commands for `reader`, written to `writer`.
    pub fn new(writer: W, reader: Reader, redactor: Redactor) -> Self {
        let [errors, warnings, notices] = [Held::default(), Held::default(), Held::default()];
        Self {
            writer,
            reader,
            redactor,
            errors,
            warnings,
            notices,
        }
    }

    /// An error annotation.
    ///
    /// # Errors
    /// The writer's own.
    pub fn error(&mut self, title: &str, message: &str) -> io::Result<()> {
        self.annotate(Level::Error, title, message)
    }

    /// A warning annotation.
    ///
    /// # Errors
    /// The writer's own.
    pub fn warning(&mut self, title: &str, message: &str) -> io::Result<()> {
        self.annotate(Level::Warning, title, message)
    }

    /// A notice annotation.
    ///
    /// # Errors
    /// The writer's own.
    pub fn notice(&mut self, title: &str, message: &str) -> io::Result<()> {
        self.annotate(Level::Notice, title, message)
    }

    /// An annotation. At most ten of a level are written; where there are more, the tenth stands for the rest.
    ///
    /// # Errors
    /// The writer's own.
    pub fn annotate(&mut self, level: Level, title: &str, message: &str) -> io::Result<()> {
        let title = self.redactor.redact(title).into_owned();
        let message = self.redactor.redact(message).into_owned();
        if self.reader == Reader::Runner {
            let held = self.held(level);
            if held.written >= ANNOTATIONS - 1 {
                held.rest.push((title, message));
                return Ok(());
            }
            held.written += 1;
        }
        self.write_annotation(level, &title, &message)
    }

    /// Writes what was held back.
    ///
    /// # Errors
    /// The writer's own.
    pub fn finish(&mut self) -> io::Result<()> {
        for level in [Level::Error, Level::Warning, Level::Notice] {
            let rest = std::mem::take(&mut self.held(level).rest);
            self.held(level).written += usize::from(!rest.is_empty());
            match rest.as_slice() {
                [] => {}
                [(title, message)] => self.write_annotation(level, title, message)?,
                several => {
                    let lines: Vec<String> = several
                        .iter()
                        .map(|(title, message)| format!("{title}: {message}"))
                        .collect();
                    self.write_annotation(
                        level,
                        &format!("{} more", several.len()),
                        &lines.join("\n"),
                    )?;
                }
            }
        }
        self.writer.flush()
    }

    /// A line of our own for the log; redacted, and no command whatever it holds.
    ///
    /// # Errors
    /// The writer's own.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        for line in self.redactor.redact(text).split('\n') {
            let line = if self.reader == Reader::Runner {
                neutralise(line)
            } else {
                Cow::Borrowed(line)
            };
            writeln!(self.writer, "{line}")?;
        }
        Ok(())
    }

    /// Starts a group of lines that can be folded. Groups do not nest.
    ///
    /// # Errors
    /// The writer's own.
    pub fn group(&mut self, title: &str) -> io::Result<()> {
        let title = self.redactor.redact(title).into_owned();
        match self.reader {
            Reader::Runner => writeln!(self.writer, "::group::{}", escape_data(&title)),
            Reader::Person => writeln!(self.writer, "{title}"),
        }
    }

    /// Ends the group.
    ///
    /// # Errors
    /// The writer's own.
    pub fn end_group(&mut self) -> io::Result<()> {
        match self.reader {
            Reader::Runner => writeln!(self.writer, "::endgroup::"),
            Reader::Person => Ok(()),
        }
    }

    /// Has the runner mask `secret` in every later line of the job, and the redactor too. A person's terminal sees
    /// nothing: there is nobody to obey the command.
    ///
    /// # Errors
    /// The writer's own.
    pub fn mask(&mut self, secret: &Secret) -> io::Result<()> {
        self.redactor.add(secret);
        match self.reader {
            Reader::Runner => writeln!(self.writer, "::add-mask::{}", escape_data(secret.expose())),
            Reader::Person => Ok(()),
        }
    }

    fn held(&mut self, level: Level) -> &mut Held {
        match level {
            Level::Error => &mut self.errors,
            Level::Warning => &mut self.warnings,
            Level::Notice => &mut self.notices,
        }
    }

    fn write_annotation(&mut self, level: Level, title: &str, message: &str) -> io::Result<()> {
        let word = level.word();
        match self.reader {
            Reader::Runner => {
                writeln!(
                    self.writer,
                    "::{word} title={}::{}",
                    escape_property(title),
                    escape_data(message)
                )
            }
            Reader::Person => writeln!(self.writer, "{word}: {title}: {message}"),
        }
    }
}

impl<W: Write> Drop for Commands<W> {
    fn drop(&mut self) {
        // An early return must not lose annotations. Nobody is left to hear of an error.
        let _ = self.finish();
    }
}

/// Escapes a command's data.
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a command's property.
pub fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Takes [`escape_data`] back, as the runner does.
fn unescape_data(text: &str) -> String {
    text.replace("%0D", "\r")
        .replace("%0A", "\n")
        .replace("%25", "%")
}

/// The values of the masking commands in a line of output, which are hardly ever more than one. The runner takes `::`
/// behind white space, `##[` anywhere, and the name in any case.
pub(crate) fn masks_in(line: &str) -> impl Iterator<Item = String> {
    let parts = may_command(line).then(|| line.split(['\r', '\n']));
    parts.into_iter().flatten().filter_map(|part| {
        let start = part.trim_start_matches(ignored);
        let (head, data) = match start.strip_prefix("::") {
            Some(rest) => rest.split_once("::")?,
            None => part.split_once("##[")?.1.split_once(']')?,
        };
        let name = head.split_whitespace().next()?;
        name.eq_ignore_ascii_case("add-mask")
            .then(|| unescape_data(data))
    })
}

/// A line of foreign text that no runner takes for a command. `::` at its start becomes `: :`, `##[` anywhere becomes
/// `## [`. A carriage return counts as a line break: the runner reads it so.
pub fn neutralise(line: &str) -> Cow<'_, str> {
    if !may_command(line) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(
        line.split_inclusive(['\r', '\n'])
            .map(neutralise_part)
            .collect(),
    )
}

/// Whether a closer look is needed. Every line of a deploy command comes by here, and a search for single letters is
/// what the standard library does fastest.
fn may_command(line: &str) -> bool {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.contains('#')
        || line.contains('\r')
        || line.contains('\n')
        || line.trim_start_matches(ignored).starts_with("::")
}

fn neutralise_part(part: &str) -> String {
    let part = part.replace("##[", "## [");
    let start = part.len() - part.trim_start_matches(ignored).len();
    match part[start..].strip_prefix("::") {
        Some(rest) => format!("{}: :{rest}", &part[..start]),
        None => part,
    }
}

/// What may stand before a command: white space to .NET, and what a terminal does not show.
fn ignored(letter: char) -> bool {
    letter.is_whitespace() || letter.is_control() || "\u{feff}\u{200b}\u{180e}".contains(letter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(
        reader: Reader,
        write: impl FnOnce(&mut Commands<&mut Vec<u8>>) -> io::Result<()>,
    ) -> String {
        let redactor = Redactor::new();
        redactor.add(&Secret::new("canary-7f3a").expect("a secret"));
        let mut bytes = Vec::new();
        let mut commands = Commands::new(&mut bytes, reader, redactor);
        write(&mut commands).expect("written");
        drop(commands);
        String::from_utf8(bytes).expect("utf-8")
    }

    #[test]
    fn annotations_are_escaped_and_redacted() {
        let text = written(Reader::Runner, |to| {
            to.error("a: b, c", "50 %\r\nof canary-7f3a")
        });
        assert_eq!(text, "::error title=a%3A b%2C c::50 %25%0D%0Aof ***\n");
    }

    #[test]
    fn a_person_reads_plain_text() {
        let text = written(Reader::Person, |to| {
            to.group("store")?;
            to.warning("slow", "took canary-7f3a")?;
            to.mask(&Secret::new("canary-two").expect("a secret"))?;
            to.line("canary-two")?;
            to.end_group()
        });
        assert_eq!(text, "store\nwarning: slow: took ***\n***\n");
    }

    #[test]
    fn ten_annotations_of_a_level_are_written_each() {
        let text = written(Reader::Runner, |to| {
            (0..10).try_for_each(|n| to.error("e", &n.to_string()))
        });
        assert_eq!(text.lines().count(), 10);
        assert!(text.ends_with("::error title=e::9\n"), "{text}");
    }

    #[test]
    fn the_tenth_annotation_stands_for_the_rest_where_there_are_more() {
        let text = written(Reader::Runner, |to| {
            (0..25).try_for_each(|n| to.error("e", &n.to_string()))?;
            to.warning("w", "kept")
        });
        let errors: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("::error"))
            .collect();
        assert_eq!(errors.len(), 10);
        assert!(
            errors[9].starts_with("::error title=16 more::e: 9%0Ae: 10%0A"),
            "{}",
            errors[9]
        );
        assert!(errors[9].ends_with("e: 24"), "{}", errors[9]);
        assert!(text.contains("::warning title=w::kept\n"), "{text}");
    }

    #[test]
    fn finishing_twice_writes_nothing_twice() {
        let text = written(Reader::Runner, |to| {
            (0..12).try_for_each(|n| to.notice("n", &n.to_string()))?;
            to.finish()?;
            to.finish()
        });
        assert_eq!(text.lines().count(), 10);
    }

    #[test]
    fn groups_and_masks_are_commands() {
        let text = written(Reader::Runner, |to| {
            to.group("a\nb")?;
            to.mask(&Secret::new("two%\nlines").expect("a secret"))?;
            to.line("::error::not mine\nplain")?;
            to.end_group()
        });
        assert_eq!(
            text,
            "::group::a%0Ab\n::add-mask::two%25%0Alines\n: :error::not mine\nplain\n::endgroup::\n"
        );
    }

    #[test]
    fn foreign_lines_give_no_commands() {
        for (line, harmless) in [
            ("::error::x", ": :error::x"),
            (" \t::set-output name=a::x", " \t: :set-output name=a::x"),
            ("\u{a0}::stop-commands::x", "\u{a0}: :stop-commands::x"),
            ("text ##[add-path]/tmp", "text ## [add-path]/tmp"),
            ("##[error]x", "## [error]x"),
            ("progress 10%\r::error::x", "progress 10%\r: :error::x"),
            ("a\n::error::x", "a\n: :error::x"),
            ("std::io::Error", "std::io::Error"),
            ("plain", "plain"),
        ] {
            assert_eq!(neutralise(line), harmless);
        }
    }

    #[test]
    fn masking_commands_are_recognised_as_the_runner_does() {
        for (line, value) in [
            ("::add-mask::abc", Some("abc")),
            ("  ::ADD-MASK::a%0Ab%25\r\n", Some("a\nb%")),
            ("::add-mask x=y::abc", Some("abc")),
            ("progress\r::add-mask::abc", Some("abc")),
            ("log: ##[add-mask]abc", Some("abc")),
            ("text ::add-mask::abc", None),
            ("::add-masks::abc", None),
            ("::add-mask", None),
            ("::::", None),
        ] {
            assert_eq!(masks_in(line).next().as_deref(), value, "{line}");
        }
    }

    proptest! {
        #[test]
        fn escaped_data_is_one_line_and_comes_back(text in "[%0AaD25\r\n:,é]{0,30}") {
            let escaped = escape_data(&text);
            prop_assert!(!escaped.contains(['\r', '\n']));
            prop_assert_eq!(unescape_data(&escaped), text);
        }

        #[test]
        fn an_escaped_property_ends_no_property_and_no_command(text in "[%:,=a\r\n]{0,30}") {
            prop_assert!(!escape_property(&text).contains([':', ',', '\r', '\n']));
        }

        #[test]
        fn no_line_is_a_command_after_neutralising(line in "[ \t\r\n:#\\[\u{a0}a]{0,20}") {
            let harmless = neutralise(&line).into_owned();
            for part in harmless.split(['\r', '\n']) {
                prop_assert!(!part.trim_start().starts_with("::") && !part.contains("##["), "{:?}", harmless);
            }
        }
    }
}
