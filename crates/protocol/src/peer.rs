//! What travels on the data channels between two devices.

use minicbor::{Decode, Encode};

use crate::cbor::{Bounded, DecodeError, bound_line};
use crate::handshake::PeerHello;
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
}

impl Bounded for PeerFrame {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        match self {
            Self::Hello(hello) => hello.check_bounds(),
            Self::Proof(_) => Ok(()),
            Self::Replication(frame) => frame.check_bounds(),
            Self::Goodbye(sentence) => bound_line(sentence, limits::SENTENCE_CHARS_MAX, "sentence"),
        }
    }
}
