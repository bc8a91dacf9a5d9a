//! The system's own dialog, in which somebody chooses a file of sound. The page learns the path of what was chosen, and
//! nothing else of the disk; what becomes of it is the engine's business (`calls.play`).

use std::path::PathBuf;

use serde::{Serialize, Serializer};
use tauri::WebviewWindow;
use tokio::sync::oneshot;

const TITLE: &str = "Play a file together";
/// What such files are called by their formats, for a dialog that shows nothing else. The engine goes by what is in them.
const ENDINGS: [&str; 8] = ["wav", "flac", "mp3", "ogg", "oga", "aac", "m4a", "mp4"];

/// Why nothing could be chosen, in words for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChoiceError {
    #[error("The system showed no dialog to choose a file: {0}.")]
    NoDialog(#[from] tauri::Error),
    #[error("The dialog to choose a file went away.")]
    Gone(#[from] oneshot::error::RecvError),
    /// JSON has no word for it.
    #[error("This file's path, or its name, is not Unicode: {}. Rename it to play it.", .0.display())]
    NotUnicode(PathBuf),
}

impl Serialize for ChoiceError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Asks for a file of sound; `None` where none is chosen.
#[tauri::command]
pub(crate) async fn choose_sound(window: WebviewWindow) -> Result<Option<String>, ChoiceError> {
    let (chosen, choice) = oneshot::channel();
    let parent = window.clone();
    // Systems make windows on the main thread, which goes on meanwhile.
    window.run_on_main_thread(move || ask(&parent, chosen))?;
    choice.await?.map(path_of).transpose()
}

/// Before the window, which goes on as well: in a call one can always mute.
#[cfg(target_os = "linux")]
fn ask(parent: &WebviewWindow, chosen: oneshot::Sender<Option<PathBuf>>) {
    use gtk::prelude::{FileChooserExt, NativeDialogExt};
    use gtk::{FileChooserAction, FileChooserNative, FileFilter, ResponseType};

    let parent = parent.gtk_window().ok();
    let dialog = FileChooserNative::new(Some(TITLE), parent.as_ref(), FileChooserAction::Open, None, None);
    let (sound, all) = (FileFilter::new(), FileFilter::new());
    sound.set_name(Some("Sound"));
    // Here the letters' case counts.
    for ending in ENDINGS.iter().flat_map(|it| [(*it).to_owned(), it.to_uppercase()]) {
        sound.add_pattern(&format!("*.{ending}"));
    }
    all.set_name(Some("All files"));
    all.add_pattern("*");
    dialog.add_filter(sound);
    dialog.add_filter(all);
    if let Some(folder) = dirs::audio_dir() {
        dialog.set_current_folder(folder);
    }
    // Nobody else holds it.
    let under_way = std::cell::Cell::new(Some((dialog.clone(), chosen)));
    dialog.connect_response(move |_, response| {
        if let Some((dialog, chosen)) = under_way.take() {
            let file = (response == ResponseType::Accept).then(|| dialog.filename()).flatten();
            // The page may be gone.
            let _ = chosen.send(file);
        }
    });
    dialog.show();
}

/// Before the window.
#[cfg(not(target_os = "linux"))]
fn ask(parent: &WebviewWindow, chosen: oneshot::Sender<Option<PathBuf>>) {
    let dialog = rfd::AsyncFileDialog::new().set_title(TITLE).set_parent(parent).add_filter("Sound", &ENDINGS);
    // macOS knows one list of endings, not several to choose from.
    let dialog = if cfg!(target_os = "macos") { dialog } else { dialog.add_filter("All files", &["*"]) };
    let choosing = dialog.pick_file();
    tauri::async_runtime::spawn(async move { chosen.send(choosing.await.map(|file| file.path().to_owned())) });
}

fn path_of(path: PathBuf) -> Result<String, ChoiceError> {
    path.into_os_string().into_string().map_err(|path| ChoiceError::NotUnicode(path.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_to_the_page_as_it_is() {
        assert_eq!(path_of("/home/ada/Low water “1”.mp3".into()).unwrap(), "/home/ada/Low water “1”.mp3");
    }

    #[cfg(unix)]
    #[test]
    fn what_json_cannot_say_is_refused_in_words() {
        use std::os::unix::ffi::OsStringExt;
        let path = PathBuf::from(std::ffi::OsString::from_vec(b"/music/\xff.mp3".to_vec()));
        let said = serde_json::to_string(&path_of(path).unwrap_err()).unwrap();
        assert!(said.contains("is not Unicode: /music/\u{fffd}.mp3"), "{said}");
    }
}
