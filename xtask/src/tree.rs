//! The tracked files of the workspace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's folder.
pub fn root() -> PathBuf {
    // Of the run, not of the build: clones that share a target folder share what was compiled. The manifest's folder
    // is one below it.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).join("..")
}

/// Every tracked file that is there, by its path from the root.
///
/// # Panics
/// Where this is no git work tree.
pub fn files() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = match listed {
        Ok(listed) if listed.status.success() => listed.stdout,
        other => panic!("git could not list the tracked files: {other:?}"),
    };
    let paths = String::from_utf8_lossy(&listed);
    let paths = paths.split('\0').filter(|path| !path.is_empty()).map(str::to_owned);
    let files: Vec<String> = paths.filter(|path| root().join(path).is_file()).collect();
    assert!(files.len() > 100, "these are too few files to be the whole tree");
    files
}

/// Those of [`files`] with one of these endings.
pub fn files_ending_in(endings: &[&str]) -> Vec<String> {
    files().into_iter().filter(|path| endings.iter().any(|ending| path.ends_with(ending))).collect()
}

/// A file's text.
///
/// # Panics
/// Where it is not there, or no text.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A file's text; `None` where it is no text.
pub fn read_if_text(path: &str) -> Option<String> {
    String::from_utf8(fs::read(root().join(path)).ok()?).ok()
}
