//! How full file systems are.

use super::*;

/// What `df` says of a path: total and available bytes, and the type.
fn df(path: &Path) -> (u64, u64, String) {
    let out = Command::new("df")
        .args(["-B1", "--output=size,avail,fstype"])
        .arg(path)
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    let words: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
    (
        words[0].parse().unwrap(),
        words[1].parse().unwrap(),
        words[2].to_owned(),
    )
}

#[tokio::test]
async fn a_disk_is_measured_as_df_measures_it() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Host::new().disk(folder.path(), soon()).await.unwrap();
    let (total, free, kind) = df(folder.path());
    assert_eq!(disk.total, total);
    assert_eq!(disk.kind, kind);
    assert!(!disk.read_only);
    // Others write to the same disk between the two looks.
    assert!(
        (disk.free_gb() - free as f64 / GB).abs() < 2.0,
        "{disk:?} {free}"
    );
}

#[tokio::test]
async fn a_link_is_followed_to_the_disk_it_points_to() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/dev/shm", &link).unwrap();
    let disk = Host::new().disk(&link, soon()).await.unwrap();
    assert_eq!(disk.path, Path::new("/dev/shm"));
    assert_eq!(disk.kind, "tmpfs");
}

#[tokio::test]
async fn a_path_that_is_not_there_is_told_from_one_that_may_not_be_seen() {
    let host = Host::new();
    let error = host
        .disk(Path::new("/no/such/path"), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, HostError::NoSuchPath { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "look at /no/such/path: there is no such path"
    );
}

#[tokio::test]
async fn tmpfs_overlay_and_read_only_mounts_are_measured_each_as_what_it_is() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return again(
            "disk::tmpfs_overlay_and_read_only_mounts_are_measured_each_as_what_it_is",
            "mkdir 'a b' ro over lower layers
             mount -t tmpfs -o size=64m none 'a b'
             mount -t tmpfs -o size=32m none layers; mkdir layers/upper layers/work
             mount -t overlay -o lowerdir=lower,upperdir=layers/upper,workdir=layers/work none over
             mount -t tmpfs -o ro,size=16m none ro
             exec \"$@\"",
        );
    };
    let folder = Path::new(&folder);
    let host = Host::new();
    let disk = async |name: &str| host.disk(&folder.join(name), soon()).await.unwrap();

    let tmpfs = disk("a b").await;
    assert_eq!((tmpfs.kind.as_str(), tmpfs.total), ("tmpfs", 64 << 20));
    assert_eq!(tmpfs.mount, folder.join("a b"));
    // An overlay has what the layer that is written to has.
    let overlay = disk("over").await;
    assert_eq!(
        (overlay.kind.as_str(), overlay.total),
        ("overlay", 32 << 20)
    );
    assert!(!overlay.read_only);
    assert!(disk("ro").await.read_only);
    assert!(disk("ro").await.inodes_free.is_some());
}

#[tokio::test]
async fn a_folder_that_this_user_may_not_enter_is_no_missing_one() {
    let Some(folder) = std::env::var_os(INSIDE) else {
        return again(
            "disk::a_folder_that_this_user_may_not_enter_is_no_missing_one",
            "mkdir -p closed/in; chmod 0 closed; chmod 755 .; cp \"$1\" test; chmod 755 test; shift
             exec setpriv --bounding-set -all --inh-caps -all --securebits +noroot,+noroot_locked ./test \"$@\"",
        );
    };
    let path = Path::new(&folder).join("closed/in");
    let error = Host::new().disk(&path, soon()).await.unwrap_err();
    assert!(matches!(error, HostError::NoPermission { .. }), "{error}");
}
