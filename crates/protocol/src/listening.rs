//! What devices in a call say of a file that all listen to, in ephemerals of kind [`crate::ephemeral::kind::LISTENING`].
//!
//! One device has the file and says how far it is; the others say what delay they need, and what they want of it.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound_line};
use crate::id::DeviceId;
use crate::limits;

/// What a device says of listening together.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ListeningSignal {
    /// It plays a file. Said each second, and when something of it changes.
    #[n(0)]
    Plays {
        /// Which change this follows: the greatest counts, and of two that are equal that of the greater device.
        #[n(0)]
        counter: u64,
        /// The device that the change is by.
        #[n(1)]
        by: DeviceId,
        /// What the file is called.
        #[n(2)]
        title: String,
        /// How long it is, milliseconds, where its format tells.
        #[n(3)]
        length_ms: Option<u64>,
        /// What it sends now.
        #[n(4)]
        position_ms: u64,
        /// What it does.
        #[n(5)]
        state: PlaybackState,
        /// From sending to playing, for everybody.
        #[n(6)]
        delay_ms: u32,
    },
    /// It listens. Said each second.
    #[n(1)]
    Listens {
        /// The delay that it needs.
        #[n(0)]
        needs_ms: u32,
    },
    /// It wants something of who plays. Repeated until what is played follows it or a change that counts more.
    #[n(2)]
    Wishes {
        /// See [`Self::Plays`]; by the device that says it.
        #[n(0)]
        counter: u64,
        /// What.
        #[n(1)]
        wish: Wish,
    },
}

/// What a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PlaybackState {
    /// It plays.
    #[n(0)]
    Playing,
    /// It is paused, also at its end.
    #[n(1)]
    Paused,
    /// Somebody stopped it: it is there no more.
    #[n(2)]
    Stopped,
    /// It could not be read on.
    #[n(3)]
    Failed,
}

/// What anybody may want of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Wish {
    /// Goes on; at its end from the beginning.
    #[n(0)]
    Play,
    /// Stays where it is.
    #[n(1)]
    Pause,
    /// Goes on from another moment.
    #[n(2)]
    Seek {
        /// Which.
        #[n(0)]
        position_ms: u64,
    },
    /// Ends.
    #[n(3)]
    Stop,
}

impl Bounded for ListeningSignal {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Plays { title, .. } => bound_line(title, limits::FILE_TITLE_CHARS_MAX, "title"),
            Self::Listens { .. } | Self::Wishes { .. } => Ok(()),
        }
    }
}
