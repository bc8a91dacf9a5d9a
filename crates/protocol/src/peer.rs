//! What travels on the data channels between two devices.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound, bound_line};
use crate::handshake::PeerHello;
use crate::id::DeviceId;
use crate::limits;
use crate::replication;
use crate::signed::Signature;

/// One message on the reliable, ordered channel. Before both proofs are there, only the first two may come.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum PeerFrame {
    /// First, from both ends.
    #[n(0)]
    Hello(#[n(0)] PeerHello),
    /// Second, from both ends: the signature over the transcript.
    #[n(1)]
    Proof(#[n(0)] Signature),
    /// Replication.
    #[n(2)]
    Replication(#[n(0)] replication::Frame),
    /// Last: why the sender closes.
    #[n(3)]
    Goodbye(#[n(0)] String),
    /// Which devices the sender is linked with that share a room with the receiver, in place of what it said before: to
    /// these it introduces.
    #[n(4)]
    Around {
        /// The devices.
        #[n(0)]
        devices: Vec<DeviceId>,
    },
    /// To be passed to a device that the receiver is linked with.
    #[n(5)]
    Introduce {
        /// The device.
        #[n(0)]
        to: DeviceId,
        /// As in [`crate::server::ClientFrame::Introduce`].
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        signal: Vec<u8>,
    },
    /// From a device that the sender is linked with.
    #[n(6)]
    Introduced {
        /// The device.
        #[n(0)]
        from: DeviceId,
        /// As in [`crate::server::ClientFrame::Introduce`].
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        signal: Vec<u8>,
    },
}

impl Bounded for PeerFrame {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Hello(hello) => hello.check_bounds(),
            Self::Proof(_) => Ok(()),
            Self::Replication(frame) => frame.check_bounds(),
            Self::Goodbye(sentence) => bound_line(sentence, limits::SENTENCE_CHARS_MAX, "sentence"),
            Self::Around { devices } => bound(devices.len() <= limits::DEVICES_AROUND_MAX, "devices"),
            Self::Introduce { to: _, signal } | Self::Introduced { from: _, signal } => {
                bound(signal.len() <= limits::SIGNAL_BYTES_MAX, "signal")
            }
        }
    }
}
