//! A mapping of a file of gates after its reading: every value has the shape that its key's table says.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value as Json;

/// One value, by its key's [`Shape`](crate::Shape).
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// `Text`, `Secret`, `Address`, `Choice`: variables are filled in. `Script`: they are not.
    Text(String),
    /// `Duration`.
    Duration(Duration),
    /// `Count`.
    Count(u64),
    /// `Number` and `Percent`.
    Number(f64),
    /// `Flag`.
    Flag(bool),
    /// `Json`: variables are filled in within its texts.
    Json(Json),
    /// `List`.
    List(Vec<Setting>),
    /// `Map`, in the order of the file.
    Map(Vec<(String, Setting)>),
    /// `Object`.
    Object(Fields),
}

/// A mapping of known keys. A key that is missing and has a default stands here with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fields {
    /// Where it stands, for people: `gate api, http`.
    pub place: String,
    /// The line of the mapping, from 1; nothing where it stands in no file.
    pub line: Option<usize>,
    /// The values.
    pub settings: BTreeMap<&'static str, Setting>,
    /// The line of each key that was written.
    pub lines: BTreeMap<&'static str, usize>,
}

impl Fields {
    /// The text of `key`.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.settings.get(key)? {
            Setting::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The duration of `key`.
    pub fn duration(&self, key: &str) -> Option<Duration> {
        match self.settings.get(key)? {
            Setting::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    /// The whole number of `key`.
    pub fn count(&self, key: &str) -> Option<u64> {
        match self.settings.get(key)? {
            Setting::Count(count) => Some(*count),
            _ => None,
        }
    }

    /// The number of `key`.
    pub fn number(&self, key: &str) -> Option<f64> {
        match self.settings.get(key)? {
            Setting::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether `key` is there and `true`.
    pub fn flag(&self, key: &str) -> bool {
        self.settings.get(key) == Some(&Setting::Flag(true))
    }

    /// The JSON of `key`.
    pub fn json(&self, key: &str) -> Option<&Json> {
        match self.settings.get(key)? {
            Setting::Json(json) => Some(json),
            _ => None,
        }
    }

    /// The list of `key`; empty where it is not there.
    pub fn list(&self, key: &str) -> &[Setting] {
        match self.settings.get(key) {
            Some(Setting::List(list)) => list,
            _ => &[],
        }
    }

    /// The texts in the list of `key`.
    pub fn texts(&self, key: &str) -> Vec<&str> {
        self.list(key)
            .iter()
            .filter_map(|setting| match setting {
                Setting::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect()
    }

    /// The mappings in the list of `key`.
    pub fn objects(&self, key: &str) -> Vec<&Fields> {
        self.list(key)
            .iter()
            .filter_map(|setting| match setting {
                Setting::Object(fields) => Some(fields),
                _ => None,
            })
            .collect()
    }

    /// The mapping of `key`.
    pub fn object(&self, key: &str) -> Option<&Fields> {
        match self.settings.get(key)? {
            Setting::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The pairs of `key`; empty where it is not there.
    pub fn map(&self, key: &str) -> &[(String, Setting)] {
        match self.settings.get(key) {
            Some(Setting::Map(map)) => map,
            _ => &[],
        }
    }

    /// Says that `key` holds the character 0, where it does: no path, argument or name can.
    pub(crate) fn refuse_nul(&self, key: &str, problems: &mut Problems) {
        let one = self.text(key);
        if one
            .into_iter()
            .chain(self.texts(key))
            .any(|text| text.contains('\0'))
        {
            self.wrong(
                key,
                "the character 0 in it",
                "a text without it",
                "take it out: no path, command or name can hold it",
                problems,
            );
        }
    }

    /// Whether `key` was written with a value that could not be read; that has been told.
    pub fn is_unread(&self, key: &str) -> bool {
        self.lines.contains_key(key) && !self.settings.contains_key(key)
    }

    /// Says that the value of `key` is wrong, in a way that only its kind can know. What is said of a key that could not
    /// be read, or names one (`` `json` without `method` ``), would only follow from that: it is not told.
    pub fn wrong(&self, key: &str, seen: &str, wanted: &str, mend: &str, problems: &mut Problems) {
        let names = |other: &str| {
            let name = format!("`{other}");
            [seen, wanted, mend].iter().any(|text| {
                text.split(&name)
                    .skip(1)
                    .any(|behind| behind.starts_with(['`', ':']))
            })
        };
        let mut written = self.lines.keys().copied();
        if written.any(|other| self.is_unread(other) && (other == key || names(other))) {
            return;
        }
        problems.push(Problem {
            place: format!("{}, `{key}`", self.place),
            // What comes from a simple input stands in line 0, which is none.
            line: self
                .lines
                .get(key)
                .copied()
                .filter(|line| *line > 0)
                .or(self.line),
            seen: seen.to_owned(),
            wanted: wanted.to_owned(),
            mend: mend.to_owned(),
        });
    }
}

/// Something in a file of gates that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which gate and key: `gate api, http, `status``.
    pub place: String,
    /// The line, from 1.
    pub line: Option<usize>,
    /// What stands there; never a secret.
    pub seen: String,
    /// What should.
    pub wanted: String,
    /// What the writer can do.
    pub mend: String,
}

/// All of them.
pub type Problems = Vec<Problem>;
