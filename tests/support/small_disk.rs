//! A disk of a few MiB, for tests of what happens when it is full.
//!
//! The test runs its own binary again in a mount namespace of its own, where a small file system in memory lies over a
//! folder. Shared by path with the tests of other crates, so it uses nothing but `std` and `tempfile`.

#![allow(clippy::print_stderr, reason = "says where nothing could be checked")]
#![allow(unreachable_pub, reason = "a library shares it, and so do test binaries")]

use std::path::Path;
use std::process::Command;

/// Tells the binary that it runs on the small disk, and where that is.
const PLACE: &str = "TEST_SMALL_DISK";

/// Runs `on_disk` over a disk of so many MiB, as the test that is called `name` in its binary. Where the system gives no
/// namespaces to ordinary users it says so, and nothing was checked.
///
/// # Panics
/// Where `on_disk` does.
pub fn with_small_disk(name: &str, mib: u32, on_disk: impl FnOnce(&Path)) {
    if let Some(disk) = std::env::var_os(PLACE) {
        return on_disk(Path::new(&disk));
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mount = format!("mount -t tmpfs -o size={mib}m tmpfs \"$0\"");
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(folder.path());
        command
    };
    if !namespace(&mount).status().is_ok_and(|status| status.success()) {
        eprintln!("no mount namespaces here: a full disk was not tried");
        return;
    }
    let mut inside = namespace(&format!("{mount} && exec \"$@\""));
    inside.arg(std::env::current_exe().expect("this binary"));
    inside.args([name, "--exact", "--nocapture", "--include-ignored"]);
    let ended = inside.env(PLACE, folder.path()).status().expect("unshare runs");
    assert!(ended.success(), "{name} failed on the small disk: {ended}");
}
