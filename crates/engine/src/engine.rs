//! The handle that fronts hold.

use std::path::PathBuf;

use crate::api::events::Event;

/// Where the device's secret key lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStorage {
    /// The system's keychain where there is one, else the data folder.
    Keychain,
    /// A file in the data folder, mode 0600.
    DataFolder,
}

#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Made if it does not exist. One process at a time.
    pub data_dir: PathBuf,
    pub keys: KeyStorage,
}

/// Why a data folder could not be opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error("{} is in use by another Momoland process. Close it, or choose another data folder.", .data_dir.display())]
    InUse { data_dir: PathBuf },
    /// The folder cannot be made, read or written.
    #[error("{} cannot be used as a data folder: {source}. Check its permissions, or choose another folder.", .data_dir.display())]
    Inaccessible { data_dir: PathBuf, source: std::io::Error },
    /// It was written by a newer version of Momoland.
    #[error("{} was written by a newer Momoland (store version {found}, this one reads up to {supported}). Update Momoland; nothing was changed.", .data_dir.display())]
    Newer { data_dir: PathBuf, found: u64, supported: u64 },
    /// The store is damaged.
    #[error("The store in {} is damaged: {detail}. The files were kept; move the folder aside and sign in again to fetch everything from the relay and your peers.", .data_dir.display())]
    Damaged { data_dir: PathBuf, detail: String },
}

/// The client: cheap to clone, shared by all fronts of one process.
#[derive(Debug, Clone)]
pub struct Engine {}

/// Events for one front, in order. A front that falls behind gets [`Event::Resync`] in place of what it missed.
#[derive(Debug)]
pub struct EventStream {}

impl Engine {
    /// Opens the data folder, signs in if an account is there, and starts to connect in the background.
    ///
    /// # Errors
    /// An [`OpenError`] that names the folder and what to do.
    pub async fn open(_config: EngineConfig) -> Result<Self, OpenError> {
        Ok(Self {})
    }

    /// Answers one JSON-RPC 2.0 request, given and answered as JSON text; `None` for a notification.
    /// Never fails: what is not JSON-RPC gets a JSON-RPC error.
    pub async fn handle(&self, _request: &str) -> Option<String> {
        None
    }

    /// Events from now on.
    pub fn events(&self) -> EventStream {
        EventStream {}
    }

    /// Closes links, writes what is pending, and releases the data folder. Later requests answer `offline`.
    pub async fn shutdown(&self) {}
}

impl EventStream {
    /// The next event; `None` once the engine has shut down.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::pending().await
    }
}
