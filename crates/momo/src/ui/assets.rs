//! The built window, as `build.rs` put it into the binary.
//!
//! Not here: who may have it (`access`).

/// Paths as a browser asks for them, sorted, with their bytes. Empty where the window had not been built.
static ASSETS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Vite puts the hash of a file's bytes into its name under this folder, so such a file never changes.
const HASHED: &str = "/assets/";

const INDEX: &str = "/index.html";

#[derive(Debug)]
pub(crate) struct Asset {
    pub(crate) bytes: &'static [u8],
    pub(crate) content_type: &'static str,
    pub(crate) cache_control: &'static str,
}

#[derive(Debug)]
pub(crate) enum Found {
    File(Asset),
    Nothing,
    /// There is no window in this binary at all.
    NotBuilt,
}

/// The window has one page, at `/`; everything else is a file of it.
pub(crate) fn find(path: &str) -> Found {
    if ASSETS.is_empty() {
        return Found::NotBuilt;
    }
    let path = if path == "/" { INDEX } else { path };
    let Ok(place) = ASSETS.binary_search_by_key(&path, |(path, _)| path) else { return Found::Nothing };
    let Some((_, bytes)) = ASSETS.get(place) else { return Found::Nothing };
    Found::File(Asset {
        bytes,
        content_type: content_type(path),
        cache_control: if path.starts_with(HASHED) { "private, max-age=31536000, immutable" } else { "no-cache" },
    })
}

/// What Vite emits for this window. `nosniff` makes anything else inert, which is what an unknown file should be.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_it_can_be_searched() {
        assert!(ASSETS.is_sorted_by_key(|(path, _)| path));
    }

    #[test]
    fn the_page_is_at_the_root_where_the_window_was_built() {
        match find("/") {
            Found::File(page) => assert_eq!(page.content_type, "text/html; charset=utf-8"),
            Found::NotBuilt => assert!(ASSETS.is_empty()),
            Found::Nothing => panic!("the window has no index.html"),
        }
        assert!(!matches!(find("/../Cargo.toml"), Found::File(_)));
    }
}
