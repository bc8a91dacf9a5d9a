//! Checks that the built UI is there to embed, then lets Tauri prepare icons, capabilities and the manifest.

use std::path::Path;

fn main() {
    // The whole folder: a rebuilt UI has to be embedded anew.
    println!("cargo::rerun-if-changed=../ui/dist");
    if !Path::new("../ui/dist/index.html").is_file() {
        println!(
            "cargo::error=ui/dist/index.html is missing, so there is no UI to embed. \
             Run `npm ci && npm run build` in ui/, or build everything with `./dev run`."
        );
        return;
    }
    tauri_build::build();
}
