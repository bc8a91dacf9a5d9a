//! A process whose clock is wrong, by libfaketime: the wall clock alone, time goes on at its usual pace.
//!
//! Linux only, from the package `faketime`, which `./dev test` installs.

use std::path::PathBuf;

/// What a process needs in its environment for its clock to be off by so many seconds.
///
/// # Panics
/// Where libfaketime is not installed.
#[track_caller]
pub fn off_by(seconds: i64) -> Vec<(String, String)> {
    let library = library().expect("libfaketime is not installed: `apt-get install faketime`, or run `./dev test`");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", format!("{seconds:+}s")),
        // Timers and time-outs are not what is wrong.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Debian has a folder for each architecture, others have one.
fn library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    let folders = folders.chain([PathBuf::from("/usr/lib"), PathBuf::from("/usr/lib64")]);
    // The variant for programs with threads.
    folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path| path.is_file())
}
