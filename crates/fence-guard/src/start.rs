//! Why a command could not be started, in words that name what is missing.
//!
//! The kernel says "no such file" of a script whose interpreter is missing, and of a program whose loader is.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, ErrorKind, Read},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use crate::{exit::Exit, words::shown};

/// No longer first line is read by the kernel.
const LINE: usize = 255;

/// The text behind "failed to start", and the code to end with.
pub(crate) fn fault(command: &[OsString], error: &io::Error) -> (String, Exit) {
    let program = command.first().cloned().unwrap_or_default();
    let name = shown(&program.to_string_lossy());
    if error.kind() != ErrorKind::NotFound {
        return (format!("{name}: {error}"), Exit::NOT_EXECUTABLE);
    }
    let Some(path) = find(&program) else {
        let place = if program.as_bytes().contains(&b'/') {
            ""
        } else {
            " in PATH"
        };
        return (
            format!("{name}: there is no such program{place}"),
            Exit::NOT_FOUND,
        );
    };
    let interpreter = interpreter(&path).map_or(
        "the loader that it is linked for is not on this host".into(),
        |(interpreter, carriage_return)| {
            let end = if carriage_return {
                "; its first line ends with a carriage return (a file with line ends of Windows)"
            } else {
                ""
            };
            format!(
                "its interpreter {} is not on this host{end}",
                shown(&interpreter)
            )
        },
    );
    (format!("{name}: {interpreter}"), Exit::NOT_EXECUTABLE)
}

/// The file that was to be executed.
fn find(program: &OsString) -> Option<PathBuf> {
    if program.as_bytes().contains(&b'/') {
        return Some(PathBuf::from(program)).filter(|path| path.exists());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// The interpreter of a script's first line, and whether that line ends with a carriage return.
fn interpreter(path: &PathBuf) -> Option<(String, bool)> {
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LINE as u64).read_to_end(&mut start))
        .ok()?;
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let text = String::from_utf8_lossy(line);
    let name = text
        .trim_start_matches([' ', '\t'])
        .split([' ', '\t'])
        .next()?;
    Some((name.trim_end_matches('\r').to_owned(), text.ends_with('\r')))
}
