//! Writes valid inputs of each target to `FOLDER/TARGET/NUMBER`, where libFuzzer begins.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "corpus".to_owned());
    for (name, corpus) in momoland_fuzz::corpora() {
        let folder = Path::new(&folder).join(name);
        std::fs::create_dir_all(&folder)?;
        for (number, bytes) in corpus.into_iter().enumerate() {
            std::fs::write(folder.join(format!("{number:03}")), bytes)?;
        }
    }
    Ok(())
}
