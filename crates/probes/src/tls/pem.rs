//! Reads files with certificates and keys: of a bounded length, and only what is a file.
//!
//! Not responsible for what stands in them.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use nix::fcntl::OFlag;

/// How large such a file may be, in bytes: a hundred times what systems trust.
const MOST: u64 = 16 << 20;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PemFileError {
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A folder, a device, a pipe: it may have no end, or never begin.
    #[error("it is no regular file")]
    NotRegular,
    /// It is larger than any such file.
    #[error("it is larger than {} MiB", MOST >> 20)]
    TooLarge,
}

/// The bytes of `path`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, PemFileError> {
    // A pipe that nobody writes to would hold up the opening itself.
    let file: File = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(PemFileError::NotRegular);
    }
    let mut bytes = Vec::new();
    // Its length is not asked: it may grow, and a file of the kernel's says 0.
    file.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(PemFileError::TooLarge);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_and_one_that_never_begins_are_refused_at_once() {
        let error = read(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.to_string(), "it is no regular file");
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("ca.pem");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for path in [pipe.as_path(), folder.path()] {
            assert!(matches!(read(path), Err(PemFileError::NotRegular)));
        }
    }

    #[test]
    fn a_file_of_16_mebibytes_is_read_and_a_larger_one_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MOST).unwrap();
        assert_eq!(read(file.path()).unwrap().len() as u64, MOST);
        file.as_file().set_len(MOST + 1).unwrap();
        let error = read(file.path()).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 16 MiB");
    }
}
