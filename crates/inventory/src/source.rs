//! Our own reader: what kind of source an inventory is, and the reading of all its files into one graph.
//!
//! Executable inventories and plugin configurations are never run; each is one entry that is undecided.

use std::{
    borrow::Cow,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    address,
    error::{InventoryError, Problem},
    graph::{Graph, UNGROUPED, VariableFiles},
    ini,
    inventory::{Address, Host, Inventory, ReadBy},
    node, pattern, text,
    value::Variables,
    vars_files::{BesideInventory, EXTENSIONS},
    yaml,
};

/// Endings of files that Ansible passes over in a folder (its settings REJECT_EXTS and INVENTORY_IGNORE_EXTS).
const IGNORED: [&str; 13] = [
    ".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".ini", ".cfg",
    ".retry",
];

/// How deep folders may lie in folders; links can lead in a circle.
const DEEPEST: usize = 20;

struct Reader {
    graph: Graph,
    /// Sources whose hosts cannot be known, with why.
    unknown: Vec<(PathBuf, String)>,
    problems: Vec<Problem>,
    notes: Vec<String>,
    files: usize,
}

/// Reads the inventory at `path`: a file, a folder, or a list of hosts with a comma.
///
/// # Errors
/// It is not there, cannot be read, or is wrong; all wrong places of all its files at once.
pub(crate) fn read(path: &Path) -> Result<Inventory, InventoryError> {
    let mut reader = Reader {
        graph: Graph::new(),
        unknown: Vec::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        files: 0,
    };
    let Ok(metadata) = std::fs::metadata(path) else {
        return match path.to_str().filter(|list| list.contains(',')) {
            Some(list) => {
                reader.list(list);
                reader.finish(&mut NoFiles)
            }
            None => Err(missing(path)),
        };
    };
    let folder = if metadata.is_dir() {
        reader.folder(path, 0)?;
        if reader.files == 0 {
            reader.notes.push(format!(
                "{}: no file in the folder is an inventory",
                path.display()
            ));
        }
        path
    } else {
        reader.file(path)?;
        path.parent().unwrap_or(Path::new(""))
    };
    // The parent of a bare file name is empty.
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut beside = BesideInventory::new(folder);
    let notes_and_hosts = reader.finish(&mut beside);
    match (beside.failed, beside.problems.is_empty(), notes_and_hosts) {
        (_, _, Err(error)) => Err(error),
        (Some(error), _, Ok(_)) => Err(error),
        (None, false, Ok(_)) => Err(InventoryError::Wrong(beside.problems)),
        (None, true, Ok(inventory)) => Ok(inventory),
    }
}

fn missing(path: &Path) -> InventoryError {
    match std::fs::metadata(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => InventoryError::Read {
            path: path.to_owned(),
            source,
        },
        _ => InventoryError::Missing {
            path: path.to_owned(),
        },
    }
}

/// A list of hosts has no folder.
struct NoFiles;

impl VariableFiles for NoFiles {
    fn of_group(&mut self, _name: &str) -> Variables {
        Variables::new()
    }

    fn of_host(&mut self, _name: &str) -> Variables {
        Variables::new()
    }
}

impl Reader {
    fn finish(mut self, files: &mut impl VariableFiles) -> Result<Inventory, InventoryError> {
        if !self.problems.is_empty() {
            return Err(InventoryError::Wrong(self.problems));
        }
        for name in self.graph.twice_named() {
            self.notes.push(format!(
                "{name} is the name of a host and of a group; as in Ansible the host's variables go to the group"
            ));
        }
        let mut hosts: Vec<Host> = self
            .graph
            .resolve(files)
            .map_err(InventoryError::Wrong)?
            .into_iter()
            .map(|host| Host {
                address: address::decide(&host.name, &host.variables),
                name: host.name,
                groups: host.groups,
            })
            .collect();
        hosts.extend(self.unknown.into_iter().map(|(path, why)| Host {
            name: path.display().to_string(),
            address: Address::Undecided { why },
            groups: Vec::new(),
        }));
        Ok(Inventory {
            hosts,
            read_by: ReadBy::Own,
            notes: self.notes,
        })
    }

    fn list(&mut self, list: &str) {
        for written in list
            .split(',')
            .map(str::trim)
            .filter(|written| !written.is_empty())
        {
            let parsed = pattern::parse(written);
            // Ansible expands no ranges here and keeps the text.
            let added = if parsed.name.contains('[') {
                self.graph.add_host(written, UNGROUPED, None)
            } else {
                self.graph.add_host(&parsed.name, UNGROUPED, parsed.port)
            };
            if let Err(full) = added {
                return self.problems.push(Problem {
                    file: PathBuf::from("the list of hosts"),
                    line: None,
                    seen: full.to_string(),
                    wanted: "fewer".to_owned(),
                    mend: "deploy to fewer hosts at once".to_owned(),
                });
            }
        }
    }

    fn folder(&mut self, folder: &Path, depth: usize) -> Result<(), InventoryError> {
        let failed = |source| InventoryError::Read {
            path: folder.to_owned(),
            source,
        };
        if depth > DEEPEST {
            return Err(failed(std::io::Error::other(
                "folders lie too deep, or links lead in a circle",
            )));
        }
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(failed)? {
            names.push(entry.map_err(failed)?.file_name());
        }
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            let name = name.to_string_lossy();
            if name.starts_with('.')
                || matches!(&*name, "host_vars" | "group_vars" | "vars_plugins")
            {
                continue;
            }
            if IGNORED.iter().any(|ending| name.ends_with(ending)) {
                // The one that surprises: elsewhere it is the format's usual ending.
                if name.ends_with(".ini") {
                    self.notes.push(format!(
                        "{}: passed over, as Ansible does with .ini files in a folder; rename it without the ending",
                        path.display()
                    ));
                }
                continue;
            }
            if path.is_dir() {
                self.folder(&path, depth + 1)?;
            } else {
                self.file(&path)?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> Result<(), InventoryError> {
        self.files += 1;
        let unknown = |why: &str| (path.to_owned(), why.to_owned());
        let bytes = text::bytes(path)?;
        if text::is_vault(&bytes) {
            let why = "the file is encrypted with ansible-vault: name its hosts in `targets`";
            self.unknown.push(unknown(why));
            return Ok(());
        }
        let executable = std::fs::metadata(path)
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0);
        if executable && (bytes.starts_with(b"#!") || bytes.starts_with(b"\x7fELF")) {
            let why = "the inventory is a program, which is not run here: install Ansible, or name its hosts in `targets`";
            self.unknown.push(unknown(why));
            return Ok(());
        }
        let ending = path
            .extension()
            .map(|ending| ending.to_string_lossy().into_owned());
        if ending.as_deref() == Some("toml") {
            let why = "TOML inventories are not read here: install Ansible, or name its hosts in `targets`";
            self.unknown.push(unknown(why));
            return Ok(());
        }
        let yaml = ending
            .as_deref()
            .is_some_and(|ending| EXTENSIONS.contains(&ending));
        // Ansible bears with comments in another encoding, in INI files.
        let text = match text::utf8(path, &bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(problems) => match text::without_foreign_comments(&bytes).filter(|_| !yaml) {
                Some(text) => Cow::Owned(text),
                None => {
                    self.problems.extend(problems);
                    return Ok(());
                }
            },
        };
        let file = Rc::new(path.to_owned());
        if !yaml && ending.is_some() {
            self.ini(&file, &text);
            return Ok(());
        }
        match node::compose(path, &text) {
            Ok(document) => {
                if let Some(plugin) = yaml::plugin(&document) {
                    self.unknown.push((
                        path.to_owned(),
                        format!("its hosts come from the plugin {plugin}: install Ansible, or name its hosts in `targets`"),
                    ));
                } else if yaml || yaml::is_mapping(&document) {
                    if let Err(problems) =
                        yaml::read(&file, &document, &mut self.graph, &mut self.notes)
                    {
                        self.problems.extend(problems);
                    }
                } else {
                    // Without an ending, what is no mapping is tried as INI: so does Ansible.
                    self.ini(&file, &text);
                }
            }
            Err(problem) if yaml => self.problems.push(problem),
            Err(_) => self.ini(&file, &text),
        }
        Ok(())
    }

    fn ini(&mut self, file: &Rc<PathBuf>, text: &str) {
        if let Err(problems) = ini::read(file, text, &mut self.graph) {
            self.problems.extend(problems);
        }
    }
}
