//! What this program says on its standard output. A thread of its own writes, so that a reader who does not read holds
//! up the words and never the lease.

use std::{
    io::{self, Write},
    sync::mpsc::{self, Sender},
    time::Duration,
};

use actions_kit::{
    Commands, Environment, Redactor,
    command::{Level, Reader},
};

enum Word {
    Line(String),
    Raw(String),
    Annotation(Level, &'static str, String),
    /// None follows; dropped once all are said.
    Last(Sender<()>),
}

/// Speaks to whoever reads the log.
pub struct Voice {
    words: Sender<Word>,
}

/// How long the last words may take when nobody reads.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Voice {
    /// A voice on the standard output; what `redactor` knows is never said.
    pub fn new(environment: &Environment, redactor: Redactor) -> Self {
        let (words, heard) = mpsc::channel();
        let reader = Reader::of(environment);
        // Without a thread nothing is said; that is no reason to stop a deployment.
        let _thread = std::thread::Builder::new()
            .name("voice".to_owned())
            .spawn(move || {
                let mut commands = Commands::new(io::stdout(), reader, redactor.clone());
                while let Ok(word) = heard.recv() {
                    // A reader that went away hears nothing; that is no reason to stop a deployment.
                    let _unheard = match word {
                        Word::Line(text) => commands.line(&text),
                        Word::Raw(text) => {
                            io::stdout().write_all(redactor.redact(&text).as_bytes())
                        }
                        Word::Annotation(level, title, text) => {
                            commands.annotate(level, title, &text)
                        }
                        Word::Last(_said) => return,
                    }
                    .and_then(|()| io::stdout().flush());
                }
            });
        Voice { words }
    }

    /// One line of the log.
    pub fn say(&self, text: &str) {
        self.send(Word::Line(format!("baton: {text}")));
    }

    /// Text for a person who asked for it, as it is.
    pub fn print(&self, text: &str) {
        self.send(Word::Raw(text.to_owned()));
    }

    /// An annotation that says what went wrong.
    pub fn error(&self, text: &str) {
        self.send(Word::Annotation(Level::Error, "baton", text.to_owned()));
    }

    /// An annotation that says what needs a look.
    pub fn warning(&self, text: &str) {
        self.send(Word::Annotation(Level::Warning, "baton", text.to_owned()));
    }

    /// An annotation that says what is good to know.
    pub fn notice(&self, text: &str) {
        self.send(Word::Annotation(Level::Notice, "baton", text.to_owned()));
    }

    fn send(&self, word: Word) {
        let _unheard = self.words.send(word);
    }
}

impl Drop for Voice {
    /// Waits for the last words, but not for ever.
    fn drop(&mut self) {
        let (said, all) = mpsc::channel();
        self.send(Word::Last(said));
        let _said_or_late = all.recv_timeout(LAST_WORDS);
    }
}
