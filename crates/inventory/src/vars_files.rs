//! `group_vars/` and `host_vars/` beside an inventory (Ansible's `host_group_vars` plugin): a YAML file of the group's or
//! host's name, or a folder of them.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use crate::{
    error::{InventoryError, Problem},
    graph::VariableFiles,
    node::{self, Content},
    text,
    value::{Value, Variable, Variables},
    yaml,
};

/// What a file of variables may end in.
pub(crate) const EXTENSIONS: [&str; 3] = ["yml", "yaml", "json"];

/// The files beside one inventory, read when a group or host asks; what is wrong in them is kept.
pub(crate) struct BesideInventory {
    folder: PathBuf,
    /// What `group_vars` and `host_vars` hold, so that 100,000 hosts do not ask the disk four times each.
    groups: HashSet<String>,
    hosts: HashSet<String>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) failed: Option<InventoryError>,
}

impl BesideInventory {
    /// The files in `folder`, the inventory's own.
    pub(crate) fn new(folder: &Path) -> BesideInventory {
        let names = |kind: &str| {
            std::fs::read_dir(folder.join(kind))
                .into_iter()
                .flatten()
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect()
        };
        BesideInventory {
            folder: folder.to_owned(),
            groups: names("group_vars"),
            hosts: names("host_vars"),
            problems: Vec::new(),
            failed: None,
        }
    }

    fn load(&mut self, kind: &str, name: &str) -> Variables {
        let known = if kind == "group_vars" {
            &self.groups
        } else {
            &self.hosts
        };
        let first = std::iter::once(name.to_owned())
            .chain(
                EXTENSIONS
                    .iter()
                    .map(|extension| format!("{name}.{extension}")),
            )
            .find(|file| known.contains(file));
        let mut variables = Variables::new();
        // The first that is there counts, the others do not.
        if let Some(file) = first {
            let path = self.folder.join(kind).join(file);
            let mut files = Vec::new();
            if path.is_dir() {
                collect(&path, &mut files, 0);
            } else {
                files.push(path);
            }
            for file in files {
                self.read(&file, &mut variables);
            }
        }
        variables
    }

    fn read(&mut self, file: &Path, variables: &mut Variables) {
        let bytes = match text::bytes(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.failed.get_or_insert(error);
                return;
            }
        };
        if text::is_vault(&bytes) {
            // It may hold any of them.
            variables
                .extend(Variable::ALL.map(|one| (one, Value::Vault(file.display().to_string()))));
            return;
        }
        let composed = text::utf8(file, &bytes)
            .and_then(|text| node::compose(file, text).map_err(|problem| vec![problem]));
        let document = match composed {
            Ok(document) => document,
            Err(problems) => return self.problems.extend(problems),
        };
        match document.root.as_ref().map(|root| &root.content) {
            None => {}
            Some(Content::Map(entries)) => variables.extend(yaml::relevant(entries)),
            Some(_) => self.problems.push(Problem {
                file: file.to_owned(),
                line: None,
                seen: "a list or a text".to_owned(),
                wanted: "variables, `name: value`".to_owned(),
                mend: "write one variable a line".to_owned(),
            }),
        }
    }
}

impl VariableFiles for BesideInventory {
    fn of_group(&mut self, name: &str) -> Variables {
        self.load("group_vars", name)
    }

    fn of_host(&mut self, name: &str) -> Variables {
        self.load("host_vars", name)
    }
}

/// The files of a folder by name, folders without an ending within it too; hidden and backup files left out.
fn collect(folder: &Path, files: &mut Vec<PathBuf>, depth: usize) {
    // Links can lead in a circle.
    if depth > 20 {
        return;
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name.starts_with('.') || name.ends_with('~') {
            continue;
        }
        let extension = path
            .extension()
            .map(|one| one.to_string_lossy().into_owned());
        if path.is_dir() {
            if extension.is_none() {
                collect(&path, files, depth + 1);
            }
        } else if extension.is_none_or(|one| EXTENSIONS.contains(&one.as_str())) {
            files.push(path);
        }
    }
}
