//! Inventories in Ansible's YAML format: groups with `hosts`, `children` and `vars`
//! (Ansible's documentation of the `yaml` inventory plugin).

use std::{path::PathBuf, rc::Rc};

use crate::{
    error::Problem,
    graph::{Full, Graph, Place},
    node::{Content, Document, Entry, Node},
    pattern,
    value::{Value, Variable},
};

struct Reader<'a> {
    graph: &'a mut Graph,
    problems: Vec<Problem>,
    notes: &'a mut Vec<String>,
    file: Rc<PathBuf>,
    /// No more fits in: the rest is not read.
    full: bool,
}

/// The plugin that a YAML file configures, where it is no inventory itself: `plugin: amazon.aws.aws_ec2`.
pub(crate) fn plugin(document: &Document) -> Option<String> {
    let Content::Map(entries) = &document.root.as_ref()?.content else {
        return None;
    };
    entries
        .iter()
        .find_map(|entry| match (&entry.key, &entry.value.content) {
            (Value::Text(key), Content::Scalar(Value::Text(name))) if key == "plugin" => {
                Some(name.clone())
            }
            _ => None,
        })
}

/// Whether the document is made of groups, as far as its outermost form tells.
pub(crate) fn is_mapping(document: &Document) -> bool {
    document
        .root
        .as_ref()
        .is_some_and(|root| matches!(root.content, Content::Map(_)))
}

/// Reads a YAML inventory into the graph.
///
/// # Errors
/// Everything that is wrong in the document.
pub(crate) fn read(
    file: &Rc<PathBuf>,
    document: &Document,
    graph: &mut Graph,
    notes: &mut Vec<String>,
) -> Result<(), Vec<Problem>> {
    for (line, key) in &document.repeated {
        notes.push(format!(
            "{}:{line}: `{key}` is written twice in one mapping; the last one counts",
            file.display()
        ));
    }
    let mut reader = Reader {
        graph,
        problems: Vec::new(),
        notes,
        file: Rc::clone(file),
        full: false,
    };
    match document.root.as_ref().map(|root| &root.content) {
        None => reader
            .notes
            .push(format!("{}: the file is empty", file.display())),
        Some(Content::Map(groups)) => {
            for group in groups {
                reader.group(group, None);
            }
        }
        Some(_) => reader.wrong(
            1,
            "a list or a text",
            "a mapping of groups, such as `all:`",
            "begin with `all:` and `hosts:` below it",
        ),
    }
    if reader.problems.is_empty() {
        Ok(())
    } else {
        Err(reader.problems)
    }
}

impl Reader<'_> {
    fn wrong(&mut self, line: usize, seen: impl Into<String>, wanted: &str, mend: &str) {
        self.problems
            .push(self.place(line).problem(seen, wanted, mend));
    }

    fn place(&self, line: usize) -> Place {
        Place {
            file: Rc::clone(&self.file),
            line,
        }
    }

    fn note(&mut self, line: usize, words: &str) {
        self.notes
            .push(format!("{}:{line}: {words}", self.file.display()));
    }

    /// Says once that no more fits in.
    fn stop(&mut self, line: usize, full: Full) {
        if !self.full {
            self.full = true;
            self.wrong(
                line,
                full.to_string(),
                "fewer",
                "correct the ranges and aliases, or deploy to fewer hosts at once",
            );
        }
    }

    fn text<'e>(&mut self, entry: &'e Entry, what: &str) -> Option<&'e str> {
        match &entry.key {
            Value::Text(name) if !name.is_empty() => Some(name),
            other => {
                let read = match other {
                    Value::Int(_) => "a number",
                    Value::Null | Value::Text(_) => "nothing",
                    Value::Vault(_) => "something encrypted",
                    Value::Other(what) => what,
                };
                self.wrong(
                    entry.line,
                    format!("{what} whose name YAML reads as {read}"),
                    "a text",
                    "put the name in quotes",
                );
                None
            }
        }
    }

    fn group(&mut self, entry: &Entry, parent: Option<usize>) {
        if self.full {
            return;
        }
        if let Err(full) = self.graph.mention() {
            return self.stop(entry.line, full);
        }
        let Some(name) = self.text(entry, "a group") else {
            return;
        };
        let sections = match &entry.value.content {
            Content::Map(sections) => sections.as_slice(),
            Content::Scalar(Value::Null) => &[],
            _ if parent.is_none() => {
                let words = format!(
                    "`{name}` is not a group (it has no `hosts`, `children` or `vars`) and is passed over"
                );
                return self.note(entry.line, &words);
            }
            _ => {
                return self.wrong(
                    entry.line,
                    format!("the group {name}, which is a list or a text"),
                    "`hosts`, `children` and `vars` below it, or nothing",
                    "end the names of groups with a colon, each on a line of its own",
                );
            }
        };
        let group = self.graph.group(name);
        for section in sections {
            self.section(section, name, group);
        }
        // After its content: so does Ansible, and a port counts where a host is first seen.
        if let Some(parent) = parent {
            self.graph
                .add_child(parent, group, Some(self.place(entry.line)));
        }
    }

    fn section(&mut self, section: &Entry, group_name: &str, group: usize) {
        let known = match &section.key {
            Value::Text(key) => match key.as_str() {
                key @ ("hosts" | "children" | "vars") => Some(key),
                _ => None,
            },
            _ => None,
        };
        let Some(key) = known else {
            let words = format!(
                "a key of the group {group_name} is none of `hosts`, `children` and `vars`, and is passed over"
            );
            return self.note(section.line, &words);
        };
        let lone;
        let entries = match &section.value.content {
            Content::Map(entries) => entries.as_slice(),
            Content::Scalar(Value::Null) => return,
            // One name may stand without a colon.
            Content::Scalar(name @ Value::Text(_)) if key != "vars" => {
                lone = [Entry {
                    line: section.value.line,
                    key: name.clone(),
                    value: Rc::new(Node::new(section.value.line, Content::Scalar(Value::Null))),
                }];
                &lone
            }
            _ => {
                return self.wrong(
                    section.line,
                    format!("`{key}` of the group {group_name}, which is not a mapping"),
                    "a mapping",
                    "write `name:` on a line of its own for each, without a dash",
                );
            }
        };
        for entry in entries {
            match key {
                "vars" => self.group_variable(entry, group),
                "children" => self.group(entry, Some(group)),
                _ => self.host(entry, group),
            }
        }
    }

    fn group_variable(&mut self, entry: &Entry, group: usize) {
        let Value::Text(name) = &entry.key else {
            return;
        };
        if name == "ansible_group_priority" {
            match &entry.value.content {
                Content::Scalar(Value::Int(priority)) => self.graph.set_priority(group, *priority),
                Content::Scalar(Value::Text(text)) if text.trim().parse::<i64>().is_ok() => {
                    self.graph
                        .set_priority(group, text.trim().parse().unwrap_or(1));
                }
                _ => self.wrong(
                    entry.line,
                    "an ansible_group_priority that is not a number",
                    "a whole number",
                    "write a number",
                ),
            }
        } else if let Some(variable) = Variable::named(name) {
            self.graph
                .set_group_variable(group, variable, value(&entry.value));
        }
    }

    fn host(&mut self, entry: &Entry, group: usize) {
        if self.full {
            return;
        }
        let Some(written) = self.text(entry, "a host") else {
            return;
        };
        let variables = match &entry.value.content {
            Content::Map(variables) => variables.as_slice(),
            Content::Scalar(Value::Null) => &[],
            _ => {
                return self.wrong(
                    entry.line,
                    format!("the host {written}, which is a list or a text"),
                    "variables below it, or nothing",
                    "write `name: value` below the host, indented",
                );
            }
        };
        let parsed = pattern::parse(written);
        let names = match pattern::expand(&parsed.name) {
            Ok(names) => names,
            Err(error) => {
                return self.wrong(
                    entry.line,
                    format!("`{written}`: {error}"),
                    "a host name, an address, or a range such as `web[01:10]`",
                    "correct the name of the host",
                );
            }
        };
        for name in &names {
            if let Err(full) = self.graph.add_host(name, group, parsed.port) {
                return self.stop(entry.line, full);
            }
        }
        for (variable, found) in relevant(variables) {
            for name in &names {
                self.graph.set_host_variable(name, variable, found.clone());
            }
        }
    }
}

/// Those of the variables that matter.
pub(crate) fn relevant(entries: &[Entry]) -> impl Iterator<Item = (Variable, Value)> {
    entries.iter().filter_map(|entry| match &entry.key {
        Value::Text(name) => Some((Variable::named(name)?, value(&entry.value))),
        _ => None,
    })
}

fn value(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(value) => value.clone(),
        Content::List(_) => Value::Other("a list"),
        Content::Map(_) => Value::Other("a mapping"),
    }
}
