//! What devices say of calls, in ephemerals of kind [`crate::ephemeral::kind::CALL`].
//!
//! Each device says what it does, again and again; nothing depends on one message arriving.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError};
use crate::clock::UnixMillis;
use crate::id::CallId;

/// What a device says of a call in the ephemeral's room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub struct CallSignal {
    /// The call.
    #[n(0)]
    pub call: CallId,
    /// What the device does.
    #[n(1)]
    pub state: CallState,
}

/// What a device does in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum CallState {
    /// It is in it. Said each second.
    #[n(0)]
    In {
        /// Since when.
        #[n(0)]
        since: UnixMillis,
        /// Whether its microphone is open.
        #[n(1)]
        mic: bool,
        /// Whether nobody else has answered: it rings.
        #[n(2)]
        ringing: bool,
        /// Whether its camera is on.
        #[n(3)]
        camera: bool,
        /// Whether it shows its screen.
        #[n(4)]
        screen: bool,
    },
    /// It left.
    #[n(1)]
    Left,
    /// Its account does not want it. The answer to each further [`Self::In`] that rings.
    #[n(2)]
    Declined,
    /// It is in another call.
    #[n(3)]
    Busy,
}

impl Bounded for CallSignal {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        Ok(())
    }
}
