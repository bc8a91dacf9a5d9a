//! The two handshakes: a device and its server on the WebSocket, two devices on a data channel.
//!
//! Both sides sign one transcript under a context of their own side, so that neither signature can be played back
//! as the other's, or in another connection.
//!
//! ```text
//!  server                           client        offerer                      answerer
//!    | -- Hello {server, nonce} ----> |              | -- Hello {device, nonce} --> |
//!    | <- Hello {token, device,       |              | <- Hello {device, nonce} --- |
//!    |           nonce, proof} ------ |              | -- Proof ------------------> |
//!    | -- Welcome {proof, …} -------> |              | <- Proof ------------------- |
//! ```

use minicbor::{Decode, Encode};

use crate::cbor::{self, Bounded, DecodeError, bound};
use crate::id::{DeviceId, Nonce, ServerKey};
use crate::signed::{BadSignature, Context, PublicKey, SecretKey, Signature};

/// The protocol's version. Both sides say which they speak; different ones do not talk.
pub const VERSION: u16 = 1;

const SERVER_SIDE: Context = Context::new("momoland/1/websocket-server\0");
const CLIENT_SIDE: Context = Context::new("momoland/1/websocket-client\0");
const OFFERER_SIDE: Context = Context::new("momoland/1/peer-offerer\0");
const ANSWERER_SIDE: Context = Context::new("momoland/1/peer-answerer\0");

/// What both ends of a WebSocket sign.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct ServerTranscript {
    /// Chosen by the server for this connection.
    #[n(0)]
    pub server_nonce: Nonce,
    /// Chosen by the client for this connection.
    #[n(1)]
    pub client_nonce: Nonce,
    /// The server's key, as the client has pinned it.
    #[n(2)]
    pub server: ServerKey,
    /// The device's key.
    #[n(3)]
    pub device: DeviceId,
}

impl ServerTranscript {
    /// The device proves its key.
    pub fn prove_device(&self, key: &SecretKey) -> Signature {
        key.sign(CLIENT_SIDE, &cbor::encode(self))
    }

    /// # Errors
    /// [`BadSignature`] where the device named here did not sign this transcript.
    pub fn verify_device(&self, proof: &Signature) -> Result<(), BadSignature> {
        self.device.check(CLIENT_SIDE, &cbor::encode(self), proof)
    }

    /// The server proves its key.
    pub fn prove_server(&self, key: &SecretKey) -> Signature {
        key.sign(SERVER_SIDE, &cbor::encode(self))
    }

    /// # Errors
    /// [`BadSignature`] where the server named here did not sign this transcript.
    pub fn verify_server(&self, proof: &Signature) -> Result<(), BadSignature> {
        self.server.check(SERVER_SIDE, &cbor::encode(self), proof)
    }
}

/// Which end of a peer connection: decided by who made the offer that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Made the offer.
    Offerer,
    /// Answered it.
    Answerer,
}

impl Side {
    /// The other end.
    pub fn other(self) -> Self {
        match self {
            Self::Offerer => Self::Answerer,
            Self::Answerer => Self::Offerer,
        }
    }

    fn context(self) -> Context {
        match self {
            Self::Offerer => OFFERER_SIDE,
            Self::Answerer => ANSWERER_SIDE,
        }
    }
}

/// The SHA-256 fingerprint of a DTLS certificate, as in the description's `a=fingerprint` (RFC 8122).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Fingerprint(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub [u8; 32],
);

/// What both ends of a data channel sign; a server that swapped fingerprints is found out.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PeerTranscript {
    /// The offerer's DTLS fingerprint,
    #[n(0)]
    pub offerer_fingerprint: Fingerprint,
    /// and the answerer's.
    #[n(1)]
    pub answerer_fingerprint: Fingerprint,
    /// The offerer's device,
    #[n(2)]
    pub offerer: DeviceId,
    /// and the answerer's.
    #[n(3)]
    pub answerer: DeviceId,
    /// The offerer's nonce,
    #[n(4)]
    pub offerer_nonce: Nonce,
    /// and the answerer's.
    #[n(5)]
    pub answerer_nonce: Nonce,
}

impl PeerTranscript {
    /// Proves the key of the device at `side`.
    pub fn prove(&self, side: Side, key: &SecretKey) -> Signature {
        key.sign(side.context(), &cbor::encode(self))
    }

    /// # Errors
    /// [`BadSignature`] where the device at `side` did not sign this transcript.
    pub fn verify(&self, side: Side, proof: &Signature) -> Result<(), BadSignature> {
        let device = match side {
            Side::Offerer => self.offerer,
            Side::Answerer => self.answerer,
        };
        device.check(side.context(), &cbor::encode(self), proof)
    }
}

/// The first frame of either end of a data channel.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct PeerHello {
    /// [`VERSION`].
    #[n(0)]
    pub version: u16,
    /// The sender's device.
    #[n(1)]
    pub device: DeviceId,
    /// Chosen for this connection.
    #[n(2)]
    pub nonce: Nonce,
}

impl Bounded for PeerHello {
    fn check_bounds(&self) -> Result<(), DecodeError> {
        bound(self.version > 0, "version")
    }
}
