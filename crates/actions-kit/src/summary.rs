//! The step summary: Markdown that GitHub shows on the run's page
//! (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions#adding-a-job-summary>).
//!
//! Not responsible for what it says, nor for escaping foreign text: see [`markdown`].

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::{Environment, Redactor, Written, markdown};

/// GitHub drops a summary of more than 1 MiB whole (design §11).
const LIMIT: usize = 1024 * 1024;

/// The text under construction.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    text: String,
}

/// Why the summary could not be written.
#[derive(Debug, thiserror::Error)]
#[error("append the summary to {path}")]
pub struct SummaryError {
    /// The file that GitHub named.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl Summary {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another summary behind this one.
    pub fn append(&mut self, other: &Summary) -> &mut Self {
        self.text.push_str(&other.text);
        self
    }

    /// A heading of level 3, as GitHub's own pages around it use 1 and 2. `title` is Markdown.
    pub fn heading(&mut self, title: &str) -> &mut Self {
        self.block(&format!("### {title}"))
    }

    /// A paragraph of Markdown.
    pub fn paragraph(&mut self, markdown: &str) -> &mut Self {
        self.block(markdown)
    }

    /// A table whose cells are Markdown.
    pub fn table<I>(&mut self, header: &[&str], rows: I) -> &mut Self
    where
        I: IntoIterator<Item = Vec<String>>,
    {
        self.block(&markdown::table(header, rows))
    }

    /// A block of foreign text as it is, in a fold that opens on a click. `title` is foreign text too.
    pub fn folded(&mut self, title: &str, text: &str) -> &mut Self {
        let title = markdown::text(title);
        let block = markdown::code_block("text", text);
        self.block(&format!(
            "<details><summary>{title}</summary>\n\n{block}\n</details>"
        ))
    }

    /// A Mermaid diagram; see [`markdown::mermaid_label`] for foreign text in it.
    pub fn mermaid(&mut self, diagram: &str) -> &mut Self {
        self.block(&markdown::mermaid(diagram))
    }

    /// The whole text, redacted; for a terminal where GitHub named no file.
    pub fn text(&self, redactor: &Redactor) -> String {
        redactor.redact(&self.text).into_owned()
    }

    /// Appends the redacted text to `GITHUB_STEP_SUMMARY`. A text that would make the file too long is cut at the end,
    /// and says so.
    ///
    /// # Errors
    /// [`SummaryError`] where the file cannot be written.
    pub fn write(
        &self,
        environment: &Environment,
        redactor: &Redactor,
    ) -> Result<Written, SummaryError> {
        let Some(path) = environment.get("GITHUB_STEP_SUMMARY") else {
            return Ok(Written::NoFile);
        };
        let path = Path::new(path);
        append(path, &self.text(redactor)).map_err(|source| SummaryError {
            path: path.into(),
            source,
        })?;
        Ok(Written::ToFile)
    }

    fn block(&mut self, markdown: &str) -> &mut Self {
        self.text.push_str(markdown.trim_end());
        self.text.push_str("\n\n");
        self
    }
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(cut(text, (LIMIT - 1).saturating_sub(used)).as_bytes())
}

/// What is told where something was left out.
const NOTE: &str = "\n\n> [!NOTE]\n> The summary was cut here: GitHub shows at most 1 MiB. The log has all of it.\n";

/// The beginning of `text`, at most `room` bytes with the note: whole lines where it has any, whole characters always,
/// and no open code block that would swallow the note.
fn cut(text: &str, room: usize) -> String {
    if text.len() <= room {
        return text.to_owned();
    }
    // The longest fence that may have to be closed is counted beforehand.
    let fence = markdown::longest_run(text, '`') + 2;
    let Some(room) = room.checked_sub(NOTE.len() + fence) else {
        return String::new();
    };
    let start = &text[..text.floor_char_boundary(room)];
    let start = start.rfind('\n').map_or(start, |end| &start[..end]);
    let mut open: Option<&str> = None;
    for line in start.lines() {
        let ticks = &line[..line.len() - line.trim_start_matches('`').len()];
        match open {
            None if ticks.len() >= 3 => open = Some(ticks),
            Some(fence) if ticks.len() >= fence.len() && line.trim_end().len() == ticks.len() => {
                open = None
            }
            _ => {}
        }
    }
    let close = open.map(|fence| format!("\n{fence}")).unwrap_or_default();
    format!("{start}{close}{NOTE}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn written(before: &str, summary: &Summary) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("summary.md");
        std::fs::write(&path, before).expect("written");
        let environment = Environment::from([("GITHUB_STEP_SUMMARY", path.to_string_lossy())]);
        let redactor = Redactor::new();
        redactor.add(&Secret::new("canary-7f3a").expect("a secret"));
        assert_eq!(
            summary.write(&environment, &redactor).expect("written"),
            Written::ToFile
        );
        std::fs::read_to_string(path).expect("utf-8")
    }

    #[test]
    fn the_summary_is_appended_and_redacted() {
        let mut summary = Summary::new();
        summary
            .heading("Done")
            .paragraph("with canary-7f3a")
            .table(&["a"], [vec![String::from("1")]]);
        summary
            .mermaid("gantt")
            .folded("log <b>", "canary-7f3a\n```");
        let text = written("before\n", &summary);
        assert!(
            text.starts_with(
                "before\n### Done\n\nwith ***\n\n| a |\n| --- |\n| 1 |\n\n```mermaid\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("<summary>log &lt;b&gt;</summary>\n\n````text\n***\n```\n````\n"),
            "{text}"
        );
    }

    #[test]
    fn without_a_file_the_text_is_there_to_print() {
        let mut summary = Summary::new();
        summary.paragraph("all is well");
        let redactor = Redactor::new();
        assert_eq!(
            summary
                .write(&Environment::default(), &redactor)
                .expect("no error"),
            Written::NoFile
        );
        assert_eq!(summary.text(&redactor), "all is well\n\n");
    }

    #[test]
    fn a_file_that_cannot_be_written_is_an_error_with_its_path() {
        let environment = Environment::from([("GITHUB_STEP_SUMMARY", "/nonexistent/summary.md")]);
        let error = Summary::new()
            .write(&environment, &Redactor::new())
            .expect_err("an error");
        assert_eq!(
            error.to_string(),
            "append the summary to /nonexistent/summary.md"
        );
    }

    #[test]
    fn a_long_summary_keeps_its_beginning_stays_below_the_limit_and_says_that_it_was_cut() {
        let mut summary = Summary::new();
        summary
            .heading("The outcome")
            .paragraph(&"ä line\n".repeat(200_000));
        let text = written(&"x".repeat(1000), &summary);
        assert!(text.len() < LIMIT, "{}", text.len());
        assert!(text.len() > LIMIT - 1000, "{}", text.len());
        assert!(text.contains("### The outcome") && text.ends_with(NOTE));
    }

    #[test]
    fn a_file_that_is_full_already_is_left_alone() {
        let mut summary = Summary::new();
        summary.paragraph("more");
        let full = "x".repeat(LIMIT - 1);
        assert_eq!(written(&full, &summary), full);
    }

    #[test]
    fn the_note_stands_outside_a_code_block_that_was_cut() {
        let text = format!("````text\n```\n{}", "line\n".repeat(100));
        let cut = cut(&text, 300);
        assert!(cut.ends_with(&format!("\n````{NOTE}")), "{cut}");
        let closed = format!("```text\nx\n```\n{}", "line\n".repeat(100));
        assert!(!self::cut(&closed, 300).contains("line\n```"), "{closed}");
    }

    proptest! {
        #[test]
        fn a_cut_text_always_fits(text in "[ä`\nx]{0,400}", room in 0..400_usize) {
            let cut = cut(&text, room);
            prop_assert!(cut.len() <= room);
            prop_assert!(cut == text || cut.is_empty() || cut.ends_with(NOTE));
        }
    }
}
