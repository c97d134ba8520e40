//! Inventories in Ansible's INI format: sections, host lines, `:children` and `:vars`
//! (Ansible's documentation of the `ini` inventory plugin).

use std::{collections::BTreeMap, path::PathBuf, rc::Rc};

use crate::{
    error::Problem,
    graph::{Graph, Place, UNGROUPED},
    pattern::{self, PatternError},
    text,
    value::{Value, Variable, python_literal},
    words::{self, Unsplit},
};

/// What the lines below a section's head are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hosts,
    Children,
    Variables,
}

struct Reader<'a> {
    graph: &'a mut Graph,
    problems: Vec<Problem>,
    file: Rc<PathBuf>,
    line: usize,
    /// Names used before a section declares them: by a `:children` or as the head of a `:vars`.
    wanted: BTreeMap<String, Wanted>,
    /// No more fits in: the rest is not read.
    full: bool,
}

struct Wanted {
    line: usize,
    parents: Vec<(usize, Place)>,
}

/// Reads an INI inventory into the graph.
///
/// # Errors
/// Everything that is wrong in the text.
pub(crate) fn read(file: &Rc<PathBuf>, text: &str, graph: &mut Graph) -> Result<(), Vec<Problem>> {
    let mut reader = Reader {
        graph,
        problems: Vec::new(),
        file: Rc::clone(file),
        line: 0,
        wanted: BTreeMap::new(),
        full: false,
    };
    reader.read(text);
    if reader.problems.is_empty() {
        Ok(())
    } else {
        reader.problems.sort_by_key(|problem| problem.line);
        Err(reader.problems)
    }
}

impl Reader<'_> {
    fn read(&mut self, text: &str) {
        let mut group = UNGROUPED;
        let mut kind = Some(Kind::Hosts);
        for (at, line) in text::lines(text).enumerate() {
            self.line = at + 1;
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some((name, tag)) = section(line) {
                kind = self.kind(tag);
                if let Some(kind) = kind {
                    group = self.declare(name, kind);
                }
                continue;
            }
            if line.starts_with('[') && line.ends_with(']') {
                self.wrong(
                    "a section head that cannot be read",
                    "`[group]`, `[group:children]` or `[group:vars]` without spaces",
                    "correct the name between the brackets",
                );
                // What stands below belongs to a group that is not known: reading it would only add confusion.
                kind = None;
                continue;
            }
            match kind {
                Some(Kind::Hosts) => self.host_line(line, group),
                Some(Kind::Children) => self.child_line(line, group),
                Some(Kind::Variables) => self.variable_line(line, group),
                None => {}
            }
            if self.full {
                break;
            }
        }
        for (name, wanted) in std::mem::take(&mut self.wanted) {
            self.line = wanted.line;
            self.wrong(
                format!("the group {name}, which no section declares"),
                "a group with a section of its own",
                format!("add `[{name}]`, or correct the name"),
            );
        }
    }

    fn wrong(&mut self, seen: impl Into<String>, wanted: &str, mend: impl Into<String>) {
        let problem = self.place().problem(seen, wanted, mend);
        self.problems.push(problem);
    }

    fn place(&self) -> Place {
        Place {
            file: Rc::clone(&self.file),
            line: self.line,
        }
    }

    fn kind(&mut self, tag: Option<&str>) -> Option<Kind> {
        match tag {
            None | Some("hosts") => Some(Kind::Hosts),
            Some("children") => Some(Kind::Children),
            Some("vars") => Some(Kind::Variables),
            Some(other) => {
                self.wrong(
                    format!("a section of the kind `:{other}`"),
                    "`:children`, `:vars`, or none",
                    "correct the word behind the colon",
                );
                None
            }
        }
    }

    fn declare(&mut self, name: &str, kind: Kind) -> usize {
        let known = self.graph.known_group(name);
        let group = self.graph.group(name);
        if kind == Kind::Variables {
            if known.is_none() {
                let line = self.line;
                self.wanted.entry(name.to_owned()).or_insert(Wanted {
                    line,
                    parents: Vec::new(),
                });
            }
        } else if let Some(wanted) = self.wanted.remove(name) {
            for (parent, place) in wanted.parents {
                self.graph.add_child(parent, group, Some(place));
            }
        }
        group
    }

    fn child_line(&mut self, line: &str, group: usize) {
        let Some(name) = group_name(line) else {
            self.wrong(
                "a line that is not the name of a group",
                "one group a line below `:children`",
                "write hosts below `[group]` and variables below `[group:vars]`",
            );
            return;
        };
        let place = self.place();
        let declared = self
            .graph
            .known_group(name)
            .filter(|_| !self.wanted.contains_key(name));
        if let Some(child) = declared {
            self.graph.add_child(group, child, Some(place));
            return;
        }
        self.wanted
            .entry(name.to_owned())
            .or_insert(Wanted {
                line: place.line,
                parents: Vec::new(),
            })
            .parents
            .push((group, place));
    }

    fn variable_line(&mut self, line: &str, group: usize) {
        let Some((name, value)) = line.split_once('=') else {
            self.wrong(
                "a line without `=` below `:vars`",
                "`name=value`",
                "write a value behind the name, or write hosts below `[group]`",
            );
            return;
        };
        let (name, value) = (name.trim(), value.trim());
        if name == "ansible_group_priority" {
            match python_literal(value) {
                Value::Int(priority) => self.graph.set_priority(group, priority),
                Value::Text(text) if text.trim().parse::<i64>().is_ok() => {
                    self.graph
                        .set_priority(group, text.trim().parse().unwrap_or(1));
                }
                _ => self.wrong(
                    "an ansible_group_priority that is not a number",
                    "a whole number",
                    "write a number",
                ),
            }
        } else if let Some(variable) = Variable::named(name) {
            self.graph
                .set_group_variable(group, variable, python_literal(value));
        }
    }

    fn host_line(&mut self, line: &str, group: usize) {
        let words = match words::split(line) {
            Ok(words) => words,
            Err(Unsplit::OpenQuote) => {
                return self.wrong(
                    "a quote that is never closed",
                    "quotes in pairs",
                    "close the quote, or put the value in the other kind of quotes",
                );
            }
            Err(Unsplit::LoneBackslash) => {
                return self.wrong(
                    "a backslash at the end of the line",
                    "each host on one line",
                    "join the lines, or write the backslash twice",
                );
            }
        };
        let Some((written, assignments)) = words.split_first() else {
            return;
        };
        let parsed = pattern::parse(written);
        if written.trim_end().ends_with(':') && parsed.port.is_none() {
            return self.name_is_wrong(written, &PatternError::NoPort);
        }
        if written == "---" {
            return self.wrong(
                "`---`, with which a YAML file starts",
                "an INI inventory",
                "give the file the ending .yml when it is one of YAML",
            );
        }
        let names = match pattern::expand(&parsed.name) {
            Ok(names) => names,
            Err(error) => return self.name_is_wrong(written, &error),
        };
        for name in &names {
            if let Err(full) = self.graph.add_host(name, group, parsed.port) {
                self.full = true;
                return self.wrong(
                    full.to_string(),
                    "fewer",
                    "correct the ranges, or deploy to fewer hosts at once",
                );
            }
        }
        for (at, word) in assignments.iter().enumerate() {
            // A word without `=` may be the second half of a password that holds a space: it is not shown.
            let Some((name, value)) = word.split_once('=') else {
                self.wrong(
                    format!("word {} of the line has no `=`", at + 2),
                    "`name=value` behind a host",
                    "leave no spaces around `=`, and quote a value that holds a space: `name='a b'`",
                );
                return;
            };
            if let Some(variable) = Variable::named(name) {
                let value = python_literal(value);
                for name in &names {
                    self.graph.set_host_variable(name, variable, value.clone());
                }
            }
        }
    }

    fn name_is_wrong(&mut self, written: &str, error: &PatternError) {
        // A line such as `password=…` below the wrong head would show its value.
        let name = written.split('=').next().unwrap_or_default();
        let mend = match error {
            PatternError::TooMany => "correct the range, or deploy to fewer hosts at once",
            _ => "correct the name of the host",
        };
        self.wrong(
            format!("`{name}`: {error}"),
            "a host name, an address, or a range such as `web[01:10]`",
            mend,
        );
    }
}

/// A name, perhaps with spaces and a `#` comment behind it; a `#` within the name belongs to it.
fn group_name(line: &str) -> Option<&str> {
    let end = line
        .find(|one: char| one == ':' || one == ']' || one.is_whitespace())
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    let rest = rest.trim_start();
    let name = if rest.is_empty() || rest.starts_with('#') {
        name
    } else {
        &name[..name.rfind('#')?]
    };
    (!name.is_empty()).then_some(name)
}

/// `[name]`, `[name:tag]`, perhaps with spaces and a `#` comment behind it.
fn section(line: &str) -> Option<(&str, Option<&str>)> {
    let (inner, behind) = line.strip_prefix('[')?.split_once(']')?;
    let behind = behind.trim_start();
    if !behind.is_empty() && !behind.starts_with('#') {
        return None;
    }
    let (name, tag) = match inner.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (inner, None),
    };
    let named = !name.is_empty() && !name.contains(char::is_whitespace);
    let tagged = tag.is_none_or(|tag| {
        !tag.is_empty() && tag.chars().all(|one| one.is_alphanumeric() || one == '_')
    });
    (named && tagged).then_some((name, tag))
}
