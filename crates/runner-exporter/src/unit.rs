//! The systemd services of runners, from their unit files (systemd.unit(5)).
//!
//! Responsible for: which units there are, and what of them matters here: the runner's folder and the slice. Starting
//! `systemctl` for that would cost more than all the rest of a scrape. Not responsible for whether a service runs: its
//! control group tells, see `procs`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Where units lie, the strongest first (systemd.unit(5), "Unit File Load Path").
pub(crate) const FOLDERS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// A runner's service as `svc.sh install` of actions/runner makes it: `actions.runner.<owner-repo>.<name>.service`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) name: String,
    /// The runner's folder.
    pub(crate) folder: PathBuf,
    /// The control group below the hierarchy's mount: `system.slice/<name>`.
    pub(crate) group: PathBuf,
}

/// All units of runners in `folders`, by name. A unit without a folder is passed over: nothing can be said of it.
///
/// # Errors
/// A folder is there and cannot be read.
pub(crate) fn all(folders: &[PathBuf]) -> io::Result<Vec<Unit>> {
    let mut units: Vec<Unit> = Vec::new();
    for folder in folders {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let Ok(name) = entry?.file_name().into_string() else {
                continue;
            };
            // A stronger folder has the last word.
            if is_runners(&name) && units.iter().all(|unit| unit.name != name) {
                units.extend(read(folders, folder, &name));
            }
        }
    }
    units.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(units)
}

fn is_runners(name: &str) -> bool {
    name.starts_with("actions.runner.") && name.ends_with(".service")
}

/// One unit with what drop-ins change of it; `None` for a masked one and one without a folder.
fn read(folders: &[PathBuf], folder: &Path, name: &str) -> Option<Unit> {
    let mut text = fs::read_to_string(folder.join(name)).ok()?;
    for dropin in dropins(folders, name) {
        text.push('\n');
        text.push_str(&fs::read_to_string(dropin).unwrap_or_default());
    }
    let value = |key: &str| setting(&text, key);
    let folder = value("WorkingDirectory")?;
    let folder = folder.trim_start_matches('-').trim_matches('"');
    folder.starts_with('/').then(|| Unit {
        name: name.to_owned(),
        folder: folder.into(),
        group: group(&value("Slice").unwrap_or_else(|| "system.slice".into())).join(name),
    })
}

/// `<name>.d/*.conf` of all folders in the order in which they are applied: by file name, whatever folder.
fn dropins(folders: &[PathBuf], name: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = folders
        .iter()
        .filter_map(|folder| fs::read_dir(folder.join(format!("{name}.d"))).ok())
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|kind| kind == "conf"))
        .collect();
    found.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
    found
}

/// The last value of `key` in the section `[Service]`.
fn setting(text: &str, key: &str) -> Option<String> {
    let mut within = false;
    let mut found = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            within = line == "[Service]";
        } else if within
            && let Some((name, value)) = line.split_once('=')
            && name.trim_end() == key
        {
            let value = value.trim();
            found = (!value.is_empty()).then(|| value.to_owned());
        }
    }
    found
}

/// A slice's folder: `a-b.slice` lies in `a.slice` (systemd.slice(5)).
fn group(slice: &str) -> PathBuf {
    let Some(stem) = slice.strip_suffix(".slice").filter(|stem| *stem != "-") else {
        return PathBuf::new();
    };
    let mut folder = PathBuf::new();
    for (place, _) in stem.match_indices('-') {
        folder.push(format!("{}.slice", &stem[..place]));
    }
    folder.join(slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[Unit]\nDescription=x\n\n[Service]\nExecStart=/opt/r/runsvc.sh\nUser=runner\nWorkingDirectory=/opt/r\nKillMode=process\n";

    fn written(files: &[(&str, &str)]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let folders = vec![root.path().join("etc"), root.path().join("lib")];
        (root, folders)
    }

    #[test]
    fn only_the_services_of_runners_are_found_and_each_once() {
        let (_root, folders) = written(&[
            ("etc/actions.runner.o-r.b.service", TEXT),
            ("etc/actions.runner.o-r.a.service", TEXT),
            ("etc/ssh.service", TEXT),
            ("etc/actions.runner.o-r.c.timer", TEXT),
            (
                "lib/actions.runner.o-r.a.service",
                "[Service]\nWorkingDirectory=/other\n",
            ),
        ]);
        let units = all(&folders).unwrap();
        let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "actions.runner.o-r.a.service",
                "actions.runner.o-r.b.service"
            ]
        );
        assert_eq!(units[0].folder, Path::new("/opt/r"));
        assert_eq!(
            units[0].group,
            Path::new("system.slice/actions.runner.o-r.a.service")
        );
    }

    #[test]
    fn a_drop_in_may_move_folder_and_slice() {
        let (_root, folders) = written(&[
            ("etc/actions.runner.o-r.a.service", TEXT),
            (
                "etc/actions.runner.o-r.a.service.d/limits.conf",
                "[Service]\nSlice=ci-heavy.slice\nWorkingDirectory=-/srv/runner one\n",
            ),
        ]);
        let units = all(&folders).unwrap();
        assert_eq!(units[0].folder, Path::new("/srv/runner one"));
        let group = "ci.slice/ci-heavy.slice/actions.runner.o-r.a.service";
        assert_eq!(units[0].group, Path::new(group));
    }

    #[test]
    fn a_unit_without_a_folder_is_passed_over() {
        let (_root, folders) = written(&[
            ("etc/actions.runner.o-r.a.service", ""),
            (
                "etc/actions.runner.o-r.b.service",
                "[Unit]\nWorkingDirectory=/wrong/section\n",
            ),
        ]);
        assert_eq!(all(&folders).unwrap(), []);
    }

    #[test]
    fn a_folder_that_is_not_there_holds_no_units() {
        assert_eq!(all(&["/nowhere".into()]).unwrap(), []);
    }
}
