//! Why a store refused, and what has not changed.

use std::io;
use std::path::{Path, PathBuf};

use super::SchemaVersion;

/// Why a store could not do what it was asked for. Never carries a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another process, or another handle in this one, has the folder open. Nothing has been read or written.
    #[error("the data in {} is in use by another process: close it, or choose another folder", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
    },
    /// The store was written by a newer version of the program. Nothing in the folder has changed.
    #[error(
        "the data was written by a newer version (schema {found}; this version knows {supported}): update the program"
    )]
    Newer {
        /// The schema of the store.
        found: SchemaVersion,
        /// The newest schema that the caller knows.
        supported: SchemaVersion,
    },
    /// The store has an older schema and the caller brought no way to migrate it. No record has changed.
    #[error("the data has schema {found}, and this version has no way to bring it to {supported}")]
    Older {
        /// The schema of the store.
        found: SchemaVersion,
        /// The schema that the caller wants.
        supported: SchemaVersion,
    },
    /// What is on the disk is not what was written there. At open: the files are as they were found. Later: the store halts.
    /// The way out is [`super::sled::set_aside`], and to fetch everything again from the relay and from peers.
    #[error("the data is damaged ({detail}): set its folder aside, and what others hold is fetched again")]
    Damaged {
        /// What was found, without any content.
        detail: String,
    },
    /// The disk is full. What was acknowledged before is safe; this batch is there whole or not at all, which the next
    /// opening shows. The store halts. At open, no record has changed.
    #[error("the disk is full: make room, then start again; nothing new is stored until then")]
    Full,
    /// The operating system refused to read or write. As [`StoreError::Full`] after a write; a failed read changes nothing.
    #[error("the disk could not be read or written ({detail})")]
    Io {
        /// The kind that the operating system gave.
        kind: io::ErrorKind,
        /// Its sentence.
        detail: String,
    },
    /// A requirement of the batch does not hold. Nothing of the batch was applied; the store goes on.
    #[error("the data has changed in the meantime")]
    Conflict {
        /// The key that does not hold what was required.
        key: Vec<u8>,
    },
    /// A key, a value or a batch is beyond its limit. Nothing was applied; the store goes on.
    #[error("a {what} of {bytes} bytes is more than the {bytes_max} that can be stored")]
    TooLarge {
        /// Which of the three.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// A key is empty. Nothing was applied; the store goes on.
    #[error("a key must not be empty")]
    EmptyKey,
}

impl StoreError {
    /// Whether the store takes no further commits after this answer, until it is opened again.
    pub fn halts(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Full | Self::Io { .. } => true,
            Self::Locked { .. }
            | Self::Newer { .. }
            | Self::Older { .. }
            | Self::Conflict { .. }
            | Self::TooLarge { .. }
            | Self::EmptyKey => false,
        }
    }

    /// What the operating system said, with the file it said it about.
    pub(crate) fn io(error: &io::Error, path: &Path) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            kind => Self::Io { kind, detail: format!("{}: {error}", path.display()) },
        }
    }

    pub(crate) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged { detail: detail.into() }
    }
}
