//! `runner.disk` on file systems other than a plain disk, each made in a mount namespace of the run's own.

use crate::program::Preflight;

/// A small tmpfs at `disk`, as a runner's folder of work.
const SMALL: &str = "mkdir disk\nmount -t tmpfs -o size=64m none disk";

fn run(mounts: &str, paths: &str, least: u32) -> crate::program::Ran {
    Preflight::of("runner.disk")
        .with("INPUT_DISK_PATHS", paths)
        .with("INPUT_DISK_GB_MIN", least)
        .mounting(mounts)
        .run()
}

#[test]
fn a_small_tmpfs_fails_with_its_own_size_and_kind() {
    let ran = run(SMALL, "disk", 1);
    ran.ends(1, "fail", &["runner.disk"]);
    ran.tells("runner.disk", "fail", &["(tmpfs on ", "/disk)"]);
    assert!(
        !ran.row("runner.disk").contains("1 of 1"),
        "{}",
        ran.summary
    );
}

#[test]
fn an_overlay_has_the_room_of_its_upper_layer() {
    let overlay = format!(
        "{SMALL}\ncd disk\nmkdir lower upper work merged\n\
         mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work merged"
    );
    let ran = run(&overlay, "disk/merged", 1);
    ran.ends(1, "fail", &["runner.disk"]);
    ran.tells("runner.disk", "fail", &["(overlay on "]);
    let ran = run(&overlay, "disk/merged", 0);
    ran.ends(0, "pass", &[]);
}

#[test]
fn a_mount_that_became_read_only_fails_however_much_room_it_has() {
    let ran = run(&format!("{SMALL}\nmount -o remount,ro disk"), "disk", 0);
    ran.ends(1, "fail", &["runner.disk"]);
    ran.tells("runner.disk", "fail", &["read-only; "]);
    assert!(
        ran.row("runner.disk").contains("mount -o remount,rw"),
        "{}",
        ran.summary
    );
}

#[test]
fn a_path_that_is_not_there_is_told_once_beside_one_that_is_fine() {
    let ran = run(SMALL, "disk\ngone", 0);
    ran.ends(1, "fail", &["runner.disk"]);
    ran.tells("runner.disk", "fail", &["there is no such path"]);
    let row = ran.row("runner.disk");
    assert_eq!(row.matches("no such path").count(), 1, "{row}");
}
