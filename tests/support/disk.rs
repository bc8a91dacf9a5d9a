//! What lies in a folder, byte for byte.

use std::path::Path;

/// Whether any file below `folder` has these bytes in it.
///
/// # Panics
/// Where a file cannot be read.
pub fn is_in_folder(folder: &Path, needle: &[u8]) -> bool {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is read") {
            let entry = entry.expect("its entries are read");
            if entry.file_type().expect("its kind is known").is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).expect("a file is read");
            if bytes.windows(needle.len()).any(|window| window == needle) {
                return true;
            }
        }
    }
    false
}
