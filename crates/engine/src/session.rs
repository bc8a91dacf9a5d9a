//! The handshake on a peer link, after which its bytes are frames of a proven device.
//!
//! Both ends say who they are and a nonce, then sign the transcript with both DTLS fingerprints in it: a server that
//! swapped fingerprints to sit in the middle cannot make these signatures. Pure: `engine` carries the frames.
//!
//! Not here: whether the device may be linked at all (rosters), replication.

use std::sync::Arc;

use momoland_protocol::handshake::{PeerHello, PeerTranscript, Side, VERSION};
use momoland_protocol::id::{DeviceId, Nonce, random};
use momoland_protocol::peer::PeerFrame;
use momoland_protocol::replication;
use momoland_protocol::signed::SecretKey;

use crate::link::Fingerprints;

/// Why a peer link is closed before or after its handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("speaks another version of the protocol; one of you has to update")]
    Version,
    #[error("is another device than the one that was introduced")]
    OtherDevice,
    #[error("did not prove its key: somebody may sit between you")]
    BadProof,
    #[error("broke the protocol")]
    OutOfOrder,
}

/// What a frame means.
#[derive(Debug)]
pub(crate) enum Received {
    /// Part of the handshake; an answer goes back.
    Answer(PeerFrame),
    /// The handshake is done.
    Ready,
    /// Replication.
    Replication(replication::Frame),
    /// The other end says why it closes.
    Goodbye(String),
    /// The devices that the other end introduces to.
    Around(Vec<DeviceId>),
    /// To be passed on.
    Introduce { to: DeviceId, signal: Vec<u8> },
    /// Passed on by the other end.
    Introduced { from: DeviceId, signal: Vec<u8> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AwaitsHello,
    AwaitsProof { theirs: Nonce },
    Ready,
}

/// One peer link's session.
#[derive(Debug)]
pub(crate) struct PeerSession {
    key: Arc<SecretKey>,
    device: DeviceId,
    side: Side,
    fingerprints: Fingerprints,
    nonce: Nonce,
    state: State,
}

impl PeerSession {
    /// A session on a link that just opened, and the first frame to send.
    pub(crate) fn open(
        key: Arc<SecretKey>,
        device: DeviceId,
        side: Side,
        fingerprints: Fingerprints,
    ) -> (Self, PeerFrame) {
        let nonce = Nonce(random());
        let hello = PeerHello { version: VERSION, device: key.device(), nonce };
        (Self { key, device, side, fingerprints, nonce, state: State::AwaitsHello }, PeerFrame::Hello(hello))
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.state == State::Ready
    }

    /// Takes one frame of the reliable channel.
    ///
    /// # Errors
    /// A [`SessionError`]: the link is to be closed.
    pub(crate) fn receive(&mut self, frame: PeerFrame) -> Result<Received, SessionError> {
        match (self.state, frame) {
            (_, PeerFrame::Goodbye(sentence)) => Ok(Received::Goodbye(sentence)),
            (State::AwaitsHello, PeerFrame::Hello(hello)) => {
                if hello.version != VERSION {
                    return Err(SessionError::Version);
                }
                if hello.device != self.device {
                    return Err(SessionError::OtherDevice);
                }
                self.state = State::AwaitsProof { theirs: hello.nonce };
                let proof = self.transcript(hello.nonce).prove(self.side, &self.key);
                Ok(Received::Answer(PeerFrame::Proof(proof)))
            }
            (State::AwaitsProof { theirs }, PeerFrame::Proof(proof)) => {
                let transcript = self.transcript(theirs);
                transcript.verify(self.side.other(), &proof).map_err(|_| SessionError::BadProof)?;
                self.state = State::Ready;
                Ok(Received::Ready)
            }
            (State::Ready, PeerFrame::Replication(frame)) => Ok(Received::Replication(frame)),
            (State::Ready, PeerFrame::Around { devices }) => Ok(Received::Around(devices)),
            (State::Ready, PeerFrame::Introduce { to, signal }) => Ok(Received::Introduce { to, signal }),
            (State::Ready, PeerFrame::Introduced { from, signal }) => Ok(Received::Introduced { from, signal }),
            (
                State::AwaitsHello | State::AwaitsProof { .. } | State::Ready,
                PeerFrame::Hello(_)
                | PeerFrame::Proof(_)
                | PeerFrame::Replication(_)
                | PeerFrame::Around { .. }
                | PeerFrame::Introduce { .. }
                | PeerFrame::Introduced { .. },
            ) => Err(SessionError::OutOfOrder),
        }
    }

    fn transcript(&self, theirs: Nonce) -> PeerTranscript {
        let own = self.key.device();
        let (offerer, answerer, offerer_nonce, answerer_nonce) = match self.side {
            Side::Offerer => (own, self.device, self.nonce, theirs),
            Side::Answerer => (self.device, own, theirs, self.nonce),
        };
        PeerTranscript {
            offerer_fingerprint: self.fingerprints.offerer,
            answerer_fingerprint: self.fingerprints.answerer,
            offerer,
            answerer,
            offerer_nonce,
            answerer_nonce,
        }
    }
}

#[cfg(test)]
mod tests {
    use momoland_protocol::handshake::Fingerprint;

    use super::*;

    fn pair(seen_by_answerer: Fingerprint) -> (PeerSession, PeerFrame, PeerSession, PeerFrame) {
        let (one, other) = (Arc::new(SecretKey::generate()), Arc::new(SecretKey::generate()));
        let real = Fingerprints { offerer: Fingerprint([1; 32]), answerer: Fingerprint([2; 32]) };
        let seen = Fingerprints { offerer: seen_by_answerer, answerer: Fingerprint([2; 32]) };
        let (a, hello_a) = PeerSession::open(Arc::clone(&one), other.device(), Side::Offerer, real);
        let (b, hello_b) = PeerSession::open(other, one.device(), Side::Answerer, seen);
        (a, hello_a, b, hello_b)
    }

    fn answer(received: Result<Received, SessionError>) -> PeerFrame {
        match received {
            Ok(Received::Answer(frame)) => frame,
            other => panic!("an answer was expected, not {other:?}"),
        }
    }

    // Rules: HS6
    #[test]
    fn both_ends_prove_themselves() {
        let (mut a, hello_a, mut b, hello_b) = pair(Fingerprint([1; 32]));
        let proof_b = answer(b.receive(hello_a));
        let proof_a = answer(a.receive(hello_b));
        assert!(matches!(a.receive(proof_b), Ok(Received::Ready)));
        assert!(matches!(b.receive(proof_a), Ok(Received::Ready)));
    }

    // Rules: HS6
    #[test]
    fn a_server_that_swaps_a_fingerprint_is_found_out() {
        let (mut a, hello_a, mut b, hello_b) = pair(Fingerprint([9; 32]));
        let proof_b = answer(b.receive(hello_a));
        let proof_a = answer(a.receive(hello_b));
        assert_eq!(a.receive(proof_b).err(), Some(SessionError::BadProof));
        assert_eq!(b.receive(proof_a).err(), Some(SessionError::BadProof));
    }

    // Rules: HS8
    #[test]
    fn replication_before_the_proof_is_refused() {
        let (mut a, _, _, _) = pair(Fingerprint([1; 32]));
        let frame = replication::Frame::Closed { room: momoland_protocol::id::RoomId([0; 32]) };
        assert_eq!(a.receive(PeerFrame::Replication(frame)).err(), Some(SessionError::OutOfOrder));
    }

    // Rules: HS7
    #[test]
    fn a_proof_played_back_is_refused() {
        let (mut a, hello_a, mut b, hello_b) = pair(Fingerprint([1; 32]));
        let own_proof = answer(a.receive(hello_b));
        assert_eq!(a.receive(own_proof).err(), Some(SessionError::BadProof));
        assert!(matches!(b.receive(hello_a), Ok(Received::Answer(_))));
    }
}
