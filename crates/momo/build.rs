//! Puts the built window (`ui/dist`) into the binary, as a table of paths and bytes that `ui::assets` includes.
//!
//! The window is optional: cargo alone builds `momo` in a fresh clone without Node, the table is then empty, and
//! `momo ui` says so in a sentence. The folder is watched, so a later build of the window is picked up.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let dist = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("../../ui/dist");
    println!("cargo::rerun-if-changed={}", dist.display());

    let mut files = Vec::new();
    if dist.is_dir() {
        collect(&dist.canonicalize()?, "", &mut files)?;
    }
    files.sort();

    let mut table = String::from("&[\n");
    for (path, source) in &files {
        writeln!(table, "    ({path:?}, include_bytes!({source:?})),").map_err(io::Error::other)?;
    }
    table.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?).join("assets.rs"), table)
}

/// Adds the files under `folder`, each with its path as a browser asks for it (`/assets/index-1a2b.js`).
fn collect(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A name that is not UTF-8 cannot be asked for by a page that Vite built.
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}/{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &path, files)?;
        } else {
            files.push((path, entry.path()));
        }
    }
    Ok(())
}
