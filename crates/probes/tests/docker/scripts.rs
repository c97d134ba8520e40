//! Programs of a test's own, as a folder of PATH would hold them.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

/// Writes an executable shell script. Another process writes it: a file that this one had open for writing while a
/// parallel test starts a program could not be run (`ETXTBSY`).
pub(crate) fn script(path: &Path, text: &str) {
    let mut child = Command::new("install")
        .args(["-D", "-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("install runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    pipe.write_all(format!("#!/bin/sh\n{text}\n").as_bytes())
        .expect("written");
    drop(pipe);
    assert!(child.wait().expect("it ends").success());
}
