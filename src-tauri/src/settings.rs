//! What a person chose for this desktop alone, kept in the data folder as one small JSON file.
//!
//! A damaged file is as none: nothing in it is worth not starting for.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::window;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Choices {
    /// Closing the window leaves the program running in the tray, where there is one.
    pub(crate) keep_running: bool,
    /// The person was told so.
    pub(crate) told_of_tray: bool,
}

impl Default for Choices {
    fn default() -> Self {
        Self { keep_running: true, told_of_tray: false }
    }
}

#[derive(Debug)]
pub(crate) struct Settings {
    file: PathBuf,
    choices: Mutex<Choices>,
}

impl Settings {
    pub(crate) fn open(data_dir: &Path) -> Self {
        let file = data_dir.join("desktop.json");
        let choices = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, choices: Mutex::new(choices.unwrap_or_default()) }
    }

    pub(crate) fn choices(&self) -> Choices {
        *self.choices.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds from here on; where it cannot be kept, until the end of this process.
    pub(crate) fn choose(&self, change: impl FnOnce(&mut Choices)) {
        let mut choices = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut choices);
        let kept = serde_json::to_string(&*choices)
            .map_err(std::io::Error::from)
            .and_then(|text| window::write_whole(&self.file, &text));
        if let Err(error) = kept {
            tracing::warn!(%error, "a setting of this desktop could not be kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_there_after_a_restart() {
        let data_dir = tempfile::tempdir().unwrap();
        let settings = Settings::open(data_dir.path());
        assert_eq!(settings.choices(), Choices { keep_running: true, told_of_tray: false });
        settings.choose(|choices| choices.keep_running = false);
        assert!(!Settings::open(data_dir.path()).choices().keep_running);
    }

    #[test]
    fn a_damaged_file_is_as_none() {
        let data_dir = tempfile::tempdir().unwrap();
        for damaged in ["", "{", "[]", r#"{"keepRunning": "yes"}"#] {
            std::fs::write(data_dir.path().join("desktop.json"), damaged).unwrap();
            assert_eq!(Settings::open(data_dir.path()).choices(), Choices::default(), "{damaged}");
        }
    }
}
