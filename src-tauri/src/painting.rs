//! How WebKitGTK paints the page where there is no graphics card.
//!
//! OpenGL is Mesa's software then, some 40 MB of it in two processes. By default WebKit composes each frame by it; told not to,
//! it paints without, and the application does not load it. Pictures of calls go on being drawn by WebGL in the page. `docs/figures.md` has what that comes to: three times the pictures of a call, and 100 MB less.
#![allow(
    unsafe_code,
    reason = "WebKit asks the environment alone, and setting that is sound only without other threads"
)]

use std::path::Path;

/// What is said to GTK and WebKitGTK, and to the processes that the latter starts.
const WITHOUT_CARD: [(&str, &str); 3] = [
    ("WEBKIT_DISABLE_DMABUF_RENDERER", "1"),
    // Named, so that it does not look for one by way of OpenGL.
    ("WEBKIT_WEB_RENDER_DEVICE_FILE", "/dev/null"),
    ("GDK_GL", "disable"),
];

/// Where the kernel has graphics cards' render nodes, and NVIDIA's own driver its device.
const RENDER_NODES: &str = "/dev/dri";
const NVIDIA: &str = "/dev/nvidia0";

/// Chooses for this process and what it starts. What its person chose in the environment stays.
///
/// # Safety
/// No other thread may be running: they might read the environment meanwhile.
pub(crate) unsafe fn choose() {
    if has_render_node(Path::new(RENDER_NODES)) || Path::new(NVIDIA).exists() {
        return;
    }
    for (name, value) in WITHOUT_CARD {
        if std::env::var_os(name).is_none() {
            // SAFETY: there is no other thread, as the caller promises.
            unsafe { std::env::set_var(name, value) };
        }
    }
}

/// A folder that cannot be read has none for this process either.
fn has_render_node(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| entry.file_name().to_string_lossy().starts_with("renderD"))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_card_is_what_has_a_render_node() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(!has_render_node(&folder.path().join("dri")), "no folder at all");
        assert!(!has_render_node(folder.path()));
        // A screen without anything that renders, as some virtual machines have it.
        File::create(folder.path().join("card0")).expect("a file");
        assert!(!has_render_node(folder.path()));
        File::create(folder.path().join("renderD128")).expect("a file");
        assert!(has_render_node(folder.path()));
    }
}
