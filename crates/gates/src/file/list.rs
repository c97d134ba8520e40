//! The file's outermost form, and each gate in it: its name, its kind, and the keys beside it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use probes::Probe;
use yaml_tree::{Content, Document};

use super::{
    COMMON, DEFAULTS, MOST_GATES,
    dependencies::{self, Wants},
    patience::Common,
    reader::{Entry, Node, Reader, shown},
    scalar::Scalar,
    unknown::{self, Elsewhere},
};
use crate::{Fields, Gate, Patience, Problems, kinds::Kind};

/// As long as a label of DNS may be: names become labels of metrics and parts of file names.
const LONGEST_NAME: usize = 63;

/// A gate whose dependencies are names yet.
struct Draft {
    name: Option<String>,
    line: usize,
    depends_on: Vec<String>,
    depends_on_line: usize,
    required: bool,
    patience: Patience,
    asked: Option<(&'static str, Arc<dyn Probe>)>,
}

/// The gates of a file, one after another.
pub(super) struct List<'a> {
    pub(super) reader: Reader<'a>,
    kinds: &'static [Kind],
    timeout: Option<Duration>,
    defaults: Fields,
    drafts: Vec<Draft>,
    /// The gates so far, also those that are not even mappings.
    count: usize,
    names: HashMap<String, usize>,
    /// The problems up to `told_to`: line, key where there is one, and what was seen.
    told: HashSet<(usize, String, String)>,
    told_to: usize,
}

impl<'a> List<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        kinds: &'static [Kind],
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            reader,
            kinds,
            timeout,
            defaults: Fields::default(),
            drafts: Vec::new(),
            count: 0,
            names: HashMap::new(),
            told: HashSet::new(),
            told_to: 0,
        }
    }

    /// Reads a whole document: a list of gates, or a mapping of `defaults` and `gates`.
    pub(super) fn document(&mut self, document: &Document<Scalar>) {
        match document.root.as_ref().map(|root| (root, &root.content)) {
            None => self.none(1),
            Some((_, Content::Scalar(scalar))) if scalar.is_null() => self.none(1),
            Some((_, Content::List(items))) => self.gates(1, items),
            Some((root, Content::Map(entries))) => self.outermost(root.line, entries),
            Some((root, Content::Scalar(_))) => self.reader.wrong(
                "the file",
                root.line,
                "a single text",
                "a list of gates",
                "begin each gate with `- name:`; the input `gates` takes YAML or the path of a file of it",
            ),
        }
        for (line, key) in &document.repeated {
            let gate = self.drafts.iter().rev().find(|draft| draft.line <= *line);
            let place = gate
                .and_then(|draft| draft.name.as_deref())
                .map_or_else(|| String::from("the file"), |name| format!("gate {name}"));
            self.reader.wrong(
                place,
                *line,
                format!("{} a second time in one mapping", unknown::shown(&key.text)),
                "each key once",
                "remove one of the two",
            );
        }
    }

    fn none(&mut self, line: usize) {
        self.reader.wrong(
            "the file",
            line,
            "no gates",
            "a list with at least one gate",
            "write `- name: api` and `http: https://…` below it",
        );
    }

    fn outermost(&mut self, line: usize, entries: &[Entry]) {
        let mut gates = None;
        for entry in entries {
            match entry.key.text.as_str() {
                "defaults" => {
                    if let Content::Map(defaults) = &entry.value.content {
                        let elsewhere = [Elsewhere {
                            words: String::from("belongs to a gate, not to all of them"),
                            keys: COMMON
                                .iter()
                                .map(|key| key.name)
                                .chain(self.kinds.iter().map(|kind| kind.name))
                                .collect(),
                        }];
                        let at = (entry.line, defaults.as_slice());
                        self.defaults = self
                            .reader
                            .fields(at, DEFAULTS, "defaults", &elsewhere, false);
                    } else if !is_null(&entry.value) {
                        self.reader.wrong(
                            "the file, `defaults`",
                            entry.line,
                            "something other than a mapping",
                            "a mapping such as `{timeout: 5m}`",
                            "write `key: value` pairs below it, indented",
                        );
                    }
                }
                "gates" => gates = Some(entry),
                name => {
                    let mend = self.mend_outermost(name);
                    let seen = format!("{}, which is no key of it", unknown::shown(name));
                    let wanted = "`gates`, and `defaults` beside it";
                    self.reader
                        .wrong("the file", entry.line, seen, wanted, mend);
                }
            }
        }
        match gates.map(|entry| (entry.line, &entry.value.content)) {
            Some((line, Content::List(items))) => self.gates(line, items),
            Some((line, Content::Scalar(scalar))) if scalar.is_null() => self.none(line),
            Some((line, _)) => self.reader.wrong(
                "the file, `gates`",
                line,
                "something other than a list",
                "a list of gates",
                "begin each gate with `- name:`",
            ),
            None => self.reader.wrong(
                "the file",
                line,
                "no `gates`",
                "a list of gates, or a mapping with `gates`",
                "begin each gate with `- name:`",
            ),
        }
    }

    fn mend_outermost(&self, name: &str) -> String {
        if DEFAULTS.iter().any(|key| key.name == name) {
            return format!("`{name}` for all gates belongs under `defaults`");
        }
        let of_gate = COMMON.iter().any(|key| key.name == name)
            || self.kinds.iter().any(|kind| kind.name == name);
        if of_gate {
            return String::from("gates are a list: begin each one with `- name:`");
        }
        match actions_kit::suggest::nearest(name, ["gates", "defaults"]) {
            Some(near) => format!("did you mean `{near}`?"),
            None => String::from("leave it out; for a value of several gates use an anchor"),
        }
    }

    fn gates(&mut self, line: usize, items: &[std::rc::Rc<Node>]) {
        if items.is_empty() {
            return self.none(line);
        }
        if self.count + items.len() > MOST_GATES {
            return self.reader.wrong(
                "the file",
                line,
                format!("{} gates", items.len()),
                format!("at most {MOST_GATES}"),
                "make several steps of it",
            );
        }
        for item in items {
            self.gate(item);
        }
    }

    /// Reads one gate.
    pub(super) fn gate(&mut self, node: &Node) {
        // What `defaults` were told is noted, and all of it stays.
        self.told_once(0);
        self.gate_of(node);
        self.told_once(node.line);
    }

    /// Forgets new problems of lines before `first` that were told already: a mapping that several gates merge or name by
    /// an alias is wrong once, where it stands, which is before all who name it.
    fn told_once(&mut self, first: usize) {
        let new = self.reader.problems.split_off(self.told_to);
        for problem in new {
            let line = problem.line.unwrap_or_default();
            let key = problem.place.rsplit(", ").next().unwrap_or_default();
            let key = if key.ends_with('`') { key } else { "" };
            let is_new = self
                .told
                .insert((line, key.to_owned(), problem.seen.clone()));
            if is_new || line == 0 || line >= first {
                self.reader.problems.push(problem);
            }
        }
        self.told_to = self.reader.problems.len();
    }

    fn gate_of(&mut self, node: &Node) {
        self.count += 1;
        let number = format!("gate {}", self.count);
        let Content::Map(entries) = &node.content else {
            return self.reader.wrong(
                number,
                node.line,
                "no mapping",
                "a gate: `name` and one kind",
                "write `- name: api` and `http: https://…` below it",
            );
        };
        let (kinds, common): (Vec<Entry>, Vec<Entry>) = entries
            .iter()
            .cloned()
            .partition(|entry| self.kind(entry).is_some());
        let place = name_in(entries).map_or(number, |name| format!("gate {name}"));
        let mut elsewhere: Vec<Elsewhere> = Vec::new();
        let own = kinds.first().and_then(|entry| self.kind(entry));
        for kind in own.into_iter().chain(self.kinds.iter()) {
            elsewhere.push(Elsewhere {
                words: format!("belongs into `{}`", kind.name),
                keys: kind.keys.iter().map(|key| key.name).collect(),
            });
        }
        if kinds.is_empty() {
            elsewhere.insert(
                0,
                Elsewhere {
                    words: String::from("is a kind"),
                    keys: self.kinds.iter().map(|kind| kind.name).collect(),
                },
            );
        }
        let fields = self
            .reader
            .fields((node.line, &common), COMMON, &place, &elsewhere, false);
        let name = self.name(&fields, &place);
        let patience = Common {
            own: &fields,
            defaults: &self.defaults,
            timeout: self.timeout,
        };
        let required = patience.required();
        let patience = patience.patience(&mut self.reader);
        let asked = self.asked(&kinds, node.line, &place);
        let depends_on = fields.texts("depends-on").into_iter().map(String::from);
        self.drafts.push(Draft {
            name,
            line: node.line,
            depends_on: depends_on.collect(),
            depends_on_line: fields.lines.get("depends-on").copied().unwrap_or(node.line),
            required,
            patience,
            asked,
        });
    }

    fn kind(&self, entry: &Entry) -> Option<&'static Kind> {
        self.kinds.iter().find(|kind| kind.name == entry.key.text)
    }

    /// The gate's name, where it is one that no other gate has.
    fn name(&mut self, fields: &Fields, place: &str) -> Option<String> {
        const WANTED: &str = "a name: up to 63 letters, digits, `-`, `_` and `.`";
        let line = fields.line.unwrap_or_default();
        let Some(name) = fields.text("name") else {
            if !fields.lines.contains_key("name") {
                let place = format!("{place}, `name`");
                self.reader
                    .wrong(place, line, "nothing", WANTED, "write `name: …`");
            }
            return None;
        };
        let line = fields.lines.get("name").copied().unwrap_or(line);
        let place = format!("{place}, `name`");
        let of_name = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(of_name) {
            let meant: String = name
                .trim()
                .chars()
                .map(|letter| if of_name(letter) { letter } else { '-' })
                .take(LONGEST_NAME)
                .collect();
            let meant = meant.trim_matches('-');
            // A name that lost a letter is another one.
            let foreign = |letter: char| letter.is_alphanumeric() && !of_name(letter);
            let mend = if name.chars().any(foreign) {
                String::from("write it with the letters a to z alone")
            } else if meant.chars().any(|letter| letter.is_ascii_alphanumeric()) {
                format!("write `{meant}`")
            } else {
                String::from("write another name")
            };
            self.reader.wrong(place, line, shown(name), WANTED, mend);
            return None;
        }
        if let Some(other) = self.names.get(name) {
            let seen = match other {
                0 => format!("`{name}`, the name of a simple input's gate"),
                other => format!("`{name}`, the name of the gate in line {other}"),
            };
            let wanted = "a name that no other gate has";
            self.reader
                .wrong(place, line, seen, wanted, "rename one of the two");
            return None;
        }
        self.names.insert(name.to_owned(), line);
        Some(name.to_owned())
    }

    /// What the gate asks.
    fn asked(
        &mut self,
        kinds: &[Entry],
        line: usize,
        place: &str,
    ) -> Option<(&'static str, Arc<dyn Probe>)> {
        let names = || {
            let names: Vec<String> = self
                .kinds
                .iter()
                .map(|kind| format!("`{}`", kind.name))
                .collect();
            names.join(", ")
        };
        if let [_, second, ..] = kinds {
            let seen: Vec<String> = kinds.iter().map(|entry| shown(&entry.key.text)).collect();
            self.reader.wrong(
                place,
                second.line,
                seen.join(" and "),
                "one kind a gate",
                "make a gate of each, with a name of its own",
            );
        } else if kinds.is_empty() {
            let wanted = format!("one of {}", names());
            let mend = "write what is asked: `http: https://…`";
            self.reader.wrong(place, line, "no kind", wanted, mend);
        }
        let mut asked = None;
        for entry in kinds {
            let kind = self.kind(entry)?;
            asked = self
                .probe(kind, entry, place)
                .map(|probe| (kind.name, probe));
        }
        asked
    }

    fn probe(&mut self, kind: &'static Kind, entry: &Entry, gate: &str) -> Option<Arc<dyn Probe>> {
        let place = format!("{gate}, {}", kind.name);
        let before = self.reader.problems.len();
        let short;
        let entries = match (&entry.value.content, kind.short) {
            (Content::Map(entries), _) => entries.as_slice(),
            (Content::Scalar(scalar), _) if scalar.is_null() => &[],
            (_, Some(key)) => {
                short = [Entry {
                    line: entry.line,
                    key: Scalar::plain(key),
                    value: std::rc::Rc::clone(&entry.value),
                }];
                &short
            }
            (_, None) => {
                let keys: Vec<String> = kind
                    .keys
                    .iter()
                    .map(|key| format!("`{}`", key.name))
                    .collect();
                let wanted = format!("a mapping with {}", keys.join(", "));
                let mend = "write `key: value` pairs below it, indented";
                self.reader
                    .wrong(place, entry.line, "no mapping", wanted, mend);
                return None;
            }
        };
        let mut elsewhere = vec![Elsewhere {
            words: format!("belongs beside `{}`, not into it", kind.name),
            keys: COMMON.iter().map(|key| key.name).collect(),
        }];
        for other in self.kinds.iter().filter(|other| other.name != kind.name) {
            elsewhere.push(Elsewhere {
                words: format!("is a key of `{}`", other.name),
                keys: other.keys.iter().map(|key| key.name).collect(),
            });
        }
        let at = (entry.line, entries);
        let fields = self.reader.fields(at, kind.keys, &place, &elsewhere, true);
        let around = self.reader.around;
        let probe = (kind.build)(&fields, around, &mut self.reader.problems);
        if probe.is_none() && self.reader.problems.len() == before {
            let wanted = "settings that a question can be made of";
            let mend = "correct its keys";
            self.reader
                .wrong(place, entry.line, "settings that ask nothing", wanted, mend);
        }
        probe
    }

    /// The gates, whole, and what is wrong.
    pub(super) fn end(mut self) -> (Vec<Gate>, Problems) {
        let wants: Vec<Wants<'_>> = self
            .drafts
            .iter()
            .map(|draft| Wants {
                name: draft.name.as_deref(),
                depends_on: draft.depends_on.iter().map(String::as_str).collect(),
                line: draft.depends_on_line,
            })
            .collect();
        let places = dependencies::resolve(&wants, &mut self.reader);
        let mut gates = Vec::with_capacity(self.drafts.len());
        for (draft, depends_on) in self.drafts.into_iter().zip(places) {
            // Where one is missing there is a problem, and nobody sees the gates.
            if let (Some(name), Some((kind, probe))) = (draft.name, draft.asked) {
                gates.push(Gate {
                    name,
                    kind,
                    probe,
                    depends_on,
                    patience: draft.patience,
                    required: draft.required,
                    line: Some(draft.line).filter(|line| *line > 0),
                });
            }
        }
        (gates, self.reader.problems)
    }
}

fn is_null(node: &Node) -> bool {
    matches!(&node.content, Content::Scalar(scalar) if scalar.is_null())
}

/// What a gate calls itself, for the place of its problems, where that can be shown.
fn name_in(entries: &[Entry]) -> Option<&str> {
    let entry = entries.iter().find(|entry| entry.key.text == "name")?;
    let Content::Scalar(name) = &entry.value.content else {
        return None;
    };
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let fits = !name.text.is_empty() && name.text.len() <= LONGEST_NAME;
    (fits && name.text.chars().all(plain)).then_some(name.text.as_str())
}
