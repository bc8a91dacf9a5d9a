//! Where the programs under test lie.
//!
//! `MOMOLAND_BIN_DIR` names their folder; without it, it is the one that cargo built this test into. They are not
//! built from here: a test that starts cargo waits for cargo's own lock.

use std::path::PathBuf;

const FOLDER: &str = "MOMOLAND_BIN_DIR";

/// The path of a program.
///
/// # Panics
/// Where it was not built; the message says how to.
pub(crate) fn binary(name: &str) -> PathBuf {
    let folder = std::env::var_os(FOLDER).map_or_else(built_folder, PathBuf::from);
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.is_file(),
        "{} is not there. Build it first with `cargo build -p momo -p signaling-server`, or run `./dev test`; \
         {FOLDER} names another folder.",
        path.display()
    );
    path
}

/// `target/debug`, of `target/debug/deps/scenarios-1a2b`.
fn built_folder() -> PathBuf {
    let test = std::env::current_exe().expect("the running test has a path");
    test.ancestors().nth(2).expect("cargo puts tests two folders below the programs").to_owned()
}
