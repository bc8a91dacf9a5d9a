//! What WebKitGTK and the JavaScriptCore in it are told about this page: how to paint it where there is no graphics card, and
//! not to compile its scripts as eagerly as a game's. `docs/figures.md` has what either comes to.
//!
//! # Painting
//! Without a card OpenGL is Mesa's software, some 40 MB of it in two processes. By default WebKit composes each frame by it; told
//! not to, it paints without, and the application does not load it. Pictures of calls go on being drawn by WebGL in the page.
//!
//! # Scripts
//! A function is compiled by the optimising compiler after some 70 calls, so much of what a page runs at its start, and seldom
//! again; what stays of that is 10 MB. With the limit a hundred times as high a start takes less time, and what runs all the
//! time is still compiled.
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

/// What is said to JavaScriptCore; a version that does not know one of these says so on standard error, and goes on.
const SCRIPTS: [(&str, &str); 5] = [
    // A thousand is the default of 2.50; a call counts for fifteen, a turn of a loop for one.
    ("JSC_thresholdForOptimizeAfterWarmUp", "100000"),
    ("JSC_thresholdForOptimizeSoon", "100000"),
    ("JSC_numberOfDFGCompilerThreads", "1"),
    ("JSC_numberOfFTLCompilerThreads", "1"),
    ("JSC_numberOfGCMarkers", "1"),
];

/// Where the kernel has graphics cards' render nodes, and NVIDIA's own driver its device.
const RENDER_NODES: &str = "/dev/dri";
const NVIDIA: &str = "/dev/nvidia0";

/// Chooses for this process and what it starts. What its person chose in the environment stays.
///
/// # Safety
/// No other thread may be running: they might read the environment meanwhile.
pub(crate) unsafe fn choose() {
    let has_card = has_render_node(Path::new(RENDER_NODES)) || Path::new(NVIDIA).exists();
    let painting = if has_card { &[][..] } else { &WITHOUT_CARD[..] };
    for (name, value) in SCRIPTS.iter().chain(painting) {
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
