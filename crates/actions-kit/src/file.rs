//! Files that others read: there whole, or not at all.

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

/// Writes `text` to `path`, for this user alone: beside it first, then renamed. Folders that are missing are made. What
/// a link leads to is replaced, and not the link. A character device (`/dev/null`, a terminal) is written to as it is.
///
/// # Errors
/// What the system said, or that something stands there that is no file; then `path` is as it was.
pub fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let target = match fs::metadata(path) {
        Ok(there) if there.is_file() => fs::canonicalize(path)?,
        Ok(there) if there.file_type().is_char_device() => {
            return OpenOptions::new()
                .write(true)
                .open(path)
                .and_then(|mut device| device.write_all(text.as_bytes()));
        }
        Ok(_) => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "something stands there that is no file",
            ));
        }
        Err(_) => path.to_owned(),
    };
    let path = target.as_path();
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    replace(path, &beside, text, 0o600)
}

/// Puts `text` in the place of the file at `path`, with these permissions whatever the umask is: written to `beside` first, a
/// name in the same folder, then renamed, so that nobody sees half of it.
///
/// # Errors
/// What the system said; then `path` is as it was, and nothing is left beside it.
pub fn replace(path: &Path, beside: &Path, text: &str, mode: u32) -> io::Result<()> {
    let written = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(true)
        .mode(0o600)
        .open(beside)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.set_permissions(Permissions::from_mode(mode))
        })
        .and_then(|()| fs::rename(beside, path));
    if written.is_err() {
        let _gone = fs::remove_file(beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_is_its_users_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("baton-file-{}", std::process::id()));
        let path = folder.join("deep/report.json");
        write_whole(&path, "one").unwrap();
        write_whole(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert!(write_whole(&folder.join("deep"), "three").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        use std::os::unix::{fs::symlink, net::UnixListener};
        let folder = std::env::temp_dir().join(format!("baton-device-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = |name: &str| folder.join(name);
        fs::write(path("real"), "old").unwrap();
        symlink(path("real"), path("link")).unwrap();
        write_whole(&path("link"), "new").unwrap();
        assert!(fs::symlink_metadata(path("link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(path("real")).unwrap(), "new");
        symlink("/dev/null", path("null")).unwrap();
        write_whole(&path("null"), "gone").unwrap();
        let device = fs::metadata(path("null")).unwrap().file_type();
        assert!(device.is_char_device());
        let _socket = UnixListener::bind(path("socket")).unwrap();
        assert!(write_whole(&path("socket"), "x").is_err());
        fs::remove_dir_all(&folder).unwrap();
    }
}
