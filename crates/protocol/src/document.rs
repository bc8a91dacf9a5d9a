//! What the events of documents say: the announcement in a room's conversation, and the events of the log it begins.
//!
//! The engine writes and reads these; replication never does. What is written in a document are Yjs updates of version 1
//! (`docs/protocol.md`, Documents), which stay bytes here.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::clock::UnixMillis;
use crate::id::{AccountId, ChainId, DeviceId, LogId, Seq};
use crate::limits;

/// The content of [`crate::event::Action::ANNOUNCE`]: what the new log is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Announcement {
    /// A document that people write together.
    #[n(0)]
    Document(#[n(0)] NewDocument),
}

/// A document, as it begins.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct NewDocument {
    /// What it is called.
    #[n(0)]
    pub title: String,
    /// Who may write in it.
    #[n(1)]
    pub editors: Editors,
    /// The author's wall clock, corrected by the last known offset to the server's.
    #[n(2)]
    pub created_at: UnixMillis,
}

/// Who may write in a document. Whoever may, must be a member of the room as well.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Editors {
    /// Its author alone.
    #[n(0)]
    Author,
    /// Everybody who may write in the room.
    #[n(1)]
    Members,
    /// Its author, and who is listed: sorted, none twice.
    #[n(2)]
    Listed {
        /// The others.
        #[n(0)]
        accounts: Vec<AccountId>,
    },
}

/// The content of [`crate::event::Action::DOCUMENT_UPDATE`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DocumentUpdate {
    /// A Yjs update of version 1, of structs that the author's device made and of deletions.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub update: Vec<u8>,
    /// Where it is said, the update above is deflated (RFC 1951), and this is how many bytes it is.
    #[n(1)]
    pub inflated: Option<u32>,
}

/// The content of [`crate::event::Action::DOCUMENT_EDITORS`], by the document's author. Its first target is the list before:
/// an event of this kind, or the announcement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct EditorsChange {
    /// Who may write from now on.
    #[n(0)]
    pub editors: Editors,
    /// The last places that still count of the chains of those who may not any more. A chain of theirs that is not listed
    /// counts for nothing under the lists before.
    #[n(1)]
    pub cuts: Vec<DocumentCut>,
}

/// Where a chain of somebody who may not write any more ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct DocumentCut {
    /// The chain.
    #[n(0)]
    pub chain: ChainId,
    /// The last place that counts.
    #[n(1)]
    pub seq: Seq,
}

/// The content of [`crate::event::Action::DOCUMENT_CHANGE`]: of each kind the last counts.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum DocumentChange {
    /// Another title.
    #[n(0)]
    Rename {
        /// What it is called now.
        #[n(0)]
        title: String,
    },
    /// Put away, or taken out again.
    #[n(1)]
    Archive {
        /// Whether it is put away.
        #[n(0)]
        archived: bool,
    },
    /// Deleted, or restored.
    #[n(2)]
    Delete {
        /// Whether it is deleted.
        #[n(0)]
        deleted: bool,
    },
}

/// What others are told of a document while it is on its way into an event, or never to be one: the payload of
/// [`crate::ephemeral::kind::DOCUMENT_KEYS`] and [`crate::ephemeral::kind::DOCUMENT_AWARENESS`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DocumentSignal {
    /// The first bytes of the document's log: enough to tell those of a room apart.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub document: [u8; 8],
    /// A Yjs update of version 1; or, as JSON, who is where, and nothing where somebody goes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub content: Vec<u8>,
}

impl DocumentSignal {
    /// What a signal calls a document.
    pub fn name(log: LogId) -> [u8; 8] {
        let mut name = [0; 8];
        name.copy_from_slice(&log.0[..8]);
        name
    }
}

impl Editors {
    /// Whether an account may write, by this list alone.
    pub fn allows(&self, author: AccountId, account: AccountId) -> bool {
        match self {
            Self::Author => account == author,
            Self::Members => true,
            Self::Listed { accounts } => account == author || accounts.binary_search(&account).is_ok(),
        }
    }

    fn check(&self) -> Result<(), DecodeError> {
        match self {
            Self::Author | Self::Members => Ok(()),
            Self::Listed { accounts } => {
                bound(accounts.len() <= limits::DOCUMENT_EDITORS_MAX, "editors")?;
                bound(accounts.is_sorted_by(|one, other| one < other), "editors")
            }
        }
    }
}

impl Bounded for Announcement {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        let Self::Document(NewDocument { title, editors, created_at: _ }) = self;
        check_title(title)?;
        editors.check()
    }
}

impl Bounded for EditorsChange {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        self.editors.check()?;
        bound(self.cuts.len() <= limits::DOCUMENT_CUTS_MAX, "cuts")?;
        bound(self.cuts.is_sorted_by(|one, other| one.chain < other.chain), "cuts")
    }
}

impl Bounded for DocumentChange {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Rename { title } => check_title(title),
            Self::Archive { archived: _ } | Self::Delete { deleted: _ } => Ok(()),
        }
    }
}

impl Bounded for DocumentSignal {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.content.len() <= limits::EPHEMERAL_BYTES_MAX, "content")
    }
}

impl Bounded for DocumentUpdate {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        let fits = |bytes: usize| (1..=limits::DOCUMENT_UPDATE_BYTES_MAX).contains(&bytes);
        bound(fits(self.update.len()), "update")?;
        bound(self.inflated.is_none_or(|bytes| usize::try_from(bytes).is_ok_and(fits)), "inflated")
    }
}

fn check_title(title: &str) -> Result<(), DecodeError> {
    bound(!title.trim().is_empty(), "title")?;
    bound_line(title, limits::DOCUMENT_TITLE_CHARS_MAX, "title")
}

/// The hash that the Yjs client ids of a device in a document begin with.
pub fn client_seed(log: LogId, device: DeviceId) -> [u8; 32] {
    blake3::derive_key("momoland 1 document client", &[log.as_bytes(), device.as_bytes()].concat())
}
