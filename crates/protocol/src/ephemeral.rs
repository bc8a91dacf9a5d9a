//! Ephemerals: sent to whoever is connected, never stored, lossy where a newer value replaces an older one.
//!
//! The link says who sent one; the roster says whether they may.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound};
use crate::id::RoomId;
use crate::limits;
use crate::roster::Role;

/// One ephemeral, to the members of a room.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct Ephemeral {
    /// The room.
    #[n(0)]
    pub room: RoomId,
    /// What it says.
    #[n(1)]
    pub signal: EphemeralSignal,
}

/// What an ephemeral says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum EphemeralSignal {
    /// The sender types, or stopped. Holds for [`TYPING_HOLDS_MS`] unless repeated.
    #[n(0)]
    Typing {
        /// Whether.
        #[n(0)]
        typing: bool,
    },
    /// Of a part of the product that has its own coding: carets, live positions, keystrokes on their way into an
    /// event, call signalling. Kinds that a receiver does not know are ignored.
    #[n(1)]
    Other {
        /// Which part.
        #[n(0)]
        kind: u16,
        /// In that part's coding.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        payload: Vec<u8>,
    },
}

/// The kinds of [`EphemeralSignal::Other`] that are in use.
pub mod kind {
    /// Keystrokes in a document, on their way into an event: [`crate::document::DocumentSignal`].
    pub const DOCUMENT_KEYS: u16 = 1;
    /// Who is where in a document: [`crate::document::DocumentSignal`].
    pub const DOCUMENT_AWARENESS: u16 = 2;
    /// Where somebody is: a [`crate::location::LivePosition`].
    pub const LOCATION: u16 = 3;
    /// Who is in a call: a [`crate::call::CallSignal`].
    pub const CALL: u16 = 4;
    /// What all in a call listen to: a [`crate::listening::ListeningSignal`].
    pub const LISTENING: u16 = 5;
}

/// How long "is typing" holds without being repeated, milliseconds. A lost stop costs no more than this.
pub const TYPING_HOLDS_MS: u64 = 6_000;

impl EphemeralSignal {
    /// The lowest role that may send it: that of the event which it replaces or leads up to. Kinds that are not known
    /// ask for a reader's.
    pub fn role(&self) -> Role {
        match self {
            Self::Typing { .. } | Self::Other { kind: kind::LOCATION | kind::CALL | kind::LISTENING, .. } => {
                Role::Member
            }
            Self::Other { .. } => Role::Reader,
        }
    }
}

impl Bounded for Ephemeral {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match &self.signal {
            EphemeralSignal::Typing { .. } => Ok(()),
            EphemeralSignal::Other { kind: _, payload } => {
                bound(payload.len() <= limits::EPHEMERAL_BYTES_MAX, "payload")
            }
        }
    }
}
