//! What the page keeps for this desktop alone (its theme, the room that was open, a post that was begun), as one JSON file
//! in the data folder.
//!
//! The webview's own storage reaches the disk seconds later, and not at all where the process is told to end or is killed
//! meanwhile. This file is written within [`WRITE_AFTER`], and once more at the end.
//!
//! A damaged file is as none: nothing in it is worth not starting for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tauri::{AppHandle, Manager, State};

use crate::window;

/// What is kept in quick succession, as while somebody types, is written once.
const WRITE_AFTER: Duration = Duration::from_millis(300);
/// Bytes of all names and values. A page that wants more keeps it elsewhere.
const BYTES_MAX: usize = 1024 * 1024;

/// Refused: see [`BYTES_MAX`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("The window keeps at most {BYTES_MAX} bytes of its own choices.")]
pub(crate) struct Full;

#[derive(Debug)]
pub(crate) struct Kept {
    file: PathBuf,
    values: Mutex<Values>,
}

#[derive(Debug, Default)]
struct Values {
    by_name: BTreeMap<String, String>,
    /// Something is not on the disk yet.
    unwritten: bool,
    /// It will be written soon.
    is_due: bool,
}

impl Kept {
    pub(crate) fn open(data_dir: &Path) -> Self {
        let file = data_dir.join("window.json");
        let by_name = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, values: Mutex::new(Values { by_name: by_name.unwrap_or_default(), ..Values::default() }) }
    }

    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a value; an empty one takes the name away. Whether [`Self::write`] is to be called soon.
    fn put(&self, name: String, value: String) -> Result<bool, Full> {
        let mut values = self.values();
        let bytes: usize = values
            .by_name
            .iter()
            .filter(|(held, _)| **held != name)
            .map(|(held, value)| held.len() + value.len())
            .sum();
        if bytes + name.len() + value.len() > BYTES_MAX {
            return Err(Full);
        }
        if value.is_empty() {
            values.by_name.remove(&name);
        } else {
            values.by_name.insert(name, value);
        }
        values.unwritten = true;
        Ok(!std::mem::replace(&mut values.is_due, true))
    }

    /// Writes what is not on the disk yet. What cannot be written is tried again with the next, and at the end.
    pub(crate) fn write(&self) {
        // Held while it is written, so that an older state cannot come after a newer one.
        let mut values = self.values();
        values.is_due = false;
        if !values.unwritten {
            return;
        }
        let written = serde_json::to_string(&values.by_name)
            .map_err(std::io::Error::from)
            .and_then(|text| window::write_whole(&self.file, &text));
        match written {
            Ok(()) => values.unwritten = false,
            Err(error) => tracing::warn!(%error, "what the window keeps could not be written"),
        }
    }
}

/// All that is kept.
#[tauri::command]
pub(crate) fn kept(kept: State<'_, Kept>) -> BTreeMap<String, String> {
    kept.values().by_name.clone()
}

/// Keeps a value, or with an empty one nothing of that name.
#[tauri::command]
pub(crate) fn keep(app: AppHandle, kept: State<'_, Kept>, name: String, value: String) -> Result<(), String> {
    if kept.put(name, value).map_err(|error| error.to_string())? {
        tauri::async_runtime::spawn(async move {
            tokio::time::sleep(WRITE_AFTER).await;
            app.state::<Kept>().write();
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let data_dir = tempfile::tempdir().unwrap();
        let kept = Kept::open(data_dir.path());
        let put = |name: &str, value: &str| kept.put(name.to_owned(), value.to_owned());
        assert_eq!((put("theme", "dark"), put("room", "shed"), put("draft", "half")), (Ok(true), Ok(false), Ok(false)));
        assert_eq!(put("draft", ""), Ok(false));
        kept.write();
        assert_eq!(put("theme", "light"), Ok(true), "the next one is to be written again");
        let expected = [("room", "shed"), ("theme", "dark")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(Kept::open(data_dir.path()).values().by_name, BTreeMap::from(expected));
    }

    #[test]
    fn what_could_not_be_written_is_written_at_the_end() {
        let data_dir = tempfile::tempdir().unwrap();
        let folder = data_dir.path().join("away");
        let kept = Kept::open(&folder);
        assert_eq!(kept.put("draft".to_owned(), "half".to_owned()), Ok(true));
        kept.write();
        std::fs::create_dir(&folder).unwrap();
        kept.write();
        assert_eq!(Kept::open(&folder).values().by_name.len(), 1);
    }

    #[test]
    fn it_is_bounded_and_a_damaged_file_is_as_none() {
        let data_dir = tempfile::tempdir().unwrap();
        for damaged in ["", "{", "[]", r#"{"theme": 1}"#] {
            std::fs::write(data_dir.path().join("window.json"), damaged).unwrap();
            assert!(Kept::open(data_dir.path()).values().by_name.is_empty(), "{damaged}");
        }
        let kept = Kept::open(data_dir.path());
        assert_eq!(kept.put("large".to_owned(), "x".repeat(BYTES_MAX)), Err(Full));
        for _ in 0..3 {
            assert!(
                kept.put("same".to_owned(), "x".repeat(BYTES_MAX / 2)).is_ok(),
                "what it takes the place of does not count"
            );
        }
    }
}
